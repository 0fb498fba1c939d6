// Three ways to share a batch out to ranks. Each comes to the loss and the gradient of the whole batch.

import { fork } from "node:child_process";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { LossAccumulator } from "valid-pixel-loss";
import { criterion, ELEMENTS, SAMPLES } from "./batch.ts";
import { type Part, sumsOf, writeGrad } from "./rank.ts";

export interface Outcome {
  readonly value: number;
  readonly grad: Float32Array;
}

/** Where each rank's samples begin and end: uneven on purpose. */
export const RANKS: readonly (readonly [first: number, end: number])[] = [
  [0, 5],
  [5, 8],
  [8, SAMPLES],
];

/** A stretch of an array of samples. */
export const cut = (data: Float32Array, [first, end]: readonly [number, number]): Float32Array =>
  data.subarray(first * ELEMENTS, end * ELEMENTS);

const partOf = (whole: Part, range: readonly [number, number]): Part => ({
  pred: cut(whole.pred, range),
  target: cut(whole.target, range),
  grad: cut(whole.grad, range),
});

/** The loss of all ranks, and the Σ w that each divides by. */
function reduce(states: readonly object[]): { value: number; normalizer: number } {
  const total = new LossAccumulator(criterion);
  for (const state of states) total.merge(LossAccumulator.fromJSON(criterion, state));
  const { value, terms } = total.finish();
  return { value, normalizer: terms[0].weightSum };
}

/** One part after the other, where memory is short. */
export function inMicroBatches(whole: Part): Outcome {
  const parts = RANKS.map((range) => partOf(whole, range));
  const { value, normalizer } = reduce(parts.map(sumsOf));
  for (const part of parts) writeGrad(part, normalizer);
  return { value, grad: whole.grad };
}

/** Worker threads, which write into one gradient. */
export async function inThreads(whole: Part, script: URL): Promise<Outcome> {
  const share = (data: Float32Array): Float32Array => {
    const shared = new Float32Array(new SharedArrayBuffer(data.byteLength));
    shared.set(data);
    return shared;
  };
  const shared = { pred: share(whole.pred), target: share(whole.target), grad: share(whole.grad) };
  const workers = RANKS.map((range) => new Worker(script, { workerData: partOf(shared, range) }));
  const answers = () => Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]));
  const { value, normalizer } = reduce(await answers());
  const written = answers();
  for (const worker of workers) worker.postMessage(normalizer);
  await written;
  return { value, grad: shared.grad };
}

/** Processes, which share nothing. */
export async function inProcesses(script: URL): Promise<Outcome> {
  const children = RANKS.map((range) => fork(script, range.map(String), { serialization: "advanced" }));
  const answers = () => Promise.all(children.map(async (child) => (await once(child, "message"))[0]));
  const { value, normalizer } = reduce(await answers());
  const sent = answers();
  for (const child of children) child.send(normalizer);
  const grad = new Float32Array(SAMPLES * ELEMENTS);
  for (const [rank, part] of (await sent).entries()) cut(grad, RANKS[rank]).set(part);
  return { value, grad };
}

/** What is common, and wrong: each rank divides by its own Σ w, and the means are averaged. */
export function averagingMeans(whole: Part): Outcome {
  const means = RANKS.map((range) => writeGrad(partOf(whole, range)));
  const value = means.reduce((sum, mean) => sum + mean, 0) / RANKS.length;
  return { value, grad: whole.grad.map((g) => g / RANKS.length) };
}
