import { buildSync } from "esbuild";
import { expect, test } from "vitest";
import { ELEMENTS, fillPart, SAMPLES } from "../../examples/ranks/batch.ts";
import { writeGrad } from "../../examples/ranks/rank.ts";
import { averagingMeans, inMicroBatches, inProcesses, inThreads, type Outcome } from "../../examples/ranks/ways.ts";

/** What the order of a sum may change: 0 once sums are exact. */
const TOLERANCE = 1e-12;

const array = () => new Float32Array(SAMPLES * ELEMENTS);
const batch = () => {
  const whole = { pred: array(), target: array(), grad: array() };
  fillPart(0, SAMPLES, whole.pred, whole.target);
  return whole;
};
const whole = batch();
const truth = { value: writeGrad(whole), grad: whole.grad.slice() };

/** The script of a rank as JavaScript, where it finds the package by its name. */
function compiled(script: string): URL {
  const outfile = `build/test/${script}.mjs`;
  buildSync({
    entryPoints: [`examples/ranks/${script}.ts`],
    outfile,
    bundle: true,
    format: "esm",
    packages: "external",
  });
  return new URL(`../../${outfile}`, import.meta.url);
}

function expectTruth({ value, grad }: Outcome): void {
  expect(Math.abs(value / truth.value - 1)).toBeLessThanOrEqual(TOLERANCE);
  expect(Buffer.from(grad.slice().buffer).equals(Buffer.from(truth.grad.buffer))).toBe(true);
}

test("micro-batches come to the loss of the whole batch, and to the bits of its gradient", () => {
  expectTruth(inMicroBatches(batch()));
});

test("worker threads over shared memory do", async () => {
  expectTruth(await inThreads(batch(), compiled("thread")));
});

test("processes do", async () => {
  expectTruth(await inProcesses(compiled("process")));
});

test("averaging the ranks' means gives another loss and another gradient", () => {
  const { value, grad } = averagingMeans(batch());
  expect(value / truth.value).toBeGreaterThan(1.2);
  expect(grad.some((g, i) => Math.abs(g) > 1.2 * Math.abs(truth.grad[i]))).toBe(true);
});
