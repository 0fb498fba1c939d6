// Sums and gradients of the elementwise losses over one tile: planar float32, a multiple of STEP pixels long.
//
// One body serves every loss L, lane type T and purpose G: G = void sums ρ alone, G = bool also writes the gradient
//
//     grad ← coef · ρ′(p, t) at valid pixels, + 0 elsewhere
//
// Cost per four pixels beside ρ: two loads, one comparison, two selections and two additions.

import { log1pPlain } from "./approx";
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
import { Job, Loss, Record } from "./job";
import {
  BLOCK,
  comfortable,
  countLanes,
  ENOUGH,
  gradient,
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

/** ρ of four pixels in float32 lanes, 0 where invalid; their gradient is stored where G asks for it. */
function term<L extends Elementwise, G>(
  pred: usize,
  target: usize,
  grad: usize,
  valid: v128,
  a: v128,
  b: v128,
  coef: v128,
): v128 {
  const p = v128.load(pred);
  const t = v128.load(target);
  if (!isVoid<G>()) v128.store(grad, gradient(valid, f32x4.mul(coef, changetype<L>(0).slope(p, t, a, b))));
  return v128.and(valid, changetype<L>(0).value(p, t, a, b));
}

/** The fast way: float32 lanes within a block, float64 from block to block. Adds the count to `record`; returns Σρ. */
function sumFast<L extends Elementwise, G>(
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  a0: f64,
  b0: f64,
  coef0: f64,
  record: Record,
): f64 {
  const a = f32x4.splat(<f32>a0);
  const b = f32x4.splat(<f32>b0);
  const coef = f32x4.splat(<f32>coef0);
  const lo = f32x4.splat(least);
  let count = i32x4.splat(0);
  let total = f64x2.splat(0);
  while (n > 0) {
    const block = min(n, changetype<L>(0).vectors() * (BLOCK / 4));
    n -= block;
    const end = pred + block * 4;
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    do {
      const v0 = f32x4.ge(v128.load(target), lo);
      s0 = f32x4.add(s0, term<L, G>(pred, target, grad, v0, a, b, coef));
      const v1 = f32x4.ge(v128.load(target + 16), lo);
      s1 = f32x4.add(s1, term<L, G>(pred + 16, target + 16, grad + 16, v1, a, b, coef));
      let v = i32x4.add(v0, v1);
      if (changetype<L>(0).vectors() == 4) {
        const v2 = f32x4.ge(v128.load(target + 32), lo);
        s2 = f32x4.add(s2, term<L, G>(pred + 32, target + 32, grad + 32, v2, a, b, coef));
        const v3 = f32x4.ge(v128.load(target + 48), lo);
        s3 = f32x4.add(s3, term<L, G>(pred + 48, target + 48, grad + 48, v3, a, b, coef));
        v = i32x4.add(v, i32x4.add(v2, v3));
      }
      count = i32x4.sub(count, v);
      pred += changetype<L>(0).vectors() * 16;
      target += changetype<L>(0).vectors() * 16;
      grad += changetype<L>(0).vectors() * 16;
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
 * count to `record`; returns Σρ, NaN where what is left of a difference has too few digits.
 */
function sumElementary<L extends Elementary, G>(
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  a0: f64,
  coef0: f64,
  record: Record,
): f64 {
  const a = f32x4.splat(<f32>a0);
  const coef = f32x4.splat(<f32>coef0);
  const lo = f32x4.splat(least);
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
      const p1 = v128.load(pred + 16);
      const p2 = v128.load(pred + 32);
      const p3 = v128.load(pred + 48);
      const t0 = v128.load(target);
      const t1 = v128.load(target + 16);
      const t2 = v128.load(target + 32);
      const t3 = v128.load(target + 48);
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
        const parts0 = v128.and(valid0, changetype<L>(0).valueParts(p0, t0, e0));
        const parts1 = v128.and(valid1, changetype<L>(0).valueParts(p1, t1, e1));
        const parts2 = v128.and(valid2, changetype<L>(0).valueParts(p2, t2, e2));
        const parts3 = v128.and(valid3, changetype<L>(0).valueParts(p3, t3, e3));
        parts = f32x4.add(parts, f32x4.add(f32x4.add(parts0, parts1), f32x4.add(parts2, parts3)));
      }
      if (!isVoid<G>()) {
        const slope0 = gradient(valid0, f32x4.mul(coef, changetype<L>(0).usualSlope(p0, t0, e0, a)));
        v128.store(grad, slope0);
        const slope1 = gradient(valid1, f32x4.mul(coef, changetype<L>(0).usualSlope(p1, t1, e1, a)));
        v128.store(grad + 16, slope1);
        const slope2 = gradient(valid2, f32x4.mul(coef, changetype<L>(0).usualSlope(p2, t2, e2, a)));
        v128.store(grad + 32, slope2);
        const slope3 = gradient(valid3, f32x4.mul(coef, changetype<L>(0).usualSlope(p3, t3, e3, a)));
        v128.store(grad + 48, slope3);
        if (changetype<L>(0).slopeCancels()) {
          largestParts = f32x4.pmax(largestParts, v128.and(valid0, changetype<L>(0).slopeParts(p0, t0, e0)));
          largestSlope = f32x4.pmax(largestSlope, f32x4.abs(slope0));
          largestParts = f32x4.pmax(largestParts, v128.and(valid1, changetype<L>(0).slopeParts(p1, t1, e1)));
          largestSlope = f32x4.pmax(largestSlope, f32x4.abs(slope1));
          largestParts = f32x4.pmax(largestParts, v128.and(valid2, changetype<L>(0).slopeParts(p2, t2, e2)));
          largestSlope = f32x4.pmax(largestSlope, f32x4.abs(slope2));
          largestParts = f32x4.pmax(largestParts, v128.and(valid3, changetype<L>(0).slopeParts(p3, t3, e3)));
          largestSlope = f32x4.pmax(largestSlope, f32x4.abs(slope3));
        }
        grad += 64;
      }
      count = i32x4.sub(count, i32x4.add(i32x4.add(valid0, valid1), i32x4.add(valid2, valid3)));
      pred += 64;
      target += 64;
    } while (pred < end);
    if (changetype<L>(0).logarithmic()) sum = f32x4.add(sum, log1pPlain<f32>(product));
    if (changetype<L>(0).partial() && v128.any_true(f32x4.ne(sum, sum))) {
      const bytes = block * 4;
      sum = sumCareful<L, G>(pred - bytes, target - bytes, grad - bytes, block, lo, a, coef);
    }
    total = f64x2.add(total, widen(sum));
    if (changetype<L>(0).valueCancels()) totalParts = f64x2.add(totalParts, widen(parts));
  }
  record.count += <f64>countLanes(count);
  const sum = sumLanes(total);
  if (changetype<L>(0).valueCancels()) {
    const parts = sumLanes(totalParts);
    record.add(1, parts);
    if (Math.abs(sum) < ENOUGH * parts) return NaN;
  }
  if (changetype<L>(0).slopeCancels() && !isVoid<G>()) {
    if (maxLanes(largestSlope) < ENOUGH * maxLanes(largestParts) * Math.abs(coef0)) return NaN;
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
    const valid = f32x4.ge(v128.load(target), lo);
    sum = f32x4.add(sum, term<L, G>(pred, target, grad, valid, a, a, coef));
  }
  return sum;
}

/** The wide way: the same in float64 lanes, for tiles whose terms float32 cannot hold. `grad` 0: the sum alone. */
function sumWide<L extends Elementwise>(
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  a0: f64,
  b0: f64,
  coef0: f64,
): f64 {
  const a = f64x2.splat(a0);
  const b = f64x2.splat(b0);
  const coef = f64x2.splat(coef0);
  const lo = f32x4.splat(least);
  const end = pred + n * 4;
  let total = f64x2.splat(0);
  for (; pred < end; pred += 16, target += 16) {
    const p = v128.load(pred);
    const t = v128.load(target);
    const valid = f32x4.ge(t, lo);
    total = f64x2.add(total, v128.and(lowMask(valid), changetype<L>(0).value(low(p), low(t), a, b)));
    total = f64x2.add(total, v128.and(highMask(valid), changetype<L>(0).value(high(p), high(t), a, b)));
    if (grad) {
      const first = f64x2.mul(coef, changetype<L>(0).slope(low(p), low(t), a, b));
      const last = f64x2.mul(coef, changetype<L>(0).slope(high(p), high(t), a, b));
      v128.store(grad, gradient(valid, narrow(first, last)));
      grad += 16;
    }
  }
  return sumLanes(total);
}

/** Adds Σρ and the count of a tile to `record`, F in float32 and W in float64 being one loss; writes `grad` unless it is 0. */
function add<F extends Elementwise, W extends Elementwise>(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef: f64,
  record: Record,
): void {
  const least = job.tileMin;
  const count = record.count;
  const parts = record.sum(1);
  const sum = grad
    ? sumFast<F, bool>(pred, target, grad, n, least, job.a, job.b, coef, record)
    : sumFast<F, void>(pred, target, grad, n, least, job.a, job.b, coef, record);
  settle<W>(job, pred, target, grad, n, coef, record, sum, record.count - count, parts);
}

/** `add` for losses of elementary functions. */
function addElementary<F extends Elementary, W extends Elementwise>(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef: f64,
  record: Record,
): void {
  const least = job.tileMin;
  const count = record.count;
  const parts = record.sum(1);
  const sum = grad
    ? sumElementary<F, bool>(pred, target, grad, n, least, job.a, coef, record)
    : sumElementary<F, void>(pred, target, grad, n, least, job.a, coef, record);
  settle<W>(job, pred, target, grad, n, coef, record, sum, record.count - count, parts);
}

/** Adds `sum`, of `count` pixels, to `record` where it can be trusted, else the tile's sum in float64. */
function settle<W extends Elementwise>(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef: f64,
  record: Record,
  sum: f64,
  count: f64,
  partsBefore: f64,
): void {
  const fits = comfortable(job.a) && comfortable(job.b) && !(job.wide && coef != 0);
  if (!trusted(sum, count) || (count > 0 && !fits)) {
    record.add(1, partsBefore - record.sum(1)); // Nothing is lost from these.
    sum = sumWide<W>(pred, target, grad, n, job.tileMin, job.a, job.b, coef);
  } else if (grad && !comfortable(coef)) sumWide<W>(pred, target, grad, n, job.tileMin, job.a, job.b, coef);
  record.add(0, sum);
}

/** Adds the sum and the count of a tile to `record`; writes its gradient, `coef` · ρ′, unless `grad` is 0. */
export function elementwise(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef: f64,
  record: Record,
): void {
  switch (job.loss) {
    case Loss.Mae:
      return add<Mae<f32>, Mae<f64>>(job, pred, target, grad, n, coef, record);
    case Loss.Huber:
      return add<Huber<f32>, Huber<f64>>(job, pred, target, grad, n, coef, record);
    case Loss.Charbonnier:
      return add<Charbonnier<f32>, Charbonnier<f64>>(job, pred, target, grad, n, coef, record);
    case Loss.LogCosh:
      return addElementary<LogCosh<f32>, LogCosh<f64>>(job, pred, target, grad, n, coef, record);
    case Loss.Pinball:
      return add<Pinball<f32>, Pinball<f64>>(job, pred, target, grad, n, coef, record);
    case Loss.Bce:
      return addElementary<Bce<f32>, Bce<f64>>(job, pred, target, grad, n, coef, record);
    case Loss.BceWithLogits:
      return addElementary<BceWithLogits<f32>, BceWithLogits<f64>>(job, pred, target, grad, n, coef, record);
    case Loss.PoissonNLL:
      return addElementary<PoissonNLL<f32>, PoissonNLL<f64>>(job, pred, target, grad, n, coef, record);
    case Loss.PoissonNLLLog:
      return addElementary<PoissonNLLLog<f32>, PoissonNLLLog<f64>>(job, pred, target, grad, n, coef, record);
    default: // Mse and Rmse, its root
      return add<Mse<f32>, Mse<f64>>(job, pred, target, grad, n, coef, record);
  }
}
