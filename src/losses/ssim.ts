import { checkChoice, checkNumber, ownOptions } from "../check.ts";
import { type BaseLoss, baseLoss } from "./BaseLoss.ts";

/** In the order of the kernels' enum; see assembly/ssim.ts. */
const INVALID = ["normalize", "erode", "zero"] as const;

/** Options of `ssim`. */
export interface SsimOptions {
  /** Largest possible value minus smallest, in the units of the images: 1 for reflectance. From 1e-60 to 1e60. */
  dataRange: number;
  /** What becomes of invalid pixels: `"normalize"` by default. */
  invalid?: (typeof INVALID)[number];
}

/** Accepts a data range whose fourth power, which SSIM divides by, float64 holds. */
export function checkDataRange(dataRange: unknown): number {
  return checkNumber("dataRange", dataRange, { min: 1e-60, max: 1e60 });
}

/**
 * Structural similarity as a loss: 1 − SSIM, averaged over the valid centres of a group that lie at least 5 pixels from the border.
 * Gaussian window of 11×11, σ = 1.5, K1 = 0.01, K2 = 0.03, population covariance (Wang et al. 2004; for a full mask scikit-image's
 * `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`). Its gradient is the exact gradient of that number.
 *
 * Windows that hold invalid pixels are renormalised over the valid ones (normalised convolution). The other two ways exist to
 * compare with other tools: `"erode"` counts only windows without an invalid pixel; `"zero"` sets invalid pixels to 0 in both
 * images, which rates them as perfectly predicted and so overrates the rest.
 *
 * A group whose valid pixels hold no such centre is skipped.
 *
 * Against exact arithmetic, over offsets of 1 to 1e7 and data ranges from that of the data to a thousandth of it, 1 − SSIM is off by
 * less than 1e-13 of itself and a gradient g by less than 1e-7·(|g| + max |g|). Where pixels lie far from the rest of their plane, 1 − SSIM
 * is good to 1e-8; the gradient is within 1e-6·(|g| + max |g|) up to 1000 data ranges from the value nearest to 0, and beyond wherever
 * the images are not flat: at s data ranges from it, 2e-12·s / (n·dataRange) of a mean over n centres may be lost.
 *
 * @throws TypeError, RangeError for options of the wrong kind or value; in use, for planes smaller than 11×11
 * @example
 * ```ts
 * new FlexibleWeightedLoss(ssim({ dataRange: 1 })).forward(pred, target).value;
 * ```
 */
export function ssim(options: SsimOptions): BaseLoss<"window"> {
  const given = ownOptions("ssim options", options, ["dataRange", "invalid"]);
  const dataRange = checkDataRange(given.dataRange);
  const invalid = checkChoice("invalid", given.invalid ?? "normalize", INVALID);
  return baseLoss("ssim", "Ssim", { a: dataRange, b: INVALID.indexOf(invalid) });
}
