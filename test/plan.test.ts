import { expect, test } from "vitest";
import { FlexibleWeightedLoss, mse, tensor } from "../src/index.ts";
import { geometry } from "../src/plan/geometry.ts";

test("a plane of more pixels than kernels count is refused", () => {
  // Nobody touches these 4 GiB: they cost no memory.
  const plane = tensor(new Uint8Array(2 ** 32 - 1), [2 ** 16 + 1, 2 ** 16 - 1]);
  const criterion = new FlexibleWeightedLoss(mse());
  expect(() => criterion.forward(plane, plane)).toThrow(RangeError);
  expect(() => criterion.forward(plane, plane)).toThrow(/"pred".*planes of at most.*65537×65535/);
});

test("planes that fit are looked at one by one where all of them together do not", () => {
  const size = { samples: 1, channels: 3, height: 40_000, width: 40_000 };
  const { pixels, planes, groups, total } = geometry(size, "NCHW", "sample", "element", true);
  expect({ pixels, planes, groups, total }).toEqual({ pixels: 1.6e9, planes: 3, groups: 1, total: 4.8e9 });
  const smaller = geometry({ ...size, channels: 2 }, "NCHW", "sample", "element", true);
  expect(smaller).toMatchObject({ pixels: 3.2e9, planes: 1 });
});
