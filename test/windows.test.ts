/** SSIM and UQI against exact arithmetic, where what they are made of is lost in float64 if squares are taken as they come. */
import { describe, expect, test } from "vitest";
import { BandMetrics, evaluate, FlexibleWeightedLoss, ssim, ssimMap, type Tensor, tensor } from "../src/index.ts";
import { gradError, valueError } from "./support/compare.ts";
import { seeded } from "./support/data.ts";
import { exactSsim, exactUqi } from "./support/exactWindows.ts";
import { at } from "../reference/layout.ts";
import type { Plane } from "../reference/ssim.ts";

type Pixel = (x: number, y: number, i: number) => number;

function planeOf(pred: Pixel, target: Pixel, width = 16, height = 13): Plane {
  const draw = (pixel: Pixel) =>
    Float32Array.from({ length: width * height }, (_, i) => pixel(i % width, Math.floor(i / width), i));
  return { pred: draw(pred), target: draw(target), width, height };
}

/** A random number from 0 to 1 of each pixel. */
function noise(seed: number): Pixel {
  const random = seeded(seed);
  const numbers = Array.from({ length: 1000 }, random);
  return (_x, _y, i) => at(numbers, i);
}

const images = ({ pred, target, width, height }: Plane): [Tensor, Tensor] => {
  const image = (data: ArrayLike<number>) => tensor(Float32Array.from(data), [height, width]);
  return [image(pred), image(target)];
};

const valid = {};

/** What is wrong with SSIM as a loss, as a figure and as a map: their errors in units of SSIM, or relative where it is near 1. */
function ssimErrors(plane: Plane, dataRange: number, tolerance: number): string[] {
  const want = exactSsim(plane, dataRange);
  const [pred, target] = images(plane);
  const got = new FlexibleWeightedLoss(ssim({ dataRange }), { valid }).valueAndGrad(pred, target);
  const figure = evaluate(pred, target, { dataRange, valid }).bands.B1?.ssim as number;
  const map = ssimMap(pred, target, { dataRange, valid }).data.filter((x) => !Number.isNaN(x));
  const mean = map.reduce((sum, x) => sum + x, 0) / map.length;
  return [
    valueError(got.value, want.mean, tolerance),
    gradError(got.grad.data, want.grad),
    Math.abs(figure - (1 - want.mean)) <= 2 * tolerance ? "" : `got a figure of ${figure}, want ${1 - want.mean}`,
    Math.abs(mean - (1 - want.mean)) <= 1e-7 ? "" : `got a map of ${mean}, want ${1 - want.mean}`,
  ].filter((error) => error !== "");
}

function uqiError(plane: Plane): number {
  const [pred, target] = images(plane);
  return Math.abs(evaluate(pred, target, { dataRange: 1, valid }).scene.uqi - exactUqi(plane));
}

const offsets = [0, 1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7];

describe("at every offset", () => {
  // Steps of float32 are 1 at 1e7.
  const scenes = offsets.map((offset) => {
    const [size, a, b] = [Math.max(1, offset / 1e5), noise(1), noise(2)];
    const target: Pixel = (x, y, i) => offset + size * (Math.sin(x / 3) * Math.cos(y / 4) + 0.3 * a(x, y, i));
    const pred: Pixel = (x, y, i) => target(x, y, i) + 0.2 * size * b(x, y, i);
    const holes: Pixel = (x, y, i) => (b(x, y, i) < 0.2 ? Number.NaN : target(x, y, i));
    return { offset, size, full: planeOf(pred, target), holed: planeOf(pred, holes) };
  });

  test.each(scenes)("SSIM at $offset, of data ranges from their own to a thousandth of it", ({ size, full, holed }) => {
    for (const share of [1, 0.1, 0.01, 0.001])
      for (const plane of [full, holed]) expect([share, ssimErrors(plane, size * share, 1e-13)]).toEqual([share, []]);
  });

  test.each(scenes)("UQI at $offset", ({ full, holed }) => {
    for (const plane of [full, holed]) expect(uqiError(plane)).toBeLessThan(1e-14);
  });

  test("UQI of pixels that differ by a step of float32", () => {
    const [a, b] = [noise(3), noise(4)];
    const steps =
      (noise: Pixel): Pixel =>
      (x, y, i) =>
        1e7 + (noise(x, y, i) < 0.5 ? 1 : 0);
    expect(uqiError(planeOf(steps(a), steps(b)))).toBeLessThan(1e-13);
    const phase =
      (k: number): Pixel =>
      (x, y) =>
        1e7 + ((x + y + k) % 2);
    expect(uqiError(planeOf(phase(0), phase(1)))).toBeLessThan(1e-13);
  });
});

