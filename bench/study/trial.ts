// One training, and what has come of it.

import { type Tensor, zeros } from "valid-pixel-loss";
import { Network, Parameters } from "../../examples/train/Network.ts";
import { Adam, Sgd } from "../../examples/train/optimizers.ts";
import { randomFrom } from "../../examples/scene.mjs";
import { BANDS, ELEMENTS, makePatches, type Patches, type Regime, SIDE } from "./data.ts";
import { estimateEffects, objectiveOf, type Reduction, type Weighting, weightsOf } from "./weightings.ts";

/** Patches of a step. */
export const BATCH = 8;
/** Steps after which random effects are estimated anew. */
const RENEWAL = 50;

export interface Size {
  readonly training: number;
  readonly test: number;
  readonly steps: number;
}

/** The same patches for every weighting of a seed. */
export function patchesOf(
  seed: number,
  regime: Regime,
  { training, test }: Size,
): { training: Patches; test: Patches } {
  const random = randomFrom(7919 * seed);
  return { training: makePatches(training, regime, random), test: makePatches(test, regime, random) };
}

export interface Course {
  readonly weighting: Weighting;
  readonly reduction: Reduction;
  readonly optimizer: "adam" | "sgd";
  readonly steps: number;
  /** Of the first step; it falls to 0. Without the division by Σ w, gradient descent divides it by the mean of Σ w instead. */
  readonly rate: number;
  readonly seed: number;
}

/** A network with its arrays, for one training after the other. */
export class Trial {
  readonly parameters = new Parameters([BANDS, 8, BANDS]);
  readonly #network = new Network(this.parameters, BATCH, SIDE, SIDE);
  readonly #target = zeros(this.#network.output.shape);

  /** Trains from new random weights; the batches are the same for every weighting of a seed. Returns the losses. */
  train(patches: Patches, { weighting, reduction, optimizer, steps, rate, seed }: Course): number[] {
    const random = randomFrom(seed);
    const { values, grads } = this.parameters;
    values.data.fill(0);
    this.parameters.initialize(random);
    const descent = new (optimizer === "sgd" ? Sgd : Adam)(values, grads);
    const objective = objectiveOf(weighting, reduction);
    const batch = new Int32Array(BATCH);
    let weights: Float64Array = new Float64Array();
    let scale = rate;
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      if (step === 0 || (weighting === "random effects" && step % RENEWAL === 0)) {
        weights = this.#weights(weighting, patches);
        if (optimizer === "sgd" && reduction === "sum") scale = rate / (BATCH * mean(weights));
      }
      for (let b = 0; b < BATCH; b++) batch[b] = Math.floor(random() * patches.count);
      losses.push(this.gradient(patches, batch, objective, weights));
      descent.step(scale * (1 - step / steps));
    }
    descent.dispose();
    return losses;
  }

  /** Puts the gradient of a batch's loss into that of the parameters. */
  gradient(
    patches: Patches,
    batch: Int32Array,
    objective: ReturnType<typeof objectiveOf>,
    weights: Float64Array,
  ): number {
    const { input, output, outputGrad } = this.#network;
    copyPatches(patches.input, batch, input);
    copyPatches(patches.target, batch, this.#target);
    this.#network.forward();
    const value = objective(
      output,
      this.#target,
      outputGrad,
      Array.from(batch, (k) => weights[k]),
    );
    this.parameters.grads.data.fill(0);
    this.#network.backward();
    return value;
  }

  predict({ input, count }: Patches): Float32Array {
    const predictions = new Float32Array(input.length);
    const batch = new Int32Array(BATCH);
    for (let k = 0; k < count; k += BATCH) {
      for (let b = 0; b < BATCH; b++) batch[b] = Math.min(k + b, count - 1);
      copyPatches(input, batch, this.#network.input);
      this.#network.forward();
      const whole = this.#network.output.data.subarray(0, Math.min(BATCH, count - k) * ELEMENTS);
      predictions.set(whole, k * ELEMENTS);
    }
    return predictions;
  }

  #weights(weighting: Weighting, patches: Patches): Float64Array {
    const effects = weighting === "random effects" ? estimateEffects(this.predict(patches), patches) : undefined;
    return weightsOf(weighting, patches, effects);
  }

  dispose(): void {
    this.parameters.dispose();
    this.#network.dispose();
    this.#target.dispose();
  }
}

function copyPatches(from: Float32Array, batch: Int32Array, to: Tensor): void {
  for (let b = 0; b < batch.length; b++) {
    to.data.set(from.subarray(batch[b] * ELEMENTS, (batch[b] + 1) * ELEMENTS), b * ELEMENTS);
  }
}

/** What is measured of a training: mean squared errors against the complete truth of patches that it has not seen. */
export const errors = ["overall", "quartile 1", "quartile 2", "quartile 3", "quartile 4", "worst decile"] as const;

/** One number for each of `errors`; quartiles are by valid ratio, the first has the least. */
export function errorsOf(predictions: Float32Array, { truth, ratio, count }: Patches): number[] {
  const each = Array.from({ length: count }, (_, k) => {
    let sum = 0;
    for (let i = k * ELEMENTS; i < (k + 1) * ELEMENTS; i++) sum += (predictions[i] - truth[i]) ** 2;
    return sum / ELEMENTS;
  });
  const byRatio = Array.from(each.keys()).sort((a, b) => ratio[a] - ratio[b] || a - b);
  const quartiles = [0, 1, 2, 3].map((q) => {
    const [first, end] = [(q * count) / 4, ((q + 1) * count) / 4].map(Math.round);
    return mean(byRatio.slice(first, end).map((k) => each[k]));
  });
  const worst = each.toSorted((a, b) => b - a).slice(0, Math.ceil(count / 10));
  return [mean(each), ...quartiles, mean(worst)];
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
