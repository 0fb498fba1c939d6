import { checkNumber, checkOptions, kindOf } from "../check.ts";
import { groupSums } from "../compute.ts";
import { checkSettings, prepare } from "../criterion.ts";
import type { Exports } from "../kernels.ts";
import { baseLoss } from "../losses/BaseLoss.ts";
import type { Layout } from "../plan.ts";
import type { ValidRule } from "../rule.ts";
import type { TensorLike } from "../tensor.ts";

export interface EvaluateOptions {
  /** Names of the bands, one per channel; `B1`, `B2`, … by default. */
  bands?: readonly string[];
  /** Largest possible value minus smallest, in the units of the images: 1 for reflectance. */
  dataRange: number;
  /** Which target values count; `{ min: 0 }` by default. */
  valid?: ValidRule;
  /** Bytes ≠ 0 where a pixel may count; of the target's shape or broadcastable to it. */
  mask?: TensorLike<Uint8Array>;
  /** Order of the dimensions: `"NCHW"` (default) or `"NHWC"`. */
  layout?: Layout;
}

/** How well a band is predicted over its valid pixels, d = pred − target. NaN where there are none. */
export interface BandStats {
  /** √(mean d²), pooled over all samples. */
  readonly rmse: number;
  /** mean |d|, pooled over all samples. */
  readonly mae: number;
  /** mean d, pooled over all samples. */
  readonly bias: number;
  /** 20·log10(dataRange / rmse) in dB; Infinity for a perfect match. */
  readonly psnr: number;
  /** Angle between the band's valid pixels as two vectors, in radians: mean over the samples that have any. */
  readonly sam: number;
  readonly validCount: number;
  /** Valid pixels among all of the band's. */
  readonly validRatio: number;
}

export interface Evaluation {
  /** Figures by band name. */
  readonly bands: Record<string, BandStats>;
}

/** Where the kernels put what; see BandMoments in assembly/moments.ts. */
const SUM = { count: 0, pp: 1, tt: 2, d: 4, absD: 5, dd: 6, pd: 9 } as const;

const moments = baseLoss("evaluate", "moments", "BandMoments");

/**
 * Quality metrics per band, over valid pixels alone.
 *
 * @param pred float32 `[B, C, H, W]` (`[B, H, W, C]` for layout `"NHWC"`), `[C, H, W]` or `[H, W]`
 * @param target of pred's shape
 * @throws TypeError, RangeError where shapes, kinds or options do not fit
 * @example
 * ```ts
 * evaluate(pred, target, { bands: ["B02", "B03", "B04"], dataRange: 1 }).bands.B02.psnr;
 * ```
 */
export function evaluate(pred: TensorLike, target: TensorLike, options: EvaluateOptions): Evaluation {
  checkOptions("options", options, ["bands", "dataRange", "valid", "mask", "layout"]);
  const dataRange = checkNumber("dataRange", options.dataRange, { above: 0 });
  const { valid, layout } = options;
  const settings = checkSettings(
    moments,
    { ...(valid === undefined ? {} : { valid }), ...(layout === undefined ? {} : { layout }) },
    "channel",
  );
  const { kernels, call, size } = prepare(settings, pred, target, options.mask);
  const { total } = call.geometry;
  const { samples, channels } = size;
  const names = checkBands(options.bands, channels);
  const sums = groupSums(kernels, call);
  const stride = kernels.exports.recordBytes() / 8;
  const sum = (sample: number, band: number, which: number) =>
    sums[(sample * names.length + band) * stride + which] as number;
  const bands = names.map((name, band): [string, BandStats] => {
    const of = Array.from({ length: samples }, (_, sample) => (which: number) => sum(sample, band, which));
    return [name, statistics(kernels.exports, of, dataRange, total)];
  });
  return { bands: Object.fromEntries(bands) };
}

type Sums = (which: number) => number;

function statistics(exports: Exports, samples: readonly Sums[], dataRange: number, total: number): BandStats {
  const pooled = (which: number) => samples.reduce((sum, of) => sum + of(which), 0);
  const count = pooled(SUM.count);
  const rmse = Math.sqrt(pooled(SUM.dd) / count);
  const angles = samples
    .filter((of) => of(SUM.count) > 0)
    .map((of) => exports.bandAngle(of(SUM.pp), of(SUM.tt), of(SUM.dd), of(SUM.pd)));
  return {
    rmse,
    mae: pooled(SUM.absD) / count,
    bias: pooled(SUM.d) / count,
    psnr: exports.decibels(dataRange / rmse),
    sam: angles.reduce((sum, angle) => sum + angle, 0) / angles.length,
    validCount: count,
    validRatio: count / (total * samples.length),
  };
}

function checkBands(bands: unknown, channels: number): readonly string[] {
  if (bands === undefined) return Array.from({ length: channels }, (_, i) => `B${i + 1}`);
  if (!Array.isArray(bands) || bands.some((name) => typeof name !== "string")) {
    throw new TypeError(`"bands": expected an array of names, got ${kindOf(bands)}`);
  }
  if (bands.length !== channels) {
    throw new RangeError(`"bands": expected ${channels} names, one per channel of pred, got ${bands.length}`);
  }
  if (new Set(bands).size !== bands.length)
    throw new RangeError(`"bands": expected different names, got ${bands.join(", ")}`);
  return bands;
}
