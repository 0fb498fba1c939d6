// Losses that look across the channels of a pixel. The kernels are in assembly/pixel/. Their groups are samples.

import { checkChoice, checkInteger, ownOptions } from "../check.ts";
import { type BaseLoss, baseLoss } from "./BaseLoss.ts";

/**
 * Spectral angle mapper: per pixel the angle between the spectra of prediction and target across channels, in radians from 0 to
 * π; the mean over the pixels that count. (Kruse et al. 1993.) Where both spectra are zero the angle is 0, where exactly one is π/2;
 * the gradient there, and at angles of exactly 0 and π, is 0. The angle is right from 1e-10 rad on, its gradient from 1e-9. Of
 * spectra that are parallel to the last bit, as p = k·t where float32 holds each k·t, it is exactly 0.
 *
 * @param options.pixels `"all"` (default): a pixel counts where all its channels are valid; `"any"`: where at least two are, and its
 *   angle is taken over these
 * @throws TypeError, RangeError for any other `pixels`
 * @example
 * ```ts
 * new FlexibleWeightedLoss(sam(), { groupBy: "sample" }).forward(pred, target).value; // radians
 * ```
 */
export function sam(options: { pixels?: "all" | "any" } = {}): BaseLoss<"pixel"> {
  const given = ownOptions("sam options", options, ["pixels"]);
  const pixels = checkChoice("pixels", given.pixels ?? "all", ["all", "any"]);
  // How many channels a pixel needs; "all" is known when the shape is.
  return baseLoss("sam", "Sam", { a: pixels === "all" ? Number.POSITIVE_INFINITY : 2 });
}

/**
 * Cross entropy of logits: mean −log softmax(logits)[class] over the valid pixels. The prediction holds logits `[B, K, H, W]`, the
 * target class labels `[B, H, W]` as `Int32Array`, `Uint8Array` or `Float32Array` of whole numbers. A pixel is valid where its class
 * is ≥ 0, is not `ignoreIndex`, and the mask allows. Labels are compared exactly, whatever their size.
 *
 * @param options.ignoreIndex a class that does not count; none by default
 * @throws TypeError, RangeError for an `ignoreIndex` that is no whole number below 2^53 in size; in use, for labels that are no class of
 *   pred at a valid pixel, and for more than 2^24 classes
 * @example
 * ```ts
 * new FlexibleWeightedLoss(crossEntropy({ ignoreIndex: 255 })).valueAndGrad(logits, classes).grad;
 * ```
 */
export function crossEntropy(options: { ignoreIndex?: number } = {}): BaseLoss<"labels"> {
  const { ignoreIndex: ignore } = ownOptions("crossEntropy options", options, ["ignoreIndex"]);
  return baseLoss(
    "crossEntropy",
    "CrossEntropy",
    ignore === undefined || ignore === null ? {} : { ignoreIndex: checkInteger("ignoreIndex", ignore) },
  );
}
