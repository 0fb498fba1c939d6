// What the study says, as statements that its numbers can refute. They were written after the first set of seeds; the second tries them.

import { change, type Estimate } from "./statistics.ts";
import { errors } from "./trial.ts";
import type { Weighting } from "./weightings.ts";

/** Tables by the keys of the cells: a row per seed, null where a training diverged. */
export type Results = Record<string, (number | null)[][]>;

/** A column of a cell. */
export const column = (results: Results, key: string, place: number): (number | null)[] =>
  results[key].map((row) => row[place]);

export interface Claim {
  readonly text: string;
  /** The cells that are compared, `#` for the set of seeds. */
  readonly cells: readonly [first: string, second: string];
  /** What of them. */
  readonly error: (typeof errors)[number];
  /** Where the first is against the second. `"near"`: the interval lies within ±10 %; `"undecided"`: it holds 0. */
  readonly expected: "below" | "above" | "near" | "undecided";
}

const NEAR = 10;

/** The change from the second cell to the first; undefined where one of them is missing. */
export function estimateOf({ cells, error }: Claim, results: Results, set: number): Estimate | undefined {
  const [first, second] = cells.map((cell) => cell.replace("#", String(set)));
  if (!(first in results && second in results)) return undefined;
  const place = cells[0].startsWith("rates") ? 0 : errors.indexOf(error);
  return change(column(results, first, place), column(results, second, place));
}

export function holds({ low, high }: Estimate, { expected }: Claim): boolean {
  if (expected === "below") return high < 0;
  if (expected === "above") return low > 0;
  if (expected === "near") return low > -NEAR && high < NEAR;
  return low <= 0 && high >= 0;
}

/** A claim about two weightings after the same training. */
const between = (
  course: string,
  first: Weighting,
  second: Weighting,
  error: Claim["error"],
  expected: Claim["expected"],
  text: string,
): Claim => ({ text, cells: [`training/#/${course}/${first}`, `training/#/${course}/${second}`], error, expected });

const hard = "hard-hidden/sgd";

export const claims: readonly Claim[] = [
  between(
    hard,
    "0.5",
    "1",
    "quartile 1",
    "below",
    "Hard hidden: √r lowers the error of those with the least valid, against pixel weighting",
  ),
  between(hard, "0.5", "1", "overall", "below", "Hard hidden: √r lowers the error over all patches"),
  between(hard, "0.5", "1", "quartile 4", "above", "Hard hidden: √r raises the error of those with the most valid"),
  between(
    hard,
    "0",
    "0.5",
    "quartile 1",
    "below",
    "Hard hidden: equal weights lower the error of those with the least valid further",
  ),
  between(hard, "0", "0.5", "overall", "below", "Hard hidden: equal weights lower the error over all patches further"),
  between(
    hard,
    "0",
    "0.5",
    "quartile 4",
    "above",
    "Hard hidden: equal weights raise the error of those with the most valid further",
  ),
  between(
    "extreme/sgd",
    "0.5",
    "1",
    "overall",
    "below",
    "Extreme ratios: √r lowers the error over all patches, against pixel weighting",
  ),
  between(
    "extreme/sgd",
    "0",
    "0.5",
    "worst decile",
    "above",
    "Extreme ratios: equal weights raise the error of the worst tenth, against √r",
  ),
  between(
    "skewed/sgd",
    "0.5",
    "1",
    "overall",
    "undecided",
    "Skewed ratios: √r and pixel weighting cannot be told apart",
  ),
  between("skewed/sgd", "0", "0.5", "overall", "near", "Skewed ratios: equal weights and √r are within 10 %"),
  between("skewed/adam", "0.5", "1", "overall", "below", "Skewed ratios, Adam: √r lowers the error over all patches"),
  between(
    "extreme/sgd",
    "random effects",
    "0",
    "overall",
    "below",
    "Extreme ratios: random effects are better than equal weights",
  ),
  between(
    hard,
    "random effects",
    "0",
    "overall",
    "near",
    "Hard hidden: random effects are within 10 % of equal weights",
  ),
];
