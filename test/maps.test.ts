import { describe, expect, test } from "vitest";
import {
  angleMap,
  errorMap,
  FlexibleWeightedLoss,
  prepareTarget,
  ssimMap,
  ssim as ssimLoss,
  type Tensor,
  tensor,
} from "../src/index.ts";
import { memories, place, tensorsOf } from "./support/api.ts";
import { bitsError, valueError } from "./support/compare.ts";
import { inLayout, layouts, problemOf } from "./support/data.ts";
import { at, offsetOf, relayout, type Shape, shapeIn } from "../reference/layout.ts";
import { type Problem, reference } from "../reference/losses.ts";
import { ssim } from "../reference/ssim.ts";

const range = (n: number): number[] => [...Array(n).keys()];
const validAt = ({ target }: Problem, i: number): boolean => at(target, i) >= 0;

/** What is wrong with a map, or "": within `tolerance` of what it should be, NaN where that is. */
function mapError(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number): string {
  if (got.length !== want.length) return `got ${got.length} pixels, want ${want.length}`;
  const wrong = range(want.length).find((i) => {
    const [g, w] = [at(got, i), at(want, i)];
    return Number.isNaN(w) !== Number.isNaN(g) || Math.abs(g - w) > tolerance * Math.max(1, Math.abs(w));
  });
  return wrong === undefined ? "" : `[${wrong}] got ${got[wrong]}, want ${want[wrong]}`;
}

/** Wide enough for strips of a few rows, and small. */
const shapes: Shape[] = [
  [2, 3, 13, 17],
  [1, 1, 11, 11],
  [1, 2, 40, 2100],
  [3, 2, 14, 12],
];

describe.each(layouts)("maps in %s", (layout) => {
  test.each(shapes)("of [%i, %i, %i, %i]", (...shape) => {
    const [B, C, H, W] = shape;
    const problem = problemOf({ name: "mse" }, shape, 1, 0.2);
    const moved = inLayout(problem, layout);

    const errors = problem.pred.map((p, i) => (validAt(problem, i) ? Math.abs(p - at(problem.target, i)) : Number.NaN));
    const similar = new Float64Array(problem.pred.length);
    const isSmall = H * W < 1000;
    if (isSmall)
      for (const plane of range(B * C)) {
        const cut = (data: ArrayLike<number>) => Array.from(data).slice(plane * H * W, (plane + 1) * H * W);
        const images = { pred: cut(problem.pred), target: cut(problem.target), width: W, height: H };
        similar.set(ssim(images, { lo: 0, invalid: "normalize", dataRange: 1 }).map, plane * H * W);
      }
    const angles = range(B * H * W).map((i) => {
      const [b, xy] = [Math.floor(i / (H * W)), i % (H * W)];
      const offsets = range(C).map((c) => offsetOf(shape, "NCHW", b, c, xy));
      if (!offsets.every((o) => validAt(problem, o))) return Number.NaN;
      const pick = (data: ArrayLike<number>) => Float32Array.from(offsets, (o) => at(data, o));
      const pixel = { shape: [1, C, 1, 1] as const, pred: pick(problem.pred), target: pick(problem.target) };
      return at(reference({ name: "sam" }, pixel).groups.loss, 0);
    });

    const results = memories.map((memory) => {
      const { pred, target } = tensorsOf(moved, layout, memory);
      return {
        error: errorMap(pred, target as Tensor, { layout }),
        similarity: ssimMap(pred, target as Tensor, { dataRange: 1, layout }),
        angle: angleMap(pred, target as Tensor, { layout }),
      };
    });
    for (const { error, similarity, angle } of results) {
      expect([error.shape, similarity.shape]).toEqual([shapeIn(shape, layout), shapeIn(shape, layout)]);
      expect(angle.shape).toEqual(shapeIn([B, 1, H, W], layout));
      expect(mapError(error.data, relayout(errors, shape, "NCHW", layout), 0)).toBe("");
      expect(mapError(angle.data, angles, 1e-6)).toBe("");
      if (isSmall) expect(mapError(similarity.data, relayout(similar, shape, "NCHW", layout), 1e-7)).toBe("");
      expect(bitsError(error.data, results[0]?.error.data as Float32Array)).toBe("");
      expect(bitsError(similarity.data, results[0]?.similarity.data as Float32Array)).toBe("");
      expect(bitsError(angle.data, results[0]?.angle.data as Float32Array)).toBe("");
    }
  });

  test("a mask takes pixels out, poison under it changes nothing", () => {
    const shape: Shape = [2, 2, 12, 13];
    const problem = problemOf({ name: "mse" }, shape, 2, 0);
    const bytes = Uint8Array.from({ length: 12 * 13 }, (_, i) => (i % 7 ? 1 : 0));
    const mask = tensor(bytes, layout === "NCHW" ? [12, 13] : [1, 12, 13, 1]);
    const maps = (p: Problem) => {
      const { pred, target } = tensorsOf(inLayout(p, layout), layout);
      const options = { layout, mask };
      return [
        errorMap(pred, target as Tensor, options),
        angleMap(pred, target as Tensor, options),
        ssimMap(pred, target as Tensor, { ...options, dataRange: 1 }),
      ].map(({ data }) => data);
    };
    const clean = maps(problem);
    const poisoned = maps({ ...problem, pred: problem.pred.map((p, i) => (bytes[i % 156] ? p : Number.NaN)) });
    for (const [k, map] of clean.entries()) expect(bitsError(poisoned[k] as Float32Array, map)).toBe("");
    expect(clean[1]?.filter(Number.isNaN).length).toBe(2 * bytes.filter((b) => b === 0).length);
  });
});

