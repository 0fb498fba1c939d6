// What a weighting makes of the gradient, looked at on its own. The gradient of a batch is a weighted mean of its patches' gradients,
// so that these, computed once, give that of any batch under any weighting.

import { randomFrom } from "../../examples/scene.mjs";
import type { Patches } from "./data.ts";
import { BATCH, mean, type Trial } from "./trial.ts";
import { estimateEffects, objectiveOf, weightings, weightsOf } from "./weightings.ts";

/** Batches that are drawn. */
const DRAWS = 400;

/** What is measured of the gradients of batches. */
export const traits = [
  "spread of the norm, divided by Σ w",
  "spread of the norm, not divided",
  "cosine to the gradient of complete data",
  "change when one of the eight is another",
] as const;

/** All but the pooled group, whose gradient is that of the power 1. */
export const traitWeightings = weightings.filter((weighting) => weighting !== "pooled");

/** The `traits` for each of `traitWeightings`, one after the other. */
export function gradientTraits(trial: Trial, patches: Patches, seed: number): number[] {
  const each = gradientsOf(trial, patches);
  const complete = average(gradientsOf(trial, { ...patches, target: patches.truth }));
  const effects = estimateEffects(trial.predict(patches), patches);
  return traitWeightings.flatMap((weighting) => traitsOf(each, weightsOf(weighting, patches, effects), complete, seed));
}

/** Gradients of the parameters for each patch alone. */
function gradientsOf(trial: Trial, patches: Patches): Float64Array[] {
  const objective = objectiveOf("0", "mean");
  return Array.from({ length: patches.count }, (_, k) => {
    // The mean of one patch, taken BATCH times over, is that patch's.
    trial.gradient(patches, new Int32Array(BATCH).fill(k), objective, patches.ratio);
    return Float64Array.from(trial.parameters.grads.data);
  });
}

function traitsOf(each: Float64Array[], weights: Float64Array, complete: Float64Array, seed: number): number[] {
  const random = randomFrom(seed);
  const draw = (): number => Math.floor(random() * each.length);
  const [divided, undivided, cosines, changes]: number[][] = [[], [], [], []];
  const gradientOf = (batch: number[]): [gradient: Float64Array, weightSum: number] => {
    const sum = new Float64Array(complete.length);
    for (const k of batch)
      each[k].forEach((g, i) => {
        sum[i] += weights[k] * g;
      });
    const weightSum = batch.reduce((total, k) => total + weights[k], 0);
    return [sum.map((g) => g / weightSum), weightSum];
  };
  for (let n = 0; n < DRAWS; n++) {
    const batch = Array.from({ length: BATCH }, draw);
    const [gradient, weightSum] = gradientOf(batch);
    divided.push(norm(gradient));
    undivided.push(norm(gradient) * weightSum);
    cosines.push(dot(gradient, complete) / (norm(gradient) * norm(complete)));
    const [other] = gradientOf([...batch.slice(1), draw()]);
    changes.push(norm(gradient.map((g, i) => g - other[i])) / norm(gradient));
  }
  return [spread(divided), spread(undivided), mean(cosines), mean(changes)];
}

/** Standard deviation over the mean. */
function spread(values: number[]): number {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2))) / centre;
}

function average(vectors: Float64Array[]): Float64Array {
  return vectors[0].map((_, i) => mean(vectors.map((vector) => vector[i])));
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i], 0);
const norm = (a: Float64Array): number => Math.sqrt(dot(a, a));
