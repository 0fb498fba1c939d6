// Sums and gradients of the elementwise losses over one tile: planar float32, or uint16 as they lie, a multiple of STEP pixels long.
//
// One body serves every loss L, lane type T and purpose G: G = void sums ρ alone, G = bool also writes the gradient
//
//     grad ← coef · ρ′(p, t) at valid pixels, + 0 elsewhere
//
// S is how pixels are stored. Of digital numbers of one calibration a loss of the difference alone is asked for ρ(d, 0),
// d = scale · (P − T): the difference of the numbers is exact, so small differences of large ones keep their digits. It takes uint16 as
// they lie (S = u16), others as differences that have been staged. Other losses compute from digital numbers in float64.
//
// Cost per four pixels beside ρ: two loads, one comparison, two selections and two additions; for uint16 two more.

import { log1pPlain, size } from "./approx";
import { Charbonnier } from "./elementwise/Charbonnier";
import { Bce } from "./elementwise/Bce";
import { BceWithLogits } from "./elementwise/BceWithLogits";
import { Elementary } from "./elementwise/Elementary";
import { Elementwise } from "./elementwise/Elementwise";
import { Huber } from "./elementwise/Huber";
import { LogCosh } from "./elementwise/LogCosh";
import { Mae } from "./elementwise/Mae";
import { Mse } from "./elementwise/Mse";
import { Pinball } from "./elementwise/Pinball";
import { PoissonNLL, PoissonNLLLog } from "./elementwise/PoissonNLL";
import { Job, Loss, Reading, Record } from "./job";
import {
  BLOCK,
  comfortable,
  countLanes,
  ENOUGH,
  high,
  highMask,
  low,
  lowMask,
  maxLanes,
  narrow,
  sumLanes,
  trusted,
  widen,
} from "./lanes";
import { atLeast, countTile, difference, leastOf, stored4 } from "./stored";

/** ρ of four pixels in float32 lanes, 0 where invalid; their gradient is stored where G asks for it. `t` as it is stored. */
function term<L extends Elementwise, S extends number, G>(
  pred: usize,
  t: v128,
  grad: usize,
  valid: v128,
  scale: v128,
  a: v128,
  b: v128,
  coef: v128,
): v128 {
  const p = isFloat<S>() ? v128.load(pred) : difference<S>(pred, t, scale);
  if (!isFloat<S>()) t = f32x4.splat(0);
  if (!isVoid<G>()) v128.store(grad, v128.and(valid, f32x4.mul(coef, changetype<L>(0).slope(p, t, a, b))));
  return v128.and(valid, changetype<L>(0).value(p, t, a, b));
}

/** The fast way: float32 lanes within a block, float64 from block to block. Adds the count to `record`; returns Σρ. */
function sumFast<L extends Elementwise, S extends number, G>(
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  scale0: f32,
  a0: f64,
  b0: f64,
  coef0: f64,
  record: Record,
): f64 {
  const scale = f32x4.splat(scale0);
  const a = f32x4.splat(<f32>a0);
  const b = f32x4.splat(<f32>b0);
  const coef = f32x4.splat(<f32>coef0);
  const lo = leastOf<S>(least);
  const step: usize = 4 * sizeof<S>();
  const vectors = changetype<L>(0).vectors();
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
      const t0 = stored4<S>(target);
      const v0 = atLeast<S>(t0, lo);
      s0 = f32x4.add(s0, term<L, S, G>(pred, t0, grad, v0, scale, a, b, coef));
      const t1 = stored4<S>(target + step);
      const v1 = atLeast<S>(t1, lo);
      s1 = f32x4.add(s1, term<L, S, G>(pred + step, t1, grad + 16, v1, scale, a, b, coef));
      let v = i32x4.add(v0, v1);
      if (vectors == 4) {
        const t2 = stored4<S>(target + 2 * step);
        const v2 = atLeast<S>(t2, lo);
        s2 = f32x4.add(s2, term<L, S, G>(pred + 2 * step, t2, grad + 32, v2, scale, a, b, coef));
        const t3 = stored4<S>(target + 3 * step);
        const v3 = atLeast<S>(t3, lo);
        s3 = f32x4.add(s3, term<L, S, G>(pred + 3 * step, t3, grad + 48, v3, scale, a, b, coef));
        v = i32x4.add(v, i32x4.add(v2, v3));
      }
      count = i32x4.sub(count, v);
      pred += step * vectors;
      target += step * vectors;
      if (!isVoid<G>()) grad += vectors * 16;
    } while (pred < end);
    total = f64x2.add(total, widen(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3))));
  }
  record.count += <f64>countLanes(count);
  return sumLanes(total);
}

