// Sums and gradients of the elementwise losses over a tile.
//
// One body serves every loss L, element type S, purpose G and kind of mass M: G = void sums ρ alone, G = bool also writes the gradient
//
//     grad ← coef · m · ρ′(p, t) at valid pixels, + 0 elsewhere
//
// M = void: m is 1. M = bool: ρ and ρ′ are those of the pixel's mass.
//
// Of digital numbers of one calibration a loss of the difference is asked for ρ(d, 0), d = scale · (P − T): the difference of the
// numbers is exact, so small differences of large ones keep their digits. It takes uint16 as they lie (S = u16), others as differences
// that have been staged. Other losses compute from digital numbers in float64.
//
// Cost per four pixels beside ρ: two loads, one comparison, two selections and two additions; for uint16 two more.

import { log1pPlain, size } from "../approx";
import { Job } from "../job";
import {
  BLOCK,
  countLanes,
  high,
  highMask,
  inF32Range,
  low,
  lowMask,
  maxLanes,
  MIN_CANCELLATION_RATIO,
  narrow,
  sumIsReliable,
  sumLanes,
  widen,
} from "../lanes";
import { atLeast, countTile, leastOf, minuend, raw4, subtrahend } from "../storage";
import { Reading, Tile } from "../tile";
import { Trait } from "../traits";
import { Elementary } from "./Elementary";
import { Elementwise } from "./Elementwise";

/** x times the masses of four pixels. */
function weighed<M>(x: v128, mass: usize): v128 {
  return isVoid<M>() ? x : f32x4.mul(x, v128.load(mass));
}

/** Whether there is a gradient to write: known when the module is compiled, but for pixels with masses. */
function writes<G, M>(grad: usize): bool {
  return !isVoid<G>() && (isVoid<M>() || grad != 0);
}

/** `grad`, some bytes on; 0 where there is none. */
function at<M>(grad: usize, bytes: usize): usize {
  return isVoid<M>() || grad ? grad + bytes : 0;
}

/** m·ρ of four pixels in float32 lanes, 0 where invalid; their gradient is stored where G asks for it. */
function term<L extends Elementwise, S extends number, G, M>(
  pred: usize,
  raw: v128,
  mass: usize,
  grad: usize,
  valid: v128,
  scale: v128,
  a: v128,
  b: v128,
  coef: v128,
): v128 {
  const p = minuend<S>(pred, raw, scale);
  const t = subtrahend<S>(raw);
  if (writes<G, M>(grad)) {
    v128.store(grad, v128.and(valid, f32x4.mul(weighed<M>(coef, mass), changetype<L>(0).slope(p, t, a, b))));
  }
  return v128.and(valid, weighed<M>(changetype<L>(0).value(p, t, a, b), mass));
}

/** Σ m·ρ in float32 lanes within a block, float64 from block to block. Adds the count to the tile's sums. */
function sumFast<L extends Elementwise, S extends number, G, M>(job: Job, tile: Tile): f64 {
  const scale = f32x4.splat(<f32>job.unit);
  const a = f32x4.splat(<f32>job.a);
  const b = f32x4.splat(<f32>job.b);
  const coef = f32x4.splat(<f32>tile.coefficient(0));
  const lo = leastOf<S>(tile.least);
  const step: usize = 4 * sizeof<S>();
  const vectors: u32 = changetype<L>(0).traits() & Trait.TwoVectors ? 2 : 4;
  let pred = tile.pred;
  let target = tile.target;
  let mass = tile.mass;
  let grad = tile.grad;
  let n = tile.n;
  let count = i32x4.splat(0);
  let total = f64x2.splat(0);
  while (n > 0) {
    const block = min(n, vectors * (BLOCK / 4));
    n -= block;
    const end = pred + block * sizeof<S>();
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    do {
      const t0 = raw4<S>(target);
      const v0 = atLeast<S>(t0, lo);
      s0 = f32x4.add(s0, term<L, S, G, M>(pred, t0, mass, grad, v0, scale, a, b, coef));
      const t1 = raw4<S>(target + step);
      const v1 = atLeast<S>(t1, lo);
      s1 = f32x4.add(s1, term<L, S, G, M>(pred + step, t1, mass + 16, at<M>(grad, 16), v1, scale, a, b, coef));
      let v = i32x4.add(v0, v1);
      if (vectors == 4) {
        const t2 = raw4<S>(target + 2 * step);
        const v2 = atLeast<S>(t2, lo);
        s2 = f32x4.add(s2, term<L, S, G, M>(pred + 2 * step, t2, mass + 32, at<M>(grad, 32), v2, scale, a, b, coef));
        const t3 = raw4<S>(target + 3 * step);
        const v3 = atLeast<S>(t3, lo);
        s3 = f32x4.add(s3, term<L, S, G, M>(pred + 3 * step, t3, mass + 48, at<M>(grad, 48), v3, scale, a, b, coef));
        v = i32x4.add(v, i32x4.add(v2, v3));
      }
      count = i32x4.sub(count, v);
      pred += step * vectors;
      target += step * vectors;
      if (!isVoid<M>()) mass += vectors * 16;
      if (writes<G, M>(grad)) grad += vectors * 16;
    } while (pred < end);
    total = f64x2.add(total, widen(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3))));
  }
  tile.sums.count += <f64>countLanes(count);
  return sumLanes(total);
}

