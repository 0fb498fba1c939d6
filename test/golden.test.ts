import { describe, expect, test } from "vitest";
import { CombinedLoss, evaluate, type LossResult, type Reduction, type Tensor } from "../src/index.ts";
import { type Criterion, criterionOf, givenOf, memories, place, tensorsOf } from "./support/api.ts";
import { bitsError, bitsOf, gradError, valueError, zeroError } from "./support/compare.ts";
import { inLayout, layouts } from "./support/data.ts";
import { type Figures, type LossCase, lossCases, metricsCases, type Stats, weighted } from "./support/golden.ts";
import { at, type Layout, relayout, shapeIn } from "../reference/layout.ts";
import type { Problem, ValidRule } from "../reference/losses.ts";

function criterion({ combined, terms }: LossCase, layout: Layout): Criterion {
  const parts = terms.map(({ weight, base, settings }) => ({
    weight,
    loss: criterionOf(base, { ...settings, layout }),
  }));
  const [only] = parts;
  // The two differ in `normalizer` alone, which no case gives.
  return combined || !only ? (new CombinedLoss(parts) as unknown as Criterion) : only.loss;
}

type Result = Pick<LossResult<Reduction>, "value" | "groups">;

function expectFigures({ value, groups }: Result, want: Figures) {
  expect(valueError(value, want.value)).toBe("");
  expect(valueError(groups.loss, want.losses)).toBe("");
  // A mass may be a product that is rounded to float32.
  expect(valueError(groups.weight, want.weights, want.validWeights ? 1e-6 : 1e-12)).toBe("");
  expect(Array.from(groups.validCount)).toEqual(want.counts);
  expect(Array.from(groups.totalCount)).toEqual(want.totals);
  // Without weights each pixel has a mass of 1.
  expect(valueError(groups.validWeight, want.validWeights ?? want.counts)).toBe("");
  expect(valueError(groups.totalWeight, want.totalWeights ?? want.totals)).toBe("");
}

describe.each(layouts)("golden losses in %s", (layout) => {
  test.each([...lossCases, ...weighted.lossCases])("$title", (golden) => {
    const { combined, terms, value, grad, exactZeros } = golden;
    const problem = inLayout(golden.problem, layout);
    const loss = criterion(golden, layout);
    const want = grad && relayout(grad, problem.shape, "NCHW", layout);

    const results = memories.map((memory) => {
      const { pred, target, given } = tensorsOf(problem, layout, memory);
      const forward = loss.forward(pred, target, given);
      const both = loss.valueAndGrad(pred, target, { ...given, ...givenOf(problem) });
      const out = place(new Float32Array(pred.data.length).fill(Number.NaN), shapeIn(problem.shape, layout), memory);
      const into = loss.valueAndGrad(pred, target, { ...given, ...givenOf(problem), out });
      expect(into.grad).toBe(out);
      expect(bitsError(out.data, both.grad.data)).toBe("");
      return { forward, both };
    });

    for (const { forward, both } of results) {
      expect(valueError(forward.value, value)).toBe("");
      expect(valueError(both.value, value)).toBe("");
      expect(both.grad.shape).toEqual(shapeIn(problem.shape, layout));
      for (const result of [forward, both]) {
        const parts: readonly Result[] = combined ? (result as unknown as { terms: Result[] }).terms : [result];
        expect(parts.length).toBe(terms.length);
        for (const [k, { expected }] of terms.entries()) expectFigures(parts[k] as Result, expected);
      }
      if (!want) continue;
      expect(gradError(both.grad.data, want)).toBe("");
      expect(zeroError(both.grad.data, (i) => exactZeros && want[i] === 0)).toBe("");
    }

    const [staged, ...others] = results;
    for (const other of others) {
      expect(bitsError(bitsOf(other.forward.value), bitsOf(staged?.forward.value ?? []))).toBe("");
      expect(bitsError(bitsOf(other.both.value), bitsOf(staged?.both.value ?? []))).toBe("");
      expect(bitsError(other.both.grad.data, staged?.both.grad.data ?? new Float32Array())).toBe("");
    }
  });
});

