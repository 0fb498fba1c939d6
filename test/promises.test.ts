/** The promise of README that finite inputs give finite values, and where the formula of a loss itself has none. */
import { describe, expect, test } from "vitest";
import { type BaseLoss, FlexibleWeightedLoss, sam, tensor, vectorAngle } from "../src/index.ts";
import { make } from "./support/api.ts";
import { valueError } from "./support/compare.ts";
import { bases, titleOf } from "./support/data.ts";

const numbers = [0, -0, 1e-45, -1e-45, 1e-30, -1e-8, 0.5, 1, -1, 100, 709, 710, -710, 1e20, -1e20, 3.4e38, -3.4e38];
const lossOf = (base: BaseLoss, pred: number, target: number): number =>
  new FlexibleWeightedLoss(base, { valid: {} }).forward(
    tensor(Float32Array.of(pred), [1, 1]),
    tensor(Float32Array.of(target), [1, 1]),
  ).value;

/** What README names: pred for which the formula has no finite value. */
function isException(name: string, params: { logInput?: boolean; eps?: number }, pred: number): boolean {
  if (name === "bce") return pred < 0 || pred > 1;
  if (name !== "poissonNLL") return false;
  return params.logInput === false ? Math.fround(pred) + (params.eps ?? 1e-8) <= 0 : pred > 709.78;
}

const ofPixels = [
  ...bases.filter(({ name }) => !["sam", "ssim", "crossEntropy"].includes(name)),
  { name: "poissonNLL", params: { logInput: false, eps: 0 } } as const,
];

test.each(ofPixels.map((base) => ({ base, title: titleOf(base) })))("finite values: $title", ({ base }) => {
  const loss = make(base);
  for (const pred of numbers)
    for (const target of numbers) {
      const value = lossOf(loss, pred, target);
      const isExcepted = isException(base.name, (base.params ?? {}) as object, pred);
      expect([pred, target, value, Number.isFinite(value)]).toEqual([pred, target, value, !isExcepted]);
    }
});

describe("angles of 1e-10 and more", () => {
  test.each([1e-10, 3e-10, 1e-9, 1e-8, 1e-7])("%s", (angle) => {
    for (const [x, y] of [
      [1, 0],
      [0.7, 0.3 * angle],
      [3e3, 0],
      [1e-3, 0],
    ] as const)
      for (const base of [sam(), vectorAngle()]) {
        const [pred, target] = [Float32Array.of(x, y), Float32Array.of(x, x * angle + y)] as const;
        const [a, b, c, d] = [...pred, ...target] as [number, number, number, number];
        const got = new FlexibleWeightedLoss(base, { valid: {}, groupBy: "sample" }).forward(
          tensor(pred, [1, 2, 1, 1]),
          tensor(target, [1, 2, 1, 1]),
        );
        expect(valueError(got.value, Math.abs(a * d - b * c) / (a * c + b * d))).toBe("");
      }
  });
});