/** (1 + x)(1 + y) − 1, which keeps the digits of what is small. */
function joined(x: v128, y: v128): v128 {
  return f32x4.add(x, f32x4.add(y, f32x4.mul(x, y)));
}

/**
 * `sumFast` for losses of elementary functions, from their fast values. `sumFallbackF32` computes a block again where these are NaN.
 * NaN where what is left of a difference has too few digits. If only the gradient cancels, W, the loss in float64, rewrites it.
 */
function sumElementary<L extends Elementary, W extends Elementwise, S extends number, G, M>(job: Job, tile: Tile): f64 {
  const traits = changetype<L>(0).traits();
  const coef0 = tile.coefficient(0);
  const scale = f32x4.splat(<f32>job.unit);
  const a = f32x4.splat(<f32>job.a);
  const coef = f32x4.splat(<f32>coef0);
  const lo = leastOf<S>(tile.least);
  const step: usize = 4 * sizeof<S>();
  let pred = tile.pred;
  let target = tile.target;
  let mass = tile.mass;
  let grad = tile.grad;
  let n = tile.n;
  let count = i32x4.splat(0);
  let total = f64x2.splat(0);
  let totalMagnitude = f64x2.splat(0);
  let largestMagnitude = f32x4.splat(0);
  let largestSlope = f32x4.splat(0);
  while (n > 0) {
    const block = min(n, BLOCK);
    n -= block;
    const end = pred + block * sizeof<S>();
    let sum = f32x4.splat(0);
    let product = f32x4.splat(0);
    let magnitude = f32x4.splat(0);
    do {
      const raw0 = raw4<S>(target);
      const raw1 = raw4<S>(target + step);
      const raw2 = raw4<S>(target + 2 * step);
      const raw3 = raw4<S>(target + 3 * step);
      const p0 = minuend<S>(pred, raw0, scale);
      const p1 = minuend<S>(pred + step, raw1, scale);
      const p2 = minuend<S>(pred + 2 * step, raw2, scale);
      const p3 = minuend<S>(pred + 3 * step, raw3, scale);
      const t0 = subtrahend<S>(raw0);
      const t1 = subtrahend<S>(raw1);
      const t2 = subtrahend<S>(raw2);
      const t3 = subtrahend<S>(raw3);
      const valid0 = atLeast<S>(raw0, lo);
      const valid1 = atLeast<S>(raw1, lo);
      const valid2 = atLeast<S>(raw2, lo);
      const valid3 = atLeast<S>(raw3, lo);
      const e0 = changetype<L>(0).common(p0);
      const e1 = changetype<L>(0).common(p1);
      const e2 = changetype<L>(0).common(p2);
      const e3 = changetype<L>(0).common(p3);
      const value0 = v128.and(valid0, weighed<M>(changetype<L>(0).fastValue(p0, t0, e0, a), mass));
      const value1 = v128.and(valid1, weighed<M>(changetype<L>(0).fastValue(p1, t1, e1, a), mass + 16));
      const value2 = v128.and(valid2, weighed<M>(changetype<L>(0).fastValue(p2, t2, e2, a), mass + 32));
      const value3 = v128.and(valid3, weighed<M>(changetype<L>(0).fastValue(p3, t3, e3, a), mass + 48));
      sum = f32x4.add(sum, f32x4.add(f32x4.add(value0, value1), f32x4.add(value2, value3)));
      if (traits & Trait.Log1p && !isVoid<M>()) {
        const log0 = v128.and(valid0, weighed<M>(log1pPlain<f32>(e0), mass));
        const log1 = v128.and(valid1, weighed<M>(log1pPlain<f32>(e1), mass + 16));
        const log2 = v128.and(valid2, weighed<M>(log1pPlain<f32>(e2), mass + 32));
        const log3 = v128.and(valid3, weighed<M>(log1pPlain<f32>(e3), mass + 48));
        const logs = f32x4.add(f32x4.add(log0, log1), f32x4.add(log2, log3));
        sum = f32x4.add(sum, logs);
        magnitude = f32x4.add(magnitude, logs);
      } else if (traits & Trait.Log1p) {
        const j0 = joined(v128.and(valid0, e0), v128.and(valid1, e1));
        const j1 = joined(v128.and(valid2, e2), v128.and(valid3, e3));
        product = joined(product, joined(j0, j1));
      }
      if (traits & Trait.ValueCancels) {
        const magnitude0 = f32x4.add(
          v128.and(valid0, weighed<M>(changetype<L>(0).valueMagnitude(p0, t0, e0), mass)),
          size(value0),
        );
        const magnitude1 = f32x4.add(
          v128.and(valid1, weighed<M>(changetype<L>(0).valueMagnitude(p1, t1, e1), mass + 16)),
          size(value1),
        );
        const magnitude2 = f32x4.add(
          v128.and(valid2, weighed<M>(changetype<L>(0).valueMagnitude(p2, t2, e2), mass + 32)),
          size(value2),
        );
        const magnitude3 = f32x4.add(
          v128.and(valid3, weighed<M>(changetype<L>(0).valueMagnitude(p3, t3, e3), mass + 48)),
          size(value3),
        );
        magnitude = f32x4.add(
          magnitude,
          f32x4.add(f32x4.add(magnitude0, magnitude1), f32x4.add(magnitude2, magnitude3)),
        );
      }
      if (writes<G, M>(grad)) {
        const slope0 = v128.and(valid0, f32x4.mul(weighed<M>(coef, mass), changetype<L>(0).fastSlope(p0, t0, e0, a)));
        v128.store(grad, slope0);
        const slope1 = v128.and(
          valid1,
          f32x4.mul(weighed<M>(coef, mass + 16), changetype<L>(0).fastSlope(p1, t1, e1, a)),
        );
        v128.store(grad + 16, slope1);
        const slope2 = v128.and(
          valid2,
          f32x4.mul(weighed<M>(coef, mass + 32), changetype<L>(0).fastSlope(p2, t2, e2, a)),
        );
        v128.store(grad + 32, slope2);
        const slope3 = v128.and(
          valid3,
          f32x4.mul(weighed<M>(coef, mass + 48), changetype<L>(0).fastSlope(p3, t3, e3, a)),
        );
        v128.store(grad + 48, slope3);
        if (traits & Trait.SlopeCancels) {
          largestMagnitude = f32x4.pmax(
            largestMagnitude,
            v128.and(valid0, weighed<M>(changetype<L>(0).slopeMagnitude(p0, t0, e0, a), mass)),
          );
          largestSlope = f32x4.pmax(largestSlope, size(slope0));
          largestMagnitude = f32x4.pmax(
            largestMagnitude,
            v128.and(valid1, weighed<M>(changetype<L>(0).slopeMagnitude(p1, t1, e1, a), mass + 16)),
          );
          largestSlope = f32x4.pmax(largestSlope, size(slope1));
          largestMagnitude = f32x4.pmax(
            largestMagnitude,
            v128.and(valid2, weighed<M>(changetype<L>(0).slopeMagnitude(p2, t2, e2, a), mass + 32)),
          );
          largestSlope = f32x4.pmax(largestSlope, size(slope2));
          largestMagnitude = f32x4.pmax(
            largestMagnitude,
            v128.and(valid3, weighed<M>(changetype<L>(0).slopeMagnitude(p3, t3, e3, a), mass + 48)),
          );
          largestSlope = f32x4.pmax(largestSlope, size(slope3));
        }
        grad += 64;
      }
      count = i32x4.sub(count, i32x4.add(i32x4.add(valid0, valid1), i32x4.add(valid2, valid3)));
      pred += 4 * step;
      target += 4 * step;
      if (!isVoid<M>()) mass += 64;
    } while (pred < end);
    if (traits & Trait.Log1p && isVoid<M>()) {
      const logarithm = log1pPlain<f32>(product);
      sum = f32x4.add(sum, logarithm);
      magnitude = f32x4.add(magnitude, logarithm);
    }
    if (traits & Trait.NeedsFallback && v128.any_true(f32x4.ne(sum, sum))) {
      if (!isFloat<S>()) {
        total = f64x2.splat(NaN);
        break;
      }
      const bytes = block * 4;
      sum = sumFallbackF32<L, G, M>(
        pred - bytes,
        target - bytes,
        mass - bytes,
        at<M>(grad, -bytes),
        block,
        lo,
        a,
        coef,
      );
    }
    total = f64x2.add(total, widen(sum));
    if (traits & Trait.ValueCancels) totalMagnitude = f64x2.add(totalMagnitude, widen(magnitude));
  }
  const sums = tile.sums;
  sums.count += <f64>countLanes(count);
  const sum = sumLanes(total);
  // Terms of one sign are the magnitude themselves.
  const magnitude = traits & Trait.ValueCancels ? sumLanes(totalMagnitude) : Math.abs(sum);
  // NaN, where the sum is, does not pass.
  if (!(Math.abs(sum) >= MIN_CANCELLATION_RATIO * magnitude && magnitude < Infinity)) return NaN;
  sums.add(1, magnitude);
  if (traits & Trait.SlopeCancels && !isVoid<G>()) {
    const largest = maxLanes(largestSlope);
    const least = MIN_CANCELLATION_RATIO * maxLanes(largestMagnitude) * Math.abs(coef0);
    // The value is the one that is given without a gradient.
    if (largest < least || largest == Infinity) sumF64<W, M, M>(job, tile);
  }
  return sum;
}

