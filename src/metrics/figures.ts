// The figures of merit: what each is, and how it comes from what is gathered of valid pixels, which is all
// that is kept, so that the parts of an archive add up.
//
// d = pred − target throughout. Where there are a soft mask or weights, every mean over pixels is one in which a pixel counts as much as its
// mass m, mask · weight: Σ m·x / Σm.

import type { Exports } from "../memory/kernelApi.ts";
import { ExactSum, ratio } from "./exact.ts";
import { Mean, Moments } from "./moments.ts";

/** How well a band is predicted. NaN where a figure is undefined: without valid pixels, to begin with. */
export interface BandStats {
  /** 20·log10(dataRange / rmse), in dB; Infinity for a perfect match. */
  readonly psnr: number;
  /** √(mean d²) over the valid pixels of all samples, in the units of the images. */
  readonly rmse: number;
  /** mean |d| over the valid pixels of all samples, in the units of the images. */
  readonly mae: number;
  /** mean d over the valid pixels of all samples, in the units of the images. */
  readonly bias: number;
  /**
   * Structural similarity (Wang et al. 2004) over the valid centres at least 5 pixels from the border, windows renormalised over
   * their valid pixels; see `ssim`. Mean over the samples that have such a centre; NaN for images smaller than 11×11.
   */
  readonly ssim: number;
  /**
   * Angle between the band's valid pixels as two vectors, arccos(Σpt / √(Σp²·Σt²)), in radians: mean over the samples that have
   * any. For the spectral angle of the field see `SceneStats`.
   */
  readonly sam: number;
  /**
   * Coefficient of determination, 1 − Σd² / Σ(target − mean target)², over the valid pixels of all samples. At most 1, and below 0
   * where the mean would have been the better prediction; NaN where the target is constant.
   */
  readonly r2: number;
  /**
   * PSNR after the mean error is taken away, 20·log10(dataRange / √(mean (d − mean d)²)), in dB: the cPSNR of ESA's PROBA-V
   * super-resolution challenge (Märtens et al. 2019), whose clear pixels are the valid ones here. The challenge's search over
   * shifts of the image by up to 3 pixels is not part of it. Infinity where d is constant.
   */
  readonly cpsnr: number;
  readonly validCount: number;
  /** Valid pixels among all of the band's, each by its mass and its weight. */
  readonly validRatio: number;
}

/** How well all bands together are predicted. NaN where a figure is undefined. */
export interface SceneStats {
  /**
   * Spectral angle mapper (Kruse et al. 1993): the angle between the spectra of prediction and target at a pixel, in radians, mean
   * over the pixels whose bands are all valid. NaN where a soft mask or weights have a number for each band of a pixel.
   */
  readonly sam: number;
  /**
   * Relative dimensionless global error (Wald 2000), 100·ratio·√(mean over bands (rmse / mean target)²), over the bands that have
   * valid pixels. `ratio` is h/l, the pixel size of the sharp image over that of the coarse one it was made from: 1/4 for
   * pansharpening by 4. NaN where a band's mean is 0.
   */
  readonly ergas: number;
  /**
   * Universal quality index (Wang & Bovik 2002): mean over all 8×8 windows of
   *
   *     Q = 2·x̄·ȳ / (x̄² + ȳ²) · 2·σxy / (σx² + σy²)
   *
   * in which means and variances are those of the window's valid pixels, and a quotient 0/0 counts as 1. A window counts where at
   * least 32 of its 64 pixels are valid. It knows no weights: each pixel with mass counts alike. Mean over the bands of all samples that have a window that counts. Q is off by less than 1e-14
   * from exact arithmetic over offsets of 1 to 1e7, and by less than 1e-8 where windows lie far from the rest of their plane.
   */
  readonly uqi: number;
  /** 20·log10(dataRange / rmse), in dB. */
  readonly psnr: number;
  /** √(mean d²) over the valid pixels of all bands and samples. */
  readonly rmse: number;
  /** Valid pixels among all pixels of all bands. */
  readonly validRatio: number;
}

