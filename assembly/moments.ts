// Moment losses: functions of a few sums over the valid pixels of a group. Products of float32 are exact in float64, so a
// sum's only error is that of its own additions. Their gradients are linear in p and t, with coefficients known once the
// sums are:
//
//     grad ← A·p + B·t + C at valid pixels, +0 elsewhere
//
// One body serves every triple of sums M over a tile: planar float32, or uint16 as they lie, a multiple of STEP pixels long. Of digital
// numbers (D = bool) the terms are those of v + zero, which is exact where offset / scale is a whole number, and the sums are brought to
// values afterwards: that leaves the angle, which knows no unit, without a rounding.

import { Job, Loss, Reading, Record } from "./job";
import { countLanes, highMask, lowMask, narrow, sumLanes } from "./lanes";
import { Pass } from "./pass";
import { atLeast, highNumbers, leastOf, lowNumbers, stored4 } from "./stored";

/** Three terms of a pixel that are summed together, in f64x2; `x` is a parameter in both lanes. */
@unmanaged
abstract class Moments {
  abstract first(p: v128, t: v128, x: v128): v128;
  abstract second(p: v128, t: v128, x: v128): v128;
  abstract third(p: v128, t: v128, x: v128): v128;
}

// Σp², Σt², Σpt of the angle between p and t.
@unmanaged
@final
class Products extends Moments {
  @inline
  first(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(p, p);
  }

  @inline
  second(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(t, t);
  }

  @inline
  third(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(p, t);
  }
}

// Σp², Σr², Σpr with r = t − x·p: the same after most of t's part along p has been taken away, so that nothing is left to
// cancel in the angle of vectors that are all but parallel. x has 24 bits: x·p is exact.
@unmanaged
@final
class ResidualProducts extends Moments {
  @inline
  first(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(p, p);
  }

  @inline
  second(p: v128, t: v128, x: v128): v128 {
    const r = f64x2.sub(t, f64x2.mul(x, p));
    return f64x2.mul(r, r);
  }

  @inline
  third(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(p, f64x2.sub(t, f64x2.mul(x, p)));
  }
}

// Σ(p + t), the overlap Σpt, and what is left beside it: Σ(p + t − 2pt) = Σ(p(1 − t) + t(1 − p)). Of numbers from 0 to 1 no part of
// that is below 0, so that little is not lost where all else overlaps. x is 1, in the unit of p and t.
@unmanaged
@final
class Overlap extends Moments {
  @inline
  first(p: v128, t: v128, x: v128): v128 {
    return f64x2.add(p, t);
  }

  @inline
  second(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(p, t);
  }

  @inline
  third(p: v128, t: v128, x: v128): v128 {
    return f64x2.add(f64x2.mul(p, f64x2.sub(x, t)), f64x2.mul(t, f64x2.sub(x, p)));
  }
}

/** Adds the three sums of M over a tile, the first times `factor`, the others times its square, and the count to `record`. */
function sumAs<M extends Moments, S extends number, D>(
  pred: usize,
  target: usize,
  n: u32,
  least: f32,
  x0: f64,
  zero0: f64,
  factor: f64,
  record: Record,
): void {
  const zero = f64x2.splat(zero0);
  const x = f64x2.splat(x0);
  const lo = leastOf<S>(least);
  const step: usize = 4 * sizeof<S>();
  const end = pred + n * sizeof<S>();
  let count = i32x4.splat(0);
  let first0 = f64x2.splat(0);
  let first1 = f64x2.splat(0);
  let second0 = f64x2.splat(0);
  let second1 = f64x2.splat(0);
  let third0 = f64x2.splat(0);
  let third1 = f64x2.splat(0);
  do {
    const stored = stored4<S>(target);
    const valid = atLeast<S>(stored, lo);
    // Selected before the products: what is not valid counts as zero in each of them.
    const p = v128.and(valid, stored4<S>(pred));
    const t = v128.and(valid, stored);
    let p0 = lowNumbers<S>(p);
    let p1 = highNumbers<S>(p);
    let t0 = lowNumbers<S>(t);
    let t1 = highNumbers<S>(t);
    if (!isVoid<D>()) {
      const zero0 = v128.and(lowMask(valid), zero);
      const zero1 = v128.and(highMask(valid), zero);
      p0 = f64x2.add(p0, zero0);
      p1 = f64x2.add(p1, zero1);
      t0 = f64x2.add(t0, zero0);
      t1 = f64x2.add(t1, zero1);
    }
    count = i32x4.sub(count, valid);
    first0 = f64x2.add(first0, changetype<M>(0).first(p0, t0, x));
    first1 = f64x2.add(first1, changetype<M>(0).first(p1, t1, x));
    second0 = f64x2.add(second0, changetype<M>(0).second(p0, t0, x));
    second1 = f64x2.add(second1, changetype<M>(0).second(p1, t1, x));
    third0 = f64x2.add(third0, changetype<M>(0).third(p0, t0, x));
    third1 = f64x2.add(third1, changetype<M>(0).third(p1, t1, x));
    pred += step;
    target += step;
  } while (pred < end);
  const square = factor * factor;
  record.add(0, sumLanes(f64x2.add(first0, first1)) * factor);
  record.add(1, sumLanes(f64x2.add(second0, second1)) * square);
  record.add(2, sumLanes(f64x2.add(third0, third1)) * square);
  record.count += <f64>countLanes(count);
}

