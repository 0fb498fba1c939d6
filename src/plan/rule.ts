import { checkNumber, kindOf, ownOptions } from "../check.ts";

/** Which stored target values count, in float32: min ≤ t ≤ max and none of `nodata`. NaN never does. */
export interface Rule {
  readonly min: number;
  readonly max: number;
  readonly nodata: readonly number[];
}

/**
 * Which pixels count, by their target value: every part that is given has to hold. Comparisons are made in float32 on the stored
 * target. NaN is never valid, whatever the rule; `{}` leaves the rest to NaN and the mask.
 */
export interface ValidRule {
  /** target ≥ min */
  min?: number;
  /** target > above */
  above?: number;
  /** target ≤ max */
  max?: number;
  /** target < below */
  below?: number;
  /** target ≠ this, or each of these */
  nodata?: number | readonly number[];
}

export const DEFAULT_RULE: Rule = { min: 0, max: Number.POSITIVE_INFINITY, nodata: [] };

/** The rule of a target that holds NaN wherever it is not valid. */
export const NAN_RULE: Rule = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY, nodata: [] };

export function sameRule(a: Rule, b: Rule): boolean {
  // To `includes` NaN is NaN, and -0 is 0, as it is to the comparison with a pixel.
  const within = (some: readonly number[], all: readonly number[]) => some.every((value) => all.includes(value));
  const same = within([a.min], [b.min]) && within([a.max], [b.max]);
  return same && within(a.nodata, b.nodata) && within(b.nodata, a.nodata);
}

/** A rule as the kernels have it, a closed range of float32: "above x" is "at least the next float32 after x". */
export function compileRule(name: string, valid: ValidRule): Rule {
  const given = ownOptions(name, valid, ["min", "above", "max", "below", "nodata"]);
  const bound = (key: "min" | "above" | "max" | "below") =>
    given[key] === undefined ? undefined : Math.fround(checkNumber(`${name}.${key}`, given[key], { infinite: true }));
  const { nodata = [] } = given;
  const list: unknown = typeof nodata === "number" ? [nodata] : nodata;
  if (!Array.isArray(list) || list.some((value) => typeof value !== "number")) {
    throw new TypeError(`"${name}.nodata": expected a number or an array of numbers, got ${kindOf(nodata)}`);
  }
  const min = bound("min") ?? Number.NEGATIVE_INFINITY;
  const above = bound("above");
  const max = bound("max") ?? Number.POSITIVE_INFINITY;
  const below = bound("below");
  // NaN, from beyond ±Infinity, lets nothing pass: that is what "above Infinity" asks for.
  return {
    min: above === undefined ? min : Math.max(min, nextFloat32(above, 1)),
    max: below === undefined ? max : Math.min(max, nextFloat32(below, -1)),
    nodata: list.map(Math.fround).filter((value) => !Number.isNaN(value)),
  };
}

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** The float32 next to x, up (1) or down (−1); NaN beyond ±Infinity. */
function nextFloat32(x: number, direction: 1 | -1): number {
  if (x === direction * Number.POSITIVE_INFINITY) return Number.NaN;
  float[0] = x;
  if (x === 0) bits[0] = direction > 0 ? 1 : 0x80000001 | 0;
  else bits[0] = (bits[0] as number) + (x > 0 ? direction : -direction);
  return float[0] as number;
}
