import { checkChoice, checkNumber, kindOf, own, ownOptions, show } from "../check.ts";
import { checkDataRange } from "../losses/ssim.ts";
import { staging } from "../memory/kernels.ts";
import type { ImageLike, MaskLike, WeightsLike } from "../memory/tensor.ts";
import { prepare } from "../plan/arrays.ts";
import type { Layout } from "../plan/geometry.ts";
import type { TargetLike } from "../plan/PreparedTarget.ts";
import { compileRule, DEFAULT_RULE, sameRule, type ValidRule } from "../plan/rule.ts";
import { checkSettings } from "../plan/settings.ts";
import { ExactSum } from "./exact.ts";
import {
  AVERAGED,
  averagesOf,
  type BandStats,
  type BandSums,
  bandStats,
  Evaluation,
  joinAverages,
  NO_AVERAGES,
  NO_BAND,
  type SceneSums,
  sceneStats,
  withSample,
} from "./figures.ts";
import { checkHalo, type Halo } from "./halo.ts";
import { encode, Reader } from "./json.ts";
import {
  bandSums,
  Mean,
  Moments,
  type PlaneSums,
  planeSums,
  type RawMean,
  WINDOWED,
  type WindowedFigure,
} from "./moments.ts";

export interface MetricsOptions {
  /** Names of the bands, one per channel. */
  bands: readonly string[];
  /** Largest possible value minus smallest, in the units of the images: 1 for reflectance. From 1e-60 to 1e60. */
  dataRange: number;
  /** Which target values count; `{ min: 0 }` by default. */
  valid?: ValidRule;
  /** Order of the dimensions: `"NCHW"` (default) or `"NHWC"`. */
  layout?: Layout;
  /** h/l of ERGAS: pixel size of the sharp image over that of the coarse one; 1 by default. */
  ratio?: number;
  /** Figures to leave out, which are NaN then: `"ssim"` and `"uqi"`, which look at windows of pixels, take most of the time. */
  without?: readonly WindowedFigure[];
}

export interface UpdateOptions {
  /** Bytes ≠ 0 where a pixel may count, or a soft mask; of the target's shape or broadcastable to it, as are `weights`. */
  mask?: MaskLike;
  /** What each pixel counts: finite numbers ≥ 0. */
  weights?: WeightsLike;
  /** Name of the image that this is a window of: windows of the same name are one sample. */
  sample?: string;
  /** Pixels on each side of the window that belong to its neighbours: `HALO` of them, or as many as there are. */
  halo?: Halo;
}

/** What is gathered of a band of one sample, whole or in windows, for the figures that are means over samples. */
interface BandOfSample {
  readonly valid: number;
  readonly whole: ExactSum;
  readonly absError: ExactSum;
  readonly error: Moments;
  readonly angle: Moments;
  /** 1 − SSIM, of centres. */
  readonly unlike: Mean;
  /** Of windows. */
  readonly uqi: Mean;
}

type Sample = readonly BandOfSample[];

const FORMAT = "valid-pixel-loss/BandMetrics";
const VERSION = 2;

/**
 * Metrics per band and of the scene over an archive, batch by batch, in memory that does not grow with it.
 *
 * Batches may come in any order, and be split over any number of accumulators, on any machines, that are merged later in any way: all that is
 * kept adds up exactly, so the figures have the same bits, and the state is the same JSON. They are those of one call of `evaluate` on all
 * of it, to the bit where batches are of whole images. `Parts` counts a part once that is delivered twice.
 *
 * An image in windows gives `validCount` to the bit however it is cut, and `validRatio` without weights. The other figures depend on the
 * windows by rounding, since a pixel's terms are first added up within its row of a window: by 1e-12 (for the scene's `sam` by the 1e-6 of
 * any call, for `uqi` and `ssim` of windows that lie far from the rest of their image by 1e-8). The same windows give the same bits in
 * whatever order they come.
 *
 * An image too large for memory comes as windows that name it, each with `HALO` pixels of its neighbours around its core. The sums of
 * such a sample, a few numbers per band, are kept by its name until `close`, since windows may still come, here or in an accumulator
 * that is merged later.
 *
 * @throws TypeError, RangeError for options of the wrong kind or value, and unknown ones
 * @example
 * ```ts
 * const metrics = new BandMetrics({ bands: ["B02", "B03", "B04"], dataRange: 1 });
 * for (const { pred, target } of batches) metrics.update(pred, target);
 * metrics.compute().bands.B02.psnr;
 * ```
 */
export class BandMetrics {
  readonly #options: Required<Omit<MetricsOptions, "valid">> & { readonly valid?: ValidRule };
  #bands: readonly BandSums[];
  #scene: SceneSums = NOTHING;
  readonly #open = new Map<string, Sample>();

