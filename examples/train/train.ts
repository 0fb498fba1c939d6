// The loop, and what has come of it: no framework, a gradient from the package and a network that takes it further.

import { createHash } from "node:crypto";
import { evaluate, FlexibleWeightedLoss, mse, type Tensor, tensor, zeros } from "valid-pixel-loss";
import { randomFrom } from "../scene.mjs";
import { Network, Parameters } from "./Network.ts";
import { Adam, type Optimizer, Sgd } from "./optimizers.ts";
import { fillBatch, type Pair, type Task } from "./Task.ts";

export interface Settings {
  readonly seed?: number;
  readonly steps?: number;
  readonly optimizer?: "adam" | "sgd";
  readonly onStep?: (step: number, steps: number, loss: number) => void;
}

/** Learning rates of gradient descent are so many times Adam's: its steps are as long as the gradient is. */
const SGD_FACTOR = 20;

/** Trains a network from scratch. The same task, settings and package give the same bits. */
export function train(
  task: Task,
  { seed = 1, steps = task.steps, optimizer = "adam", onStep }: Settings = {},
): Parameters {
  const random = randomFrom(seed);
  const bands = task.bandNames.length;
  const parameters = new Parameters([bands, ...task.hidden, bands]).initialize(random);
  const network = new Network(parameters, task.batch, task.patch, task.patch);
  const target = zeros(network.output.shape);
  const sgd = optimizer === "sgd";
  const descent: Optimizer = new (sgd ? Sgd : Adam)(parameters.values, parameters.grads);
  const rate = task.rate * (sgd ? SGD_FACTOR : 1);

  const criterion = new FlexibleWeightedLoss(mse());
  const options = { out: network.outputGrad };
  for (let step = 0; step < steps; step++) {
    fillBatch(task, random, network.input.data, target.data);
    network.forward();
    const { value } = criterion.valueAndGrad(network.output, target, options);
    parameters.grads.data.fill(0);
    network.backward();
    descent.step(rate * (1 - step / steps));
    onStep?.(step + 1, steps, value);
  }

  for (const owned of [network, target, descent]) owned.dispose();
  return parameters;
}

/** What the network makes of a whole scene. */
export function predict(parameters: Parameters, { input, width, height }: Pair): Tensor {
  const network = new Network(parameters, 1, height, width);
  network.input.data.set(input);
  network.forward();
  const prediction = tensor(network.output.data.slice(), network.output.shape);
  network.dispose();
  return prediction;
}

/** PSNR over the valid pixels of a scene, for reflectance from 0 to 1, in decibels. */
export function psnr(image: Float32Array, { target, width, height }: Pair): number {
  const shape = [1, target.length / (width * height), height, width];
  return evaluate(tensor(image, shape), tensor(target, shape), { dataRange: 1 }).scene.psnr;
}

/** Eight hexadecimal digits that tell one set of weights from another. */
export function digest({ values: { data } }: Parameters): string {
  return createHash("sha256")
    .update(new Uint8Array(Float32Array.from(data).buffer))
    .digest("hex")
    .slice(0, 8);
}