test("spectra of at least two valid channels have an angle where any will do", () => {
  const pred = place([1, 1, 0, 1, 2, 0], [3, 1, 2]);
  const target = place([1, -1, 1, 1, -1, -1], [3, 1, 2]);
  expect(Array.from(angleMap(pred, target, { pixels: "any" }).data)).toEqual([Math.fround(Math.PI / 4), Number.NaN]);
  expect(Array.from(angleMap(pred, target).data)).toEqual([Number.NaN, Number.NaN]);
});

test("images without a channel have a map of angles in either layout", () => {
  const none = (shape: number[]) => place(new Float32Array(0), shape);
  const [first, last] = [none([1, 0, 3, 4]), none([1, 3, 4, 0])];
  expect(angleMap(first, first).shape).toEqual([1, 1, 3, 4]);
  expect(angleMap(last, last, { layout: "NHWC" }).shape).toEqual([1, 3, 4, 1]);
});

test("images of two dimensions have maps of two", () => {
  const image = place(new Float32Array(144), [12, 12]);
  const shapes = [errorMap(image, image), angleMap(image, image), ssimMap(image, image, { dataRange: 1 })];
  expect(shapes.map(({ shape }) => shape)).toEqual([
    [12, 12],
    [12, 12],
    [12, 12],
  ]);
});

test("SSIM far from 0 keeps its digits, and erosion keeps whole windows alone", () => {
  const shape: Shape = [1, 1, 16, 18];
  const { pred, target } = problemOf({ name: "mse" }, shape, 3, 0.01);
  const lift = (x: number) => 1e6 + x;
  const [p, t] = [pred.map(lift), (target as Float32Array).map((x) => (x >= 0 ? lift(x) : Number.NaN))];
  const images = { pred: p, target: t, width: 18, height: 16 };
  for (const invalid of ["normalize", "erode", "zero"] as const) {
    // Under "zero" the variance is that of holes against 1e6.
    const want = ssim(images, { lo: 0, invalid, dataRange: 1 }).map;
    const got = ssimMap(place(p, [16, 18]), place(t, [16, 18]), { dataRange: 1, invalid });
    expect(mapError(got.data, want, 1e-6)).toBe("");
  }
});

test("the map of SSIM is what its loss averages; a prepared target serves", () => {
  const { pred, target } = tensorsOf(problemOf({ name: "mse" }, [1, 1, 30, 31], 4, 0.3));
  using ready = prepareTarget(target as Tensor);
  const map = ssimMap(pred, ready, { dataRange: 1 });
  expect(bitsError(map.data, ssimMap(pred, target as Tensor, { dataRange: 1 }).data)).toBe("");
  const centres = map.data.filter((x) => !Number.isNaN(x));
  const mean = centres.reduce((sum, x) => sum + x, 0) / centres.length;
  const { value } = new FlexibleWeightedLoss(ssimLoss({ dataRange: 1 })).forward(pred, target);
  expect(valueError(1 - mean, value)).toBe("");
});

test("errors name the argument", () => {
  const image = place(new Float32Array(100), [10, 10]);
  expect(() => ssimMap(image, image, { dataRange: 1 })).toThrow(RangeError);
  expect(() => ssimMap(image, image, {} as { dataRange: number })).toThrow('"dataRange": expected a number');
  expect(() => ssimMap(image, image, { dataRange: 1, invalid: "" as "zero" })).toThrow('"invalid": expected');
  expect(() => angleMap(image, image, { pixels: "some" as "any" })).toThrow(
    '"pixels": expected "all" or "any", got "some"',
  );
  expect(() => errorMap(image, place(new Float32Array(9), [3, 3]))).toThrow('"target": expected shape [10, 10]');
  expect(() => errorMap(image, image, { bands: ["a"] } as object)).toThrow('got "bands"');
});
