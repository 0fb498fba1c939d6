// The parts of the metrics that are more than sums of the losses' kind, and the elementary functions that they need: none of the
// host's is used, since those differ from engine to engine.

import { log } from "./approx";
import { high, highMask, low, lowMask, sumLanes } from "./lanes";
import { atan2Scalar } from "./weights";

const LN10: f64 = 2.302585092994046;
const HALF_PI: f64 = 1.5707963267948966;

/** 20·log10(ratio): +Infinity for an infinite ratio. */
export function decibels(ratio: f64): f64 {
  return (20 * f64x2.extract_lane(log<f64>(f64x2.splat(ratio)), 0)) / LN10;
}

/** Angle between p and t from Σp², Σpt and Σ(t − α·p)², α = Σpt / Σp² (0 for p = 0): √(Σp² · Σ(t − α·p)²) is |p||t| sin θ. */
export function bandAngle(pp: f64, pt: f64, residual: f64): f64 {
  const zeroPred = pp == 0;
  const zeroTarget = residual == 0 && pt == 0;
  if (zeroPred || zeroTarget) return zeroPred && zeroTarget ? 0 : HALF_PI;
  return atan2Scalar(Math.sqrt(pp * residual), pt);
}

/** x to 24 bits, as many as float32 has: a constant image's mean is then that constant, and a multiple of a pixel is exact. */
function round24(x: f64): f64 {
  return reinterpret<f64>((reinterpret<u64>(x) + 0x10000000) & ~0x1fffffff);
}

/**
 * Adds to the six f64 at `sums`, over the n pixels (a multiple of 4) whose target is not NaN, with d = pred − target:
 *
 *     Σ(d − d0)   Σ(d − d0)²   Σ(t − t0)   Σ(t − t0)²   Σ p·r   Σ r²      r = t − α·p
 *
 * where d0, t0 and α, means from a pass before, are used to 24 bits. Squares of deviations have nothing left to cancel: the
 * second pass of the corrected two-pass algorithm (Chan, Golub & LeVeque 1983).
 */
export function deviations(pred: usize, target: usize, n: u32, d0: f64, t0: f64, alpha: f64, sums: usize): void {
  const end = pred + n * 4;
  const errorMean = f64x2.splat(round24(d0));
  const targetMean = f64x2.splat(round24(t0));
  const slope = f64x2.splat(round24(alpha));
  let d1 = f64x2.splat(0);
  let d2 = d1;
  let t1 = d1;
  let t2 = d1;
  let pr = d1;
  let rr = d1;
  for (; pred < end; pred += 16, target += 16) {
    const stored = v128.load(target);
    const valid = f32x4.eq(stored, stored);
    const p4 = v128.and(v128.load(pred), valid);
    const t4 = v128.and(stored, valid);
    for (let half = 0; half < 2; half++) {
      const mask = half ? highMask(valid) : lowMask(valid);
      const p = half ? high(p4) : low(p4);
      const t = half ? high(t4) : low(t4);
      const d = v128.and(f64x2.sub(f64x2.sub(p, t), errorMean), mask);
      const e = v128.and(f64x2.sub(t, targetMean), mask);
      const r = f64x2.sub(t, f64x2.mul(slope, p));
      d1 = f64x2.add(d1, d);
      d2 = f64x2.add(d2, f64x2.mul(d, d));
      t1 = f64x2.add(t1, e);
      t2 = f64x2.add(t2, f64x2.mul(e, e));
      pr = f64x2.add(pr, f64x2.mul(p, r));
      rr = f64x2.add(rr, f64x2.mul(r, r));
    }
  }
  accumulate(sums, d1);
  accumulate(sums + 8, d2);
  accumulate(sums + 16, t1);
  accumulate(sums + 24, t2);
  accumulate(sums + 32, pr);
  accumulate(sums + 40, rr);
}

function accumulate(at: usize, sum: v128): void {
  store<f64>(at, load<f64>(at) + sumLanes(sum));
}
