import { describe, expect, test } from "vitest";
import { CombinedLoss, evaluate } from "../src/index.ts";
import { criterionOf, givenOf, memories, place, tensorsOf } from "./support/api.ts";
import { bitsError, bitsOf, gradError, valueError, zeroError } from "./support/compare.ts";
import { inLayout, layouts } from "./support/data.ts";
import { type Figures, type LossCase, lossCases, metricsCases, type Stats } from "./support/golden.ts";
import { type Layout, relayout, shapeIn } from "./support/layout.ts";

/** The metrics of the bands that are compared; SSIM joins when `evaluate` has it. */
const withSsim = false;

function criterion({ combined, terms }: LossCase, layout: Layout) {
  const parts = terms.map(({ weight, base, settings }) => ({
    weight,
    loss: criterionOf(base, { ...settings, layout }),
  }));
  const [only] = parts;
  return combined || !only ? new CombinedLoss(parts) : only.loss;
}

interface Groups {
  loss: ArrayLike<number>;
  weight: ArrayLike<number>;
  validCount: ArrayLike<number>;
  totalCount: ArrayLike<number>;
}

function expectFigures({ value, groups }: { value: number | Float64Array; groups: Groups }, want: Figures) {
  expect(valueError(value, want.value)).toBe("");
  expect(valueError(groups.loss, want.losses)).toBe("");
  expect(valueError(groups.weight, want.weights, 1e-12)).toBe("");
  expect(Array.from(groups.validCount)).toEqual(want.counts);
  expect(Array.from(groups.totalCount)).toEqual(want.totals);
}

describe.each(layouts)("golden losses in %s", (layout) => {
  test.each(lossCases)("$title", (golden) => {
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
        const parts =
          combined && "terms" in result ? result.terms : [result as Extract<typeof result, { groups: unknown }>];
        expect(parts.length).toBe(terms.length);
        for (const [k, { expected }] of terms.entries()) expectFigures(parts[k] as (typeof parts)[0], expected);
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
    const got = evaluate(pred, target, { bands: [...bands], dataRange, valid, layout, ...given }).bands;
    expect(Object.keys(got)).toEqual(bands);
    for (const band of bands) {
      const stats = pooled[band] as Stats;
      const samples = perSample.map((sample) => sample[band] as Stats);
      // The source document pools rmse, mae and psnr, and takes sam and ssim as means over the samples that have any.
      const want = {
        validCount: stats.count,
        rmse: stats.rmse,
        mae: stats.mae,
        psnr: stats.psnr,
        sam: mean(samples.map(({ sam }) => sam)),
        ...(withSsim ? { ssim: mean(samples.map(({ ssim }) => ssim)) } : {}),
      };
      for (const [name, number] of Object.entries(want)) {
        const figure = got[band]?.[name as keyof typeof want] ?? "absent";
        expect([band, name, valueError(figure as number, number === null ? Number.NaN : Number(number))]).toEqual([
          band,
          name,
          "",
        ]);
      }
    }
  });
});

function mean(figures: (number | null)[]): number | null {
  const defined = figures.filter((x) => x !== null);
  return defined.length ? defined.reduce((total, x) => total + x, 0) / defined.length : null;
}
