import { describe, expect, test } from "vitest";
import { type Dimensions, type Geometry, geometry, maskStrides } from "../src/plan/geometry.ts";
import type { Operand } from "../src/plan/call.ts";
import { span, unitOf } from "../src/run/staging.ts";
import { at } from "../reference/layout.ts";

const size: Dimensions = { samples: 2, channels: 3, height: 131, width: 130 };
const { samples, channels, height, width } = size;
const plane = height * width;

/** An operand of this many elements; its array stays empty, since spans are told by strides alone. */
const operand = (
  role: Operand["role"],
  of: Pick<Operand, "strides" | "consecutive" | "linear" | "extent">,
): Operand => ({
  role,
  array: new Float32Array(0),
  owner: undefined,
  type: 0,
  scale: 1,
  offset: 0,
  ...of,
});

/** The elements that units [from, to) read, and those of the pixels `reach` to either side. */
function touched({ strides }: Operand, row: number, cut: Geometry, from: number, to: number, reach: number) {
  let [first, last] = [Number.POSITIVE_INFINITY, -1];
  for (let unit = from; unit < to; unit++) {
    const unitPlane = Math.floor(unit / cut.tilesPerPlane);
    const pixel = (unit % cut.tilesPerPlane) * cut.tile;
    const base = Math.floor(unitPlane / cut.planes) * strides.sample;
    for (let k = 0; k < cut.channels; k++)
      for (let i = Math.max(0, pixel - reach); i < Math.min(pixel + cut.tile + reach, cut.pixels); i++) {
        const place =
          row === width * strides.pixel ? i * strides.pixel : Math.floor(i / width) * row + (i % width) * strides.pixel;
        const element = base + ((unitPlane % cut.planes) + k) * strides.channel + place;
        first = Math.min(first, element);
        last = Math.max(last, element);
      }
  }
  return { start: first, length: last + 1 - first };
}

describe.each(["NCHW", "NHWC"] as const)("what is staged of a window of units, %s", (layout) => {
  const target = layout === "NCHW" ? [samples, channels, height, width] : [samples, height, width, channels];
  const elements = samples * channels * plane;

  test.each(["element", "pixel", "window"] as const)(
    "of an image, for losses of a %s: what they read and no more",
    (scope) => {
      const cut = geometry(size, layout, "sample", scope, false);
      const { strides } = cut;
      for (const role of ["Pred", "Grad"] as const) {
        const image = operand(role, { strides, consecutive: true, linear: true, extent: elements });
        for (const count of [1, 3])
          for (let from = 0; from + count <= cut.units; from += Math.max(1, Math.floor(cut.units / 9)))
            for (const reach of scope === "window" ? [0, 5 * width, 10 * width] : [0]) {
              const units = { from, to: from + count, reach };
              const want = touched(image, width * strides.pixel, cut, from, from + count, role === "Grad" ? 0 : reach);
              const { start, length } = span(image, cut, units);
              const where = [role, units];
              // Planes of a tile that are looked at together span what lies between them, too.
              expect([...where, start, length]).toEqual([...where, want.start, want.length]);
              expect(start >= 0 && start + length <= elements).toBe(true);
            }
      }
    },
  );

  test("of a mask of any shape: all that they read, within the mask", () => {
    for (let which = 0; which < 16; which++) {
      const shape = target.map((extent, axis) => ((which >> axis) & 1 ? extent : 1));
      const count = shape.reduce((n, extent) => n * extent, 1);
      const full = count === elements;
      const { row, ...strides } = maskStrides(shape, target, layout);
      const extent = (channels - 1) * strides.channel + (height - 1) * row + (width - 1) * strides.pixel + 1;
      const mask = operand("Mask", {
        strides,
        consecutive: full,
        linear: full || row === width * strides.pixel,
        extent,
      });
      const cut = geometry(size, layout, "sample", "pixel", full);
      for (const step of [1, 2])
        for (let from = 0; from + step <= cut.units; from += step) {
          const want = touched(mask, row, cut, from, from + step, 0);
          const { start, length } = span(mask, cut, { from, to: from + step, reach: 0 });
          const where = [shape, from, step];
          const covers = start <= want.start && start + length >= want.start + want.length;
          expect([...where, covers, start >= 0, start + length <= count]).toEqual([...where, true, true, true]);
        }
    }
  });
});

test("of planes that are staged one by one: the unit's pixels, and those around it, within the plane", () => {
  for (const [scope, reach] of [
    ["pixel", 0],
    ["image", 5 * width],
  ] as const) {
    const cut = geometry({ ...size, height: 400 }, "NCHW", "sample", scope, false);
    const image = operand("Pred", { strides: cut.strides, consecutive: true, linear: true, extent: 0 });
    const covered = new Uint8Array(cut.pixels);
    for (let unit = 0; unit < cut.units; unit++) {
      const { pixel, start, length } = unitOf(image, cut, { from: unit, to: unit + 1, reach });
      const first = (unit % cut.tilesPerPlane) * cut.tile;
      const last = Math.min(first + cut.tile, cut.pixels);
      expect([pixel, pixel + length]).toEqual([Math.max(0, first - reach), Math.min(last + reach, cut.pixels)]);
      const sample = Math.floor(unit / cut.tilesPerPlane);
      expect(start).toBe(sample * cut.strides.sample + pixel);
      for (let i = first; i < last; i++) covered[i] = at(covered, i) + 1;
    }
    expect(covered.every((times) => times === samples)).toBe(true);
  }
});
