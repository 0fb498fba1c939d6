import { describe, expect, test } from "vitest";
import { CombinedLoss, tensor } from "../src/index.ts";
import { criterionOf, memories, place, tensorsOf } from "./support/api.ts";
import { bitsError, bitsOf, gradError, valueError } from "./support/compare.ts";
import { bases, inLayout, invalidOf, layouts, problemOf } from "./support/data.ts";
import { at } from "../reference/layout.ts";
import { type Base, combinedReference, type Problem, type Settings } from "../reference/losses.ts";

interface Term {
  weight: number;
  base: Base;
  settings: Settings;
}

const criterion = (terms: readonly Term[]) =>
  new CombinedLoss(terms.map(({ weight, base, settings }) => ({ weight, loss: criterionOf(base, settings) })));

const problem = problemOf({ name: "mse" }, [2, 3, 6, 7], 91);

describe("CombinedLoss", () => {
  test("each term has its own base, groups, rule, weighting", () => {
    for (const layout of layouts) {
      const terms: Term[] = [
        { weight: 0.7, base: { name: "sam" }, settings: { layout, weighting: "linear" } },
        { weight: 1.3, base: { name: "mse" }, settings: { layout, groupBy: "channel", valid: { above: 0.3 } } },
        { weight: -0.25, base: { name: "vectorAngle" }, settings: { layout, groupBy: "sample", reduction: "sum" } },
        {
          weight: 1e-3,
          base: { name: "rmse" },
          settings: { layout, groupBy: "channel", weighting: 2, valid: { min: 0, max: 0.7 } },
        },
      ];
      const laid = inLayout(problem, layout);
      const want = combinedReference(terms, { ...laid, gradOutput: 2 });
      const results = memories.map((memory) => {
        const { pred, target } = tensorsOf(laid, layout, memory);
        const out = place(new Float32Array(pred.data.length).fill(Number.NaN), pred.shape ?? [], memory);
        const got = criterion(terms).valueAndGrad(pred, target, { gradOutput: 2, out });
        expect(got.grad).toBe(out);
        expect(valueError(got.value as number, want.value)).toBe("");
        expect(valueError(criterion(terms).forward(pred, target).value as number, want.value)).toBe("");
        expect(gradError(got.grad.data, want.grad)).toBe("");
        expect(got.terms.length).toBe(4);
        for (const [k, term] of got.terms.entries()) {
          expect(valueError(term.value, want.terms[k]?.value ?? [])).toBe("");
          expect(valueError(term.groups.loss, want.terms[k]?.groups.loss ?? [])).toBe("");
          expect(valueError(term.groups.weight, want.terms[k]?.groups.weight ?? [], 1e-12)).toBe("");
          expect(
            valueError(
              [term.numerator, term.weightSum],
              [want.terms[k]?.numerator ?? 0, want.terms[k]?.weightSum ?? 0],
            ),
          ).toBe("");
        }
        return got;
      });
      for (const got of results) {
        expect(bitsError(bitsOf(got.value as number), bitsOf(results[0]?.value as number))).toBe("");
        expect(bitsError(got.grad.data, results[0]?.grad.data ?? new Float32Array())).toBe("");
      }
    }
  });

  test("pairs of all bases that share a domain", () => {
    const image = bases.filter(({ name }) => !["bce", "bceWithLogits", "poissonNLL", "crossEntropy"].includes(name));
    const { pred, target } = tensorsOf(problem);
    for (const [i, base] of image.entries()) {
      const terms: Term[] = [
        { weight: 2, base, settings: {} },
        { weight: 0.5, base: image[(i + 5) % image.length] as Base, settings: { weighting: "uniform" } },
      ];
      const want = combinedReference(terms, problem);
      const got = criterion(terms).valueAndGrad(pred, target);
      expect([terms, valueError(got.value as number, want.value), gradError(got.grad.data, want.grad)]).toEqual([
        terms,
        "",
        "",
      ]);
    }
  });

  // Terms of the same groups share their counts, and terms of the same tiles their passes; others go alone, in between.
  test("what terms share changes no bit of any", () => {
    const all: Term[] = [
      { weight: 0.5, base: { name: "mse" }, settings: { groupBy: "channel" } },
      { weight: 2, base: { name: "rmse" }, settings: { groupBy: "channel", weighting: "uniform" } },
      { weight: -1, base: { name: "huber", params: { delta: 0.1 } }, settings: { groupBy: "channel" } },
      { weight: 0.25, base: { name: "sam" }, settings: {} },
      { weight: 3, base: { name: "vectorAngle" }, settings: { groupBy: "channel" } },
      { weight: 1, base: { name: "mae" }, settings: { groupBy: "channel", valid: { min: 0.2 } } },
      { weight: 1, base: { name: "ssim", params: { dataRange: 1 } }, settings: { groupBy: "channel" } },
      { weight: 0.125, base: { name: "charbonnier" }, settings: { groupBy: "sample" } },
      { weight: 4, base: { name: "dice" }, settings: { groupBy: "sample" } },
    ];
    // More than a tile a plane, and a tail.
    const wide = problemOf({ name: "mse" }, [2, 3, 131, 127], 94);
    const bytes = Uint8Array.from({ length: 2 * 131 * 127 }, (_, i) => (i % 5 === 0 ? 0 : 1));
    for (const layout of layouts) {
      const mask = tensor(bytes, layout === "NCHW" ? [2, 1, 131, 127] : [2, 131, 127, 1]);
      for (const memory of memories) {
        const { pred, target } = tensorsOf(inLayout(wide, layout), layout, memory);
        for (const given of [{}, { mask }]) {
          const terms = all.map((term) => ({ ...term, settings: { ...term.settings, layout } }));
          const alone = terms.map(({ weight, base, settings }) =>
            criterionOf(base, settings).valueAndGrad(pred, target, { ...given, gradOutput: weight }),
          );
          const got = criterion(terms).valueAndGrad(pred, target, given);
          const grad = new Float32Array(pred.data.length);
          for (const [k, one] of alone.entries())
            one.grad.data.forEach((g, i) => {
              grad[i] = k === 0 ? g : at(grad, i) + g;
            });
          const where = [layout, memory, given];
          expect([...where, bitsError(got.grad.data, grad)]).toEqual([...where, ""]);
          for (const { terms: parts } of [got, criterion(terms).forward(pred, target, given)]) {
            const bits = parts.map(({ value, groups }) => [
              value,
              ...groups.loss,
              ...groups.weight,
              ...groups.validCount,
            ]);
            const want = alone.map(({ value, groups }) => [
              value,
              ...groups.loss,
              ...groups.weight,
              ...groups.validCount,
            ]);
            expect([...where, bits]).toEqual([...where, want]);
          }
        }
      }
    }
  });

  test("a gradient waits for those of the terms before, which may take more passes", () => {
    // All but parallel: the angle needs another pass.
    const near = { ...problem, pred: (problem.target as Float32Array).map((t, i) => t * (1 + 1e-5 * (i % 3))) };
    const terms: Term[] = [
      { weight: 1, base: { name: "vectorAngle" }, settings: { groupBy: "channel" } },
      { weight: 1, base: { name: "mse" }, settings: { groupBy: "channel" } },
    ];
    const { pred, target } = tensorsOf(near);
    const out = tensor(new Float32Array(pred.data.length).fill(Number.NaN), [...pred.shape]);
    const want = combinedReference(terms, near);
    expect(gradError(criterion(terms).valueAndGrad(pred, target, { out }).grad.data, want.grad)).toBe("");
  });

  test("reduction none adds the vectors; gradOutput has an entry per group", () => {
    const terms: Term[] = [
      { weight: 0.7, base: { name: "mae" }, settings: { groupBy: "channel", reduction: "none" } },
      { weight: 1.3, base: { name: "dice" }, settings: { groupBy: "channel", reduction: "none", weighting: "linear" } },
    ];
    const gradOutput = [1, -2, 0, 0.5, 3, 1];
    const want = combinedReference(terms, { ...problem, gradOutput });
    const { pred, target } = tensorsOf(problem);
    const got = criterion(terms).valueAndGrad(pred, target, { gradOutput });
    expect(got.value).toBeInstanceOf(Float64Array);
    expect(valueError(got.value as unknown as Float64Array, want.value)).toBe("");
    expect(gradError(got.grad.data, want.grad)).toBe("");
  });

  test("one term of weight 1 is that loss to the bit", () => {
    for (const base of bases) {
      const own = problemOf(base, [2, 3, 5, 6], 92);
      const { pred, target } = tensorsOf(own);
      const alone = criterionOf(base).valueAndGrad(pred, target);
      const got = criterion([{ weight: 1, base, settings: {} }]).valueAndGrad(pred, target);
      expect(bitsError(bitsOf(got.value as number), bitsOf(alone.value))).toBe("");
      expect(bitsError(got.grad.data, alone.grad.data)).toBe("");
    }
  });

  test("poison at pixels that no term counts changes no bit", () => {
    const terms: Term[] = [
      { weight: 0.5, base: { name: "sam" }, settings: {} },
      { weight: 0.5, base: { name: "mse" }, settings: { groupBy: "sample" } },
      { weight: 0.1, base: { name: "rmse" }, settings: {} },
    ];
    const invalid = invalidOf({ name: "mse" }, problem, "NCHW");
    const poisons = [Number.NaN, Number.POSITIVE_INFINITY, -1e38];
    const pred = problem.pred.map((x, i) => (invalid[i] ? at(poisons, i % 3) : x));
    const [clean, poisoned] = [problem, { ...problem, pred }].map((p) => {
      const tensors = tensorsOf(p);
      return criterion(terms).valueAndGrad(tensors.pred, tensors.target);
    });
    expect(bitsError(bitsOf(poisoned?.value as number), bitsOf(clean?.value as number))).toBe("");
    expect(bitsError(poisoned?.grad.data ?? new Float32Array(), clean?.grad.data ?? new Float32Array(1))).toBe("");
  });

  test("a term without a counted pixel adds nothing", () => {
    const terms: Term[] = [
      { weight: 5, base: { name: "mae" }, settings: { valid: { above: 1e6 } } },
      { weight: 2, base: { name: "mse" }, settings: {} },
    ];
    const { pred, target } = tensorsOf(problem);
    const got = criterion(terms).valueAndGrad(pred, target);
    const want = combinedReference(terms, problem);
    expect(got.terms[0]?.value).toBe(0);
    expect(valueError(got.value as number, want.value)).toBe("");
    expect(gradError(got.grad.data, want.grad)).toBe("");
  });

  test("terms over classes", () => {
    const base: Base = { name: "crossEntropy" };
    const own = problemOf(base, [2, 4, 5, 6], 93);
    const terms: Term[] = [
      { weight: 0.5, base, settings: {} },
      { weight: 2, base: { ...base, params: { ignoreIndex: 2 } }, settings: { weighting: "linear" } },
    ];
    const { pred, target } = tensorsOf(own);
    const got = criterion(terms).valueAndGrad(pred, target);
    const want = combinedReference(terms, own);
    expect(valueError(got.value as number, want.value)).toBe("");
    expect(gradError(got.grad.data, want.grad)).toBe("");
  });

  test("micro-batches merge by a normalizer for each term", () => {
    const terms: Term[] = [
      { weight: 0.5, base: { name: "sam" }, settings: {} },
      { weight: 2, base: { name: "rmse" }, settings: { groupBy: "channel", weighting: "linear" } },
    ];
    const half = (b: number): Problem => ({
      ...problem,
      shape: [1, 3, 6, 7],
      pred: problem.pred.slice(b * 126, (b + 1) * 126),
      target: problem.target.slice(b * 126, (b + 1) * 126) as Float32Array,
    });
    const tensors = [tensorsOf(half(0)), tensorsOf(half(1))];
    const forward = tensors.map(({ pred, target }) => criterion(terms).forward(pred, target));
    const normalizer = terms.map((_, k) => forward.reduce((sum, { terms }) => sum + (terms[k]?.weightSum ?? 0), 0));
    const parts = tensors.map(({ pred, target }) => criterion(terms).valueAndGrad(pred, target, { normalizer }));
    const want = combinedReference(terms, problem);
    expect(
      valueError(
        parts.reduce((sum, { value }) => sum + (value as number), 0),
        want.value,
      ),
    ).toBe("");
    expect(gradError(Float32Array.from(parts.flatMap(({ grad }) => Array.from(grad.data))), want.grad)).toBe("");
  });

  test("reduction none wants it of all terms, and as many groups in each", () => {
    const none = (groupBy: "sample" | "channel", reduction: "none" | "sum"): Term => ({
      weight: 1,
      base: { name: "mse" },
      settings: { groupBy, reduction },
    });
    const { pred, target } = tensorsOf(problem);
    expect(() => criterion([none("sample", "none"), none("sample", "sum")])).toThrow(RangeError);
    expect(() => criterion([none("sample", "none"), none("channel", "none")]).forward(pred, target)).toThrow(
      RangeError,
    );
  });
});