/** (1 + x)(1 + y) − 1, which keeps the digits of what is small. */
function joined(x: v128, y: v128): v128 {
  return f32x4.add(x, f32x4.add(y, f32x4.mul(x, y)));
}

/**
 * The fast way of losses of elementary functions: the usual terms, blocks where they are NaN again by `sumCareful`. Adds the
 * count to `record`; returns Σρ, NaN where what is left of a difference has too few digits. The gradient, where it is that which
 * has too few, is written again by W, the loss in float64.
 */
function sumElementary<L extends Elementary, W extends Elementwise, G>(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  coef0: f64,
  record: Record,
): f64 {
  const a = f32x4.splat(<f32>job.a);
  const coef = f32x4.splat(<f32>coef0);
  const lo = f32x4.splat(least);
  const pixels = n;
  let count = i32x4.splat(0);
  let total = f64x2.splat(0);
  let totalParts = f64x2.splat(0);
  let largestParts = f32x4.splat(0);
  let largestSlope = f32x4.splat(0);
  while (n > 0) {
    const block = min(n, BLOCK);
    n -= block;
    const end = pred + block * 4;
    let sum = f32x4.splat(0);
    let product = f32x4.splat(0);
    let parts = f32x4.splat(0);
    do {
      const p0 = v128.load(pred);
      const p1 = v128.load(pred, 16);
      const p2 = v128.load(pred, 32);
      const p3 = v128.load(pred, 48);
      const t0 = v128.load(target);
      const t1 = v128.load(target, 16);
      const t2 = v128.load(target, 32);
      const t3 = v128.load(target, 48);
      const valid0 = f32x4.ge(t0, lo);
      const valid1 = f32x4.ge(t1, lo);
      const valid2 = f32x4.ge(t2, lo);
      const valid3 = f32x4.ge(t3, lo);
      const e0 = changetype<L>(0).shared(p0);
      const e1 = changetype<L>(0).shared(p1);
      const e2 = changetype<L>(0).shared(p2);
      const e3 = changetype<L>(0).shared(p3);
      const value0 = v128.and(valid0, changetype<L>(0).usual(p0, t0, e0, a));
      const value1 = v128.and(valid1, changetype<L>(0).usual(p1, t1, e1, a));
      const value2 = v128.and(valid2, changetype<L>(0).usual(p2, t2, e2, a));
      const value3 = v128.and(valid3, changetype<L>(0).usual(p3, t3, e3, a));
      sum = f32x4.add(sum, f32x4.add(f32x4.add(value0, value1), f32x4.add(value2, value3)));
      if (changetype<L>(0).logarithmic()) {
        const j0 = joined(v128.and(valid0, e0), v128.and(valid1, e1));
        const j1 = joined(v128.and(valid2, e2), v128.and(valid3, e3));
        product = joined(product, joined(j0, j1));
      }
      if (changetype<L>(0).valueCancels()) {
        const parts0 = f32x4.add(v128.and(valid0, changetype<L>(0).valuePart(p0, t0, e0)), size(value0));
        const parts1 = f32x4.add(v128.and(valid1, changetype<L>(0).valuePart(p1, t1, e1)), size(value1));
        const parts2 = f32x4.add(v128.and(valid2, changetype<L>(0).valuePart(p2, t2, e2)), size(value2));
        const parts3 = f32x4.add(v128.and(valid3, changetype<L>(0).valuePart(p3, t3, e3)), size(value3));
        parts = f32x4.add(parts, f32x4.add(f32x4.add(parts0, parts1), f32x4.add(parts2, parts3)));
      }
      if (!isVoid<G>()) {
        const slope0 = v128.and(valid0, f32x4.mul(coef, changetype<L>(0).usualSlope(p0, t0, e0, a)));
        v128.store(grad, slope0);
        const slope1 = v128.and(valid1, f32x4.mul(coef, changetype<L>(0).usualSlope(p1, t1, e1, a)));
        v128.store(grad + 16, slope1);
        const slope2 = v128.and(valid2, f32x4.mul(coef, changetype<L>(0).usualSlope(p2, t2, e2, a)));
        v128.store(grad + 32, slope2);
        const slope3 = v128.and(valid3, f32x4.mul(coef, changetype<L>(0).usualSlope(p3, t3, e3, a)));
        v128.store(grad + 48, slope3);
        if (changetype<L>(0).slopeCancels()) {
          largestParts = f32x4.pmax(largestParts, v128.and(valid0, changetype<L>(0).slopePart(p0, t0, e0, a)));
          largestSlope = f32x4.pmax(largestSlope, size(slope0));
          largestParts = f32x4.pmax(largestParts, v128.and(valid1, changetype<L>(0).slopePart(p1, t1, e1, a)));
          largestSlope = f32x4.pmax(largestSlope, size(slope1));
          largestParts = f32x4.pmax(largestParts, v128.and(valid2, changetype<L>(0).slopePart(p2, t2, e2, a)));
          largestSlope = f32x4.pmax(largestSlope, size(slope2));
          largestParts = f32x4.pmax(largestParts, v128.and(valid3, changetype<L>(0).slopePart(p3, t3, e3, a)));
          largestSlope = f32x4.pmax(largestSlope, size(slope3));
        }
        grad += 64;
      }
      count = i32x4.sub(count, i32x4.add(i32x4.add(valid0, valid1), i32x4.add(valid2, valid3)));
      pred += 64;
      target += 64;
    } while (pred < end);
    if (changetype<L>(0).logarithmic()) {
      const logarithm = log1pPlain<f32>(product);
      sum = f32x4.add(sum, logarithm);
      parts = f32x4.add(parts, logarithm);
    }
    if (changetype<L>(0).partial() && v128.any_true(f32x4.ne(sum, sum))) {
      const bytes = block * 4;
      sum = sumCareful<L, G>(pred - bytes, target - bytes, grad - bytes, block, lo, a, coef);
    }
    total = f64x2.add(total, widen(sum));
    if (changetype<L>(0).valueCancels()) totalParts = f64x2.add(totalParts, widen(parts));
  }
  record.count += <f64>countLanes(count);
  const sum = sumLanes(total);
  // Terms of one sign are the parts themselves.
  const parts = changetype<L>(0).valueCancels() ? sumLanes(totalParts) : Math.abs(sum);
  // NaN, where the sum is, does not pass.
  if (!(Math.abs(sum) >= ENOUGH * parts && parts < Infinity)) return NaN;
  record.add(1, parts);
  if (changetype<L>(0).slopeCancels() && !isVoid<G>()) {
    const largest = maxLanes(largestSlope);
    if (largest < ENOUGH * maxLanes(largestParts) * Math.abs(coef0) || largest == Infinity) {
      // The gradient alone: the value is the one that is given without it.
      const bytes = pixels * 4;
      sumWide<W, void>(job, pred - bytes, target - bytes, grad - bytes, pixels, least, coef0);
    }
  }
  return sum;
}