/** Σρ of a block in float32 lanes for every argument, its gradient stored where G asks for it. */
function sumFallbackF32<L extends Elementary, G, M>(
  pred: usize,
  target: usize,
  mass: usize,
  grad: usize,
  n: u32,
  lo: v128,
  a: v128,
  coef: v128,
): v128 {
  let sum = f32x4.splat(0);
  for (const end = pred + n * 4; pred < end; pred += 16, target += 16, mass += 16, grad = at<M>(grad, 16)) {
    const t = v128.load(target);
    sum = f32x4.add(sum, term<L, f32, G, M>(pred, t, mass, grad, f32x4.ge(t, lo), a, a, a, coef));
  }
  return sum;
}

/**
 * Σ m·ρ of a tile in float64 lanes, its gradient unless `grad` is 0: the way of tiles that float32 cannot hold, and of digital numbers
 * (D = bool), which stand for unit · (v + zero). With masses (M = bool) it takes either.
 */
function sumF64<L extends Elementwise, D, M>(job: Job, tile: Tile): f64 {
  // Values stand for themselves.
  const isNumbers = tile.reading == Reading.Numbers;
  const unit = f64x2.splat(isNumbers ? job.unit : 1);
  const zero = f64x2.splat(isNumbers ? job.zero : -0.0);
  const a = f64x2.splat(job.a);
  const b = f64x2.splat(job.b);
  const coef = f64x2.splat(tile.coefficient(0));
  const lo = f32x4.splat(tile.least);
  let pred = tile.pred;
  let target = tile.target;
  let mass = tile.mass;
  let grad = tile.grad;
  const end = pred + tile.n * 4;
  let total = f64x2.splat(0);
  for (; pred < end; pred += 16, target += 16) {
    const p = v128.load(pred);
    const t = v128.load(target);
    const valid = f32x4.ge(t, lo);
    let p0 = low(p);
    let p1 = high(p);
    let t0 = low(t);
    let t1 = high(t);
    if (!isVoid<D>()) {
      p0 = f64x2.mul(f64x2.add(p0, zero), unit);
      p1 = f64x2.mul(f64x2.add(p1, zero), unit);
      t0 = f64x2.mul(f64x2.add(t0, zero), unit);
      t1 = f64x2.mul(f64x2.add(t1, zero), unit);
    }
    let value0 = changetype<L>(0).value(p0, t0, a, b);
    let value1 = changetype<L>(0).value(p1, t1, a, b);
    let coef0 = coef;
    let coef1 = coef;
    if (!isVoid<M>()) {
      const m = v128.load(mass);
      value0 = f64x2.mul(value0, low(m));
      value1 = f64x2.mul(value1, high(m));
      coef0 = f64x2.mul(coef, low(m));
      coef1 = f64x2.mul(coef, high(m));
      mass += 16;
    }
    total = f64x2.add(total, v128.and(lowMask(valid), value0));
    total = f64x2.add(total, v128.and(highMask(valid), value1));
    if (grad) {
      const first = f64x2.mul(coef0, changetype<L>(0).slope(p0, t0, a, b));
      const last = f64x2.mul(coef1, changetype<L>(0).slope(p1, t1, a, b));
      v128.store(grad, v128.and(valid, narrow(first, last)));
      grad += 16;
    }
  }
  return sumLanes(total);
}

