import { describe, expect, test } from "vitest";
import { gradError, positiveZeroError, valueError } from "./compare.ts";
import { lossCases } from "./golden.ts";
import { combinedReference } from "./reference.ts";

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
      expect(positiveZeroError(got.grad, (i) => exactZeros && grad[i] === 0)).toBe("");
    }
  });
});