/** Σρ of a block in float32 lanes, its gradient stored where G asks for it, for every argument. */
function sumCareful<L extends Elementary, G>(
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  lo: v128,
  a: v128,
  coef: v128,
): v128 {
  let sum = f32x4.splat(0);
  for (const end = pred + n * 4; pred < end; pred += 16, target += 16, grad += 16) {
    const t = v128.load(target);
    sum = f32x4.add(sum, term<L, f32, G>(pred, t, grad, f32x4.ge(t, lo), a, a, a, coef));
  }
  return sum;
}

/**
 * Σρ of a tile in float64 lanes, its gradient unless `grad` is 0: the way of tiles that float32 cannot hold, and of digital numbers
 * (D = bool), which stand for unit · (v + zero).
 */
function sumWide<L extends Elementwise, D>(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  coef0: f64,
): f64 {
  const unit = f64x2.splat(job.unit);
  const zero = f64x2.splat(job.zero);
  const a = f64x2.splat(job.a);
  const b = f64x2.splat(job.b);
  const coef = f64x2.splat(coef0);
  const lo = f32x4.splat(least);
  const end = pred + n * 4;
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
    total = f64x2.add(total, v128.and(lowMask(valid), changetype<L>(0).value(p0, t0, a, b)));
    total = f64x2.add(total, v128.and(highMask(valid), changetype<L>(0).value(p1, t1, a, b)));
    if (grad) {
      const first = f64x2.mul(coef, changetype<L>(0).slope(p0, t0, a, b));
      const last = f64x2.mul(coef, changetype<L>(0).slope(p1, t1, a, b));
      v128.store(grad, v128.and(valid, narrow(first, last)));
      grad += 16;
    }
  }
  return sumLanes(total);
}

/** Σρ the fast way, pixels being stored as S; its gradient where there is room for it. */
function sumAs<F extends Elementwise, S extends number>(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  coef: f64,
  record: Record,
): f64 {
  const scale = <f32>job.unit;
  return grad
    ? sumFast<F, S, bool>(pred, target, grad, n, least, scale, job.a, job.b, coef, record)
    : sumFast<F, S, void>(pred, target, grad, n, least, scale, job.a, job.b, coef, record);
}