  constructor(options: MetricsOptions) {
    const known = ["bands", "dataRange", "valid", "layout", "ratio", "without"];
    const given = ownOptions("options", options, known);
    const { bands, dataRange, valid, layout = "NCHW", ratio = 1, without = [] } = given;
    if (valid !== undefined) compileRule("valid", valid);
    const checked = own({
      bands: Object.freeze([...checkBands(bands)]),
      dataRange: checkDataRange(dataRange),
      layout: checkChoice("layout", layout, ["NCHW", "NHWC"]),
      ratio: checkNumber("ratio", ratio, { above: 0 }),
      without: checkWithout(without),
      ...(valid && { valid: structuredClone(valid) }),
    });
    this.#options = Object.freeze(checked);
    this.#bands = bands.map(() => NO_BAND);
  }

  /**
   * Takes in a batch of whole images, or one window of an image.
   *
   * @param pred `[B, C, H, W]` (`[B, H, W, C]` for layout `"NHWC"`), `[C, H, W]` or `[H, W]`
   * @param target of pred's shape
   * @throws TypeError, RangeError where shapes, kinds or options do not fit; nothing has been taken in then
   */
  update(pred: ImageLike, target: TargetLike, options: UpdateOptions = {}): void {
    const given = ownOptions("update options", options, ["mask", "weights", "sample", "halo"]);
    const { samples, total } = this.#measure(pred, target, given);
    // Sample by sample, so that how they are split into batches changes no bit.
    for (const planes of samples) {
      const sam = planes.reduce((sum, { spectra }) => sum.plus(Mean.of(spectra)), this.#scene.sam);
      this.#scene = { ...this.#scene, total: this.#scene.total + total, sam };
      const sample = planes.map(({ valid, whole, absError, error, angle, unlike, uqi }) => ({
        valid,
        whole: ExactSum.of(whole),
        absError: ExactSum.of(absError),
        error: Moments.of(error),
        angle: Moments.of(angle),
        unlike: Mean.of(unlike),
        uqi: Mean.of(uqi),
      }));
      this.#bands = this.#bands.map((band, c) => {
        const { valid, whole, absError, error } = sample[c] as BandOfSample;
        const target = Moments.of((planes[c] as PlaneSums).target);
        return joinBands(band, { ...NO_BAND, valid, whole, absError, error, target });
      });
      if (given.sample === undefined) this.#fold(sample);
      else this.#join(given.sample, sample);
    }
  }

  /**
   * Says that no more windows come of the named sample, or of any: its sums go into the means, and nothing is kept of it.
   *
   * @throws RangeError where no window of that name has come
   */
  close(sample?: string): void {
    if (sample !== undefined && !this.#open.has(sample)) {
      throw new RangeError(`"sample": expected the name of an open sample, got ${show(sample)}`);
    }
    for (const name of sample === undefined ? this.#openNames() : [sample]) {
      this.#fold(this.#open.get(name) as Sample);
      this.#open.delete(name);
    }
  }

  /**
   * Takes in all that `other` has, which stays as it is. Open samples of the same name become one.
   *
   * @throws TypeError where `other` is no BandMetrics, RangeError where it was made with other options
   */
  merge(other: BandMetrics): this {
    if (!(other instanceof BandMetrics)) throw new TypeError(`"other": expected a BandMetrics, got ${kindOf(other)}`);
    if (other === this)
      throw new RangeError(`"other": expected another BandMetrics, got this one, which would count twice`);
    checkSameOptions(this.#options, other.#options);
    this.#scene = joinScenes(this.#scene, other.#scene);
    this.#bands = this.#bands.map((band, c) => joinBands(band, other.#bands[c] as BandSums));
    for (const [name, sample] of other.#open) this.#join(name, sample);
    return this;
  }

  /** The figures of all that has come. Open samples count as they are and stay open. */
  compute(): Evaluation {
    const all = new BandMetrics(this.#options).merge(this);
    all.close();
    const { exports } = staging();
    const { bands: names, dataRange } = this.#options;
    const stats = all.#bands.map((band) => bandStats(exports, band, dataRange));
    const bands = Object.fromEntries(names.map((name, c) => [name, stats[c] as BandStats]));
    const scene = sceneStats(exports, all.#scene, all.#bands, this.#options);
    return new Evaluation(bands, scene, averagesOf(exports, all.#scene, all.#bands, dataRange));
  }

  /** Forgets all that has come. */
  reset(): void {
    this.#bands = this.#bands.map(() => NO_BAND);
    this.#scene = NOTHING;
    this.#open.clear();
  }

  /** The state as plain JSON, to the last bit: a sum that pred's own NaN or Infinity has reached is a string there. */
  toJSON(): object {
    const { bands: names, ...options } = this.#options;
    return encode({
      format: FORMAT,
      version: VERSION,
      options,
      bands: this.#bands.map((band, c) => ({ name: names[c], ...band })),
      scene: this.#scene,
      open: this.#openNames().map((name) => ({ name, bands: this.#open.get(name) })),
    }) as object;
  }

  /**
   * The accumulator whose state this is: what `toJSON` gave, or JSON.parse of its text.
   *
   * @throws TypeError, RangeError where it is no such state, with the place and what was expected there
   */
  static fromJSON(json: unknown): BandMetrics {
    const state = new Reader("state", json);
    state.format(FORMAT, VERSION);
    const { options, bands, scene, open } = state.entries("format", "version", "options", "bands", "scene", "open");
    options.entries("dataRange", "valid", "layout", "ratio", "without");
    const keys = ["name", "valid", "whole", "absError", "error", "target", "ssim", "sam"] as const;
    const all = bands.list().map((band) => band.entries(...keys));
    if (all.length === 0) throw new RangeError(`"state.bands": expected at least one, got none`);
    const names = new Set<string>();
    for (const { name } of all) name.name(names);
    const metrics = options.as((given) => new BandMetrics({ ...(given as MetricsOptions), bands: [...names] }));
    const { sam, uqi, averages, ...rest } = scene.entries("total", "sam", "uqi", "averages");
    const total = rest.total.count();
    metrics.#scene = { total, sam: meanAt(sam), uqi: meanAt(uqi), averages: averagesAt(averages) };
    metrics.#bands = all.map((band) => ({
      valid: band.valid.count(total),
      whole: band.whole.sumOfAmounts(),
      absError: band.absError.sumOfAmounts(),
      error: momentsAt(band.error),
      target: momentsAt(band.target),
      ssim: meanAt(band.ssim),
      sam: meanAt(band.sam),
    }));
    const opened = new Set<string>();
    for (const sample of open.list()) {
      const { name, bands } = sample.entries("name", "bands");
      metrics.#open.set(
        name.name(opened),
        bands.list(names.size).map((band) => {
          const { valid, whole, absError, error, angle, unlike, uqi } = band.entries(
            "valid",
            "whole",
            "absError",
            "error",
            "angle",
            "unlike",
            "uqi",
          );
          const sums = { whole: whole.sumOfAmounts(), absError: absError.sumOfAmounts(), error: momentsAt(error) };
          return {
            valid: valid.count(total),
            ...sums,
            angle: momentsAt(angle),
            unlike: meanAt(unlike),
            uqi: meanAt(uqi),
          };
        }),
      );
    }
    return metrics;
  }

  /** The sums of a batch, per sample and band, and the pixels of each sample's core. */
  #measure(pred: ImageLike, target: TargetLike, { mask, weights, sample, halo }: UpdateOptions) {
    const { bands, dataRange, layout, valid, without } = this.#options;
    const settings = checkSettings(bandSums(dataRange, without), { layout, ...(valid && { valid }) }, "channel");
    const whole = prepare(settings, pred, target, { mask, weights });
    const { samples, channels, height, width } = whole.size;
    if (channels !== bands.length) {
      throw new RangeError(`"pred": expected ${bands.length} channels, one per band, got ${channels}`);
    }
    if (sample !== undefined && typeof sample !== "string") {
      throw new TypeError(`"sample": expected a name, got ${kindOf(sample)}`);
    }
    if (sample !== undefined && samples !== 1) {
      throw new RangeError(`"pred": expected one window of "sample", got a batch of ${samples}`);
    }
    if (halo !== undefined && sample === undefined) {
      throw new TypeError(`"sample": expected a name with "halo", since a window is a part of a sample, got none`);
    }
    const sides = checkHalo(halo, whole.size);
    const planes = planeSums(whole, sides);
    return {
      total: (height - sides.top - sides.bottom) * (width - sides.left - sides.right),
      samples: Array.from({ length: samples }, (_, b) => planes.slice(b * channels, (b + 1) * channels)),
    };
  }

  #join(name: string, sample: Sample): void {
    const open = this.#open.get(name);
    this.#open.set(name, open ? sample.map((band, c) => joinSamples(open[c] as BandOfSample, band)) : sample);
  }

  /** Adds a complete sample's figures to the means over samples. */
  #fold(sample: Sample): void {
    const { exports } = staging();
    const once = (isDefined: boolean, sum: number): RawMean => (isDefined ? { sum, count: 1 } : { sum: 0, count: 0 });
    this.#bands = this.#bands.map((band, c) => {
      const { valid, angle, unlike } = sample[c] as BandOfSample;
      const theta = valid > 0 ? exports.bandAngle(angle.weight.value, angle.sum.value, angle.m2) : 0;
      return {
        ...band,
        sam: band.sam.plus(Mean.of(once(valid > 0, theta))),
        ssim: band.ssim.plus(Mean.of(once(!unlike.isEmpty, 1 - unlike.value))),
      };
    });
    const averages = withSample(exports, this.#scene.averages, sample, this.#options.dataRange);
    this.#scene = { ...this.#scene, averages };
    for (const { uqi } of sample) {
      this.#scene = { ...this.#scene, uqi: this.#scene.uqi.plus(Mean.of(once(!uqi.isEmpty, uqi.value))) };
    }
  }

  /** In an order that does not depend on which came first. */
  #openNames(): string[] {
    return [...this.#open.keys()].sort();
  }
}

