// From shapes to the geometry that kernels work by: pure arithmetic, no WebAssembly.
//
// An array is a set of planes of `pixels` elements. How it is seen depends on the layout and on what the loss looks at:
//
//     view         layout   seen as                                   unit plane        channels at a time
//     whole        either   one plane of C·H·W elements per sample    the sample        1
//     planes       NCHW     C planes of H·W elements per sample       one plane         1
//     pixels       NCHW     the same, all channels looked at at once  the sample        C
//     interleaved  NHWC     C planes whose elements alternate         the sample        C
//
// A unit is a tile of a unit plane; where a loss looks at the pixels around each, a tile is a row, and for the metrics of all bands a
// strip of rows.

import { showShape } from "../check.ts";

export type Layout = "NCHW" | "NHWC";

/** What is weighed as one: a sample, a channel of a sample, all samples, or a channel of all samples. */
export type GroupBy = "sample" | "channel" | "batch" | "band";

/** The four dimensions of an image batch, whatever its layout. */
export interface Dimensions {
  readonly samples: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Elements from one sample, channel or pixel to the next. */
export interface Strides {
  readonly sample: number;
  readonly channel: number;
  readonly pixel: number;
}

export interface Geometry {
  readonly pixels: number;
  readonly channels: number;
  readonly planes: number;
  readonly tile: number;
  readonly tilesPerPlane: number;
  readonly units: number;
  /** Planes, one after the other, that belong to one group; the groups come round again after the last. */
  readonly planesPerGroup: number;
  readonly groups: number;
  /** Elements of a group (pixels where the loss looks across channels), valid or not. */
  readonly total: number;
  /** Of pred, grad, and a target of pred's shape. */
  readonly strides: Strides;
  /** Pixels of a row of the image. */
  readonly width: number;
  /** Whether units are rows, whose windows reach into the rows around them. */
  readonly rows: boolean;
}

/** What a loss looks at together. */
export type Scope = "element" | "pixel" | "window" | "image";

/** Strides of a mask: rows too, since it may be broadcast along rows or columns. */
export interface MaskStrides extends Strides {
  readonly row: number;
}

/** Elements of a tile: two of them and the gradient's fit any second-level cache. */
export const TILE = 16384;

/** Pixels of a unit plane: the kernels count them, up to the end of the last tile, in 32 bits. */
const MAX_PIXELS = 2 ** 32 - TILE;

/** Elements of a strip, and its rows at most: many beside those that are staged around it, few enough for what stages it. */
const STRIP = 2 ** 21;
const STRIP_ROWS = 80;

/** Tiles are whole numbers of kernel steps. */
const STEP = 16;

/** Reads a shape of 2, 3 or 4 dimensions; fewer than four mean a batch of one, and a single channel. */
export function dimensions(shape: readonly number[], layout: Layout, name: string): Dimensions {
  if (shape.length < 2 || shape.length > 4) {
    const full = layout === "NCHW" ? "[B, C, H, W], [C, H, W]" : "[B, H, W, C], [H, W, C]";
    throw new RangeError(`"${name}": expected shape ${full} or [H, W], got ${showShape(shape)}`);
  }
  const [samples, a, b, c] = fourOf(shape, layout);
  const size =
    layout === "NCHW" ? { samples, channels: a, height: b, width: c } : { samples, channels: c, height: a, width: b };
  if (size.height * size.width > MAX_PIXELS) {
    throw new RangeError(
      `"${name}": expected planes of at most ${MAX_PIXELS} pixels, got ${size.height}×${size.width}`,
    );
  }
  return size;
}

function fourOf(shape: readonly number[], layout: Layout): [number, number, number, number] {
  if (shape.length === 4) return [...shape] as [number, number, number, number];
  if (shape.length === 3) return [1, ...shape] as [number, number, number, number];
  const [height, width] = shape as [number, number];
  return layout === "NCHW" ? [1, 1, height, width] : [1, height, width, 1];
}

/**
 * How a batch is cut into groups, planes and tiles.
 *
 * @param scope what the loss looks at together: `"pixel"` is all channels of it, `"window"` the pixels around it, `"image"` both
 * @param fullMask whether there is no mask, or one of the target's own shape
 */
export function geometry(
  { samples, channels, height, width }: Dimensions,
  layout: Layout,
  groupBy: GroupBy,
  scope: Scope,
  fullMask: boolean,
): Geometry {
  const plane = height * width;
  const image = channels * plane;
  // Samples and channels of a group.
  const groupSamples = groupBy === "batch" || groupBy === "band" ? samples : 1;
  const groupChannels = groupBy === "sample" || groupBy === "batch" ? channels : 1;
  const groups = { sample: samples, channel: samples * channels, batch: 1, band: channels }[groupBy];
  const total = groupSamples * (scope === "pixel" ? 1 : groupChannels) * plane;
  // A band's planes are not neighbours: its group comes round with each sample.
  const planesPerGroup = groupBy === "band" ? 1 : groupSamples * groupChannels;
  const rows = scope === "window";
  const isImage = scope === "image";
  const view = (pixels: number, together: number, planes: number, perGroup: number, strides: Strides): Geometry => {
    const tile = rows ? width : isImage ? stripOf(width, together) : tileOf(together);
    const tilesPerPlane = rows ? height : Math.ceil(pixels / tile);
    const units = together === 0 ? 0 : samples * planes * tilesPerPlane;
    return {
      pixels,
      channels: together,
      planes,
      tile,
      tilesPerPlane,
      units,
      planesPerGroup: perGroup,
      groups,
      total,
      strides,
      width,
      rows,
    };
  };
  if (scope === "element" && (groupBy === "sample" || groupBy === "batch") && fullMask && image <= MAX_PIXELS) {
    return view(image, 1, 1, groupSamples, { sample: image, channel: 0, pixel: 1 });
  }
  if (layout === "NHWC" && channels !== 1) {
    return view(plane, channels, 1, planesPerGroup, { sample: image, channel: 1, pixel: channels });
  }
  const strides = { sample: image, channel: plane, pixel: 1 };
  if (scope === "pixel") return view(plane, channels, 1, planesPerGroup, strides);
  if (isImage) return view(plane, channels, 1, planesPerGroup, strides);
  return view(plane, 1, channels, planesPerGroup, strides);
}

/** Pixels of a tile of so many channels. */
function tileOf(channels: number): number {
  return Math.max(STEP, Math.floor(TILE / Math.max(channels, 1) / STEP) * STEP);
}

/** Pixels of a strip of so many channels: whole rows. */
function stripOf(width: number, channels: number): number {
  const row = Math.max(1, width);
  return row * Math.min(STRIP_ROWS, Math.max(1, Math.floor(STRIP / (row * Math.max(1, channels)))));
}

/**
 * Strides by which a mask is read as one of the target's shape, as NumPy broadcasts: shapes are aligned at their last dimension,
 * and a dimension that is 1 or missing is repeated.
 *
 * @param target shape of the target, in storage order
 * @param layout where in that order the channels stand; `undefined` for class labels, which have none
 */
export function maskStrides(
  mask: readonly number[],
  target: readonly number[],
  layout: Layout | undefined,
  name = "mask",
): MaskStrides {
  checkBroadcast(name, mask, target);
  const strides: number[] = [];
  let stride = 1;
  for (let i = 0; i < target.length; i++) {
    const size = mask[mask.length - 1 - i] ?? 1;
    // Of a dimension that is 1 in both, the stride matters to nobody but those who ask whether pixels are evenly spaced.
    strides.unshift(size === 1 && target[target.length - 1 - i] !== 1 ? 0 : stride);
    stride *= size;
  }
  const last = (k: number) => strides[strides.length - k] ?? 0;
  if (layout === undefined) return { sample: last(3), channel: 0, row: last(2), pixel: last(1) };
  // Without a batch or channel dimension, these strides are never used.
  if (layout === "NCHW" || target.length === 2)
    return { sample: last(4), channel: last(3), row: last(2), pixel: last(1) };
  return { sample: last(4), row: last(3), pixel: last(2), channel: last(1) };
}

/** Accepts the shape of a mask, or of weights, that is the target's, or can be broadcast to it. */
export function checkBroadcast(name: string, mask: readonly number[], target: readonly number[]): void {
  const fits =
    mask.length <= target.length &&
    mask.every((size, i) => size === 1 || size === target[target.length - mask.length + i]);
  if (!fits) {
    throw new RangeError(
      `"${name}": expected shape ${showShape(target)} like target, or broadcastable to it, got ${showShape(mask)}`,
    );
  }
}

/** Whether a mask of these dimensions has an element of its own for each of the target's. */
export function isFullMask(mask: readonly number[], target: readonly number[]): boolean {
  const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
  return count(mask) === count(target);
}
