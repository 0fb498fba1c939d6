// The weightings that are compared, each as the call of the package that a user would make.

import { FlexibleWeightedLoss, mse, type Tensor } from "valid-pixel-loss";
import { BANDS, PIXELS, type Patches, SIDE } from "./data.ts";

/** Powers of r, all valid pixels of a batch as one group, and what a meta-analysis would take. */
export const weightings = ["pooled", "0", "0.25", "0.5", "0.75", "1", "random effects"] as const;
export type Weighting = (typeof weightings)[number];

/** `"mean"` divides by Σ w, `"sum"` does not. */
export type Reduction = "mean" | "sum";

/** The weight of each patch by the mean squared error, known before any loss is. */
export function weightsOf(weighting: Weighting, { ratio }: Patches, effects: Effects | undefined): Float64Array {
  if (weighting === "random effects") {
    if (!effects) throw new TypeError('"effects": expected them for random effects, got none');
    const { between, within } = effects;
    return ratio.map((r) => 1 / (between + within / (r * PIXELS)));
  }
  const power = weighting === "pooled" ? 1 : Number(weighting);
  return ratio.map((r) => r ** power);
}

/** Writes the gradient of the loss of a batch into `out`, and returns the loss. */
export type Objective = (pred: Tensor, target: Tensor, out: Tensor, weights: ArrayLike<number>) => number;

export function objectiveOf(weighting: Weighting, reduction: Reduction): Objective {
  if (weighting === "random effects") {
    // Weights of the caller's own come as the upstream gradient of each group's loss.
    const each = new FlexibleWeightedLoss(mse(), { groupBy: "sample", weighting: "uniform", reduction: "none" });
    return (pred, target, out, weights) => {
      const sum = Array.from(weights).reduce((a, b) => a + b, 0);
      const gradOutput = Array.from(weights, (weight) => weight / sum);
      const { value } = each.valueAndGrad(pred, target, { out, gradOutput });
      return value.reduce((total, loss, g) => total + loss * gradOutput[g], 0);
    };
  }
  if (weighting === "pooled") {
    // The whole batch as one sample; which rows stand below which does not matter to a squared error.
    const one = new FlexibleWeightedLoss(mse(), { groupBy: "sample" });
    const whole = ({ data, shape }: Tensor) => ({ data, shape: [1, shape[0] * shape[1], shape[2], shape[3]] });
    return (pred, target, out) => one.valueAndGrad(whole(pred), whole(target), { out: whole(out) }).value;
  }
  const criterion = new FlexibleWeightedLoss(mse(), { groupBy: "sample", weighting: Number(weighting), reduction });
  return (pred, target, out) => criterion.valueAndGrad(pred, target, { out }).value;
}

/** Variance of the patches' true losses, and of the loss of a single effective pixel within a patch. */
export interface Effects {
  readonly between: number;
  readonly within: number;
}

const halves = ["left", "right"].map((side) => ({
  shape: [1, SIDE],
  data: Uint8Array.from({ length: SIDE }, (_, x) => Number(x < SIDE / 2 === (side === "left"))),
}));

/**
 * The variances by moments, from what a training set shows: the halves of a patch differ by what few pixels leave to chance, and pixels
 * that resemble their neighbours count for less than one; the patches differ by that and by what they are.
 *
 * @param pred f32[count][BANDS][SIDE][SIDE], the prediction of each patch
 */
export function estimateEffects(pred: Float32Array, { target, ratio, count }: Patches): Effects {
  const shape = [count, BANDS, SIDE, SIDE];
  const criterion = new FlexibleWeightedLoss(mse(), { groupBy: "sample" });
  const [left, right] = halves.map(
    (mask) => criterion.forward({ data: pred, shape }, { data: target, shape }, { mask }).groups,
  );
  const { loss } = criterion.forward({ data: pred, shape }, { data: target, shape }).groups;
  let [squares, chances] = [0, 0];
  for (let k = 0; k < count; k++) {
    if (left.validCount[k] === 0 || right.validCount[k] === 0) continue;
    squares += (left.loss[k] - right.loss[k]) ** 2;
    chances += BANDS / left.validCount[k] + BANDS / right.validCount[k];
  }
  const within = squares / chances;
  const mean = loss.reduce((a, b) => a + b, 0) / count;
  const spread = loss.reduce((sum, l) => sum + (l - mean) ** 2, 0) / (count - 1);
  const chance = ratio.reduce((sum, r) => sum + within / (r * PIXELS), 0) / count;
  return { between: Math.max(spread - chance, 0), within };
}
