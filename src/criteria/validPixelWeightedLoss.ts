import { ownOptions } from "../check.ts";
import type { BaseLoss, CustomFunction, Kind } from "../losses/BaseLoss.ts";
import { custom } from "../losses/custom.ts";
import type { ImageLike } from "../memory/tensor.ts";
import type { TargetLike } from "../plan/PreparedTarget.ts";
import type { LossOptions, Reduction } from "../plan/settings.ts";
import { FlexibleWeightedLoss } from "./FlexibleWeightedLoss.ts";
import type { ForwardOptions, TargetOf, ValueOf } from "./results.ts";

/**
 * A base loss over the valid pixels of each sample, the samples weighed by √(valid / total): the value of a `FlexibleWeightedLoss`
 * whose groups are samples by default.
 *
 * @param base a base loss such as `mse()`, or a function of the valid pixels, taken as `custom(fn)`
 * @param options those of `FlexibleWeightedLoss`, `mask` and `weights`
 * @throws TypeError, RangeError where shapes, kinds or options do not fit
 * @example
 * ```ts
 * const loss = validPixelWeightedLoss(pred, target, mse());
 * ```
 */
export function validPixelWeightedLoss<R extends Reduction = "mean", K extends Kind = Kind>(
  pred: ImageLike,
  target: TargetOf<K>,
  base: BaseLoss<K> | CustomFunction,
  options: LossOptions<R, K> & ForwardOptions = {} as LossOptions<R, K> & ForwardOptions,
): ValueOf<R> {
  const known = ["groupBy", "threshold", "valid", "weighting", "reduction", "layout", "mask", "weights"];
  const { mask, weights, ...rest } = ownOptions("options", options, known);
  const criterion = new FlexibleWeightedLoss<R>(typeof base === "function" ? custom(base) : base, {
    groupBy: "sample",
    ...rest,
  } as LossOptions<R>);
  const given = { ...(mask !== undefined && { mask }), ...(weights !== undefined && { weights }) };
  return criterion.forward(pred, target as TargetLike, given).value;
}
