// What is counted of the pixels of a pair beside its figures: how much of the target the prediction has, and how large both are.

import { type Tensor, tensor, type ValidRule } from "../../index.ts";
import { compileRule } from "../../plan/rule.ts";
import { type Extent, joinExtents, NO_EXTENT } from "../decide/dataRange.ts";
import type { Pixels } from "./Pair.ts";
import type { PredNodata } from "./PairOptions.ts";
import type { Sides } from "./parts.ts";

/** Of a band; values in the units of the images. */
export interface BandTally {
  /** Values of the target that count, whether or not the prediction has them. */
  readonly valid: number;
  /** Those of them that the prediction has not. */
  readonly missing: number;
  /** Σ v² of the values that count and that both have. */
  readonly predSquares: number;
  readonly targetSquares: number;
  readonly predExtent: Extent;
  readonly targetExtent: Extent;
}

export type Tally = readonly BandTally[];

const NONE: BandTally = {
  valid: 0,
  missing: 0,
  predSquares: 0,
  targetSquares: 0,
  predExtent: NO_EXTENT,
  targetExtent: NO_EXTENT,
};

export const noTally = (bands: number): Tally => Array.from({ length: bands }, () => NONE);

export function joinTallies(a: Tally, b: Tally): Tally {
  return a.map((own, i): BandTally => {
    const other = b[i] as BandTally;
    return {
      valid: own.valid + other.valid,
      missing: own.missing + other.missing,
      predSquares: own.predSquares + other.predSquares,
      targetSquares: own.targetSquares + other.targetSquares,
      predExtent: joinExtents(own.predExtent, other.predExtent),
      targetExtent: joinExtents(own.targetExtent, other.targetExtent),
    };
  });
}

/** Of all bands together. */
export const totalOf = (tally: Tally): BandTally =>
  tally.reduce((sum, band) => joinTallies([sum], [band])[0] as BandTally, NONE);

/** The pixels of a part's own core: those of the halo belong to others. */
export function tallyOf({ pred, target, mask, missing }: Pixels, rule: ValidRule, halo: Sides): Tally {
  const [height, width] = target.shape.slice(-2) as [number, number];
  const size = height * width;
  const { min, max, nodata } = compileRule("valid", rule);
  const [marker = Number.NaN, ...markers] = nodata;
  const [p, t, ps, po, ts, to] = [pred.data, target.data, pred.scale, pred.offset, target.scale, target.offset];
  const [maskData, missingData] = [mask?.data, missing?.data];
  return Array.from({ length: t.length / size }, (_, band): BandTally => {
    let [valid, missed, predSquares, targetSquares] = [0, 0, 0, 0];
    let [predMin, predMax, targetMin, targetMax] = [NO_EXTENT.min, NO_EXTENT.max, NO_EXTENT.min, NO_EXTENT.max];
    for (let row = halo.top; row < height - halo.bottom; row++) {
      const end = band * size + (row + 1) * width - halo.right;
      for (let i = band * size + row * width + halo.left; i < end; i++) {
        const stored = t[i] as number;
        if (!(stored >= min && stored <= max) || stored === marker) continue;
        if (markers.length > 0 && markers.includes(stored)) continue;
        if (maskData !== undefined && maskData[i - band * size] === 0) continue;
        valid++;
        if (missingData !== undefined && missingData[i] !== 0) {
          missed++;
          continue;
        }
        const predicted = (p[i] as number) * ps + po;
        const wanted = stored * ts + to;
        predSquares += predicted * predicted;
        targetSquares += wanted * wanted;
        if (predicted < predMin) predMin = predicted;
        if (predicted > predMax) predMax = predicted;
        if (wanted < targetMin) targetMin = wanted;
        if (wanted > targetMax) targetMax = wanted;
      }
    }
    return {
      ...{ valid, missing: missed, predSquares, targetSquares },
      predExtent: { min: predMin, max: predMax },
      targetExtent: { min: targetMin, max: targetMax },
    };
  });
}

/**
 * Which pixels the kernels are to look at, and what each counts: those that the prediction lacks are left out, unless they count as they are
 * stored.
 */
export function massesOf(
  { mask, weights, missing }: Pick<Pixels, "mask" | "weights" | "missing">,
  predNodata: PredNodata,
): { mask?: Tensor<Uint8Array | Float32Array>; weights?: Tensor<Float32Array> } {
  const given = { ...(weights && { weights }) };
  if (missing === null || predNodata === "count") return mask ? { ...given, mask } : given;
  const plane = mask?.data;
  // One number per pixel, where the bands miss the same: `sam` has one mass per pixel.
  const lacks = plane instanceof Float32Array ? perPixel(missing, plane.length) : missing;
  const has = new (plane instanceof Float32Array ? Float32Array : Uint8Array)(lacks.data.length);
  for (let i = 0; i < has.length; i++) {
    if (lacks.data[i] === 0) has[i] = plane ? (plane[i % plane.length] as number) : 1;
  }
  return { ...given, mask: tensor<Uint8Array | Float32Array>(has, lacks.shape) };
}

/** What bands miss, of one plane where it is the same in all of them. */
function perPixel(missing: Tensor<Uint8Array>, size: number): Tensor<Uint8Array> {
  const { data, shape } = missing;
  for (let i = size; i < data.length; i++) if (data[i] !== data[i % size]) return missing;
  return tensor(data.slice(0, size), shape.slice(-2));
}
