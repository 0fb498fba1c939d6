import { ownOptions } from "../check.ts";
import type { Kind } from "../losses/BaseLoss.ts";
import { type ImageLike, Tensor, type TensorLike } from "../memory/tensor.ts";
import { checkApart, checkOut, gradOperand, gradTensor, type Prepared, prepare } from "../plan/arrays.ts";
import type { Gradient, Groups } from "../plan/call.ts";
import type { Reduction, Settings } from "../plan/settings.ts";
import { compute } from "../run/compute.ts";
import {
  checkGradOutput,
  checkNormalizer,
  type GradientOptions,
  type GradientResult,
  type TargetOf,
} from "./results.ts";

/** Where results are written, call after call. */
export interface Places {
  /** Of the gradient: a float32 tensor of pred's shape. */
  grad: TensorLike;
}

/** What has been settled for some arrays, which holds as long as the same are given. */
interface Known {
  readonly given: readonly unknown[];
  /** The arrays' memory: that of a tensor may move. */
  readonly data: readonly unknown[];
  readonly prepared: Prepared;
  readonly gradient: Gradient;
}

/**
 * A criterion's `valueAndGrad` with a place for its results, for long training runs: the gradient is written to `grad` every time, and the
 * groups to the same arrays. Where the same tensors come again (their numbers may differ), nothing is checked anew. Made by
 * `FlexibleWeightedLoss.into`.
 */
export class GradientInto<R extends Reduction = "mean", K extends Kind = Kind> {
  readonly #settings: Settings;
  readonly #grad: TensorLike;
  #known: Known | undefined;
  #groups: Groups | undefined;

  /** @internal Use `FlexibleWeightedLoss.into`. */
  constructor(settings: Settings, { grad }: Places) {
    this.#settings = settings;
    this.#grad = grad;
    if (grad === undefined) throw new TypeError(`"grad": expected a tensor, got undefined`);
    checkOut(grad, grad);
  }

  /**
   * The loss and its exact gradient, as the criterion's own.
   *
   * @returns `groups` and `grad` are those of the call before, written anew
   * @throws TypeError, RangeError where shapes, kinds or options do not fit; nothing has been changed then
   */
  valueAndGrad(pred: ImageLike, target: TargetOf<K>, options: Omit<GradientOptions<R>, "out"> = {}): GradientResult<R> {
    const known = this.#knownOf(pred, target, options) ?? this.#settle(pred, target, options);
    const { kernels, call } = known.prepared;
    const { value, numerator, weightSum, groups } = compute(kernels, call, known.gradient, this.#groups);
    this.#groups = groups;
    return { value, numerator, weightSum, groups, grad: known.gradient.grad.owner } as GradientResult<R>;
  }

  #knownOf(pred: ImageLike, target: unknown, options: Omit<GradientOptions<R>, "out">): Known | undefined {
    const known = this.#known;
    if (!known) return undefined;
    const { mask, weights, gradOutput, normalizer } = options;
    const [p, t, m, w, upstream, n] = known.given;
    // An array of upstream gradients may hold other numbers by now.
    const isSame =
      pred === p && target === t && mask === m && weights === w && gradOutput === upstream && normalizer === n;
    if (!isSame || typeof gradOutput === "object") return undefined;
    for (let i = 0; i < known.data.length; i++) {
      const tensor = i < 4 ? known.given[i] : this.#grad;
      if (tensor === undefined) continue;
      if (!(tensor instanceof Tensor) || tensor.disposed || tensor.data !== known.data[i]) return undefined;
    }
    return Object.keys(options).every((key) => OPTIONS.includes(key)) ? known : undefined;
  }

  #settle(pred: ImageLike, target: TargetOf<K>, options: Omit<GradientOptions<R>, "out">): Known {
    const { mask, weights, ...given } = ownOptions("valueAndGrad options", options, OPTIONS);
    const out = checkOut(this.#grad, pred) as NonNullable<ReturnType<typeof checkOut>>;
    const prepared = prepare(this.#settings, pred, target, { mask, weights }, out);
    checkApart(out, prepared.inputs);
    const { reduction } = this.#settings;
    const gradient = {
      grad: gradOperand(prepared.call, gradTensor(this.#grad, out, prepared.pred)),
      upstream: checkGradOutput(given.gradOutput, reduction, prepared.call.geometry.groups),
      normalizer: checkNormalizer("normalizer", given.normalizer, reduction),
      keep: false,
    };
    const arrays = [pred, target, mask, weights];
    const data = [...arrays, this.#grad].map((tensor) => (tensor instanceof Tensor ? tensor.data : undefined));
    if (this.#groups?.loss.length !== prepared.call.geometry.groups) this.#groups = undefined;
    this.#known = { given: [...arrays, given.gradOutput, given.normalizer], data, prepared, gradient };
    return this.#known;
  }
}

const OPTIONS = ["mask", "weights", "gradOutput", "normalizer"];
