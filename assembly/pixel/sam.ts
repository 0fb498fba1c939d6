// Spectral angle mapper: per pixel the angle θ between the spectra p and t, summed over the pixels that count.
//
//     α = Σpt / Σp²  (to float32's precision)       r = t − α·p  (exact in float64, since α and p have 24 bits each)
//     N = √(Σr²·Σp² − (Σrp)²) = |p||t| sin θ         Σpt = α·Σp² + Σrp = |p||t| cos θ
//     θ = atan2(N, Σpt)
//     ∂θ/∂p = −(r − β·p) / N       β = Σrp / Σp²     0 where N = 0 or a vector is zero
//
// Taking α·p away first leaves nothing to cancel in N: float64 is needed for r and its sums alone, while α, the root and the
// arctangent are float32, four pixels at a time. Pixels whose squares are out of float32's reach take all of it in float64.
//
// Where both vectors are zero θ is 0, where exactly one is it is π/2.

import { atan2 } from "../approx";
import { Job } from "../job";
import { countLanes, high, highMask, low, lowMask, narrow, sumLanes } from "../lanes";
import { parallelShare } from "../moments/vectorAngle";
import { Pass } from "../pass";
import { Reading, Tile } from "../tile";
import { COST, Shape, Trait } from "../traits";

export const SAM: u32 = Shape.Pixel | Trait.NeverNegative | (4 * COST);

/**
 * Σp² and |α| from these on leave room for N² in float32, down to angles of 1e-10: (1e-10)²·Σp²·(α²·Σp²) is 9e-38 at least, and the least
 * normal float32 1.2e-38. An N² beyond float32 shows as Infinity.
 */
const MIN_SQUARE: f32 = 1e-7;
const MIN_SLOPE: f32 = 0.03;

const HALF_PI: f64 = 1.5707963267948966;

/** The top 24 bits of a float64's fraction. */
const HEAD: i64 = ~0x1fffffff;

/** Which of four pixels count: those with at least `needed` valid channels. */
export function counted(target: usize, targetStride: usize, channels: usize, lo: v128, needed: i32): v128 {
  let valid = i32x4.splat(0);
  let c: usize = 0;
  do valid = i32x4.sub(valid, f32x4.ge(v128.load(target + c * targetStride), lo));
  while (++c < channels);
  return i32x4.ge_s(valid, i32x4.splat(needed));
}

/** x times masses, where there are any. */
function weighed<M>(x: v128, m: v128): v128 {
  return isVoid<M>() ? x : f64x2.mul(x, m);
}

/** Adds the number of pixels that count. */
function count(tile: Tile, channels: usize, needed: i32): void {
  const lo = f32x4.splat(tile.least);
  const stride = tile.targetStride;
  let target = tile.target;
  const end = target + tile.n * 4;
  let count = i32x4.splat(0);
  for (; target < end; target += 16) count = i32x4.sub(count, counted(target, stride, channels, lo, needed));
  tile.sums.count += <f64>countLanes(count);
}

/** v, or of digital numbers (D = bool) v + zero, in lanes of T. */
function value<T extends number, D>(v: v128, zero: v128): v128 {
  return isVoid<D>() ? v : v128.add<T>(v, zero);
}

/**
 * Adds Σ m·θ and the count; grad ← coef · m · ∂θ/∂p where it is wanted. Of digital numbers (D = bool) p and t are v + zero. M = void: pixels
 * have no masses, m is 1.
 */
