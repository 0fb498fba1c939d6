import { describe, expect, test } from "vitest";
import { bitsError, gradError, positiveZeroError, valueError, zeroError } from "./compare.ts";

describe("the comparers", () => {
  const grad = Float64Array.of(1, -0.25, 1e-3, 0);

  test("accept what the promise allows", () => {
    expect(valueError(1 + 0.9e-6, 1)).toBe("");
    expect(valueError([0, Infinity, NaN, -2], [0, Infinity, NaN, -2])).toBe("");
    expect(gradError(Float32Array.from(grad), grad)).toBe("");
    expect(gradError([1, -0.25, 1e-3 + 0.9e-6, 0.9e-6], grad)).toBe("");
  });

  test("refuse a flipped sign, zeros, a shift, NaN, another length", () => {
    for (let i = 0; i < 3; i++)
      expect(
        gradError(
          grad.map((g, j) => (i === j ? -g : g)),
          grad,
        ),
      ).not.toBe("");
    expect(
      gradError(
        grad.map(() => 0),
        grad,
      ),
    ).not.toBe("");
    expect(
      gradError(
        grad.map((g) => g + 2.1e-6),
        grad,
      ),
    ).not.toBe("");
    expect(
      gradError(
        grad.map((g) => g * 3),
        grad,
      ),
    ).not.toBe("");
    expect(
      gradError(
        grad.map(() => NaN),
        grad,
      ),
    ).not.toBe("");
    expect(gradError(grad.slice(1), grad)).not.toBe("");
    for (const wrong of [-1, 0, 1 + 1.1e-6, NaN, Infinity]) expect(valueError(wrong, 1)).not.toBe("");
    for (const wrong of [1e-300, NaN]) expect(valueError(wrong, 0)).not.toBe("");
    expect(valueError(0, NaN)).not.toBe("");
    expect(valueError([1], 1)).not.toBe("");
    expect(valueError([1, 1], [1])).not.toBe("");
  });

  test("see every bit", () => {
    const x = Float32Array.of(0, 1, NaN);
    expect(bitsError(x.slice(), x)).toBe("");
    expect(bitsError(Float32Array.of(-0, 1, NaN), x)).not.toBe("");
    expect(bitsError(Float32Array.of(0, 1 + 2 ** -23, NaN), x)).not.toBe("");
    expect(bitsError(Float64Array.from(x), x)).not.toBe("");
    expect(positiveZeroError([-0, 1], (i) => i === 0)).not.toBe("");
    expect(positiveZeroError([0, 1], (i) => i === 0)).toBe("");
    expect(zeroError([-0, 1], (i) => i === 0)).toBe("");
    expect(zeroError([1e-300, 1], (i) => i === 0)).not.toBe("");
  });
});
