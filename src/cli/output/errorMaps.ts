// Errors and spectral angles pixel by pixel: the API's own maps, so that the command's have their bits.

import { angleMap, errorMap, type Tensor } from "../../index.ts";
import type { Pair, Pixels } from "../pair/Pair.ts";
import { massesOf } from "../pair/tally.ts";

/** prediction − target in the units of the images, `[bands, height, width]`; NaN where a pixel does not count. */
export function signedErrors(pixels: Pixels, pair: Pair): Float32Array {
  const errors = errorMap(pixels.pred, pixels.target, optionsOf(pixels, pair)).data;
  const [p, t] = [pixels.pred, pixels.target];
  for (let i = 0; i < errors.length; i++) {
    if (valueAt(p, i) < valueAt(t, i)) errors[i] = -(errors[i] as number);
  }
  return errors;
}

/** The angle between the spectra in radians, `[height, width]`; NaN where a band of a pixel does not count. */
export function spectralAngles(pixels: Pixels, pair: Pair): Float32Array {
  return angleMap(pixels.pred, pixels.target, optionsOf(pixels, pair)).data;
}

/** What a stored number stands for. */
export function valueAt({ data, scale, offset }: Tensor<Pixels["pred"]["data"]>, i: number): number {
  return (data[i] as number) * scale + offset;
}

function optionsOf(pixels: Pixels, { kernelRule, predNodata }: Pair) {
  return { valid: kernelRule, ...massesOf(pixels, predNodata) };
}
