// What each rank does, be it a part of a loop, a thread or a process: sums first, then, once everybody's are known, its gradient.

import { LossAccumulator } from "valid-pixel-loss";
import { criterion, ELEMENTS, shapeOf } from "./batch.ts";

/** A rank's samples: pred, target, and where the gradient with respect to pred goes. */
export interface Part {
  readonly pred: Float32Array;
  readonly target: Float32Array;
  readonly grad: Float32Array;
}

const tensors = ({ pred, target, grad }: Part) => {
  const shape = shapeOf(pred.length / ELEMENTS);
  return { pred: { data: pred, shape }, target: { data: target, shape }, grad: { data: grad, shape } };
};

/** Σ w·L and Σ w of the part, as JSON that any transport carries to the last bit. */
export function sumsOf(part: Part): object {
  const { pred, target } = tensors(part);
  return new LossAccumulator(criterion).add(pred, target).toJSON();
}

/**
 * Writes the part's share of the whole batch's gradient, given the Σ w of all ranks. Without it, the gradient of the part's own mean,
 * which is returned.
 */
export function writeGrad(part: Part, normalizer?: number): number {
  const { pred, target, grad } = tensors(part);
  return criterion.valueAndGrad(pred, target, { out: grad, ...(normalizer === undefined ? {} : { normalizer }) }).value;
}
