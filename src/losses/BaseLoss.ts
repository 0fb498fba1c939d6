import { LOSSES, type LossName, type TraitName } from "../memory/kernelApi.ts";

/**
 * What a loss looks at: single elements, a few sums of them, the channels of a pixel, the pixels around it. `"bands"` is no loss, but
 * the sums that metrics are made of.
 */
export type Kind = "elementwise" | "moments" | "pixel" | "labels" | "window" | "custom" | "bands";

/** A base loss of kind K, made by `mse()`, `sam()` and the like, to be weighed and reduced by a criterion. */
export interface BaseLoss<K extends Kind = Kind> {
  /** The maker's name. */
  readonly name: string;
  /** What it looks at, which decides on its groups and targets. */
  readonly kind: K;
  /** @internal The kernel that computes it. */
  readonly kernel: LossName;
  /** @internal What the mean over a group is multiplied by. */
  readonly scale: number;
  /** @internal The kernel's parameters; see the loss's file in assembly/. */
  readonly a: number;
  /** @internal */
  readonly b: number;
  /** @internal The host's function of a custom loss. */
  readonly fn: CustomFunction | undefined;
  /** @internal The class that cross entropy leaves out. */
  readonly ignoreIndex: number | undefined;
}

/**
 * A loss of the caller's own over the valid pixels of a group, gathered in storage order: the mean, or whatever number stands
 * for the group; with `grad`, one entry per pixel, where gradients are asked for. `masses`, one per pixel, are given where there are
 * weights or a soft mask: what they mean is up to the function. The arrays are `Float64Array`s, which are used alike,
 * where pred and target are both integers of one scale and offset, other than 1 and 0.
 */
export type CustomFunction = (
  pred: Float32Array,
  target: Float32Array,
  masses?: Float32Array,
) => number | { value: number; grad?: ArrayLike<number> };

/** Options of a loss that has none. */
export type NoOptions = Readonly<Record<string, never>>;

const made = new WeakSet<BaseLoss>();

/** @internal */
export function baseLoss<Name extends LossName>(
  name: string,
  kernel: Name,
  rest: Partial<Pick<BaseLoss, "scale" | "a" | "b" | "fn" | "ignoreIndex">> = {},
): BaseLoss<(typeof LOSSES)[Name]["kind"]> {
  const loss = Object.freeze({
    name,
    kind: LOSSES[kernel].kind,
    kernel,
    scale: 1,
    a: 0,
    b: 0,
    fn: undefined,
    ignoreIndex: undefined,
    ...rest,
  });
  made.add(loss);
  return loss;
}

/** @internal Whether the kernel says so of a loss. */
export function hasTrait({ kernel }: BaseLoss, trait: TraitName): boolean {
  return (LOSSES[kernel].traits as readonly TraitName[]).includes(trait);
}

/** @internal */
export function isBaseLoss(value: unknown): value is BaseLoss {
  return typeof value === "object" && value !== null && made.has(value as BaseLoss);
}
