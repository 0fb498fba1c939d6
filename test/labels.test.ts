// Class labels that float32 does not hold, as whole numbers from 2^24 on: two of them may be one as float32.
import { describe, expect, test } from "vitest";
import { crossEntropy, FlexibleWeightedLoss, type LabelsLike, prepareTarget } from "../src/index.ts";

const pred = { data: Float32Array.of(1, -2, 0.5, 3, 0, 0.25, -1, 2, 0.5, 1, -3, 4), shape: [1, 3, 2, 2] };
const labelsOf = (data: Int32Array | Float32Array): LabelsLike => ({ data, shape: [1, 2, 2] });
const criterionOf = (ignoreIndex?: number) =>
  new FlexibleWeightedLoss(crossEntropy(ignoreIndex === undefined ? {} : { ignoreIndex }));

/** The same labels as they are, and prepared. */
function both(
  labels: LabelsLike,
  ignoreIndex: number | undefined,
  mask: { mask?: { data: Uint8Array; shape: number[] } } = {},
) {
  const criterion = criterionOf(ignoreIndex);
  return {
    direct: () => criterion.valueAndGrad(pred, labels, mask),
    prepared: () => {
      const options = ignoreIndex === undefined ? {} : { ignoreIndex };
      using target = prepareTarget(labels, { labels: true, ...options, ...mask });
      return criterion.valueAndGrad(pred, target);
    },
  };
}

/** Labels 0, 2 and one that does not count, by the plainest rule. */
const want = criterionOf().valueAndGrad(pred, labelsOf(Int32Array.of(0, 2, -1, 1)));

describe.each([
  { ignoreIndex: 2 ** 24, beside: 2 ** 24 + 1 },
  { ignoreIndex: 2 ** 24 + 1, beside: 2 ** 24 },
  { ignoreIndex: 2 ** 31 - 1, beside: 2 ** 31 - 2 },
])("ignoreIndex $ignoreIndex", ({ ignoreIndex, beside }) => {
  const ignored = labelsOf(Int32Array.of(0, 2, ignoreIndex, 1));
  const near = labelsOf(Int32Array.of(0, 2, beside, 1));

  test.each(["direct", "prepared"] as const)("is left out, and nothing beside it: %s", (way) => {
    const { value, grad, groups } = both(ignored, ignoreIndex)[way]();
    expect(value).toBe(want.value);
    expect([...grad.data]).toEqual([...want.grad.data]);
    expect([...groups.validCount]).toEqual([3]);
    expect(both(near, ignoreIndex)[way]).toThrow(RangeError);
    expect(both(near, ignoreIndex)[way]).toThrow(/^"target": expected whole class labels below 3/);
  });

  test.each(["direct", "prepared"] as const)(
    "what is beside it may stand where the mask says nothing counts: %s",
    (way) => {
      const mask = { data: Uint8Array.of(1, 1, 0, 1), shape: [2, 2] };
      expect(both(near, ignoreIndex, { mask })[way]().value).toBe(want.value);
    },
  );
});

test("float32 labels are compared with the number that ignoreIndex is, not with its rounding", () => {
  const labels = labelsOf(Float32Array.of(0, 2, 2 ** 24, 1));
  expect(both(labels, 2 ** 24).direct().value).toBe(want.value);
  for (const way of ["direct", "prepared"] as const) {
    expect(both(labels, 2 ** 24 + 1)[way]).toThrow(/^"target": .* got 16777216$/);
  }
});

test.each([-1, -(2 ** 24) - 1, -(2 ** 31), Number.MIN_SAFE_INTEGER])(
  "ignoreIndex %i goes with labels below 0, which never count",
  (ignoreIndex) => {
    const labels = labelsOf(Int32Array.of(0, 2, Math.max(ignoreIndex, -(2 ** 31)), 1));
    for (const way of ["direct", "prepared"] as const) expect(both(labels, ignoreIndex)[way]().value).toBe(want.value);
  },
);

test("an error names the label as it is", () => {
  const call = () => criterionOf().forward(pred, labelsOf(Int32Array.of(0, 16_777_217, 2, 1)));
  expect(call).toThrow(/got 16777217$/);
});

test("prepared labels go with a criterion of the same ignoreIndex alone", () => {
  using target = prepareTarget(labelsOf(Int32Array.of(0, 2, -1, 1)), { ignoreIndex: 2 ** 24 + 1 });
  expect(criterionOf(2 ** 24 + 1).forward(pred, target).value).toBe(want.value);
  expect(() => criterionOf(2 ** 24).forward(pred, target)).toThrow(/^"target": .*ignoreIndex/);
});

test("more classes than float32 tells apart are refused", () => {
  const many = { data: new Float32Array(2 ** 24 + 1), shape: [1, 2 ** 24 + 1, 1, 1] };
  const label = { data: Int32Array.of(0), shape: [1, 1, 1] };
  expect(() => criterionOf().forward(many, label)).toThrow(
    /^"pred": expected logits of 1 to 16777216 classes, got 16777217$/,
  );
});