describe.each(layouts)("golden metrics in %s", (layout) => {
  test.each(metricsCases)("$title", ({ problem, valid, dataRange, bands, pooled, perSample }) => {
    const { pred, target, given } = tensorsOf(inLayout(problem, layout), layout);
    const got = evaluate(pred, target as Tensor, { bands: [...bands], dataRange, valid, layout, ...given }).bands;
    expect(Object.keys(got)).toEqual(bands);
    for (const band of bands) {
      const stats = pooled[band] as Stats;
      const samples = perSample.map((sample) => sample[band] as Stats);
      // The source document pools rmse, mae and psnr, and takes sam and ssim as means over the samples that have any.
      const want = {
        validCount: stats.count,
        rmse: stats.rmse,
        mae: stats.mae,
        bias: stats.count ? biasOf(problem, valid, bands.indexOf(band)) : null,
        validRatio: stats.count / (problem.shape[0] * problem.shape[2] * problem.shape[3]),
        psnr: stats.psnr,
        sam: mean(samples.map(({ sam }) => sam)),
        ssim: mean(samples.map(({ ssim }) => ssim)),
      };
      for (const [name, number] of Object.entries(want)) {
        const figure = (got[band] as unknown as Record<string, number>)[name] ?? "absent";
        expect([band, name, valueError(figure as number, number === null ? Number.NaN : Number(number))]).toEqual([
          band,
          name,
          "",
        ]);
      }
    }
  });
});

/** Figures that are 0 or cancel somewhere are compared with 1, or with what they are made of. */
function unitOf(name: string, figures: Readonly<Record<string, number | string | null>>): number {
  if (name === "bias") return Number(figures.mae);
  if (name === "sam") return 1e-3;
  return ["r2", "ssim", "psnr", "cpsnr"].includes(name) ? 1 : 0;
}

describe.each(layouts)("golden metrics with weights in %s", (layout) => {
  test.each(weighted.metricsCases)("$title", ({ problem, valid, dataRange, bands, evaluated, scene }) => {
    const results = memories.map((memory) => {
      const { pred, target, given } = tensorsOf(inLayout(problem, layout), layout, memory);
      return evaluate(pred, target as Tensor, { bands: [...bands], dataRange, valid, layout, ...given });
    });
    const [got, ...others] = results;
    for (const other of others) expect(other).toEqual(got);
    const wrong = [...Object.entries(evaluated ?? {}), ["scene", scene ?? {}] as const].flatMap(([band, want]) => {
      const figures = band === "scene" ? got?.scene : got?.bands[band];
      return Object.entries(want).flatMap(([name, number]) => {
        const figure = (figures as unknown as Record<string, number> | undefined)?.[name] ?? Number.NEGATIVE_INFINITY;
        const expected = number === null ? Number.NaN : Number(number);
        const error = valueError(figure, expected, 1e-6, unitOf(name, want));
        return error ? [`${band} ${name}: ${error}`] : [];
      });
    });
    expect(wrong).toEqual([]);
  });
});

/** mean d of a band: the vectors do not hold it. */
function biasOf(
  { shape, pred, target, mask }: Problem,
  { min = Number.NEGATIVE_INFINITY }: ValidRule,
  band: number,
): number {
  const plane = shape[2] * shape[3];
  const valid = Array.from(pred.keys()).filter(
    (i) => Math.floor(i / plane) % shape[1] === band && at(target, i) >= min && mask?.data[i] !== 0,
  );
  return valid.reduce((sum, i) => sum + (at(pred, i) - at(target, i)), 0) / valid.length;
}

function mean(figures: (number | null)[]): number | null {
  const defined = figures.filter((x) => x !== null);
  return defined.length ? defined.reduce((total, x) => total + x, 0) / defined.length : null;
}
