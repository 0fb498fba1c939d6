// Losses that are functions of a few sums over the valid pixels of a group. The kernels are in assembly/moments.ts, from sums to
// loss and gradient in assembly/weights.ts.

import { checkNumber, ownOptions } from "../check.ts";
import { type BaseLoss, baseLoss, type NoOptions } from "./BaseLoss.ts";

/**
 * Vector angle: the angle between prediction and target of a group, taken as two vectors of its n valid pixels, in radians from
 * 0 to π: arccos(Σpt / √(Σp²·Σt²)), computed as an arctangent. Where both vectors are zero it is 0, where exactly one is π/2; the
 * gradient there, and at angles of exactly 0 and π, is 0. The angle is right from 1e-10 rad on, its gradient from 1e-9. Of vectors
 * that are parallel to the last bit, as p = k·t where float32 holds each k·t, it is exactly 0.
 *
 * For the spectral angle per pixel across channels see `sam`.
 *
 * @example
 * ```ts
 * new FlexibleWeightedLoss(vectorAngle()).forward(pred, target).groups.loss; // radians, per band of each sample
 * ```
 */
export function vectorAngle(options: NoOptions = {}): BaseLoss<"moments"> {
  ownOptions("vectorAngle options", options, []);
  return baseLoss("vectorAngle", "VectorAngle");
}

/**
 * Soft Dice loss: 1 − (2Σpt + s) / (Σp + Σt + s). 0 where the divisor is 0. (Milletari et al. 2016, without squares.)
 *
 * @param options.smooth s, from 0 on; 1 by default
 * @throws TypeError, RangeError for a `smooth` that is no number from 0 on
 * @example
 * ```ts
 * new FlexibleWeightedLoss(dice({ smooth: 1 })).forward(probabilities, masks).value;
 * ```
 */
export function dice(options: { smooth?: number } = {}): BaseLoss<"moments"> {
  const { smooth } = ownOptions("dice options", options, ["smooth"]);
  return baseLoss("dice", "Dice", { a: checkNumber("smooth", smooth ?? 1, { min: 0 }) });
}
