// From the sums of each group to its loss and weight, from these to the value, and back to the coefficients of each group's
// gradient. Everything here is once per group.
//
//     L_g = loss of the group          w_g = r^power, r = count / total;  a group without valid pixels has L = w = 0
//     numerator = Σ w·L                weightSum = Σ w
//     mean:  value = numerator / N     ∂value/∂L_g = w_g / N       N = normalizer where given, else weightSum; 0 where N = 0
//     sum:   value = numerator         ∂value/∂L_g = w_g
//     none:  value_g = w_g·L_g         ∂value_g/∂L_g = w_g

import { atan2, pow } from "./approx";
import { COEFFICIENTS, Job, Loss, RECORD, Record } from "./job";
import { ENOUGH } from "./lanes";

export enum Reduction {
  Mean,
  Sum,
  None,
}

/** N² below this share of Σp²·Σt² has lost too many digits to cancellation: the residual's sums are asked for. */
const SMALL_ANGLE: f64 = 1e-6;

/** N² below this share of Σp²·Σr² is rounding: the vectors are parallel. */
const PARALLEL: f64 = 5.7e-14;

const HALF_PI: f64 = 1.5707963267948966;

function recordOf(job: Job, group: u32): Record {
  return changetype<Record>(job.records + group * RECORD);
}

/** Clears the records and the coefficients of all groups. */
export function clearGroups(job: Job): void {
  memory.fill(job.records, 0, job.groups * RECORD);
  memory.fill(job.coefficients, 0, job.groups * COEFFICIENTS * 8);
}

/** Clears the records alone, before sums are gathered once more. */
export function clearRecords(job: Job): void {
  memory.fill(job.records, 0, job.groups * RECORD);
}

/** Whether a group has a loss: a valid pixel, and for SSIM a centre that counts. */
function counts(job: Job, record: Record): bool {
  return record.count > 0 && (job.loss != Loss.Ssim || record.sum(1) > 0);
}

/** Weights of all groups from their counts, and their sum. */
export function weigh(job: Job): void {
  let weightSum = 0.0;
  for (let g: u32 = 0; g < job.groups; g++) {
    const record = recordOf(job, g);
    const weight = counts(job, record) ? pow(record.count / job.total, job.power) : 0;
    store<f64>(job.weights + g * 8, weight);
    weightSum += weight;
  }
  job.weightSum = weightSum;
}

// The angle between p and t from Σp², Σr² and Σrp, where r = t − α·p:
//
//     N = √(Σp²·Σr² − (Σrp)²) = |p||t| sin θ        α·Σp² + Σrp = |p||t| cos θ

/** N², 0 where it is rounding alone. */
export function gram(pp: f64, rr: f64, rp: f64): f64 {
  const product = pp * rr;
  const nn = product - rp * rp;
  return nn <= PARALLEL * product ? 0 : nn;
}

export function atan2Scalar(y: f64, x: f64): f64 {
  return f64x2.extract_lane(atan2<f64>(f64x2.splat(y), f64x2.splat(x)), 0);
}

/** θ in radians; 0 where both vectors are zero, π/2 where one is. `zeroTarget` tells whether t is zero. */
export function angle(pp: f64, rr: f64, rp: f64, alpha: f64, zeroTarget: bool): f64 {
  // Squares of float32 never reach Infinity: p has NaN or Infinity, at no angle to anything.
  if (!(pp < Infinity)) return NaN;
  const zeroPred = pp == 0;
  if (zeroPred || zeroTarget) return zeroPred && zeroTarget ? 0 : HALF_PI;
  return atan2Scalar(Math.sqrt(gram(pp, rr, rp)), alpha * pp + rp);
}

/**
 * Marks the groups whose vectors are so nearly parallel that their angle needs the sums of the residual t − α·p: writes their α,
 * cut to 24 bits so that α·p is exact, as first coefficient. Returns whether there is any.
 */
export function needsResidual(job: Job): bool {
  let any = false;
  for (let g: u32 = 0; g < job.groups; g++) {
    const record = recordOf(job, g);
    const pp = record.sum(0);
    const tt = record.sum(1);
    const pt = record.sum(2);
    if (pp > 0 && tt > 0 && pp * tt - pt * pt < SMALL_ANGLE * pp * tt) {
      job.setCoefficient(g, 0, reinterpret<f64>(reinterpret<u64>(pt / pp) & ~0x1fffffff));
      any = true;
    }
  }
  return any;
}

/**
 * Whether groups of an elementwise loss are left with too few digits by tiles that cancel, each of them right; marks these, by
 * their second coefficient, to be summed in float64.
 */
export function cancelled(job: Job): bool {
  let any = false;
  for (let g: u32 = 0; g < job.groups; g++) {
    const record = recordOf(job, g);
    const wide = Math.abs(record.sum(0)) < ENOUGH * record.sum(1);
    job.setCoefficient(g, 1, wide ? 1 : 0);
    any = any || wide;
  }
  return any;
}

/** Whether Σ w·L is left with too few digits by groups that cancel; marks them all then. */
export function numeratorCancelled(job: Job): bool {
  let parts = 0.0;
  for (let g: u32 = 0; g < job.groups; g++) {
    const record = recordOf(job, g);
    if (record.count > 0) parts += (load<f64>(job.weights + g * 8) * record.sum(1)) / record.count;
  }
  if (Math.abs(job.numerator) >= ENOUGH * parts * job.scale) return false;
  for (let g: u32 = 0; g < job.groups; g++) job.setCoefficient(g, 1, 1);
  return true;
}

