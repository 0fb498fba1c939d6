// Stored samples on their way to the kernels: which of them are missing, and what they stand for.

import type { Calibration, PixelData } from "../../index.ts";
import { compileRule } from "../../plan/rule.ts";
import type { ValidRule } from "../../index.ts";
import { type SampleArray, toFloat32 } from "../../raster/index.ts";
import { DataError } from "../errors.ts";

/** What the kernels take as it is stays as it is; signed bytes become int16, everything else float32. */
export function pixelsOf(stored: SampleArray): PixelData {
  if (stored instanceof Uint8Array || stored instanceof Int16Array || stored instanceof Uint16Array) return stored;
  return stored instanceof Int8Array ? new Int16Array(stored) : toFloat32(stored);
}

/** Types whose calibration the kernels apply; of others the values are worked out here. */
export const isCalibratedByKernels = (type: string): boolean => /^([ui]8|[ui]16)$/.test(type);

/**
 * scale · v + offset by band, in float32; NaN for target values that `rule` leaves out, since a rule is on stored numbers.
 *
 * @param calibrations by band, whose planes follow each other
 */
export function valuesOf(
  stored: SampleArray,
  calibrations: readonly Required<Calibration>[],
  rule: ValidRule = {},
): Float32Array {
  const { min, max, nodata } = compileRule("valid", rule);
  const values = new Float32Array(stored.length);
  const plane = stored.length / calibrations.length;
  for (const [b, { scale, offset }] of calibrations.entries()) {
    for (let i = b * plane; i < (b + 1) * plane; i++) {
      const v = stored[i] as number;
      const inFloat32 = Math.fround(v);
      const counts = inFloat32 >= min && inFloat32 <= max && !nodata.includes(inFloat32);
      values[i] = counts ? v * scale + offset : Number.NaN;
    }
  }
  return values;
}

/**
 * Whole numbers from 2²⁴ on may round to their neighbours in float32: figures would be those of other numbers, and pixels beside
 * nodata missing. What is nodata is looked at as it is stored, and may be anything.
 *
 * @throws DataError where one is rounded
 */
export function checkExact(stored: SampleArray, nodata: readonly number[], path: string): void {
  const rounded = nodata.filter((value) => Math.fround(value) !== value).map(Math.fround);
  for (const value of stored) {
    if ((Math.fround(value) === value && !rounded.includes(value)) || nodata.includes(value)) continue;
    throw new DataError(
      `${path}: holds ${value}, which float32, in which all is computed, has no number of its own for`,
    );
  }
}

/**
 * 1 where a prediction has nothing: nodata by its tag, NaN, or 0 in its own mask; `null` where it has all.
 *
 * @param mask of a plane
 */
export function missingOf(stored: SampleArray, nodata: number | null, mask: Uint8Array | null): Uint8Array | null {
  // The tag may say -9999.9 where float32 comes no closer than -9999.900390625.
  const marker = stored instanceof Float32Array && nodata !== null ? Math.fround(nodata) : nodata;
  const isFloat = stored instanceof Float32Array || stored instanceof Float64Array;
  // Most images miss nothing, which the engine finds out faster than the loop below.
  const hasMarker = marker !== null && stored.includes(marker);
  const hasNaN = isFloat && stored.includes(Number.NaN);
  if (!hasMarker && !hasNaN && !mask?.includes(0)) return null;
  const missing = new Uint8Array(stored.length);
  for (let i = 0; i < stored.length; i++) {
    const value = stored[i] as number;
    const isMissing = value === marker || Number.isNaN(value) || (mask !== null && mask[i % mask.length] === 0);
    missing[i] = isMissing ? 1 : 0;
  }
  return missing;
}

/** What a target that says nothing of missing pixels turns out to hold. */
export interface Found {
  /** Values below 0. */
  readonly negatives: number;
  readonly hasNaN: boolean;
}

export const NOTHING_FOUND: Found = { negatives: 0, hasNaN: false };

export function joinFound(a: Found, b: Found): Found {
  return { negatives: a.negatives + b.negatives, hasNaN: a.hasNaN || b.hasNaN };
}

export function lookFor(stored: SampleArray): Found {
  if (stored instanceof Uint8Array || stored instanceof Uint16Array || stored instanceof Uint32Array)
    return NOTHING_FOUND;
  let negatives = 0;
  let hasNaN = false;
  for (let i = 0; i < stored.length; i++) {
    const value = stored[i] as number;
    if (value < 0) negatives++;
    else if (Number.isNaN(value)) hasNaN = true;
  }
  return { negatives, hasNaN };
}