const NOTHING: SceneSums = { total: 0, sam: Mean.NONE, uqi: Mean.NONE, averages: NO_AVERAGES };

function joinBands(a: BandSums, b: BandSums): BandSums {
  return {
    valid: a.valid + b.valid,
    whole: a.whole.plus(b.whole),
    absError: a.absError.plus(b.absError),
    error: a.error.plus(b.error),
    target: a.target.plus(b.target),
    ssim: a.ssim.plus(b.ssim),
    sam: a.sam.plus(b.sam),
  };
}

function joinScenes(a: SceneSums, b: SceneSums): SceneSums {
  return {
    total: a.total + b.total,
    sam: a.sam.plus(b.sam),
    uqi: a.uqi.plus(b.uqi),
    averages: joinAverages(a.averages, b.averages),
  };
}

function joinSamples(a: BandOfSample, b: BandOfSample): BandOfSample {
  return {
    valid: a.valid + b.valid,
    whole: a.whole.plus(b.whole),
    absError: a.absError.plus(b.absError),
    error: a.error.plus(b.error),
    angle: a.angle.plus(b.angle),
    unlike: a.unlike.plus(b.unlike),
    uqi: a.uqi.plus(b.uqi),
  };
}

function averagesAt(at: Reader): SceneSums["averages"] {
  const all = at.entries(...AVERAGED);
  return Object.fromEntries(
    AVERAGED.map((name) => {
      const { sqrt, samples } = all[name].entries("sqrt", "samples");
      return [name, { sqrt: meanAt(sqrt), samples: meanAt(samples) }];
    }),
  ) as unknown as SceneSums["averages"];
}

