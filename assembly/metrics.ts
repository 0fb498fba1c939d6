// The elementary functions that figures are made with from sums: none of the host's is used, since those differ from engine to engine.

import { log } from "./approx";
import { atan2Scalar } from "./moments/vectorAngle";

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
