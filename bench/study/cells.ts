// The cells of the study: each is a table of numbers, a row per seed, that can be computed alone and comes to the same bits each time.

import { type Regime, regimes } from "./data.ts";
import { gradientTraits } from "./gradients.ts";
import { type Course, errors, errorsOf, patchesOf, type Size, Trial } from "./trial.ts";
import { type Reduction, type Weighting, weightings } from "./weightings.ts";

export interface Plan {
  readonly size: Size;
  readonly seeds: number;
}

/** What is published, and what continuous integration has time for. */
export const full: Plan = { size: { training: 64, test: 96, steps: 250 }, seeds: 10 };
export const quick: Plan = { size: { training: 16, test: 24, steps: 12 }, seeds: 2 };

/** The seeds of a set; the second replicates the first. */
export const seedsOf = (set: number, { seeds }: Plan): number[] =>
  Array.from({ length: seeds }, (_, k) => 100 * (set - 1) + k + 1);

export const sets = [1, 2] as const;

export interface Cell {
  /** E.g. `training/1/skewed/sgd/0.5`: what, set of seeds, regime, and what else there is to tell it by. */
  readonly key: string;
  /** A row of numbers for each seed. */
  readonly compute: (plan: Plan) => number[][];
}

type Optimizer = Course["optimizer"];

/** About a third of the rates that are too large for some batch. */
const RATES: Record<Optimizer, number> = { sgd: 3, adam: 0.008 };

/** The grid on which the largest rate is looked for that still converges. */
const rateGrid = Array.from({ length: 16 }, (_, k) => 2 ** (k / 2));
const RATE_STEPS = 40;

/** Weightings that can differ: with equal ratios all are the same, and the pooled group is the power 1 for any mean of pixels. */
export function weightingsOf(regime: Regime, optimizer: Optimizer): readonly Weighting[] {
  if (regime === "even") return optimizer === "sgd" ? ["0", "1"] : [];
  if (optimizer === "adam") return ["0", "0.5", "1"];
  return regime === "extreme" ? weightings : weightings.filter((weighting) => weighting !== "pooled");
}

export const optimizers = ["sgd", "adam"] as const;
/** Where Σ w varies from batch to batch. */
export const unequal = ["skewed", "extreme"] as const;

export const rateWeightings = ["0.5", "1"] as const;

export const cells: readonly Cell[] = sets.flatMap((set) => [
  ...regimes.flatMap((regime) =>
    optimizers.flatMap((optimizer) =>
      weightingsOf(regime, optimizer).map((weighting) =>
        trainingCell(`training/${set}/${regime}/${optimizer}/${weighting}`, set, regime, {
          weighting,
          reduction: "mean",
          optimizer,
        }),
      ),
    ),
  ),
  ...unequal.flatMap((regime) =>
    optimizers.map((optimizer) =>
      trainingCell(`undivided/${set}/${regime}/${optimizer}/0.5`, set, regime, {
        weighting: "0.5",
        reduction: "sum",
        optimizer,
      }),
    ),
  ),
  ...regimes.map((regime) => gradientCell(set, regime)),
  ...rateWeightings.flatMap((weighting) =>
    (["mean", "sum"] as const).map((reduction) => rateCell(set, "extreme", weighting, reduction)),
  ),
]);

/** The `errors` after training. */
function trainingCell(
  key: string,
  set: number,
  regime: Regime,
  course: Pick<Course, "weighting" | "reduction" | "optimizer">,
): Cell {
  return {
    key,
    compute: (plan) =>
      eachSeed(set, plan, (seed, trial) => {
        const { training, test } = patchesOf(seed, regime, plan.size);
        trial.train(training, { ...course, rate: RATES[course.optimizer], steps: plan.size.steps, seed });
        return errorsOf(trial.predict(test), test);
      }),
  };
}

/** The traits of the gradients of each weighting, one after the other, of a network that has been trained for a tenth of the steps. */
function gradientCell(set: number, regime: Regime): Cell {
  return {
    key: `gradients/${set}/${regime}`,
    compute: (plan) =>
      eachSeed(set, plan, (seed, trial) => {
        const { training } = patchesOf(seed, regime, plan.size);
        const steps = Math.ceil(plan.size.steps / 10);
        trial.train(training, {
          weighting: "0.5",
          reduction: "mean",
          optimizer: "sgd",
          rate: RATES.sgd,
          steps,
          seed,
        });
        return gradientTraits(trial, training, seed);
      }),
  };
}

/** The largest rate of the grid, found by halving, with which a short gradient descent leaves patches better than it found them. */
function rateCell(set: number, regime: Regime, weighting: Weighting, reduction: Reduction): Cell {
  return {
    key: `rates/${set}/${regime}/${weighting}/${reduction}`,
    compute: (plan) =>
      eachSeed(set, plan, (seed, trial) => {
        const { training, test } = patchesOf(seed, regime, plan.size);
        const [before] = errorsOf(test.input, test);
        const converges = (rate: number): boolean => {
          trial.train(training, {
            weighting,
            reduction,
            optimizer: "sgd",
            rate,
            steps: Math.min(RATE_STEPS, plan.size.steps),
            seed,
          });
          return errorsOf(trial.predict(test), test)[errors.indexOf("overall")] < before;
        };
        let [low, high] = [-1, rateGrid.length];
        while (high - low > 1) {
          const middle = (low + high) >> 1;
          if (converges(rateGrid[middle])) low = middle;
          else high = middle;
        }
        return [rateGrid[Math.max(low, 0)]];
      }),
  };
}

/** A training that has diverged leaves NaN, which JSON has as null. */
function eachSeed(set: number, plan: Plan, row: (seed: number, trial: Trial) => number[]): number[][] {
  const trial = new Trial();
  const rows = seedsOf(set, plan).map((seed) => row(seed, trial).map((value) => Number(value.toPrecision(5))));
  trial.dispose();
  return rows;
}
