import { expect, test } from "vitest";
import { alignMask, maskIndex, type MaskGrid } from "../../../src/cli/decide/maskGrid.ts";
import type { GeoTransform } from "../../../src/raster/index.ts";

const northUp = (x: number, y: number, pixel: number): GeoTransform => [x, pixel, 0, y, 0, -pixel];
const grid = (width: number, height: number, transform: GeoTransform | null = null) => ({ width, height, transform });
const columns = (mask: ReturnType<typeof grid>, image: ReturnType<typeof grid>) =>
  Array.from({ length: image.width }, (_, i) => maskIndex((alignMask(mask, image) as MaskGrid).x, i));

test("of one size: pixel by pixel", () => {
  expect(columns(grid(4, 2), grid(4, 2))).toEqual([0, 1, 2, 3]);
});

test("coarser by a whole factor: each pixel speaks for all that it covers", () => {
  expect(columns(grid(2, 1), grid(6, 3))).toEqual([0, 0, 0, 1, 1, 1]);
});

test("finer by a whole factor: the centre decides, by an even one the pixel right and below it", () => {
  expect(columns(grid(9, 9), grid(3, 3))).toEqual([1, 4, 7]);
  expect(columns(grid(6, 6), grid(3, 3))).toEqual([1, 3, 5]);
  expect(columns(grid(12, 12), grid(3, 3))).toEqual([2, 6, 10]);
});

test("a mask that covers more is cropped by georeference", () => {
  expect(columns(grid(10, 10, northUp(0, 100, 10)), grid(3, 3, northUp(20, 80, 10)))).toEqual([2, 3, 4]);
  // Of 20 m, an image of 10 m that begins in the middle of its second pixel.
  expect(columns(grid(10, 10, northUp(0, 200, 20)), grid(4, 4, northUp(30, 170, 10)))).toEqual([1, 2, 2, 3]);
  // Of 5 m.
  expect(columns(grid(20, 20, northUp(0, 100, 5)), grid(3, 3, northUp(20, 80, 10)))).toEqual([5, 7, 9]);
  // A factor that has no exact inverse, far from the origin.
  expect(columns(grid(200, 200, northUp(600000, 5000000, 30)), grid(3, 3, northUp(603000, 4997000, 10)))).toEqual([
    100, 100, 100,
  ]);
});

test("rounding in a file's numbers does not matter", () => {
  const image = grid(1000, 1000, northUp(600000, 5000000, 10));
  expect(alignMask(grid(1000, 1000, northUp(600000.0001, 5000000, 10.0000000001)), image)).toEqual({
    x: { start: 0, step: 1 },
    y: { start: 0, step: 1 },
  });
});

test.each<[string, ReturnType<typeof grid>, ReturnType<typeof grid>, RegExp]>([
  ["no whole factor", grid(12, 4), grid(8, 6), /factor of 1\.5, which is no whole number/],
  ["half a pixel beside", grid(10, 10, northUp(5, 100, 10)), grid(3, 3, northUp(20, 80, 10)), /0\.5 pixels beside/],
  ["covers a part", grid(10, 10, northUp(0, 100, 10)), grid(3, 3, northUp(80, 80, 10)), /does not cover the image/],
  ["begins within", grid(10, 10, northUp(0, 100, 10)), grid(3, 3, northUp(-10, 80, 10)), /does not cover the image/],
  ["south up", grid(10, 10, [0, 10, 0, 0, 0, 10]), grid(3, 3, northUp(20, 80, 10)), /turned/],
  ["10 m against 15 m", grid(20, 20, northUp(0, 300, 15)), grid(3, 3, northUp(0, 300, 10)), /factor of 1\.5/],
])("%s: says what differs", (_, mask, image, problem) => {
  expect(alignMask(mask, image)).toMatch(problem);
});
