// Which pixels count: the one place that decides it from what the files say and what the options say.

import type { ValidRule } from "../../index.ts";

/** What the target says of its own missing pixels. */
export interface TargetSays {
  /** The number of its nodata tag; `null`: it has none. */
  readonly nodata: number | null;
  /** Its own mask, in words: internal mask, .msk file, alpha band. */
  readonly mask: string | null;
  /** Whether NaN has been found among its pixels. */
  readonly hasNaN: boolean;
}

/** What the command line says. */
export interface RuleOptions {
  readonly min?: number;
  readonly above?: number;
  readonly max?: number;
  readonly below?: number;
  /** In place of the target's own nodata tag; empty: none. */
  readonly nodata?: readonly number[];
}

export interface PixelRule {
  /** Compares stored numbers of the target. */
  readonly valid: ValidRule;
  /** Whether target ≥ 0 stands because nothing says what is missing. */
  readonly isDefault: boolean;
}

/**
 * Bounds that are given hold, beside nodata and masks. Without any, a target that says what is missing is taken at its word: values
 * below 0 are ordinary data. A target that says nothing has the source document's rule, target ≥ 0.
 *
 * @param hasMask whether a mask file takes part
 */
export function whichPixelsCount(says: TargetSays, options: RuleOptions, hasMask: boolean): PixelRule {
  const nodata = options.nodata ?? (says.nodata === null ? [] : [says.nodata]);
  const { min, above, max, below } = options;
  const bounds = Object.entries({ min, above, max, below }).filter(([, bound]) => bound !== undefined);
  const isSaid = nodata.length > 0 || says.mask !== null || says.hasNaN || hasMask;
  const isDefault = bounds.length === 0 && !isSaid;
  return { valid: { ...(isDefault ? { min: 0 } : Object.fromEntries(bounds)), nodata }, isDefault };
}

const signs = { min: "≥", above: ">", max: "≤", below: "<" } as const;

/** A rule in words. */
export function ruleText({ nodata = [], ...bounds }: ValidRule): string {
  const parts = Object.entries(signs).flatMap(([key, sign]) => {
    const bound = bounds[key as keyof typeof signs];
    return bound === undefined ? [] : [`target ${sign} ${bound}`];
  });
  const markers = [nodata].flat().filter((value) => !Number.isNaN(value));
  return [...parts, ...markers.map((value) => `target ≠ ${value}`)].join(", ") || "target is not NaN";
}
