// The sums that the metrics of a band are made of, and how two sets of them become one. d = pred − target.

import { Job, MassSum, Sums } from "./job";
import { low, lowMask, sumLanes } from "./lanes";
import { joinedM2, round24, m2Of } from "./squaredDeviations";

/** What stands where in the sums of a band; their count is that of the valid pixels. */
export enum Sum {
  /** Σ|d|, which a pixel's mass multiplies as it does all that follows */
  AbsError,
  /** Σd, and M2 of d. */
  Error,
  ErrorM2,
  /** Σt, and M2 of t. */
  Target,
  TargetM2,
  /** Σp², Σpt and Σ(t − α·p)²: weight, sum and M2 of the band's angle. */
  Squares,
  Products,
  Residual,
  /** Σ (1 − SSIM), and the centres that count. */
  Dssim,
  Centres,
  /** ΣQ, and the windows that count. */
  Uqi,
  Windows,
  /** In the sums of the first band: Σ of the spectral angles, and the pixels that have one. */
  Angle,
  Spectra,
}

/** Where, behind the sums of a row, d0, t0 and α stand. */
const CENTRES: usize = 80;

/**
 * Over the n > 0 pixels of a row that are valid, at `to`, in the unit of digital numbers, with e = d − d0, u = t − t0, r = t − α·p:
 *
 *     how many   Σ|d|   Σp²   Σe   Σe²   Σu   Σu²   Σpr   Σr²   Σm
 *
 * each term times its mass m, 1 where there are none, W = void.
 */
function rowSums<W>(job: Job, pred: usize, target: usize, mass: usize, n: i32, to: usize): void {
  const lo = f32x4.splat(job.tileMin);
  const zero = f64x2.splat(job.zero);
  const errorMean = v128.load64_splat(to, CENTRES);
  const targetMean = v128.load64_splat(to, CENTRES + 8);
  const slope = v128.load64_splat(to, CENTRES + 16);
  let count = i64x2.splat(0);
  let absError = f64x2.splat(0);
  let squares = absError;
  let e1 = absError;
  let e2 = absError;
  let u1 = absError;
  let u2 = absError;
  let pr = absError;
  let rr = absError;
  let mm = absError;
  let i = 0;
  do {
    const raw = v128.load64_zero(target + (i << 2));
    let valid = f32x4.ge(raw, lo);
    if (i + 1 == n) valid = i32x4.replace_lane(valid, 1, 0);
    // Selected before anything is made of them: what is not valid counts as zero.
    const mask = lowMask(valid);
    const p = v128.and(f64x2.add(low(v128.load64_zero(pred + (i << 2))), zero), mask);
    const t = v128.and(f64x2.add(low(raw), zero), mask);
    const d = f64x2.sub(p, t);
    const e = v128.and(f64x2.sub(d, errorMean), mask);
    const u = v128.and(f64x2.sub(t, targetMean), mask);
    const r = f64x2.sub(t, f64x2.mul(slope, p));
    const m = isVoid<W>() ? mask : v128.and(low(v128.load64_zero(mass + (i << 2))), mask);
    count = i64x2.sub(count, mask);
    absError = f64x2.add(absError, weighed<W>(f64x2.abs(d), m));
    squares = f64x2.add(squares, weighed<W>(f64x2.mul(p, p), m));
    e1 = f64x2.add(e1, weighed<W>(e, m));
    e2 = f64x2.add(e2, weighed<W>(f64x2.mul(e, e), m));
    u1 = f64x2.add(u1, weighed<W>(u, m));
    u2 = f64x2.add(u2, weighed<W>(f64x2.mul(u, u), m));
    pr = f64x2.add(pr, weighed<W>(f64x2.mul(p, r), m));
    rr = f64x2.add(rr, weighed<W>(f64x2.mul(r, r), m));
    if (!isVoid<W>()) mm = f64x2.add(mm, m);
    i += 2;
  } while (i < n);
  store<f64>(to, <f64>(i64x2.extract_lane(count, 0) + i64x2.extract_lane(count, 1)));
  store<f64>(to, sumLanes(absError), 8);
  store<f64>(to, sumLanes(squares), 16);
  store<f64>(to, sumLanes(e1), 24);
  store<f64>(to, sumLanes(e2), 32);
  store<f64>(to, sumLanes(u1), 40);
  store<f64>(to, sumLanes(u2), 48);
  store<f64>(to, sumLanes(pr), 56);
  store<f64>(to, sumLanes(rr), 64);
  store<f64>(to, sumLanes(mm), 72);
}

