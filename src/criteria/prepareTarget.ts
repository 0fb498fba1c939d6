import { kindOf, own, ownOptions } from "../check.ts";
import { baseLoss } from "../losses/BaseLoss.ts";
import { crossEntropy } from "../losses/pixel.ts";
import { arrayNameOf } from "../memory/arrayTypes.ts";
import type { Checked } from "../memory/checkTensor.ts";
import { heap } from "../memory/kernels.ts";
import {
  type ImageLike,
  type LabelsLike,
  type MaskLike,
  type Tensor,
  type WeightsLike,
  zeros,
} from "../memory/tensor.ts";
import { checkLabels, checkPixels, dense, float32Labels, prepare, ruleOf } from "../plan/arrays.ts";
import { dimensions, type Layout } from "../plan/geometry.ts";
import { PreparedTarget } from "../plan/PreparedTarget.ts";
import { DEFAULT_RULE } from "../plan/rule.ts";
import { checkSettings, type RuleOptions } from "../plan/settings.ts";
import { writePrepared } from "../run/compute.ts";

/** Options of `prepareTarget`. `threshold: x` is short for `valid: { above: x }`: one of the two at most. */
export type PrepareOptions = RuleOptions & {
  /** Bytes ≠ 0 where a pixel may count, or a soft mask; of the target's shape or broadcastable to it, as are `weights`. */
  mask?: MaskLike;
  /** What each pixel counts: finite numbers ≥ 0. The target keeps a copy of them, as of a soft mask. */
  weights?: WeightsLike;
  /** Order of the dimensions: `"NCHW"` (default) or `"NHWC"`; class labels have no channels, and go with both. */
  layout?: Layout;
  /** Whether the target holds class labels, for `crossEntropy`: an `Int32Array` does, other arrays hold images by default. */
  labels?: boolean;
  /** Of class labels: the `ignoreIndex` that `crossEntropy` will have. Labels have no `valid` and no `threshold`. */
  ignoreIndex?: number;
};

const copy = baseLoss("prepareTarget", "Mse");

/**
 * Does once what calls with the same target would do each time: applies the rule and the mask, and counts. The result is accepted
 * wherever a target is, gives the same bits, and brings `valueAndGrad` to one pass. It takes as much memory as the target in
 * float32, until `dispose()`.
 *
 * @param target float32 or integers, `[B, C, H, W]` (`[B, H, W, C]` for layout `"NHWC"`), `[C, H, W]` or `[H, W]`; class labels
 *   `[B, H, W]` or `[H, W]`
 * @param options `mask`, `weights`, `valid` or `threshold`, `layout`, `labels`, `ignoreIndex`, as the criterion would have them
 * @throws TypeError, RangeError where shapes, kinds or options do not fit, or the kernels' memory is full
 * @example
 * ```ts
 * using target = prepareTarget(scene, { mask: clouds });
 * for (let epoch = 0; epoch < 100; epoch++) criterion.valueAndGrad(pred, target, { out: grad });
 * using classes = prepareTarget(tensor(new Int32Array(64 * 64), [64, 64]), { ignoreIndex: 255 });
 * ```
 */
export function prepareTarget(target: ImageLike | LabelsLike, options: PrepareOptions = {}): PreparedTarget {
  const known = ["threshold", "valid", "mask", "weights", "layout", "labels", "ignoreIndex"];
  const { mask, weights, labels: given, ignoreIndex, ...rest } = ownOptions("options", options, known);
  const labels = given ?? arrayNameOf((target as Partial<ImageLike> | null)?.data) === "Int32Array";
  if (typeof labels !== "boolean") throw new TypeError(`"labels": expected a boolean, got ${kindOf(labels)}`);
  if (!labels && ignoreIndex !== undefined) {
    throw new TypeError(`"ignoreIndex": expected it with class labels alone, got it with an image`);
  }
  // Labels are checked as crossEntropy checks them; from there on they are an image that their own rule goes for.
  const base = labels ? crossEntropy(ignoreIndex === undefined ? {} : { ignoreIndex }) : copy;
  const settings = checkSettings(base, rest as RuleOptions, "sample");
  const rule = ruleOf(settings);
  const image = labels ? float32Labels(checkLabels("target", target), ignoreIndex) : checkPixels("target", target);
  const { shape } = image;
  const size = { ...settings, base: copy, rule: labels ? DEFAULT_RULE : rule };
  dimensions(shape, settings.layout, "target");
  // Seen as its own prediction, the target is checked against its mask, and cut as the criteria will cut it.
  const { fullMask, masses } = prepare(size, image, image, { mask, weights });
  const tensor = zeros(shape);
  const copies: PreparedTarget["masses"] = own({});
  try {
    for (const [name, array] of Object.entries(masses)) if (array) Object.assign(copies, { [name]: copyOf(array) });
    const out = { data: tensor.data, shape: tensor.shape, scale: 1, offset: 0 };
    const { call } = prepare(size, image, image, { mask, weights }, out);
    writePrepared(heap(), call, dense("Grad", out, call.pred.strides));
  } catch (error) {
    tensor.dispose();
    for (const { owner } of Object.values(copies)) (owner as Tensor).dispose();
    throw error;
  }
  const { scale, offset } = image;
  return new PreparedTarget(tensor, { scale, offset, layout: settings.layout, rule, labels, fullMask, masses: copies });
}

/** A copy in the kernels' memory. */
function copyOf({ data, shape }: Checked<Float32Array>): Checked<Float32Array> {
  const owner = zeros(shape);
  owner.data.set(data);
  return { data: owner.data, shape, scale: 1, offset: 0, owner };
}
