// A window of a larger image: its core, and around it pixels that belong to the neighbouring windows.

import { elements, kindOf, own, ownOptions, show } from "../check.ts";
import { FLOATS, type KernelData, LABELS, PIXELS } from "../memory/arrayTypes.ts";
import { SSIM_RADIUS } from "../memory/kernelApi.ts";
import { type Checked, checkTensor } from "../memory/checkTensor.ts";
import { tensor } from "../memory/tensor.ts";
import type { Dimensions, Layout } from "../plan/geometry.ts";
import { PreparedTarget } from "../plan/PreparedTarget.ts";

/**
 * Pixels that a window needs from its neighbours on each side for SSIM to come out as if the image had been whole, or all there are
 * where the image's border is nearer: half of SSIM's 11×11 window.
 */
export const HALO = SSIM_RADIUS;

/** Pixels on each side of a window that belong to its neighbours; 0 at the image's border, and by default. */
export interface Halo {
  readonly left?: number;
  readonly right?: number;
  readonly top?: number;
  readonly bottom?: number;
}

export type Sides = Required<Halo>;

export const NO_HALO: Sides = { left: 0, right: 0, top: 0, bottom: 0 };

/** Accepts the halo of a window. */
export function checkHalo(halo: unknown, { height, width }: Dimensions): Sides {
  if (halo === undefined) return NO_HALO;
  const given = ownOptions("halo", halo as Halo, ["left", "right", "top", "bottom"]);
  const side = (name: keyof Halo): number => {
    const size: unknown = given[name] ?? 0;
    if (typeof size !== "number")
      throw new TypeError(`"halo.${name}": expected a number of pixels, got ${kindOf(size)}`);
    if (!Number.isInteger(size) || size < 0 || size > HALO) {
      throw new RangeError(`"halo.${name}": expected 0 to ${HALO} pixels, got ${show(size)}`);
    }
    return size;
  };
  const sides = { left: side("left"), right: side("right"), top: side("top"), bottom: side("bottom") };
  if (sides.left + sides.right >= width || sides.top + sides.bottom >= height) {
    throw new RangeError(
      `"halo": expected a core within the window's ${height}×${width} pixels, ` +
        `got ${sides.top} + ${sides.bottom} rows and ${sides.left} + ${sides.right} columns`,
    );
  }
  return sides;
}

type Copyable = ArrayBufferView & {
  readonly constructor: { new (length: number): Copyable };
  set(source: Copyable, offset: number): void;
  subarray(start: number, end: number): Copyable;
};

/**
 * The core of an array of a window, copied. A mask stays broadcast along the dimensions that it is, and a prepared target is
 * prepared.
 *
 * @param rank number of dimensions of the image: [H, W] has no channels in either layout
 */
export function coreOf(
  name: string,
  array: unknown,
  rank: number,
  layout: Layout,
  sides: Sides,
): Checked<KernelData> | PreparedTarget {
  const kinds = [...PIXELS, ...LABELS];
  if (!(array instanceof PreparedTarget)) return crop(checkTensor(name, array, kinds), rank, layout, sides);
  const { data, shape } = crop(checkTensor<Float32Array>(name, array.tensor, FLOATS), rank, layout, sides);
  const masses = Object.entries(array.masses).map(([key, values]) => [key, crop(values, rank, layout, sides)]);
  return array.with(tensor(data, shape), own(Object.fromEntries(masses)));
}

function crop<D extends KernelData>(
  array: Checked<D>,
  rank: number,
  layout: Layout,
  { left, right, top, bottom }: Sides,
): Checked<D> {
  // Dimensions are counted from the last one, as broadcasting does.
  const { shape } = array;
  const x = shape.length - (layout === "NHWC" && rank > 2 ? 2 : 1);
  const y = x - 1;
  const cut = (axis: number, before: number, after: number) => {
    const size = shape[axis] ?? 1;
    return size === 1 ? { size, first: 0, count: 1 } : { size, first: before, count: size - before - after };
  };
  const columns = cut(x, left, right);
  const rows = cut(y, top, bottom);
  const perPixel = elements(shape.slice(x + 1));
  const planes = elements(shape.slice(0, Math.max(y, 0)));
  const run = columns.count * perPixel;

  const source = array.data as unknown as Copyable;
  const data = new source.constructor(planes * rows.count * run);
  for (let plane = 0; plane < planes; plane++) {
    for (let row = 0; row < rows.count; row++) {
      const start = ((plane * rows.size + rows.first + row) * columns.size + columns.first) * perPixel;
      data.set(source.subarray(start, start + run), (plane * rows.count + row) * run);
    }
  }
  const cropped = shape.map((size, axis) => (axis === y ? rows.count : axis === x ? columns.count : size));
  return { ...array, data: data as unknown as Checked<D>["data"], shape: cropped };
}
