/** `criterion.into({ grad })`: the results of `valueAndGrad`, in places that stay, whatever changes between calls. */
import { describe, expect, test } from "vitest";
import { FlexibleWeightedLoss, mse, tensor, type Tensor, zeros } from "../src/index.ts";
import { criterionOf, tensorsOf } from "./support/api.ts";
import { bitsError } from "./support/compare.ts";
import { everyBase, problemOf, titleOf } from "./support/data.ts";

describe("the same bits as valueAndGrad", () => {
  test.each(everyBase.map((base) => ({ title: titleOf(base), base })))("$title", ({ base }) => {
    const criterion = criterionOf(base);
    for (const memory of ["staged", "in place"] as const) {
      const [first, second] = [1, 2].map((seed) => tensorsOf(problemOf(base, [2, 3, 5, 7], seed), "NCHW", memory));
      if (!first || !second) throw new Error("no problems");
      const grad = zeros(first.pred.shape);
      const step = criterion.into({ grad });
      for (const { pred, target } of [first, first, second, first, first]) {
        pred.data[0] = (pred.data[0] as number) + 0.01;
        const want = criterion.valueAndGrad(pred, target);
        const got = step.valueAndGrad(pred, target);
        expect([got.value, got.numerator, got.weightSum]).toEqual([want.value, want.numerator, want.weightSum]);
        expect(got.groups).toEqual(want.groups);
        expect(got.grad).toBe(grad);
        expect(bitsError(grad.data, want.grad.data)).toBe("");
      }
    }
  });
});

const shape = [1, 2, 4, 4];
const image = (value: number): Tensor => tensor(new Float32Array(32).fill(value), shape);

test("groups are those of the call before, written anew", () => {
  const step = new FlexibleWeightedLoss(mse()).into({ grad: zeros(shape) });
  const [pred, target] = [image(1), image(0)];
  const first = step.valueAndGrad(pred, target);
  pred.data.fill(2);
  const second = step.valueAndGrad(pred, target);
  expect(second.groups).toBe(first.groups);
  expect(Array.from(second.groups.loss)).toEqual([4, 4]);
});

test("what changes between calls is looked at again", () => {
  const criterion = new FlexibleWeightedLoss(mse());
  const step = criterion.into({ grad: zeros(shape) });
  const [pred, target] = [image(1), image(0)];
  expect(step.valueAndGrad(pred, target).value).toBe(1);
  const weights = tensor(
    Float32Array.from({ length: 16 }, (_, i) => (i < 8 ? 0 : 1)),
    [4, 4],
  );
  pred.data.fill(3, 0, 8);
  expect(step.valueAndGrad(pred, target, { weights }).value).toBe(1);
  expect(step.valueAndGrad(pred, target, { gradOutput: 2 }).grad.data[0]).toBe(
    criterion.valueAndGrad(pred, target, { gradOutput: 2 }).grad.data[0],
  );
  expect(() => step.valueAndGrad(pred, target, { out: zeros(shape) } as object)).toThrow('got "out"');
  expect(() => step.valueAndGrad(pred, tensor(new Float32Array(16), [4, 4]))).toThrow('"target"');
  // Plain objects may hold another array each time.
  const plain = { data: new Float32Array(32).fill(5), shape };
  expect(step.valueAndGrad(plain, target).value).toBe(25);
  plain.data = new Float32Array(32).fill(6);
  expect(step.valueAndGrad(plain, target).value).toBe(36);
});

test("tensors that are disposed of are refused", () => {
  const grad = zeros(shape);
  const step = new FlexibleWeightedLoss(mse()).into({ grad });
  const pred = zeros(shape);
  const target = image(0);
  step.valueAndGrad(pred, target);
  pred.dispose();
  expect(() => step.valueAndGrad(pred, target)).toThrow('"pred": expected a tensor in use');
  const other = image(1);
  step.valueAndGrad(other, target);
  grad.dispose();
  expect(() => step.valueAndGrad(other, target)).toThrow('"out": expected a tensor in use');
});

test("a place that is none is refused", () => {
  const criterion = new FlexibleWeightedLoss(mse());
  expect(() => criterion.into({ grad: tensor(new Uint8Array(32), shape) as unknown as Tensor })).toThrow('"out"');
  expect(() => criterion.into({} as { grad: Tensor })).toThrow('"grad": expected a tensor, got undefined');
});
