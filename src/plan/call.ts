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

/** An operand that may be broadcast to the target's shape. */
export interface BroadcastOperand extends Operand {
  /** Elements from row to row. */
  readonly row: number;
  /** As it was given. */
  readonly shape: readonly number[];
}

/** Losses, weights and counts, an entry per group: sample `b`, channel `b * C + c`, or band `c`. */
export interface Groups {
  /** Unweighted loss, 0 where skipped. */
  readonly loss: Float64Array;
  /** (validWeight / totalWeight)^p, 0 where skipped. */
  readonly weight: Float64Array;
  readonly validCount: Float64Array;
  readonly totalCount: Float64Array;
  /** Σm of the valid pixels' masses, mask · weight; `validCount` without soft masks and weights. */
  readonly validWeight: Float64Array;
  /** Σ of the weights of all pixels, valid or not; `totalCount` without weights. */
  readonly totalWeight: Float64Array;
}

/** All that a computation needs, checked. */
export interface Call {
  readonly loss: BaseLoss;
  readonly geometry: Geometry;
  readonly pred: Operand;
  readonly target: Operand;
  /** Valid counts of the groups, which others know or will ask for. */
  readonly counts?: Counts | undefined;
  /** Bytes, or float32: a soft mask. */
  readonly mask?: BroadcastOperand | undefined;
  /** A weight for each pixel. */
  readonly weights?: BroadcastOperand | undefined;
  readonly rule: Rule;
  readonly power: number;
  readonly reduction: ReductionName;
  /** Of the metrics of bands: the image without what belongs to its neighbours. */
  readonly core?: Core | undefined;
}

/** Whether a mask is soft: not bytes. */
export const isSoft = ({ array }: Operand): boolean => array instanceof Float32Array;

/** Whether pixels have masses: a soft mask, or weights. */
export const isWeighted = ({ mask, weights }: Pick<Call, "mask" | "weights">): boolean =>
  weights !== undefined || (mask !== undefined && isSoft(mask));

/** Columns from `left` to before `right`, and rows from `top` to before `bottom`. */
export interface Core {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The valid pixels of each group, how much they weigh, and all pixels with them, once somebody has counted these. */
export interface Counts {
  known?: Pick<Groups, "validCount" | "validWeight" | "totalWeight">;
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