function angles<D, M>(tile: Tile, channels: usize, needed: i32, zero0: f64): void {
  const lo = f32x4.splat(tile.least);
  const zero = f32x4.splat(0);
  const none = f64x2.splat(0);
  const level = f32x4.splat(<f32>zero0);
  const level64 = f64x2.splat(zero0);
  const parallel = f64x2.splat(parallelShare(channels));
  const predStride = tile.predStride;
  const targetStride = tile.targetStride;
  const gradStride = tile.gradStride;
  const coef = tile.coefficient(0);
  let pred = tile.pred;
  let target = tile.target;
  let mass = tile.mass;
  let grad = tile.grad;
  const end = pred + tile.n * 4;
  let total = none;
  let count = i32x4.splat(0);
  let c: usize;
  do {
    const valid = counted(target, targetStride, channels, lo, needed);
    count = i32x4.sub(count, valid);
    if (!v128.any_true(valid)) {
      if (grad) {
        for (let c: usize = 0; c < channels; c++) v128.store(grad + c * gradStride, zero);
        grad += 16;
      }
      pred += 16;
      target += 16;
      if (!isVoid<M>()) mass += 16;
      continue;
    }

    const m = isVoid<M>() ? f32x4.splat(1) : v128.load(mass);
    const m0 = low(m);
    const m1 = high(m);

    // α in float32, and whether that will do.
    let pp = zero;
    let pt = zero;
    c = 0;
    do {
      const raw = v128.load(target + c * targetStride);
      const here = v128.and(f32x4.ge(raw, lo), valid);
      const p = v128.and(here, value<f32, D>(v128.load(pred + c * predStride), level));
      pp = f32x4.add(pp, f32x4.mul(p, p));
      pt = f32x4.add(pt, f32x4.mul(p, v128.and(here, value<f32, D>(raw, level))));
    } while (++c < channels);
    const ratio = f32x4.div(pt, pp);
    let alpha0 = low(ratio);
    let alpha1 = high(ratio);
    const slope = f32x4.abs(ratio);
    const bigEnough = v128.and(f32x4.gt(pp, f32x4.splat(MIN_SQUARE)), f32x4.gt(slope, f32x4.splat(MIN_SLOPE)));
    // Σpt may have overflowed.
    const finite = f32x4.lt(slope, f32x4.splat(Infinity));
    const fast = i32x4.all_true(v128.or(v128.and(bigEnough, finite), v128.not(valid)));
    let nonzero0 = i64x2.splat(-1);
    let nonzero1 = i64x2.splat(-1);
    if (!fast) {
      nonzero0 = none;
      nonzero1 = none;
      let pp0 = none;
      let pp1 = none;
      let pt0 = none;
      let pt1 = none;
      c = 0;
      do {
        const raw = v128.load(target + c * targetStride);
        const here = v128.and(f32x4.ge(raw, lo), valid);
        const p = v128.and(here, v128.load(pred + c * predStride));
        const t = v128.and(here, raw);
        const level0 = v128.and(lowMask(here), level64);
        const level1 = v128.and(highMask(here), level64);
        const p0 = value<f64, D>(low(p), level0);
        const p1 = value<f64, D>(high(p), level1);
        const t0 = value<f64, D>(low(t), level0);
        const t1 = value<f64, D>(high(t), level1);
        nonzero0 = v128.or(nonzero0, f64x2.ne(t0, none));
        nonzero1 = v128.or(nonzero1, f64x2.ne(t1, none));
        pp0 = f64x2.add(pp0, f64x2.mul(p0, p0));
        pp1 = f64x2.add(pp1, f64x2.mul(p1, p1));
        pt0 = f64x2.add(pt0, f64x2.mul(p0, t0));
        pt1 = f64x2.add(pt1, f64x2.mul(p1, t1));
      } while (++c < channels);
      const head = i64x2.splat(HEAD);
      alpha0 = v128.and(v128.and(f64x2.div(pt0, pp0), head), f64x2.gt(pp0, none));
      alpha1 = v128.and(v128.and(f64x2.div(pt1, pp1), head), f64x2.gt(pp1, none));
    }

    // The sums of the residual.
    let pp0 = none;
    let pp1 = none;
    let rr0 = none;
    let rr1 = none;
    let rp0 = none;
    let rp1 = none;
    c = 0;
    do {
      const raw = v128.load(target + c * targetStride);
      const here = v128.and(f32x4.ge(raw, lo), valid);
      const p = v128.and(here, v128.load(pred + c * predStride));
      const t = v128.and(here, raw);
      const level0 = v128.and(lowMask(here), level64);
      const level1 = v128.and(highMask(here), level64);
      const p0 = value<f64, D>(low(p), level0);
      const p1 = value<f64, D>(high(p), level1);
      const r0 = f64x2.sub(value<f64, D>(low(t), level0), f64x2.mul(alpha0, p0));
      const r1 = f64x2.sub(value<f64, D>(high(t), level1), f64x2.mul(alpha1, p1));
      pp0 = f64x2.add(pp0, f64x2.mul(p0, p0));
      pp1 = f64x2.add(pp1, f64x2.mul(p1, p1));
      rr0 = f64x2.add(rr0, f64x2.mul(r0, r0));
      rr1 = f64x2.add(rr1, f64x2.mul(r1, r1));
      rp0 = f64x2.add(rp0, f64x2.mul(r0, p0));
      rp1 = f64x2.add(rp1, f64x2.mul(r1, p1));
    } while (++c < channels);
    const product0 = f64x2.mul(rr0, pp0);
    const product1 = f64x2.mul(rr1, pp1);
    let nn0 = f64x2.sub(product0, f64x2.mul(rp0, rp0));
    let nn1 = f64x2.sub(product1, f64x2.mul(rp1, rp1));
    nn0 = v128.andnot(nn0, f64x2.le(nn0, f64x2.mul(product0, parallel)));
    nn1 = v128.andnot(nn1, f64x2.le(nn1, f64x2.mul(product1, parallel)));
    const cos0 = f64x2.add(f64x2.mul(alpha0, pp0), rp0);
    const cos1 = f64x2.add(f64x2.mul(alpha1, pp1), rp1);

    const squares = narrow(nn0, nn1);
    if (fast && !v128.any_true(f32x4.eq(squares, f32x4.splat(Infinity)))) {
      const angle = v128.and(valid, atan2<f32>(f32x4.sqrt(squares), narrow(cos0, cos1)));
      total = f64x2.add(total, f64x2.add(weighed<M>(low(angle), m0), weighed<M>(high(angle), m1)));
    } else {
      const right = f64x2.splat(HALF_PI);
      // Exactly one of the vectors is zero where p and t differ in being so; NaN and Infinity of p are no such case.
      const most = f64x2.splat(Infinity);
      const odd0 = v128.and(v128.xor(f64x2.ne(pp0, none), nonzero0), f64x2.lt(pp0, most));
      const odd1 = v128.and(v128.xor(f64x2.ne(pp1, none), nonzero1), f64x2.lt(pp1, most));
      const angle0 = v128.bitselect(right, atan2<f64>(f64x2.sqrt(nn0), cos0), odd0);
      const angle1 = v128.bitselect(right, atan2<f64>(f64x2.sqrt(nn1), cos1), odd1);
      total = f64x2.add(total, v128.and(lowMask(valid), weighed<M>(angle0, m0)));
      total = f64x2.add(total, v128.and(highMask(valid), weighed<M>(angle1, m1)));
    }

    if (grad) {
      const minus = f64x2.splat(-coef);
      const scale0 = v128.and(f64x2.div(weighed<M>(minus, m0), f64x2.sqrt(nn0)), f64x2.gt(nn0, none));
      const scale1 = v128.and(f64x2.div(weighed<M>(minus, m1), f64x2.sqrt(nn1)), f64x2.gt(nn1, none));
      const along0 = f64x2.add(alpha0, v128.and(f64x2.div(rp0, pp0), f64x2.gt(pp0, none)));
      const along1 = f64x2.add(alpha1, v128.and(f64x2.div(rp1, pp1), f64x2.gt(pp1, none)));
      c = 0;
      do {
        const raw = v128.load(target + c * targetStride);
        const here = v128.and(f32x4.ge(raw, lo), valid);
        const p = v128.load(pred + c * predStride);
        const p0 = value<f64, D>(low(p), level64);
        const p1 = value<f64, D>(high(p), level64);
        const g0 = f64x2.mul(scale0, f64x2.sub(value<f64, D>(low(raw), level64), f64x2.mul(along0, p0)));
        const g1 = f64x2.mul(scale1, f64x2.sub(value<f64, D>(high(raw), level64), f64x2.mul(along1, p1)));
        v128.store(grad + c * gradStride, v128.and(here, narrow(g0, g1)));
      } while (++c < channels);
      grad += 16;
    }
    pred += 16;
    target += 16;
    if (!isVoid<M>()) mass += 16;
  } while (pred < end);
  tile.sums.count += <f64>countLanes(count);
  tile.sums.add(0, sumLanes(total));
}

/**
 * Adds Σ m·θ (sum 0) and the count over the planes of a tile, of n pixels that may be a multiple of 4; writes its gradient where there
 * is one. A pixel counts where at least `needed` of its channels are valid, and its angle is taken over these. Digital numbers v stand
 * for unit · (v + zero), whatever the unit.
 */
export function spectralAngles(tile: Tile, channels: u32, needed: i32, zero: f64): void {
  const isNumbers = tile.reading == Reading.Numbers;
  if (tile.mass) angles<bool, bool>(tile, channels, needed, isNumbers ? zero : -0.0);
  else if (isNumbers) angles<bool, void>(tile, channels, needed, zero);
  else angles<void, void>(tile, channels, needed, 0);
}

/** As a loss: of pixels with as many valid channels as its first parameter says. */
export function sam(job: Job, tile: Tile): void {
  if (job.pass == Pass.Count) count(tile, job.channels, <i32>job.a);
  else spectralAngles(tile, job.channels, <i32>job.a, job.zero);
}
