// Moment losses: functions of a few sums over the valid pixels of a group. Products of float32 are exact in float64, so a
// sum's only error is that of its own additions. Their gradients are linear in p and t, with coefficients known once the
// sums are:
//
//     grad ← A·p + B·t + C at valid pixels, +0 elsewhere
//
// Where pixels have masses, a sum's terms and the gradient are multiplied by them.
//
// One body serves every triple of sums M over a tile: planar float32, or uint16 as they lie, with masses (W = bool) or without. Of digital numbers (D = bool) the terms
// are those of v + zero, which is exact where offset / scale is a whole number. The sums are scaled afterwards, but for those of an
// angle, which knows no unit and so is left without a rounding.

import { Job } from "../job";
import { countLanes, high, highMask, low, lowMask, narrow, sumLanes } from "../lanes";
import { atLeast, highNumbers, leastOf, lowNumbers, raw4 } from "../storage";
import { Reading, Tile } from "../tile";

/** Three terms of a pixel that are summed together, in f64x2; `x` is a parameter in both lanes. */
@unmanaged
export abstract class Moments {
  abstract first(p: v128, t: v128, x: v128): v128;
  abstract second(p: v128, t: v128, x: v128): v128;
  abstract third(p: v128, t: v128, x: v128): v128;
}

/** The masses of four pixels, where they have any. */
function massesAt<W>(mass: usize): v128 {
  return isVoid<W>() ? f32x4.splat(1) : v128.load(mass);
}

function weighed<W>(x: v128, m: v128): v128 {
  return isVoid<W>() ? x : f64x2.mul(x, m);
}

/** Adds the three sums of M over a tile, the first times `factor`, the others times its square, and the count to the tile's sums. */
function sumAs<M extends Moments, S extends number, D, W>(tile: Tile, x0: f64, zero0: f64, factor: f64): void {
  const zero = f64x2.splat(zero0);
  const x = f64x2.splat(x0);
  const lo = leastOf<S>(tile.least);
  const step: usize = 4 * sizeof<S>();
  let pred = tile.pred;
  let target = tile.target;
  let mass = tile.mass;
  const end = pred + tile.n * sizeof<S>();
  let count = i32x4.splat(0);
  let first0 = f64x2.splat(0);
  let first1 = f64x2.splat(0);
  let second0 = f64x2.splat(0);
  let second1 = f64x2.splat(0);
  let third0 = f64x2.splat(0);
  let third1 = f64x2.splat(0);
  do {
    const raw = raw4<S>(target);
    const valid = atLeast<S>(raw, lo);
    // Selected before the products: what is not valid counts as zero in each of them.
    const p = v128.and(valid, raw4<S>(pred));
    const t = v128.and(valid, raw);
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
    const m = massesAt<W>(mass);
    const m0 = low(m);
    const m1 = high(m);
    first0 = f64x2.add(first0, weighed<W>(changetype<M>(0).first(p0, t0, x), m0));
    first1 = f64x2.add(first1, weighed<W>(changetype<M>(0).first(p1, t1, x), m1));
    second0 = f64x2.add(second0, weighed<W>(changetype<M>(0).second(p0, t0, x), m0));
    second1 = f64x2.add(second1, weighed<W>(changetype<M>(0).second(p1, t1, x), m1));
    third0 = f64x2.add(third0, weighed<W>(changetype<M>(0).third(p0, t0, x), m0));
    third1 = f64x2.add(third1, weighed<W>(changetype<M>(0).third(p1, t1, x), m1));
    pred += step;
    target += step;
    if (!isVoid<W>()) mass += 16;
  } while (pred < end);
  const square = factor * factor;
  const sums = tile.sums;
  sums.add(0, sumLanes(f64x2.add(first0, first1)) * factor);
  sums.add(1, sumLanes(f64x2.add(second0, second1)) * square);
  sums.add(2, sumLanes(f64x2.add(third0, third1)) * square);
  sums.count += <f64>countLanes(count);
}

/** Adds the three sums of M over a tile to its sums; `x` and `factor` as `sumAs` has them. */
export function momentSums<M extends Moments>(job: Job, tile: Tile, x: f64, factor: f64): void {
  const zero = tile.reading == Reading.Values ? -0.0 : job.zero;
  if (tile.mass) sumAs<M, f32, bool, bool>(tile, x, zero, factor);
  else if (tile.reading == Reading.Uint16) sumAs<M, u16, bool, void>(tile, x, zero, factor);
  else if (tile.reading == Reading.Numbers) sumAs<M, f32, bool, void>(tile, x, zero, factor);
  else sumAs<M, f32, void, void>(tile, x, zero, factor);
}

function gradientAs<S extends number, W>(tile: Tile): void {
  const a = f64x2.splat(tile.coefficient(0));
  const b = f64x2.splat(tile.coefficient(1));
  const c = f64x2.splat(tile.coefficient(2));
  const lo = leastOf<S>(tile.least);
  const step: usize = 4 * sizeof<S>();
  let pred = tile.pred;
  let target = tile.target;
  let mass = tile.mass;
  let grad = tile.grad;
  const end = pred + tile.n * sizeof<S>();
  do {
    const p = raw4<S>(pred);
    const t = raw4<S>(target);
    const first = f64x2.add(f64x2.add(f64x2.mul(a, lowNumbers<S>(p)), f64x2.mul(b, lowNumbers<S>(t))), c);
    const last = f64x2.add(f64x2.add(f64x2.mul(a, highNumbers<S>(p)), f64x2.mul(b, highNumbers<S>(t))), c);
    const m = massesAt<W>(mass);
    v128.store(grad, v128.and(atLeast<S>(t, lo), narrow(weighed<W>(first, low(m)), weighed<W>(last, high(m)))));
    if (!isVoid<W>()) mass += 16;
    pred += step;
    target += step;
    grad += 16;
  } while (pred < end);
}

/**
 * grad ← A·p + B·t + C over a tile, in float64: A·p and B·t all but cancel where the vectors are nearly parallel. Where p and t are
 * digital numbers the coefficients are those of these, see `setLinear`.
 */
export function momentGradient(tile: Tile): void {
  if (tile.reading == Reading.Uint16) gradientAs<u16, void>(tile);
  else if (tile.mass) gradientAs<f32, bool>(tile);
  else gradientAs<f32, void>(tile);
}

/** Sets the coefficients of a group, A·p + B·t + C in values: of digital numbers p = unit · (P + zero), t likewise. */
export function setLinear(job: Job, group: u32, a: f64, b: f64, c: f64): void {
  if (job.dn) {
    a *= job.unit;
    b *= job.unit;
    c += (a + b) * job.zero;
  }
  job.setCoefficient(group, 0, a);
  job.setCoefficient(group, 1, b);
  job.setCoefficient(group, 2, c);
}