describe("far from the rest of an image", () => {
  // The shift of an image is the value nearest to 0: a stray 0 leaves all other pixels far from it.
  const cases: [string, (v: number, a: Pixel, b: Pixel) => Plane][] = [
    [
      "a constant against another",
      (v) =>
        planeOf(
          () => v,
          () => 0.5,
        ),
    ],
    ["noise against a constant", (v, a) => planeOf(a, () => v)],
    ["a constant against noise", (v, a) => planeOf(() => v, a)],
    ["noise against noise", (v, a, b) => planeOf((...at) => v + a(...at), b)],
    [
      "of the other sign",
      (v, a, b) =>
        planeOf(
          (...at) => a(...at) - v,
          (...at) => b(...at) + v,
        ),
    ],
    [
      "constants of the other sign",
      (v) =>
        planeOf(
          () => -v,
          () => v,
        ),
    ],
    ["one stray pixel of pred", (v, a, b) => planeOf((x, y, i) => (i === 100 ? v : a(x, y, i)), b)],
    [
      "one stray pixel of a constant",
      (v) =>
        planeOf(
          (_x, _y, i) => (i === 100 ? v : 0.5),
          () => 0.5,
        ),
    ],
    ["one stray pixel of target", (v, a, b) => planeOf(a, (x, y, i) => (i === 100 ? v : b(x, y, i)))],
    [
      "a stray 0",
      (v, a, b) =>
        planeOf(
          (x, y, i) => i && v + a(x, y, i),
          (x, y, i) => i && v + b(x, y, i),
        ),
    ],
    [
      "beyond an edge",
      (v, a, b) =>
        planeOf(
          (x, y, i) => a(x, y, i) + (x < 20 ? 0 : v),
          (x, y, i) => b(x, y, i) + (x < 20 ? 0 : v),
          40,
          12,
        ),
    ],
    [
      "beyond opposite edges",
      (v, a, b) =>
        planeOf(
          (x, y, i) => a(x, y, i) + (x < 20 ? 0 : v),
          (x, y, i) => b(x, y, i) + (x < 20 ? v : 0),
          40,
          12,
        ),
    ],
    [
      "in a hole's neighbourhood",
      (v, a, b) =>
        planeOf(
          (x, y, i) => i && v + a(x, y, i),
          (x, y, i) => (b(x, y, i) < 0.3 ? Number.NaN : i && v + b(x, y, i)),
        ),
    ],
  ];

  test.each(cases)("%s", (_, plane) => {
    for (const v of [100, 1e3, 1e4, 1e6, 1e7]) {
      const far = plane(v, noise(5), noise(6));
      expect([v, ssimErrors(far, 1, 1e-8)]).toEqual([v, []]);
      expect(uqiError(far)).toBeLessThan(1e-9);
    }
  });

  test("flat images a thousand data ranges from a stray 0: a gradient of next to nothing may be lost", () => {
    for (const v of [1e3, 1e4, 1e6]) {
      const plane = planeOf(
        (_x, _y, i) => i && v,
        (_x, _y, i) => i && v + 1,
      );
      const want = exactSsim(plane, 1);
      const { value, grad } = new FlexibleWeightedLoss(ssim({ dataRange: 1 }), { valid }).valueAndGrad(
        ...images(plane),
      );
      expect(valueError(value, want.mean, 1e-8)).toBe("");
      const error = Math.max(...want.grad.map((g, i) => Math.abs(at(grad.data, i) - g)));
      expect(error).toBeLessThan((2e-12 * v) / want.losses.length);
    }
  });

  test("windows of a larger image give what the whole does", () => {
    const [width, height] = [48, 30];
    const [a, b] = [noise(7), noise(8)];
    const [level] = [1e6];
    const plane = planeOf(
      (x, y, i) => a(x, y, i % 999) + (x < 20 ? 0 : level),
      (x, y, i) => b(x, y, i % 997) + (x < 20 ? 0 : level),
      width,
      height,
    );
    const options = { bands: ["a"], dataRange: 1, valid };
    const [whole, parts] = [new BandMetrics(options), new BandMetrics(options)];
    whole.update(...images(plane));
    for (const [left, right] of [
      [0, 17],
      [17, 30],
      [30, 48],
    ] as const) {
      const halo = { left: Math.min(5, left), right: Math.min(5, width - right) };
      const [from, to] = [left - halo.left, right + halo.right];
      const cut =
        (image: ArrayLike<number>): Pixel =>
        (x, y) =>
          at(image, y * width + from + x);
      const window = planeOf(cut(plane.pred), cut(plane.target), to - from, height);
      parts.update(...images(window), { sample: "image", halo });
    }
    const [want, got] = [whole.compute(), parts.compute()];
    expect(Math.abs(got.scene.uqi - want.scene.uqi)).toBeLessThan(1e-9);
    expect(Math.abs((got.bands.a?.ssim as number) - (want.bands.a?.ssim as number))).toBeLessThan(1e-9);
  });
});