/** A figure of all samples, in the three ways that it can be averaged. */
export interface Average {
  /** Of all valid pixels together, as in `SceneStats`. */
  readonly pooled: number;
  /** Mean of the samples' own figures, each weighed by √(valid / total). */
  readonly sqrt: number;
  /** Mean of the samples' own figures, each alike. */
  readonly samples: number;
}

/** What is averaged three ways: of all bands together. */
export const AVERAGED = ["psnr", "rmse", "mae"] as const;

export type Averages = Readonly<Record<(typeof AVERAGED)[number], Average>>;

/** Figures by band name, of the scene, and of the scene by what is averaged. */
export class Evaluation {
  readonly bands: Readonly<Record<string, BandStats>>;
  readonly scene: SceneStats;
  /** Of one sample the three are the same. See `docs/weights.md` for which to take. */
  readonly averages: Averages;

  constructor(bands: Readonly<Record<string, BandStats>>, scene: SceneStats, averages: Averages) {
    this.bands = bands;
    this.scene = scene;
    this.averages = averages;
  }

  /** For JSON, which has neither: `null` for NaN, the string `"Infinity"` for the PSNR of a perfect match. */
  toJSON(): object {
    const plain = (stats: object) =>
      Object.fromEntries(
        Object.entries(stats).map(([name, x]) => [name, Number.isNaN(x) ? null : Number.isFinite(x) ? x : String(x)]),
      );
    const bands = Object.entries(this.bands).map(([name, stats]) => [name, plain(stats)]);
    const averages = Object.entries(this.averages).map(([name, average]) => [name, plain(average)]);
    return { bands: Object.fromEntries(bands), scene: plain(this.scene), averages: Object.fromEntries(averages) };
  }
}

/** What the figures of a band are made of. */
export interface BandSums {
  /** Valid pixels. */
  readonly valid: number;
  /** Σ of the weights of all pixels, 1 each without. */
  readonly whole: ExactSum;
  /** Σ m·|d| */
  readonly absError: ExactSum;
  /** Of d, and of target: Σw is Σm. */
  readonly error: Moments;
  readonly target: Moments;
  /** Of samples. */
  readonly ssim: Mean;
  readonly sam: Mean;
}

export const NO_BAND: BandSums = {
  valid: 0,
  whole: ExactSum.ZERO,
  absError: ExactSum.ZERO,
  error: Moments.NONE,
  target: Moments.NONE,
  ssim: Mean.NONE,
  sam: Mean.NONE,
};

/** What the figures of the scene are made of, besides the bands. */
export interface SceneSums {
  /** Pixels of a band, valid or not. */
  readonly total: number;
  /** Of pixels. */
  readonly sam: Mean;
  /** Of bands of samples. */
  readonly uqi: Mean;
  /** Of samples, by their √(valid / total) and each alike. */
  readonly averages: Readonly<Record<(typeof AVERAGED)[number], SampleMeans>>;
}

/** A figure of each sample, to be averaged in two ways. */
export interface SampleMeans {
  readonly sqrt: Mean;
  readonly samples: Mean;
}

export const NO_AVERAGES = Object.fromEntries(
  AVERAGED.map((name) => [name, { sqrt: Mean.NONE, samples: Mean.NONE }]),
) as unknown as SceneSums["averages"];

/** Figures of all bands of some samples together. */
function pooledOf(
  exports: Exports,
  bands: readonly Pick<BandSums, "error" | "absError">[],
  dataRange: number,
): Record<(typeof AVERAGED)[number], number> {
  const weight = sumOf(bands, ({ error }) => error.weight);
  const rmse = Math.sqrt(
    ratio(
      sumOf(bands, ({ error }) => error.square),
      weight,
    ),
  );
  const mae = ratio(
    sumOf(bands, ({ absError }) => absError),
    weight,
  );
  return { psnr: exports.decibels(dataRange / rmse), rmse, mae };
}

