import { DISPOSE } from "../memory/dispose.ts";
import type { ImageLike, LabelsLike, Tensor } from "../memory/tensor.ts";
import type { Checked } from "../memory/checkTensor.ts";
import type { Counts } from "./call.ts";
import type { Layout } from "./geometry.ts";
import type { Rule } from "./rule.ts";

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
  /** @internal Whether it holds class labels. */
  readonly labels: boolean;
  /** @internal Whether its mask and weights, if any, were of its own shape: that decides how it is cut into tiles, and so its bits. */
  readonly fullMask: boolean;
  /** @internal Copies of its soft mask and its weights. */
  readonly masses: { readonly mask?: Checked<Float32Array>; readonly weights?: Checked<Float32Array> };
  /** @internal */
  readonly counts = new Map<string, Counts>();

  /** @internal Use `prepareTarget`. */
  constructor(
    tensor: Tensor,
    of: Pick<PreparedTarget, "scale" | "offset" | "layout" | "rule" | "labels" | "fullMask" | "masses">,
  ) {
    this.tensor = tensor;
    this.shape = tensor.shape;
    this.scale = of.scale;
    this.offset = of.offset;
    this.layout = of.layout;
    this.rule = of.rule;
    this.labels = of.labels;
    this.fullMask = of.fullMask;
    this.masses = of.masses;
  }

  /** @internal What `tensor`, a part of this one's, is as a prepared target, with the same parts of what its masses are made of. */
  with(tensor: Tensor, masses: PreparedTarget["masses"]): PreparedTarget {
    return new PreparedTarget(tensor, { ...this, masses });
  }

  /** Frees the memory. Any later use throws; a second call does nothing. */
  dispose(): void {
    this.tensor.dispose();
    for (const { owner } of Object.values(this.masses)) (owner as Tensor).dispose();
  }

  [DISPOSE](): void {
    this.dispose();
  }
}

/** A target: an image, class labels for `crossEntropy`, or what `prepareTarget` has made of either. */
export type TargetLike = ImageLike | LabelsLike | PreparedTarget;
