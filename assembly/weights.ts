// From the sums of each group to its loss and weight, from these to the value, and back to the coefficients of each group's
// gradient. Everything here is once per group.
//
//     L_g = loss of the group          w_g = r^power, r = Σm / Σ_all a;  a group without valid pixels has L = w = 0
//     numerator = Σ w·L                weightSum = Σ w      exact sums, rounded once: whole samples add up the same in any order
//     mean:  value = numerator / N     ∂value/∂L_g = w_g / N       N = normalizer where given, else weightSum; 0 where N = 0
//     sum:   value = numerator         ∂value/∂L_g = w_g
//     none:  value_g = w_g·L_g         ∂value_g/∂L_g = w_g

import { pow } from "./approx";
import { addExact, EXACT_BYTES, exactValue } from "./exact";
import { COEFFICIENTS, Job, SUMS_BYTES, Sums } from "./job";
import { MIN_CANCELLATION_RATIO } from "./lanes";
import { groupCoefficients, groupLoss } from "./losses";
import { Shape } from "./traits";

export enum Reduction {
  Mean,
  Sum,
  None,
}

/** Clears the sums and the coefficients of all groups. */
export function clearGroups(job: Job): void {
  memory.fill(job.groupSums, 0, job.groups * SUMS_BYTES);
  memory.fill(job.coefficients, 0, job.groups * COEFFICIENTS * 8);
}

/** Clears the sums alone, before they are gathered once more. */
export function clearSums(job: Job): void {
  memory.fill(job.groupSums, 0, job.groups * SUMS_BYTES);
}

/** Whether a group has a loss: a valid pixel, and for SSIM a centre that counts. */
function counts(job: Job, sums: Sums): bool {
  return sums.count > 0 && (job.shape != Shape.Window || sums.sum(1) > 0);
}

/** Weights of all groups from their counts, and their sum. */
export function weigh(job: Job): void {
  memory.fill(job.exactSum, 0, EXACT_BYTES);
  for (let g: u32 = 0; g < job.groups; g++) {
    const sums = job.sumsOf(g);
    const weight = counts(job, sums) ? pow(job.massOf(sums) / job.totalOf(sums), job.power) : 0;
    store<f64>(job.weights + g * 8, weight);
    addExact(job.exactSum, weight);
  }
  job.weightSum = exactValue(job.exactSum);
}

/**
 * Whether groups of an elementwise loss are left with too few digits by tiles that cancel, each of them right; marks these, by
 * their second coefficient, to be summed in float64.
 */
export function cancelled(job: Job): bool {
  let any = false;
  for (let g: u32 = 0; g < job.groups; g++) {
    const sums = job.sumsOf(g);
    const cancels = Math.abs(sums.sum(0)) < MIN_CANCELLATION_RATIO * sums.sum(1);
    job.setCoefficient(g, 1, cancels ? 1 : 0);
    any = any || cancels;
  }
  return any;
}

/** Whether Σ w·L is left with too few digits by groups that cancel; marks them all then. */
export function numeratorCancelled(job: Job): bool {
  let magnitude = 0.0;
  for (let g: u32 = 0; g < job.groups; g++) {
    const sums = job.sumsOf(g);
    if (sums.count > 0) magnitude += (load<f64>(job.weights + g * 8) * sums.sum(1)) / job.massOf(sums);
  }
  if (Math.abs(job.numerator) >= MIN_CANCELLATION_RATIO * magnitude * job.scale) return false;
  for (let g: u32 = 0; g < job.groups; g++) job.setCoefficient(g, 1, 1);
  return true;
}

/** Losses of all groups from their sums, and Σ w·L. The losses of a custom loss stand there already. */
export function finish(job: Job): void {
  memory.fill(job.exactSum, 0, EXACT_BYTES);
  for (let g: u32 = 0; g < job.groups; g++) {
    const sums = job.sumsOf(g);
    const at = job.losses + g * 8;
    if (counts(job, sums)) {
      const loss = groupLoss(job, g, sums);
      store<f64>(at, loss);
      addExact(job.exactSum, load<f64>(job.weights + g * 8) * loss);
    } else store<f64>(at, 0);
  }
  job.numerator = exactValue(job.exactSum);
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
    const sums = job.sumsOf(g);
    const outer = share(job, reduction, g);
    if (outer == 0) {
      // Skipped, or nothing comes from upstream.
      for (let k: u32 = 0; k < COEFFICIENTS; k++) job.setCoefficient(g, k, 0);
    } else groupCoefficients(job, g, sums, outer);
  }
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
