import { kindOf } from "../check.ts";
import { type BaseLoss, baseLoss, type CustomFunction } from "./BaseLoss.ts";

/**
 * A base loss of your own: `fn(pred, target)` gets the valid pixels of a group as two arrays of equal length and returns the group's
 * loss, or `{ value, grad }` with one entry of `grad` per pixel where gradients are asked for. The arrays are `Float32Array`s. Where
 * pred and target are integers of one scale and offset (other than 1 and 0) they are `Float64Array`s of scale · v + offset: float32
 * would lose the digits of small differences. TypeScript sees a `Float32Array` in both cases, as they are used alike.
 *
 * @throws TypeError where `fn` is no function, and in use where it returns anything else
 * @example
 * ```ts
 * const bias = custom((pred, target) => {
 *   const value = pred.reduce((sum, p, i) => sum + p - target[i], 0) / pred.length;
 *   return { value, grad: new Float32Array(pred.length).fill(1 / pred.length) };
 * });
 * ```
 */
export function custom(fn: CustomFunction): BaseLoss<"custom"> {
  if (typeof fn !== "function") throw new TypeError(`"fn": expected a function, got ${kindOf(fn)}`);
  return baseLoss("custom", "Custom", { fn });
}