function sumOf<T>(list: readonly T[], f: (each: T) => ExactSum): ExactSum {
  return list.reduce((sum, each) => sum.plus(f(each)), ExactSum.ZERO);
}

/** The averages with one more sample, of which some pixels are valid. */
export function withSample(
  exports: Exports,
  averages: SceneSums["averages"],
  bands: readonly Pick<BandSums, "error" | "absError" | "whole">[],
  dataRange: number,
): SceneSums["averages"] {
  const weight = sumOf(bands, ({ error }) => error.weight);
  if (weight.isZero) return averages;
  const root = Math.sqrt(
    ratio(
      weight,
      sumOf(bands, ({ whole }) => whole),
    ),
  );
  const figures = pooledOf(exports, bands, dataRange);
  return mapAverages((name) => {
    const { sqrt, samples } = averages[name];
    return {
      sqrt: sqrt.plus(Mean.of({ sum: root * figures[name], count: root })),
      samples: samples.plus(Mean.of({ sum: figures[name], count: 1 })),
    };
  });
}

export function joinAverages(a: SceneSums["averages"], b: SceneSums["averages"]): SceneSums["averages"] {
  return mapAverages((name) => ({
    sqrt: a[name].sqrt.plus(b[name].sqrt),
    samples: a[name].samples.plus(b[name].samples),
  }));
}

function mapAverages<T>(of: (name: (typeof AVERAGED)[number]) => T): Readonly<Record<(typeof AVERAGED)[number], T>> {
  return Object.fromEntries(AVERAGED.map((name) => [name, of(name)])) as Record<(typeof AVERAGED)[number], T>;
}

export function averagesOf(
  exports: Exports,
  { averages }: SceneSums,
  bands: readonly BandSums[],
  dataRange: number,
): Averages {
  const pooled = pooledOf(exports, bands, dataRange);
  return mapAverages((name) => {
    const { sqrt, samples } = averages[name];
    return { pooled: pooled[name], sqrt: sqrt.value, samples: samples.value };
  });
}

export function bandStats(exports: Exports, sums: BandSums, dataRange: number): BandStats {
  const { valid, whole, absError, error, target, ssim, sam } = sums;
  const { weight } = error;
  const rmse = Math.sqrt(ratio(error.square, weight));
  return {
    psnr: exports.decibels(dataRange / rmse),
    rmse,
    mae: ratio(absError, weight),
    bias: ratio(error.sum, weight),
    ssim: ssim.value,
    sam: sam.value,
    r2: target.m2 === 0 ? Number.NaN : 1 - error.square.value / target.m2,
    cpsnr: exports.decibels(dataRange / Math.sqrt(error.m2 / weight.value)),
    validCount: valid,
    validRatio: ratio(weight, whole),
  };
}

export function sceneStats(
  exports: Exports,
  { sam, uqi }: SceneSums,
  bands: readonly BandSums[],
  { dataRange, ratio: pixelRatio }: { dataRange: number; ratio: number },
): SceneStats {
  const seen = bands.filter(({ error }) => !error.weight.isZero);
  const over = (f: (band: BandSums) => ExactSum) => sumOf(bands, f);
  const weight = over(({ error }) => error.weight);
  const rmse = Math.sqrt(
    ratio(
      over(({ error }) => error.square),
      weight,
    ),
  );
  // (rmse / mean)² = Σ m·d² · Σm / (Σ m·t)²
  const relative = seen.reduce((sum, { error, target }) => {
    const level = target.sum.value;
    return sum + (level === 0 ? Number.NaN : (error.square.value / level) * (error.weight.value / level));
  }, 0);
  return {
    sam: sam.value,
    ergas: 100 * pixelRatio * Math.sqrt(relative / seen.length),
    uqi: uqi.value,
    psnr: exports.decibels(dataRange / rmse),
    rmse,
    validRatio: ratio(
      weight,
      over(({ whole }) => whole),
    ),
  };
}
