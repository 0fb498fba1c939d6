import type { ValidRule } from "../index.ts";
import type { Pair, Pixels } from "./Pair.ts";
import type { Sides } from "./parts.ts";

/** The kernels' rule on a single target value, for what is counted or drawn beside them. */
export function validBy({ min, above, max, below, nodata = [] }: ValidRule): (target: number) => boolean {
  const f = Math.fround;
  const low = min === undefined ? Number.NEGATIVE_INFINITY : f(min);
  const high = max === undefined ? Number.POSITIVE_INFINITY : f(max);
  const missing = new Set([nodata].flat().map(f));
  return (target) =>
    target >= low &&
    target <= high &&
    (above === undefined || target > f(above)) &&
    (below === undefined || target < f(below)) &&
    !missing.has(target);
}

/**
 * Valid pixels where the prediction is NaN or its own nodata value: they count, and whoever reads the figures should know. Pixels of the
 * halo belong to others.
 */
export function countMissing(
  { pred, target, mask }: Pixels,
  { pred: { bands }, rule }: Pair,
  halo: Sides = { left: 0, right: 0, top: 0, bottom: 0 },
): number {
  const isValid = validBy(rule);
  const marker = Math.fround(bands[0]?.nodata ?? Number.NaN);
  // Most images hold neither, which the engine finds out faster than the loop below.
  if (!pred.data.includes(marker) && !pred.data.includes(Number.NaN)) return 0;
  const [channels, height, width] = pred.shape.slice(-3) as [number, number, number];
  const plane = height * width;
  let count = 0;
  for (let p = 0; p * plane < pred.data.length; p++) {
    const maskStart = Math.floor(p / channels) * plane;
    for (let row = halo.top; row < height - halo.bottom; row++) {
      for (let i = row * width + halo.left; i < (row + 1) * width - halo.right; i++) {
        const value = pred.data[p * plane + i] as number;
        if (value !== marker && !Number.isNaN(value)) continue;
        if (mask?.data[maskStart + i] !== 0 && isValid(target.data[p * plane + i] as number)) count++;
      }
    }
  }
  return count;
}