function meanAt(at: Reader): Mean {
  const { sum, count } = at.entries("sum", "count");
  return new Mean(sum.sum(), count.sumOfAmounts());
}

function momentsAt(at: Reader): Moments {
  const { weight, sum, square } = at.entries("weight", "sum", "square");
  return new Moments(weight.sumOfAmounts(), sum.sum(), square.sumOfAmounts());
}

function checkBands(bands: unknown): readonly string[] {
  if (!Array.isArray(bands)) throw new TypeError(`"bands": expected an array of names, got ${kindOf(bands)}`);
  for (const name of bands) {
    if (typeof name !== "string") throw new TypeError(`"bands": expected names, got ${kindOf(name)} among them`);
  }
  if (new Set(bands).size !== bands.length) {
    throw new RangeError(`"bands": expected different names, got ${bands.join(", ")}`);
  }
  return bands;
}

/** In the order of WINDOWED, each once. */
function checkWithout(without: unknown): readonly WindowedFigure[] {
  if (!Array.isArray(without)) throw new TypeError(`"without": expected an array of figures, got ${kindOf(without)}`);
  for (const figure of without) checkChoice("without", figure, WINDOWED);
  return Object.freeze(WINDOWED.filter((figure) => without.includes(figure)));
}

/** The layout is how arrays lie in memory and changes no figure: it may differ. */
function checkSameOptions(own: MetricsOptions, other: MetricsOptions): void {
  const differs = (what: string, a: unknown, b: unknown) =>
    new RangeError(
      `"other": expected the same ${what}, ${JSON.stringify(encode(a))}, got ${JSON.stringify(encode(b))}`,
    );
  if (own.bands.length !== other.bands.length || own.bands.some((name, c) => name !== other.bands[c])) {
    throw differs("bands", own.bands, other.bands);
  }
  for (const key of ["dataRange", "ratio"] as const) {
    if (own[key] !== other[key]) throw differs(key, own[key], other[key]);
  }
  if (String(own.without) !== String(other.without)) throw differs("without", own.without, other.without);
  const rule = ({ valid = { min: DEFAULT_RULE.min } }: MetricsOptions) => valid;
  if (!sameRule(compileRule("valid", rule(own)), compileRule("valid", rule(other)))) {
    throw differs("valid rule", rule(own), rule(other));
  }
}