function setCentres(to: usize, d0: f64, t0: f64, alpha: f64): void {
  store<f64>(to, d0, CENTRES);
  store<f64>(to, t0, CENTRES + 8);
  store<f64>(to, alpha, CENTRES + 16);
}

function weighed<W>(x: v128, m: v128): v128 {
  return isVoid<W>() ? x : f64x2.mul(x, m);
}

/**
 * Adds the pixels of a row of `n` that are valid to `sums`. Means come first, deviations from them second: the corrected
 * two-pass algorithm (Chan, Golub & LeVeque 1983), whose squares have nothing left to cancel. Works in thirteen f64 of scratch.
 */
export function addRow(job: Job, pred: usize, target: usize, mass: usize, n: i32, scratch: usize, sums: Sums): void {
  if (n <= 0) return;
  if (mass) addRowAs<bool>(job, pred, target, mass, n, scratch, sums);
  else addRowAs<void>(job, pred, target, 0, n, scratch, sums);
}

function addRowAs<W>(job: Job, pred: usize, target: usize, mass: usize, n: i32, scratch: usize, sums: Sums): void {
  setCentres(scratch, 0, 0, 0);
  rowSums<W>(job, pred, target, mass, n, scratch);
  const count = load<f64>(scratch);
  if (count == 0) return;
  const weight = isVoid<W>() ? count : load<f64>(scratch, 72);
  const squares = load<f64>(scratch, 16);
  const error = load<f64>(scratch, 24);
  const level = load<f64>(scratch, 40);
  const products = load<f64>(scratch, 56);
  const slope = squares == 0 ? 0 : round24(products / squares);
  setCentres(scratch, round24(error / weight), round24(level / weight), slope);
  rowSums<W>(job, pred, target, mass, n, scratch);
  const unit = job.unit;
  const area = unit * unit;
  const before = job.massOf(sums);
  join(sums, Sum.Error, before, weight, unit * error, area * m2At(weight, scratch + 24));
  join(sums, Sum.Target, before, weight, unit * level, area * m2At(weight, scratch + 40));
  const residual = area * m2At(squares, scratch + 56);
  join(sums, Sum.Products, sums.sum(Sum.Squares), area * squares, area * products, residual);
  sums.add(Sum.Squares, area * squares);
  sums.add(Sum.AbsError, Math.abs(unit) * load<f64>(scratch, 8));
  sums.count += count;
  if (!isVoid<W>()) sums.add(MassSum.Mass, weight);
}

/** M2 of values of this total weight: at `sums` stand the sums of their deviations from a number near the mean, and of the squares. */
function m2At(weight: f64, sums: usize): f64 {
  return m2Of(weight, load<f64>(sums), load<f64>(sums, 8));
}

/** Adds a set of values to the one whose weight is `weight` and whose sum and M2 stand at k and k + 1. */
function join(sums: Sums, k: u32, weight: f64, otherWeight: f64, sum: f64, m2: f64): void {
  sums.set(k + 1, joinedM2(weight, sums.sum(k), sums.sum(k + 1), otherWeight, sum, m2));
  sums.add(k, sum);
}

/** Adds the sums of `other` to `sums`. */
export function addBandSums(job: Job, sums: Sums, other: Sums): void {
  const before = job.massOf(sums);
  const weight = job.massOf(other);
  join(sums, Sum.Error, before, weight, other.sum(Sum.Error), other.sum(Sum.ErrorM2));
  join(sums, Sum.Target, before, weight, other.sum(Sum.Target), other.sum(Sum.TargetM2));
  const squares = other.sum(Sum.Squares);
  join(sums, Sum.Products, sums.sum(Sum.Squares), squares, other.sum(Sum.Products), other.sum(Sum.Residual));
  sums.add(Sum.Squares, squares);
  sums.add(Sum.AbsError, other.sum(Sum.AbsError));
  for (let k: u32 = Sum.Dssim; k <= <u32>Sum.Spectra; k++) sums.add(k, other.sum(k));
  sums.count += other.count;
  sums.add(MassSum.Mass, other.sum(MassSum.Mass));
  sums.add(MassSum.Total, other.sum(MassSum.Total));
}
