import { ownOptions } from "../check.ts";
import type { BaseLoss, Kind } from "../losses/BaseLoss.ts";
import type { ImageLike } from "../memory/tensor.ts";
import { checkApart, checkOut, gradOperand, gradTensor, prepare } from "../plan/arrays.ts";
import { checkSettings, type LossOptions, type Reduction, type Settings } from "../plan/settings.ts";
import { compute } from "../run/compute.ts";
import { GradientInto, type Places } from "./GradientInto.ts";
import {
  checkGradOutput,
  checkNormalizer,
  type ForwardOptions,
  type GradientOptions,
  type GradientResult,
  type LossResult,
  type TargetOf,
} from "./results.ts";

/**
 * A base loss over the valid pixels of each group, the groups weighed by how much of them is valid:
 *
 *     L = Σ_g w_g · L_base(pred_g[valid], target_g[valid]) / Σ_g w_g        w_g = √(valid / total)
 *
 * Groups are channels of samples by default (samples for `sam` and `crossEntropy`); those without a valid pixel are skipped, and
 * where all are the value is 0. What stands at a pixel that is not valid changes no bit of any result.
 *
 * @throws TypeError, RangeError for options of the wrong kind or value, and unknown ones
 * @example
 * ```ts
 * const criterion = new FlexibleWeightedLoss(mse(), { threshold: 0 });
 * const { value, grad } = criterion.valueAndGrad(pred, target, { mask });
 * ```
 */
export class FlexibleWeightedLoss<R extends Reduction = "mean", K extends Kind = Kind> {
  /** @internal */
  readonly settings: Settings;

  constructor(base: BaseLoss<K>, options: LossOptions<R, K> = {} as LossOptions<R, K>) {
    this.settings = checkSettings(base, options as LossOptions<R>, "channel");
  }

  /**
   * The loss alone.
   *
   * @param pred float32 `[B, C, H, W]` (`[B, H, W, C]` for layout `"NHWC"`), `[C, H, W]` or `[H, W]`
   * @param target of pred's shape; class labels `[B, H, W]` for `crossEntropy`
   * @throws TypeError, RangeError where shapes, kinds or options do not fit; nothing has been changed then
   */
  forward(pred: ImageLike, target: TargetOf<K>, options: ForwardOptions = {}): LossResult<R> {
    const { mask, weights } = ownOptions("forward options", options, ["mask", "weights"]);
    const { kernels, call } = prepare(this.settings, pred, target, { mask, weights });
    return compute(kernels, call) as LossResult<R>;
  }

  /**
   * The loss and its exact gradient with respect to pred.
   *
   * Parts of a batch add up to the whole: sum the `numerator`s and `weightSum`s of all parts' `forward`, then pass the summed
   * `weightSum` as `normalizer`.
   *
   * @throws TypeError, RangeError where shapes, kinds or options do not fit; nothing has been changed then
   */
  valueAndGrad(pred: ImageLike, target: TargetOf<K>, options: GradientOptions<R> = {}): GradientResult<R> {
    const given = ownOptions("valueAndGrad options", options, ["mask", "weights", "gradOutput", "normalizer", "out"]);
    const out = checkOut(given.out, pred);
    const { mask, weights } = given;
    const prepared = prepare(this.settings, pred, target, { mask, weights }, out);
    if (out) checkApart(out, prepared.inputs);
    const { reduction } = this.settings;
    const upstream = checkGradOutput(given.gradOutput, reduction, prepared.call.geometry.groups);
    const normalizer = checkNormalizer("normalizer", given.normalizer, reduction);
    const grad = gradTensor(given.out, out, prepared.pred);
    const { kernels } = prepared;
    const gradient = { grad: gradOperand(prepared.call, grad), upstream, normalizer, keep: false };
    const { value, numerator, weightSum, groups } = compute(kernels, prepared.call, gradient);
    return { value, numerator, weightSum, groups, grad } as GradientResult<R>;
  }

  /**
   * The same with a place for the gradient and the groups, for long training runs: calls with the same tensors allocate next to nothing.
   *
   * @param places `grad`: a float32 tensor of pred's shape
   * @throws TypeError, RangeError where it is none
   * @example
   * ```ts
   * const step = criterion.into({ grad });
   * for (let i = 0; i < 1e6; i++) step.valueAndGrad(pred, target, { mask }); // grad.data holds the gradient
   * ```
   */
  into(places: Places): GradientInto<R, K> {
    const { grad } = ownOptions("places", places, ["grad"]);
    return new GradientInto(this.settings, { grad });
  }
}