/** Whether the loss computes from digital numbers in float64, for want of a difference. */
function computesInF64<L extends Elementwise>(tile: Tile): bool {
  return !(changetype<L>(0).traits() & Trait.Difference) && tile.reading == Reading.Numbers;
}

/** Whether the loss subtracts uint16 where they lie. */
function subtracts<L extends Elementwise>(tile: Tile): bool {
  return <bool>(changetype<L>(0).traits() & Trait.Difference) && tile.reading == Reading.Uint16;
}

function addNumbers<W extends Elementwise>(job: Job, tile: Tile): bool {
  countTile<f32>(tile);
  tile.sums.add(0, tile.mass ? sumF64<W, bool, bool>(job, tile) : sumF64<W, bool, void>(job, tile));
  return true;
}

/** Whether float32 holds the gradient's coefficients of a tile. */
function slopesFit(tile: Tile): bool {
  const coef = tile.coefficient(0);
  return inF32Range(coef * tile.leastMass) && inF32Range(coef * tile.mostMass);
}

/**
 * Adds `sum` to the tile's sums if it is reliable, the sum in float64 if not. `count` and `magnitude` are what the sums had before the
 * tile. If float32 lost too much of uint16 where they lie, nothing is done again and false returned: the caller must stage them first.
 */
function settle<W extends Elementwise>(job: Job, tile: Tile, sum: f64, count: f64, magnitude: f64): bool {
  const sums = tile.sums;
  const added = sums.count - count;
  const fits = inF32Range(job.a) && inF32Range(job.b) && !(job.inF64 && tile.coefficient(1) != 0);
  // What underflow takes from ρ, a great mass makes more of.
  const holds = sumIsReliable(sum, Math.max(added, tile.massSum)) && (added == 0 || fits);
  if (!holds || (tile.grad && !slopesFit(tile))) {
    if (tile.reading == Reading.Uint16) return false;
    const exact = tile.mass ? sumF64<W, bool, bool>(job, tile) : sumF64<W, void, void>(job, tile);
    if (!holds) {
      sum = exact;
      // In float64 nothing is lost that the magnitude would have to tell.
      sums.set(1, magnitude);
    }
  }
  sums.add(0, sum);
  return true;
}

