import { ownOptions } from "../check.ts";
import type { ImageLike, MaskLike, WeightsLike } from "../memory/tensor.ts";
import { checkPixels } from "../plan/arrays.ts";
import { dimensions, type Layout } from "../plan/geometry.ts";
import type { TargetLike } from "../plan/PreparedTarget.ts";
import { BandMetrics, type MetricsOptions } from "./BandMetrics.ts";
import type { Evaluation } from "./figures.ts";

export interface EvaluateOptions extends Omit<MetricsOptions, "bands"> {
  /** Names of the bands, one per channel; `B1`, `B2`, … by default. */
  bands?: readonly string[];
  /** Bytes ≠ 0 where a pixel may count, or a soft mask; of the target's shape or broadcastable to it, as are `weights`. */
  mask?: MaskLike;
  /** What each pixel counts: finite numbers ≥ 0. */
  weights?: WeightsLike;
}

/**
 * Quality metrics per band and of the scene, over valid pixels alone. For the figures see `BandStats` and `SceneStats`; for more than
 * fits one call see `BandMetrics`.
 *
 * @param pred `[B, C, H, W]` (`[B, H, W, C]` for layout `"NHWC"`), `[C, H, W]` or `[H, W]`
 * @param target of pred's shape
 * @throws TypeError, RangeError where shapes, kinds or options do not fit
 * @example
 * ```ts
 * evaluate(pred, target, { bands: ["B02", "B03", "B04"], dataRange: 1 }).bands.B02.psnr;
 * ```
 */
export function evaluate(pred: ImageLike, target: TargetLike, options: EvaluateOptions): Evaluation {
  const known = ["bands", "dataRange", "valid", "mask", "weights", "layout", "ratio", "without"];
  const given = ownOptions("options", options, known);
  const { mask, weights, bands = numbered(pred, given.layout), ...rest } = given;
  const metrics = new BandMetrics({ bands, ...rest });
  metrics.update(pred, target, { ...(mask !== undefined && { mask }), ...(weights !== undefined && { weights }) });
  return metrics.compute();
}

function numbered(pred: ImageLike, layout: Layout = "NCHW"): string[] {
  const { shape } = checkPixels("pred", pred);
  return Array.from({ length: dimensions(shape, layout, "pred").channels }, (_, c) => `B${c + 1}`);
}
