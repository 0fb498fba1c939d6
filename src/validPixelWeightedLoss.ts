import { checkOptions } from "./check.ts";
import type { ForwardOptions, LossOptions, Reduction, ValueOf } from "./criterion.ts";
import { FlexibleWeightedLoss } from "./FlexibleWeightedLoss.ts";
import type { BaseLoss, CustomFunction } from "./losses/BaseLoss.ts";
import { custom } from "./losses/custom.ts";
import type { ImageLike, TargetLike } from "./tensor.ts";

/**
 * A base loss over the valid pixels of each sample, the samples weighed by √(valid / total): the value of a `FlexibleWeightedLoss`
 * whose groups are samples by default.
 *
 * @param base a base loss such as `mse()`, or a function of the valid pixels, taken as `custom(fn)`
 * @param options those of `FlexibleWeightedLoss`, and `mask`
 * @throws TypeError, RangeError where shapes, kinds or options do not fit
 * @example
 * ```ts
 * const loss = validPixelWeightedLoss(pred, target, mse());
 * ```
 */
export function validPixelWeightedLoss<R extends Reduction = "mean">(
  pred: ImageLike,
  target: TargetLike,
  base: BaseLoss | CustomFunction,
  options: LossOptions<R> & ForwardOptions = {},
): ValueOf<R> {
  checkOptions("options", options, ["groupBy", "threshold", "valid", "weighting", "reduction", "layout", "mask"]);
  const { mask, ...rest } = options;
  const criterion = new FlexibleWeightedLoss<R>(typeof base === "function" ? custom(base) : base, {
    groupBy: "sample",
    ...rest,
  } as LossOptions<R>);
  return criterion.forward(pred, target, mask === undefined ? {} : { mask }).value;
}
