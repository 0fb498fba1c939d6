// Paired differences and their bootstrap intervals.

import { randomFrom } from "../../examples/scene.mjs";
import { mean } from "./trial.ts";

export interface Estimate {
  readonly mean: number;
  /** Ends of the 95 % interval. */
  readonly low: number;
  readonly high: number;
  /** Pairs, without those in which a training diverged. */
  readonly count: number;
}

const RESAMPLES = 4000;

/** The mean, and where 95 % of the means of samples drawn from these values with replacement lie. */
export function bootstrap(values: readonly number[]): Estimate {
  const random = randomFrom(1);
  const means = Float64Array.from({ length: RESAMPLES }, () =>
    mean(values.map(() => values[Math.floor(random() * values.length)])),
  ).sort();
  const at = (share: number): number => means[Math.floor(share * (RESAMPLES - 1))];
  return { mean: mean(values), low: at(0.025), high: at(0.975), count: values.length };
}

/** By how many percent the first is above the second, seed by seed: the geometric mean of the ratios, less 1. */
export function change(values: readonly (number | null)[], others: readonly (number | null)[]): Estimate {
  const logs = values.flatMap((value, seed) => {
    const other = others[seed];
    return value === null || other === null ? [] : [Math.log(value / other)];
  });
  const { mean, low, high, count } = bootstrap(logs);
  const percent = (log: number): number => 100 * (Math.exp(log) - 1);
  return { mean: percent(mean), low: percent(low), high: percent(high), count };
}
