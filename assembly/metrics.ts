// The elementary functions that the metrics need, so that none of the host's is used: those differ from engine to engine.

import { log } from "./approx";
import { angle } from "./weights";

const LN10: f64 = 2.302585092994046;

/** 20·log10(ratio): +Infinity for an infinite ratio. */
export function decibels(ratio: f64): f64 {
  return (20 * f64x2.extract_lane(log<f64>(f64x2.splat(ratio)), 0)) / LN10;
}

/**
 * Angle between p and t from Σp², Σt², Σd² and Σpd, where d = p − t: |p|²|d|² − (p·d)² is |p|²|t|² sin²θ as well, and loses nothing
 * where p is close to t.
 */
export function bandAngle(pp: f64, tt: f64, dd: f64, pd: f64): f64 {
  return angle(pp, dd, -pd, 1, tt == 0);
}
