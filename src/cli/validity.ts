import type { ValidRule } from "../index.ts";
import type { Pixels } from "./Pair.ts";

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

/** Valid pixels where the prediction is NaN or `nodata`: they count, and whoever reads the figures should know. */
export function countMissing(
  { pred: { data: pred }, target: { data: target }, mask }: Pixels,
  nodata: number,
  rule: ValidRule,
): number {
  const isValid = validBy(rule);
  const marker = Math.fround(nodata);
  const allowed = mask?.data;
  const plane = allowed?.length ?? 1;
  let count = 0;
  for (let i = 0; i < pred.length; i++) {
    const value = pred[i] as number;
    if (value !== marker && !Number.isNaN(value)) continue;
    if (allowed?.[i % plane] !== 0 && isValid(target[i] as number)) count++;
  }
  return count;
}
