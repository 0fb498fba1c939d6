// The batch that is shared out, and its loss. Everything follows from the seed, so that each process can make its own part, as it
// would read its own files.

import { FlexibleWeightedLoss, mse } from "valid-pixel-loss";
import { makeGround, randomFrom, smoothNoise } from "../scene.mjs";

export const SAMPLES = 12;
const BANDS = 4;
const SIDE = 64;
/** Elements of a sample. */
export const ELEMENTS = BANDS * SIDE * SIDE;

export const shapeOf = (samples: number): number[] => [samples, BANDS, SIDE, SIDE];

/** Groups are samples, each of the weight √(valid / total). */
export const criterion = new FlexibleWeightedLoss(mse(), { groupBy: "sample" });

/** Samples `first` to `end` of the batch. The later ones are under thicker clouds, and harder. */
export function fillPart(first: number, end: number, pred: Float32Array, target: Float32Array): void {
  for (let sample = first; sample < end; sample++) {
    const random = randomFrom(sample + 1);
    const ground = makeGround(random, SIDE, SIDE);
    const clouds = smoothNoise(random, SIDE, SIDE, 20);
    const share = sample / SAMPLES;
    const at = (sample - first) * ELEMENTS;
    ground.forEach((band, c) => {
      band.forEach((value, i) => {
        const k = at + c * band.length + i;
        pred[k] = value * (1 + 0.3 * share) + 0.02 * (random() - 0.5);
        target[k] = clouds[i] > 0.4 - 0.7 * share ? Number.NaN : value;
      });
    });
  }
}