/**
 * Adds Σ m·ρ (sum 0) and the count of a tile to its sums, and writes its gradient where there is one. F, in float32, and W, in float64,
 * are one loss. Returns whether that is done: if not, uint16 where they lie have to be staged.
 */
export function elementwise<F extends Elementwise, W extends Elementwise>(job: Job, tile: Tile): bool {
  if (computesInF64<F>(tile)) return addNumbers<W>(job, tile);
  const count = tile.sums.count;
  let sum: f64;
  if (tile.mass) sum = sumFast<F, f32, bool, bool>(job, tile);
  else if (subtracts<F>(tile)) {
    sum = tile.grad ? sumFast<F, u16, bool, void>(job, tile) : sumFast<F, u16, void, void>(job, tile);
  } else sum = tile.grad ? sumFast<F, f32, bool, void>(job, tile) : sumFast<F, f32, void, void>(job, tile);
  return settle<W>(job, tile, sum, count, 0);
}

/** `elementwise` for a loss of elementary functions. Sum 1 is the magnitude: |x| and |ρ| added up, where ρ = x − y. */
export function elementary<F extends Elementary, W extends Elementwise>(job: Job, tile: Tile): bool {
  if (computesInF64<F>(tile)) return addNumbers<W>(job, tile);
  const count = tile.sums.count;
  const magnitude = tile.sums.sum(1);
  let sum: f64;
  if (tile.mass) sum = sumElementary<F, W, f32, bool, bool>(job, tile);
  else if (subtracts<F>(tile)) {
    sum = tile.grad ? sumElementary<F, W, u16, bool, void>(job, tile) : sumElementary<F, W, u16, void, void>(job, tile);
  } else
    sum = tile.grad ? sumElementary<F, W, f32, bool, void>(job, tile) : sumElementary<F, W, f32, void, void>(job, tile);
  return settle<W>(job, tile, sum, count, magnitude);
}
