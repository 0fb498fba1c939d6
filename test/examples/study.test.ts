import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { cells, full, quick } from "../../bench/study/cells.ts";
import { claims, estimateOf, holds, type Results } from "../../bench/study/claims.ts";
import { BANDS, ELEMENTS, makePatches, PIXELS, regimes, SIDE } from "../../bench/study/data.ts";
import { bootstrap, change } from "../../bench/study/statistics.ts";
import { BATCH, Trial } from "../../bench/study/trial.ts";
import { estimateEffects, objectiveOf, weightings, weightsOf } from "../../bench/study/weightings.ts";
import { randomFrom } from "../../examples/scene.mjs";
import { zeros } from "../../src/index.ts";

const patches = makePatches(BATCH, "extreme", randomFrom(5));
const effects = { between: 1e-6, within: 1e-4 };

test.each(weightings)("the loss of a batch weighs patches as %s says", (weighting) => {
  const shape = [BATCH, BANDS, SIDE, SIDE];
  const [pred, target, out] = [zeros(shape), zeros(shape), zeros(shape)];
  pred.data.set(patches.input);
  target.data.set(patches.target);
  const weights = weightsOf(weighting, patches, effects);
  const value = objectiveOf(weighting, "mean")(pred, target, out, weights);

  const losses = Array.from({ length: BATCH }, (_, k) => meanSquare(k));
  const weightSum = weights.reduce((a, b) => a + b, 0);
  const expected = losses.reduce((sum, loss, k) => sum + weights[k] * loss, 0) / weightSum;
  expect(value / expected).toBeCloseTo(1, 6);

  const last = BATCH * ELEMENTS - 1;
  const k = Array.from({ length: last }, (_, i) => last - i).find((i) => !Number.isNaN(patches.target[i])) ?? 0;
  const patch = Math.floor(k / ELEMENTS);
  const count = BANDS * PIXELS * patches.ratio[patch];
  const slope = (2 * (patches.input[k] - patches.target[k]) * weights[patch]) / count / weightSum;
  expect(out.data[k] / slope).toBeCloseTo(1, 5);
});

function meanSquare(k: number): number {
  let [sum, count] = [0, 0];
  for (let i = k * ELEMENTS; i < (k + 1) * ELEMENTS; i++) {
    if (Number.isNaN(patches.target[i])) continue;
    sum += (patches.input[i] - patches.target[i]) ** 2;
    count++;
  }
  return sum / count;
}

test.each(regimes)(
  "patches of the regime %s are valid in about a third on average, by the ratio that is stated",
  (regime) => {
    const { ratio, target, truth } = makePatches(200, regime, randomFrom(1));
    expect(Math.abs(ratio.reduce((a, b) => a + b, 0) / 200 - 0.35)).toBeLessThan(0.1);
    for (const k of [0, 1, 2]) {
      const own = target.subarray(k * ELEMENTS, (k + 1) * ELEMENTS);
      expect(own.filter((value) => !Number.isNaN(value)).length / ELEMENTS).toBeCloseTo(ratio[k], 9);
      expect(own.every((value, i) => Number.isNaN(value) || value === truth[k * ELEMENTS + i])).toBe(true);
    }
  },
);

test("random effects are estimated from losses that are made of them", () => {
  // Squared errors: a level per patch of variance 4e-4, and independent noise of variance 1e-2 per pixel, the same in all bands.
  const random = randomFrom(9);
  const uniform = (deviation: number): number => deviation * Math.sqrt(12) * (random() - 0.5);
  const count = 400;
  const target = new Float32Array(count * ELEMENTS);
  const pred = new Float32Array(target.length);
  for (let k = 0; k < count; k++) {
    const level = 0.5 + uniform(0.02);
    for (let i = 0; i < PIXELS; i++) {
      const error = Math.sqrt(level + uniform(0.1));
      for (let c = 0; c < BANDS; c++) pred[k * ELEMENTS + c * PIXELS + i] = error;
    }
  }
  const ratio = new Float64Array(count).fill(1);
  const { between, within } = estimateEffects(pred, { count, input: pred, truth: target, target, ratio });
  expect(between / 4e-4).toBeGreaterThan(0.8);
  expect(between / 4e-4).toBeLessThan(1.2);
  expect(within / 1e-2).toBeGreaterThan(0.8);
  expect(within / 1e-2).toBeLessThan(1.2);
});

test("a cell comes to the same numbers each time", () => {
  const cell = cells.find(({ key }) => key === "training/1/skewed/sgd/0.5");
  const plan = { ...quick, seeds: 1 };
  const rows = cell?.compute(plan);
  expect(rows).toHaveLength(1);
  expect(rows?.flat().every((error) => error > 0)).toBe(true);
  expect(cell?.compute(plan)).toEqual(rows);
});

test("batches and first weights are the same for every weighting of a seed", () => {
  const trial = new Trial();
  const course = { reduction: "mean", optimizer: "sgd", steps: 1, rate: 0, seed: 3 } as const;
  const even = makePatches(16, "even", randomFrom(2));
  const [uniform, pixels] = (["0", "1"] as const).map((weighting) => trial.train(even, { ...course, weighting })[0]);
  expect(pixels / uniform).toBeCloseTo(1, 12);
});

test("changes are geometric, and a bootstrap interval surrounds them", () => {
  expect(change([2, 8, null], [1, 2, 5]).mean).toBeCloseTo(100 * (Math.sqrt(8) - 1), 9);
  expect(change([2, 8, null], [1, 2, 5]).count).toBe(2);
  const values = Array.from({ length: 100 }, (_, i) => i);
  const { mean, low, high } = bootstrap(values);
  // The standard error of this mean is 2.9.
  expect([low, mean, high].map(Math.round)).toEqual([44, 50, 55]);
});

const file = "bench/study/results.json";

test.skipIf(!existsSync(file))("what is recorded has a row for each seed, and numbers or divergence alone", () => {
  const results: Results = JSON.parse(readFileSync(file, "utf8"));
  const keys = cells.map(({ key }) => key);
  for (const [key, rows] of Object.entries(results)) {
    expect(keys).toContain(key);
    expect(rows).toHaveLength(full.seeds);
    expect(rows.flat().every((value) => value === null || Number.isFinite(value))).toBe(true);
  }
});

test.skipIf(!existsSync(file))("docs/study.md tells of each claim whether it holds", () => {
  const results: Results = JSON.parse(readFileSync(file, "utf8"));
  const page = readFileSync("docs/study.md", "utf8");
  for (const claim of claims) {
    const verdicts = [1, 2].map((set) => {
      const estimate = estimateOf(claim, results, set);
      return estimate ? (holds(estimate, claim) ? "yes" : "**no**") : "";
    });
    const line = page.split("\n").find((row) => row.startsWith(`| ${claim.text} |`)) ?? "";
    const cells = line.split("|").map((cell) => cell.trim());
    expect([cells[3], cells[5]]).toEqual(verdicts);
  }
});
