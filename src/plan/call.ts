// A call, checked: all that a computation needs to know, and what it gives.

import type { BaseLoss } from "../losses/BaseLoss.ts";
import type { KernelData } from "../memory/arrayTypes.ts";
import type { ReductionName, RoleName } from "../memory/kernelApi.ts";
import type { Geometry, Strides } from "./geometry.ts";
import type { Rule } from "./rule.ts";

/** An array that a pass reads or writes. */
export interface Operand {
  readonly role: RoleName;
  readonly array: KernelData;
  /** The tensor that may be disposed of, if it is one. */
  readonly owner: unknown;
  /** The kernels' name of its element type. */
  readonly type: number;
  /** What stored integers v stand for: scale · v + offset. */
  readonly scale: number;
  readonly offset: number;
  readonly strides: Strides;
  /** Whether consecutive units lie one after the other in it; a mask that is broadcast repeats itself. */
  readonly consecutive: boolean;
  /** Whether within a plane pixels are evenly spaced. */
  readonly linear: boolean;
  /** Elements from a sample's first to its last, inclusive. */
  readonly extent: number;
}

/** Losses, weights and counts, an entry per group: `b`, or `b * C + c`. */
export interface Groups {
  /** Unweighted loss, 0 where skipped. */
  readonly loss: Float64Array;
  /** (valid / total)^p, 0 where skipped. */
  readonly weight: Float64Array;
  readonly validCount: Float64Array;
  readonly totalCount: Float64Array;
}

/** All that a computation needs, checked. */
export interface Call {
  readonly loss: BaseLoss;
  readonly geometry: Geometry;
  readonly pred: Operand;
  readonly target: Operand;
  /** Valid counts of the groups, which others know or will ask for. */
  readonly counts?: Counts | undefined;
  readonly mask?: (Operand & { readonly row: number }) | undefined;
  readonly rule: Rule;
  readonly power: number;
  readonly reduction: ReductionName;
  /** Of the metrics of bands: the image without what belongs to its neighbours. */
  readonly core?: Core | undefined;
}

/** Columns from `left` to before `right`, and rows from `top` to before `bottom`. */
export interface Core {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The valid pixels of each group, once somebody has counted them. */
export interface Counts {
  known?: Float64Array;
}

/** What else it takes to compute a gradient. */
export interface Gradient {
  readonly grad: Operand;
  /** The upstream gradient, one number or one per group. */
  readonly upstream: number | ArrayLike<number>;
  readonly normalizer: number | undefined;
  /** Whether it is added to what stands in `grad`. */
  readonly keep: boolean;
}

export interface Outcome {
  readonly value: number | Float64Array;
  readonly numerator: number;
  readonly weightSum: number;
  readonly groups: Groups;
}
