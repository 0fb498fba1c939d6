// npm run example:ranks
// One batch, shared out to ranks of uneven size in three ways: the loss and the gradient are those of the whole batch. Averaging the
// ranks' means, as is often done, gives another loss.

import { ELEMENTS, fillPart, SAMPLES } from "./batch.ts";
import { writeGrad } from "./rank.ts";
import { averagingMeans, inMicroBatches, inProcesses, inThreads, type Outcome, RANKS } from "./ways.ts";

const array = (): Float32Array => new Float32Array(SAMPLES * ELEMENTS);
const whole = { pred: array(), target: array(), grad: array() };
fillPart(0, SAMPLES, whole.pred, whole.target);
const truth = { value: writeGrad(whole), grad: whole.grad.slice() };

console.log(`${SAMPLES} samples on ranks of ${RANKS.map(([first, end]) => end - first).join(", ")}\n`);
console.log(`${"".padEnd(28)}loss                    off by     gradient off by, of its largest`);
show("the whole batch", truth);
show("micro-batches", inMicroBatches(whole));
show("worker threads", await inThreads(whole, new URL("thread.js", import.meta.url)));
show("processes", await inProcesses(new URL("process.js", import.meta.url)));
show("averaging the ranks' means", averagingMeans(whole));

function show(name: string, { value, grad }: Outcome): void {
  const loss = Math.abs(value / truth.value - 1);
  const largest = truth.grad.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
  const difference = grad.reduce((most, g, i) => Math.max(most, Math.abs(g - truth.grad[i])), 0) / largest;
  const off = (share: number): string => (share === 0 ? "0, same bits" : share.toExponential(1));
  console.log(`${name.padEnd(28)}${String(value).padEnd(24)}${off(loss).padEnd(14)}${off(difference)}`);
}
