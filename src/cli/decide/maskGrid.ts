// Where the pixels of a mask lie on an image: which of them speaks for each of the image's.

import type { GeoTransform } from "../../raster/index.ts";

/** Size of a raster, and where it lies, if that is known. */
export interface Grid {
  readonly width: number;
  readonly height: number;
  readonly transform: GeoTransform | null;
}

/**
 * Along an axis, the mask's pixel of the image's pixel i: floor(start + (i + ½)·step), in which the centre decides. `step` is a whole
 * number, or one over a whole number where the mask is coarser.
 */
export interface AxisMap {
  readonly start: number;
  readonly step: number;
}

export interface MaskGrid {
  readonly x: AxisMap;
  readonly y: AxisMap;
}

/** Parts of a pixel of the finer grid that grids may be off by: rounding in files is far below it. */
const tolerance = 0.01;

/**
 * How a mask goes with an image: by georeference, if both have one, whatever the mask covers beside the image; otherwise by size.
 *
 * @returns what differs, in words, where the mask does not fit
 */
export function alignMask(mask: Grid, image: Grid): MaskGrid | string {
  const placed = mask.transform && image.transform ? placeOnMask(mask.transform, image.transform) : bySize(mask, image);
  if (typeof placed === "string") return placed;
  const x = alignAxis(placed.x, mask.width, image.width);
  const y = alignAxis(placed.y, mask.height, image.height);
  if (typeof x === "string") return x;
  return typeof y === "string" ? y : { x, y };
}

/** Of an image that has no place: both cover the same. */
function bySize(mask: Grid, image: Grid): MaskGrid {
  return {
    x: { start: 0, step: mask.width / image.width },
    y: { start: 0, step: mask.height / image.height },
  };
}

/** Where the image's pixel corners lie among the mask's: the image's transform, and then the mask's backwards. */
function placeOnMask(mask: GeoTransform, image: GeoTransform): MaskGrid | string {
  const [mx, mxx, mxy, my, myx, myy] = mask;
  const determinant = mxx * myy - mxy * myx;
  const toMask = (x: number, y: number) =>
    [(myy * x - mxy * y) / determinant, (mxx * y - myx * x) / determinant] as const;
  const [startX, startY] = toMask(image[0] - mx, image[3] - my);
  const [xx, yx] = toMask(image[1], image[4]);
  const [xy, yy] = toMask(image[2], image[5]);
  const isTurned = Math.abs(yx) > 1e-6 * Math.abs(xx) || Math.abs(xy) > 1e-6 * Math.abs(yy);
  if (isTurned || !(xx > 0 && yy > 0)) return "its axes are turned against the image's";
  return { x: { start: startX, step: xx }, y: { start: startY, step: yy } };
}

/** The map as whole numbers; what is wrong with it where they are none, or the mask ends within the image. */
function alignAxis({ start, step }: AxisMap, maskSize: number, imageSize: number): AxisMap | string {
  const factor = step >= 1 ? step : 1 / step;
  const whole = Math.round(factor);
  // Over the whole image the two grids may drift apart by no more than the tolerance.
  const finePixels = imageSize * Math.max(step, 1);
  if (Math.abs(factor - whole) * (finePixels / whole) > tolerance) {
    return `pixel sizes differ by a factor of ${Number(factor.toPrecision(4))}, which is no whole number`;
  }
  const exactStep = step >= 1 ? whole : 1 / whole;
  const fine = step >= 1 ? start : start * whole;
  if (Math.abs(fine - Math.round(fine)) > tolerance) {
    return `its grid is ${Number((fine - Math.floor(fine)).toPrecision(3))} pixels beside the image's`;
  }
  const exactStart = (step >= 1 ? Math.round(fine) : Math.round(fine) / whole) + 0;
  const end = exactStart + imageSize * exactStep;
  if (exactStart < 0 || end > maskSize + tolerance) return "it does not cover the image";
  return { start: exactStart, step: exactStep };
}

/** The mask's pixel of an image's. */
export function maskIndex({ start, step }: AxisMap, i: number): number {
  // Half a pixel of the finer grid is a whole number of halves: nothing is rounded where it matters.
  return step >= 1 ? start + Math.floor((i + 0.5) * step) : Math.floor((Math.round(start / step) + i + 0.5) * step);
}