/** `sumAs` for pixels as they are to be read. */
function sum<M extends Moments>(
  job: Job,
  reading: Reading,
  pred: usize,
  target: usize,
  n: u32,
  least: f32,
  x: f64,
  factor: f64,
  record: Record,
): void {
  const zero = job.zero;
  if (reading == Reading.Uint16) sumAs<M, u16, bool>(pred, target, n, least, x, zero, factor, record);
  else if (reading == Reading.Numbers) sumAs<M, f32, bool>(pred, target, n, least, x, zero, factor, record);
  else sumAs<M, f32, void>(pred, target, n, least, x, 0, factor, record);
}

/**
 * Adds the sums of a moment loss over a tile to `record`; in the residual's pass those of the angle once more, after t has been freed
 * of `x` · p. The angle's are sums of v + zero, in the unit of digital numbers.
 */
export function momentSums(
  job: Job,
  reading: Reading,
  pred: usize,
  target: usize,
  n: u32,
  least: f32,
  x: f64,
  record: Record,
): void {
  if (job.loss == Loss.Dice) sum<Overlap>(job, reading, pred, target, n, least, 1 / job.unit, job.unit, record);
  else if (job.pass == Pass.Residual) sum<ResidualProducts>(job, reading, pred, target, n, least, x, 1, record);
  else sum<Products>(job, reading, pred, target, n, least, 0, 1, record);
}

function gradientAs<S extends number>(
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  a0: f64,
  b0: f64,
  c0: f64,
): void {
  const a = f64x2.splat(a0);
  const b = f64x2.splat(b0);
  const c = f64x2.splat(c0);
  const lo = leastOf<S>(least);
  const step: usize = 4 * sizeof<S>();
  const end = pred + n * sizeof<S>();
  do {
    const p = stored4<S>(pred);
    const t = stored4<S>(target);
    const first = f64x2.add(f64x2.add(f64x2.mul(a, lowNumbers<S>(p)), f64x2.mul(b, lowNumbers<S>(t))), c);
    const last = f64x2.add(f64x2.add(f64x2.mul(a, highNumbers<S>(p)), f64x2.mul(b, highNumbers<S>(t))), c);
    v128.store(grad, v128.and(atLeast<S>(t, lo), narrow(first, last)));
    pred += step;
    target += step;
    grad += 16;
  } while (pred < end);
}

/**
 * grad ← A·p + B·t + C over a tile, in float64: A·p and B·t all but cancel where the vectors are nearly parallel. The coefficients are
 * those of digital numbers where p and t are such, see `coefficients`.
 */
export function momentGradient(
  reading: Reading,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  a: f64,
  b: f64,
  c: f64,
): void {
  if (reading == Reading.Uint16) gradientAs<u16>(pred, target, grad, n, least, a, b, c);
  else gradientAs<f32>(pred, target, grad, n, least, a, b, c);
}
