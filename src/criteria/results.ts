// What the criteria are called with, and what they give.

import { checkNumber, isProxiedArray, kindOf, show } from "../check.ts";
import type { Kind } from "../losses/BaseLoss.ts";
import type { ImageLike, LabelsLike, MaskLike, Tensor, TensorLike, WeightsLike } from "../memory/tensor.ts";
import type { Groups } from "../plan/call.ts";
import type { PreparedTarget, TargetLike } from "../plan/PreparedTarget.ts";
import type { Reduction } from "../plan/settings.ts";

/** Targets of a base loss of kind K: images, or class labels. */
export type TargetOf<K extends Kind> = [K] extends ["labels"]
  ? LabelsLike | PreparedTarget
  : [K] extends [Exclude<Kind, "labels">]
    ? ImageLike | PreparedTarget
    : TargetLike;

export interface ForwardOptions {
  /**
   * Bytes ≠ 0 where a pixel may count, or a soft mask: a `Float32Array` of the share, from 0 to 1, of each pixel that is valid. Of the
   * target's shape or broadcastable to it, as are `weights`.
   */
  mask?: MaskLike;
  /** What each pixel counts, its importance or its area: finite numbers ≥ 0. */
  weights?: WeightsLike;
}

export interface GradientOptions<R extends Reduction = Reduction> extends ForwardOptions {
  /** Upstream gradient: a number, or one per group for `reduction: "none"`; 1 by default. */
  gradOutput?: R extends "none" ? number | ArrayLike<number> : number;
  /** A Σ w to divide by instead of this batch's own, for a batch that comes in parts (`reduction: "mean"`). */
  normalizer?: number;
  /** Where to write the gradient: a float32 tensor of pred's shape that overlaps none of the inputs. */
  out?: TensorLike;
}

/** `number`, or one number per group for the reduction `"none"`. */
export type ValueOf<R extends Reduction> = R extends "none" ? Float64Array : number;

export interface LossResult<R extends Reduction = "mean"> {
  /** The reduced loss. 0 where no group has a valid pixel. */
  readonly value: ValueOf<R>;
  /** Σ w·L over the groups. */
  readonly numerator: number;
  /** Σ w over the groups. */
  readonly weightSum: number;
  readonly groups: Groups;
}

export interface GradientResult<R extends Reduction = "mean"> extends LossResult<R> {
  /** Gradient of Σ gradOutput · value with respect to pred, of pred's shape; +0 at pixels that are not valid. */
  readonly grad: Tensor;
}

/** The upstream gradient: one number, or one per group. */
export function checkGradOutput(value: unknown, reduction: Reduction, groups: number): number | ArrayLike<number> {
  if (value === undefined) return reduction === "none" ? new Float64Array(groups).fill(1) : 1;
  if (typeof value === "number") {
    const number = checkNumber("gradOutput", value);
    return reduction === "none" ? new Float64Array(groups).fill(number) : number;
  }
  const list = value as ArrayLike<number> | null;
  if (typeof list !== "object" || list === null || isProxiedArray(list) || typeof list.length !== "number") {
    throw new TypeError(
      `"gradOutput": expected a number${reduction === "none" ? " or one per group" : ""}, got ${kindOf(value)}`,
    );
  }
  if (reduction !== "none") {
    throw new TypeError(`"gradOutput": expected a number for reduction ${show(reduction)}, got ${kindOf(value)}`);
  }
  if (list.length !== groups)
    throw new RangeError(`"gradOutput": expected ${groups} numbers, one per group, got ${list.length}`);
  for (let g = 0; g < groups; g++) checkNumber(`gradOutput[${g}]`, list[g]);
  return list;
}

export function checkNormalizer(name: string, value: unknown, reduction: Reduction): number | undefined {
  if (value === undefined) return undefined;
  if (reduction !== "mean") {
    throw new RangeError(
      `"${name}": expected none for reduction ${show(reduction)}, which divides by nothing, got ${show(value)}`,
    );
  }
  return checkNumber(name, value, { above: 0 });
}
