/** The public API as the tests call it: a base by name, a problem in one of the ways that arrays can lie in memory. */
import {
  type BaseLoss,
  FlexibleWeightedLoss,
  type Reduction,
  type Tensor,
  type TensorData,
  tensor,
  zeros,
} from "../../src/index.ts";
import { type Layout, shapeIn, sizeOf } from "../../reference/layout.ts";
import type { Base, Problem, Settings } from "../../reference/losses.ts";
import * as api from "../../src/index.ts";

export type Criterion = FlexibleWeightedLoss<Reduction>;

/** The base loss of that name, with its parameters. */
export function make({ name, params }: Base): BaseLoss {
  const maker = { ...api }[name] as (params?: object) => BaseLoss;
  return params ? maker(params) : maker();
}

export const criterionOf = (base: Base, settings: Settings = {}): Criterion =>
  new FlexibleWeightedLoss<Reduction>(make(base), settings);

/** Where the arrays of a call lie: the caller's own, the kernels' memory, or the caller's at an address that is no multiple of 16 bytes. */
export type Memory = "staged" | "in place" | "misaligned";
export const memories: readonly Memory[] = ["staged", "in place", "misaligned"];

/** The same numbers as a view into a larger array, `skip` elements in, with NaN (or 255) before and behind. */
export function misaligned<T extends Float32Array | Int32Array | Uint8Array>(data: T, skip = 3): T {
  const Kind = data.constructor as new (length: number) => T;
  const around = new Kind(data.length + skip + 5);
  around.fill(data instanceof Float32Array ? Number.NaN : 255);
  around.set(data, skip);
  return around.subarray(skip, skip + data.length) as T;
}

/** A float32 tensor holding a copy of `data`. */
export function place(data: ArrayLike<number>, shape: readonly number[], memory: Memory = "staged"): Tensor {
  if (memory !== "in place") {
    const copy = Float32Array.from(data);
    return tensor(memory === "misaligned" ? misaligned(copy) : copy, [...shape]);
  }
  const owned = zeros([...shape]);
  owned.data.set(data);
  return owned;
}

/** pred, target, mask and weights of a problem whose arrays lie in `layout`. */
export function tensorsOf(problem: Problem, layout: Layout = "NCHW", memory: Memory = "staged") {
  const { pred, target, mask, weights } = problem;
  const shape = shapeIn(problem.shape, layout);
  const [B, , H, W] = problem.shape;
  const aligned = memory !== "misaligned";
  const classes = target.length !== sizeOf(problem.shape) || !(target instanceof Float32Array);
  return {
    pred: place(pred, shape, memory),
    // Labels pass for an image, so that one variable goes with losses of both.
    target: classes
      ? (tensor(aligned ? target : misaligned(target), [B, H, W]) as Tensor<TensorData> as Tensor)
      : place(target, shape, memory),
    given: {
      ...(mask
        ? { mask: tensor<Uint8Array | Float32Array>(aligned ? mask.data : misaligned(mask.data), [...mask.shape]) }
        : {}),
      ...(weights ? { weights: place(weights.data, weights.shape, memory) } : {}),
    },
  };
}

/** What `valueAndGrad` is given besides the tensors. */
export function givenOf({ gradOutput, normalizer }: Problem) {
  return {
    ...(gradOutput === undefined ? {} : { gradOutput: typeof gradOutput === "number" ? gradOutput : [...gradOutput] }),
    ...(normalizer === undefined ? {} : { normalizer }),
  };
}

/** One call of `valueAndGrad` on the problem, its arrays lying in `settings.layout`. */
export function run(base: Base, problem: Problem, settings: Settings = {}, memory: Memory = "staged") {
  const { pred, target, given } = tensorsOf(problem, settings.layout, memory);
  return criterionOf(base, settings).valueAndGrad(pred, target, { ...given, ...givenOf(problem) });
}
