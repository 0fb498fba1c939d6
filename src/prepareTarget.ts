import { checkPixels, dense, prepare } from "./arrays.ts";
import { checkOptions } from "./check.ts";
import { type Counts, writePrepared } from "./compute.ts";
import { checkSettings, type RuleOptions } from "./criterion.ts";
import { heap } from "./kernels.ts";
import { baseLoss } from "./losses/BaseLoss.ts";
import { dimensions, type Layout } from "./plan.ts";
import { DEFAULT_RULE, type Rule } from "./rule.ts";
import { type Calibration, type ImageLike, type Tensor, type TensorLike, zeros } from "./tensor.ts";

/** Options of `prepareTarget`. `threshold: x` is short for `valid: { above: x }`: one of the two at most. */
export type PrepareOptions = RuleOptions & {
  /** Bytes ≠ 0 where a pixel may count; of the target's shape or broadcastable to it. */
  mask?: TensorLike<Uint8Array>;
  /** Order of the dimensions: `"NCHW"` (default) or `"NHWC"`. */
  layout?: Layout;
};

/**
 * A target whose valid pixels are known: a copy in the kernels' memory with NaN wherever a pixel does not count, and the valid
 * counts of each way of grouping, kept from the first call that needs them. Made by `prepareTarget`.
 */
export class PreparedTarget implements Disposable {
  readonly shape: readonly number[];
  readonly layout: Layout;
  /** What stored integers stand for, which the copy holds as they are. */
  readonly scale: number;
  readonly offset: number;
  /** @internal */
  readonly tensor: Tensor;
  /** @internal */
  readonly rule: Rule;
  /** @internal Whether it had no mask, or one of its own shape: that decides how it is cut into tiles, and so its bits. */
  readonly fullMask: boolean;
  /** @internal */
  readonly counts = new Map<string, Counts>();

  /** @internal Use `prepareTarget`. */
  constructor(tensor: Tensor, { scale, offset }: Required<Calibration>, layout: Layout, rule: Rule, fullMask: boolean) {
    this.tensor = tensor;
    this.scale = scale;
    this.offset = offset;
    this.shape = tensor.shape;
    this.layout = layout;
    this.rule = rule;
    this.fullMask = fullMask;
  }

  /** Frees the memory. Any later use throws; a second call does nothing. */
  dispose(): void {
    this.tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const copy = baseLoss("prepareTarget", "elementwise", "Mse");

/**
 * Does once what calls with the same target would do each time: applies the rule and the mask, and counts. The result is accepted
 * wherever a target is, gives the same bits, and brings `valueAndGrad` to one pass. It takes as much memory as the target in
 * float32, until `dispose()`.
 *
 * @param target float32 or integers, `[B, C, H, W]` (`[B, H, W, C]` for layout `"NHWC"`), `[C, H, W]` or `[H, W]`
 * @param options `mask`, `valid` or `threshold`, `layout`, as the criterion would have them
 * @throws TypeError, RangeError where shapes, kinds or options do not fit, or the kernels' memory is full
 * @example
 * ```ts
 * using target = prepareTarget(scene, { mask: clouds });
 * for (let epoch = 0; epoch < 100; epoch++) criterion.valueAndGrad(pred, target, { out: grad });
 * ```
 */
export function prepareTarget(target: ImageLike, options: PrepareOptions = {}): PreparedTarget {
  checkOptions("options", options, ["threshold", "valid", "mask", "layout"]);
  const { mask, ...rest } = options;
  const settings = checkSettings(copy, rest as RuleOptions, "sample");
  const checked = checkPixels("target", target);
  const { shape } = checked;
  dimensions(shape, settings.layout, "target");
  // Seen as its own prediction, the target is checked against its mask, and cut as the criteria will cut it.
  const { fullMask } = prepare(settings, target, target, mask);
  const tensor = zeros(shape);
  try {
    const out = { data: tensor.data, shape: tensor.shape, scale: 1, offset: 0 };
    const { call } = prepare(settings, target, target, mask, out);
    writePrepared(heap(), call, dense("setGrad", heap(), out, call.pred.strides));
  } catch (error) {
    tensor.dispose();
    throw error;
  }
  return new PreparedTarget(tensor, checked, settings.layout, settings.rule ?? DEFAULT_RULE, fullMask);
}
