// The task that needs no files: scenes of the demo's generator, blurred, hazy and noisy, back to what they were.

import { bandNames, degrade, makeGround, makeHoles, randomFrom } from "../scene.mjs";
import { type Pair, pairOf, type Task } from "./Task.ts";

export function restoration({ size = 256, scenes = 3 } = {}): Task {
  const scene = (seed: number, side: number): Pair => {
    const random = randomFrom(seed);
    const ground = makeGround(random, side, side);
    const holes = makeHoles(random, side, side);
    return pairOf(degrade(random, ground, side, side), ground, holes, side);
  };
  return {
    title: "blur, haze and noise of a made-up scene",
    bandNames,
    hidden: [12, 12],
    training: Array.from({ length: scenes }, (_, k) => scene(k + 1, size)),
    heldOut: scene(1000, Math.min(size, 160)),
    patch: 24,
    batch: 8,
    steps: 1200,
    rate: 0.0025,
  };
}
