import { describe, expect, test } from "vitest";
import { gradError, valueError, zeroError } from "./support/compare.ts";
import { bases, inLayout, invalidOf, problemOf, settingsOf, titleOf, upstreamOf } from "./support/data.ts";
import { centralDifferences, scalarOf } from "./support/differences.ts";
import { lossCases } from "./support/golden.ts";
import type { Shape } from "../reference/layout.ts";
import { combinedReference, reference } from "../reference/losses.ts";

describe("the reference passes the golden vectors", () => {
  // Tags whose expected numbers are themselves good to less than 1e-9 (golden README, Comparing).
  const looser = (tags: readonly string[]) => (tags.includes("tiny-angle") ? 1e-8 : 1e-9);
  test.each(lossCases)("$title", ({ terms, problem, tags, value, grad, exactZeros }) => {
    const got = combinedReference(terms, problem);
    expect(valueError(got.value, value, looser(tags))).toBe("");
    got.terms.forEach(({ groups }, k) => {
      const want = terms[k]?.expected;
      expect(valueError(groups.loss, want?.losses ?? [], looser(tags))).toBe("");
      expect(valueError(groups.weight, want?.weights ?? [], 1e-15)).toBe("");
      expect(groups.validCount).toEqual(want?.counts);
      expect(groups.totalCount).toEqual(want?.totals);
    });
    if (grad) {
      expect(gradError(got.grad, grad, looser(tags))).toBe("");
      expect(zeroError(got.grad, (i) => exactZeros && grad[i] === 0)).toBe("");
    }
  });
});

describe("the gradient of the reference is the derivative of its value", () => {
  test.each(bases.map((base) => ({ base, title: titleOf(base) })))("$title", ({ base }) => {
    const shape: Shape = [2, 3, 2, 3];
    for (const settings of settingsOf(base)) {
      const problem = {
        ...inLayout(problemOf(base, shape, 3), settings.layout ?? "NCHW"),
        gradOutput: upstreamOf(shape, settings),
      };
      const invalid = invalidOf(base, problem, settings.layout ?? "NCHW");
      const f = (pred: Float64Array) =>
        scalarOf(reference(base, { ...problem, pred }, settings).value, problem.gradOutput);
      // Small enough for the corners of charbonnier's 1e-3, large enough for f64.
      const differences = centralDifferences(f, Float64Array.from(problem.pred), 1e-6, (i) => !invalid[i]);
      expect([settings, gradError(differences, reference(base, problem, settings).grad, 1e-5)]).toEqual([settings, ""]);
    }
  });
});