/**
 * Adds Σρ and the count of a tile to `record`, F in float32 and W in float64 being one loss; writes `grad` unless it is 0. Returns
 * whether it is done.
 */
function add<F extends Elementwise, W extends Elementwise>(
  job: Job,
  reading: Reading,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  coef: f64,
  record: Record,
): bool {
  const count = record.count;
  const sum =
    reading == Reading.Uint16
      ? sumAs<F, u16>(job, pred, target, grad, n, least, coef, record)
      : sumAs<F, f32>(job, pred, target, grad, n, least, coef, record);
  return settle<W>(job, reading, pred, target, grad, n, least, coef, record, sum, record.count - count, 0);
}

/** `add` for losses of elementary functions. */
function addElementary<F extends Elementary, W extends Elementwise>(
  job: Job,
  reading: Reading,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  coef: f64,
  record: Record,
): bool {
  if (reading == Reading.Numbers) {
    countTile<f32>(target, n, least, record);
    record.add(0, sumWide<W, bool>(job, pred, target, grad, n, least, coef));
    return true;
  }
  const count = record.count;
  const parts = record.sum(1);
  const sum = grad
    ? sumElementary<F, W, bool>(job, pred, target, grad, n, least, coef, record)
    : sumElementary<F, W, void>(job, pred, target, grad, n, least, coef, record);
  const more = record.sum(1) - parts;
  return settle<W>(job, reading, pred, target, grad, n, least, coef, record, sum, record.count - count, more);
}

/**
 * Adds `sum`, of `count` pixels, to `record` where it can be trusted, else the tile's sum in float64: then nothing of the `parts` that
 * it is a difference of is lost, and they are taken from the record. Returns whether that is so: of uint16 where they lie nothing
 * is done again.
 */
function settle<W extends Elementwise>(
  job: Job,
  reading: Reading,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  coef: f64,
  record: Record,
  sum: f64,
  count: f64,
  parts: f64,
): bool {
  const fits = comfortable(job.a) && comfortable(job.b) && !(job.wide && coef != 0);
  const holds = trusted(sum, count) && (count == 0 || fits);
  if (!holds || (grad && !comfortable(coef))) {
    if (reading == Reading.Uint16) return false;
    const wide = sumWide<W, void>(job, pred, target, grad, n, least, coef);
    if (!holds) {
      record.add(1, -parts);
      sum = wide;
    }
  }
  record.add(0, sum);
  return true;
}

/**
 * Adds the sum and the count of a tile to `record`; writes its gradient, `coef` · ρ′, unless `grad` is 0. Returns whether
 * it is done: if not, its pixels have to be staged.
 */
export function elementwise(
  job: Job,
  reading: Reading,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  coef: f64,
  record: Record,
): bool {
  switch (job.loss) {
    case Loss.Mae:
      return add<Mae<f32>, Mae<f64>>(job, reading, pred, target, grad, n, least, coef, record);
    case Loss.Huber:
      return add<Huber<f32>, Huber<f64>>(job, reading, pred, target, grad, n, least, coef, record);
    case Loss.Charbonnier:
      return add<Charbonnier<f32>, Charbonnier<f64>>(job, reading, pred, target, grad, n, least, coef, record);
    case Loss.Pinball:
      return add<Pinball<f32>, Pinball<f64>>(job, reading, pred, target, grad, n, least, coef, record);
    case Loss.LogCosh:
      return addElementary<LogCosh<f32>, LogCosh<f64>>(job, reading, pred, target, grad, n, least, coef, record);
    case Loss.Bce:
      return addElementary<Bce<f32>, Bce<f64>>(job, reading, pred, target, grad, n, least, coef, record);
    case Loss.BceWithLogits:
      return addElementary<BceWithLogits<f32>, BceWithLogits<f64>>(
        job,
        reading,
        pred,
        target,
        grad,
        n,
        least,
        coef,
        record,
      );
    case Loss.PoissonNLL:
      return addElementary<PoissonNLL<f32>, PoissonNLL<f64>>(job, reading, pred, target, grad, n, least, coef, record);
    case Loss.PoissonNLLLog:
      return addElementary<PoissonNLLLog<f32>, PoissonNLLLog<f64>>(
        job,
        reading,
        pred,
        target,
        grad,
        n,
        least,
        coef,
        record,
      );
    default: // Mse and Rmse, its root
      return add<Mse<f32>, Mse<f64>>(job, reading, pred, target, grad, n, least, coef, record);
  }
}
