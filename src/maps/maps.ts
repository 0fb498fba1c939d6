// Pictures of where a prediction is wrong: a number per pixel, NaN where it does not count.

import { checkChoice, ownOptions } from "../check.ts";
import type { BaseLoss } from "../losses/BaseLoss.ts";
import { mae } from "../losses/elementwise.ts";
import { sam } from "../losses/pixel.ts";
import { type SsimOptions, ssim } from "../losses/ssim.ts";
import { SSIM_RADIUS } from "../memory/kernelApi.ts";
import { type ImageLike, type MaskLike, type Tensor, tensor, type WeightsLike } from "../memory/tensor.ts";
import { type Prepared, prepare } from "../plan/arrays.ts";
import type { Dimensions, Layout, Strides } from "../plan/geometry.ts";
import type { TargetLike } from "../plan/PreparedTarget.ts";
import type { ValidRule } from "../plan/rule.ts";
import { checkSettings } from "../plan/settings.ts";
import { Workspace } from "../run/workspace.ts";
import { type Output, padded, type Strip, Strips } from "./strips.ts";

export interface MapOptions {
  /** Which target values count; `{ min: 0 }` by default. */
  valid?: ValidRule;
  /** Bytes ≠ 0 where a pixel may count, or a soft mask; of the target's shape or broadcastable to it, as are `weights`. */
  mask?: MaskLike;
  /** What each pixel counts: finite numbers ≥ 0. Where a weight is 0 the pixel does not count; `ssimMap` weighs its windows by the others. */
  weights?: WeightsLike;
  /** Order of the dimensions: `"NCHW"` (default) or `"NHWC"`. */
  layout?: Layout;
}

/**
 * |pred − target| at each valid pixel, in the units of the images, NaN elsewhere.
 *
 * @returns float32 of pred's shape
 * @throws TypeError, RangeError where shapes, kinds or options do not fit
 * @example
 * ```ts
 * const { data } = errorMap(pred, target); // data[i] = |pred[i] − target[i]|, or NaN
 * ```
 */
export function errorMap(pred: ImageLike, target: TargetLike, options: MapOptions = {}): Tensor {
  const prepared = prepareMap(mae(), pred, target, ownOptions("options", options, MAP_OPTIONS));
  return draw(prepared, false, 0, ({ kernels }, { rows }, { pred, target }, map) => {
    kernels.exports.errorMap(pred, target, padded(rows * prepared.size.width), map);
  });
}

/**
 * Structural similarity at each pixel that is a centre: valid, and at least 5 pixels from the border; NaN elsewhere. The mean over a
 * plane is 1 − `ssim`.
 *
 * @param options.dataRange largest possible value minus smallest, in the units of the images
 * @param options.invalid what becomes of invalid pixels in a window, see `ssim`
 * @returns float32 of pred's shape
 * @throws TypeError, RangeError where shapes, kinds or options do not fit, and for images smaller than 11×11
 * @example
 * ```ts
 * const { data } = ssimMap(pred, target, { dataRange: 1 });
 * ```
 */
export function ssimMap(pred: ImageLike, target: TargetLike, options: MapOptions & SsimOptions): Tensor {
  const given = ownOptions("options", options, [...MAP_OPTIONS, "dataRange", "invalid"]);
  const { dataRange, invalid = "normalize" } = given;
  const base = ssim({ dataRange, invalid });
  const prepared = prepareMap(base, pred, target, given);
  const { height, width } = prepared.size;
  return draw(prepared, false, SSIM_RADIUS, (workspace, { row, rows, top, bottom }, { pred, target, mass }, map) => {
    const { exports } = workspace.kernels;
    const scratch = workspace.area("map scratch", exports.ssimMapScratchBytes(bottom - top));
    exports.setMapPlane(scratch, width, height, top, bottom, base.a);
    exports.setMapImages(scratch, top, pred, target, mass);
    exports.ssimMap(scratch, top, bottom, row, row + rows, base.b, map);
  });
}

/**
 * Spectral angle between prediction and target at each pixel, in radians, NaN where it does not count; see `sam`.
 *
 * @param options.pixels `"all"` (default): a pixel counts where all its channels are valid; `"any"`: where at least two are
 * @returns float32 of pred's shape with a single channel: `[B, 1, H, W]`, or `[B, H, W, 1]` for layout `"NHWC"`
 * @throws TypeError, RangeError where shapes, kinds or options do not fit
 * @example
 * ```ts
 * const degrees = angleMap(pred, target).data.map((angle) => (angle * 180) / Math.PI);
 * ```
 */
export function angleMap(
  pred: ImageLike,
  target: TargetLike,
  options: MapOptions & { pixels?: "all" | "any" } = {},
): Tensor {
  const given = ownOptions("options", options, [...MAP_OPTIONS, "pixels"]);
  const { pixels = "all" } = given;
  checkChoice("pixels", pixels, ["all", "any"]);
  const prepared = prepareMap(sam({ pixels }), pred, target, given);
  const { channels, width } = prepared.size;
  return draw(prepared, true, 0, (workspace, { rows, stride }, { pred, target }, map) => {
    const { exports } = workspace.kernels;
    const scratch = workspace.area("map scratch", exports.angleMapScratchBytes(channels));
    const needed = pixels === "all" ? channels : 2;
    exports.angleMap(pred, target, stride, channels, needed, rows * width, map, scratch);
  });
}

const MAP_OPTIONS = ["valid", "mask", "weights", "layout"];

function prepareMap(base: BaseLoss, pred: ImageLike, target: TargetLike, given: MapOptions): Prepared {
  const { mask, weights, valid, layout = "NCHW" } = given;
  const settings = checkSettings(base, { layout, ...(valid !== undefined && { valid }) }, "channel");
  return prepare(settings, pred, target, { mask, weights });
}

/** Has `paint` leave the rows of a strip at address `map`: those of each of its channels, or of all of them together. */
function draw(
  { kernels, call, size, pred: { shape, data } }: Prepared,
  together: boolean,
  reach: number,
  paint: (workspace: Workspace, strip: Strip, plane: Pick<Strip, "pred" | "target" | "mass">, map: number) => void,
): Tensor {
  const plane = size.height * size.width;
  const flat = { sample: plane, channel: 0, pixel: 1 };
  const output: Output = together
    ? { data: new Float32Array(size.samples * plane), strides: flat }
    : { data: new Float32Array(data.length), strides: call.geometry.strides };
  Workspace.use(kernels, (workspace) => {
    const strips = new Strips(workspace, { call, size });
    strips.each(reach, (strip) => {
      const { sample, channel, channels, row, rows, stride } = strip;
      const map = workspace.area("map", padded(rows * size.width) * 4);
      for (let k = 0; k < (together ? 1 : channels); k++) {
        const at = (area: number) => (area === 0 ? 0 : area + k * stride);
        paint(workspace, strip, { pred: at(strip.pred), target: at(strip.target), mass: at(strip.mass) }, map);
        strips.store(output, sample, channel + k, row, rows, map);
      }
    });
  });
  return tensor(output.data, together ? withOneChannel(shape, size, call.geometry.strides) : shape);
}

function withOneChannel(shape: readonly number[], { channels }: Dimensions, { pixel }: Strides): readonly number[] {
  const axis = pixel === 1 ? shape.length - 3 : shape.length - 1;
  return channels === 1 ? shape : shape.map((size, i) => (i === axis ? 1 : size));
}