/** Losses of all groups from their sums, and Σ w·L. The losses of a custom loss stand there already. */
export function finish(job: Job): void {
  let numerator = 0.0;
  for (let g: u32 = 0; g < job.groups; g++) {
    const record = recordOf(job, g);
    const at = job.losses + g * 8;
    if (counts(job, record)) {
      const mean = record.sum(0) / record.count;
      let loss = mean * job.scale;
      if (job.loss == Loss.Custom) loss = load<f64>(at);
      else if (job.loss == Loss.Rmse) loss = Math.sqrt(mean);
      else if (job.loss == Loss.Ssim) loss = record.sum(0) / record.sum(1);
      else if (job.loss == Loss.Dice) {
        // 1 − (2Σpt + s) / (Σp + Σt + s), written without the subtraction from 1
        const size = record.sum(0) + job.a;
        loss = size == 0 ? 0 : record.sum(2) / size;
      } else if (job.loss == Loss.VectorAngle) {
        const alpha = job.coefficient(g, 0);
        loss = angle(record.sum(0), record.sum(1), record.sum(2), alpha, alpha == 0 && record.sum(1) == 0);
      }
      store<f64>(at, loss);
      numerator += load<f64>(job.weights + g * 8) * loss;
    } else store<f64>(at, 0);
  }
  job.numerator = numerator;
}

/** ∂value / ∂L_g, times the upstream gradient. */
function share(job: Job, reduction: Reduction, g: u32): f64 {
  const weight = load<f64>(job.weights + g * 8);
  const upstream = load<f64>(job.gradOutputs + (reduction == Reduction.None ? <usize>g * 8 : 0));
  if (weight == 0) return 0;
  return reduction == Reduction.Mean ? (upstream * weight) / divisor(job) : upstream * weight;
}

/** What a mean divides by: the caller's normalizer where there is one (it is NaN otherwise). */
function divisor(job: Job): f64 {
  return isNaN(job.normalizer) ? job.weightSum : job.normalizer;
}

/** The coefficients of each group's gradient kernel. Losses that depend on their sums need `finish` to have run. */
export function coefficients(job: Job, reduction: Reduction): void {
  for (let g: u32 = 0; g < job.groups; g++) {
    const record = recordOf(job, g);
    const outer = share(job, reduction, g);
    const loss = load<f64>(job.losses + g * 8);
    let a = 0.0;
    let b = 0.0;
    let c = 0.0;
    if (outer == 0) {
      // Skipped, or nothing comes from upstream.
    } else if (job.loss == Loss.Custom) a = outer;
    else if (job.loss == Loss.Ssim) a = outer / record.sum(1);
    else if (job.loss == Loss.Rmse) {
      // ∂√(mean d²) = d / (n·L)
      a = loss == 0 ? 0 : outer / (record.count * loss);
    } else if (job.loss == Loss.Dice) {
      // ∂L/∂p = (2Σpt + s) / (Σp + Σt + s)² − 2t / (Σp + Σt + s)
      const size = record.sum(0) + job.a;
      if (size != 0) {
        b = (-2 * outer) / size;
        c = (outer * (2 * record.sum(1) + job.a)) / size / size;
      }
    } else if (job.loss == Loss.VectorAngle) {
      // ∂θ/∂p = −(t − α′·p) / N, where α′ = Σpt / Σp²; N is in the unit of digital numbers.
      const pp = record.sum(0);
      const rp = record.sum(2);
      const nn = gram(pp, record.sum(1), rp);
      if (nn > 0) {
        b = -outer / Math.sqrt(nn) / (job.unit * job.unit);
        a = -b * (job.coefficient(g, 0) + rp / pp);
      }
    } else {
      a = (outer * job.scale * slopeFactor(job.loss)) / record.count;
      if (job.loss == Loss.Sam) a /= job.unit;
    }
    if (job.dn && (job.loss == Loss.VectorAngle || job.loss == Loss.Dice)) {
      // A·p + B·t + C of p = unit · (P + zero), from P and T
      a *= job.unit;
      b *= job.unit;
      c += (a + b) * job.zero;
    }
    job.setCoefficient(g, 0, a);
    job.setCoefficient(g, 1, b);
    job.setCoefficient(g, 2, c);
  }
}

/** What ρ′ of a loss is beside its kernel's slope. */
function slopeFactor(loss: Loss): f64 {
  return loss == Loss.Mse || loss == Loss.Huber ? 2 : 1;
}

/** The value of the reductions that give one number. */
export function value(job: Job, reduction: Reduction): f64 {
  if (reduction == Reduction.Sum) return job.numerator;
  return job.weightSum == 0 ? 0 : job.numerator / divisor(job);
}

/** w·L of all groups, over their losses' place at `to`. */
export function weightedLosses(job: Job, to: usize): void {
  for (let g: u32 = 0; g < job.groups; g++) {
    store<f64>(to + g * 8, load<f64>(job.weights + g * 8) * load<f64>(job.losses + g * 8));
  }
}
