import type { ValidRule } from "../index.ts";
import { compareGeoreference, openRaster, type Raster, type SampleArray, toFloat32 } from "../raster/index.ts";
import { chooseBands, nameBands } from "./chooseBands.ts";
import { DataError } from "./errors.ts";
import { MaskFile } from "./MaskFile.ts";
import { countMissing } from "./validity.ts";
import type { Condition } from "./words.ts";

/** How a prediction and its target are to be read, in commander's names of the options. */
export interface PairOptions {
  readonly min?: number;
  readonly above?: number;
  readonly max?: number;
  readonly below?: number;
  /** In place of the target's own nodata tag; empty: none. */
  readonly nodata?: readonly number[];
  readonly mask?: string;
  readonly maskValid?: Condition;
  readonly maskClasses?: readonly number[];
  readonly bands?: readonly string[];
  readonly predBands?: readonly string[];
  readonly targetBands?: readonly string[];
  /** From 1. */
  readonly predSample?: number;
  readonly targetSample?: number;
  readonly layout?: "chw" | "hwc";
  readonly scale?: number;
  readonly offset?: number;
  readonly dataRange?: number;
  readonly ignoreGeoreference?: boolean;
}

/** A rectangle of pixels, all inside the image. */
export interface Window {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The pixels of a window: planes of float32, in the units of the images. */
export interface Pixels {
  readonly pred: Float32Array;
  readonly target: Float32Array;
  /** 0 where the mask file or the target's own mask leaves a pixel out; `null` where there is neither. */
  readonly mask: Uint8Array | null;
}

/** A side of the pair: its file, the bands of it, and which image of a batch. */
interface Side {
  readonly raster: Raster;
  readonly bands: readonly number[];
  /** `undefined`: all of the file's. */
  readonly sample: number | undefined;
}

/** A prediction and its target on disk, of one size, read window by window. */
export class Pair {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly bands: readonly string[];
  /** Which target values count, in the units that `read` returns. */
  readonly rule: ValidRule;
  readonly dataRange: number;
  /** Order of the axes in the prediction's file. */
  readonly layout: "chw" | "hwc";
  readonly pred: Raster;
  readonly target: Raster;
  readonly #sides: { readonly pred: Side; readonly target: Side };
  readonly #mask: MaskFile | undefined;
  readonly #scale: number;
  readonly #offset: number;
  readonly #labels: boolean;
  #missing = 0;

  private constructor(pred: Side, target: Side, mask: MaskFile | undefined, options: PairOptions, labels: boolean) {
    this.pred = pred.raster;
    this.target = target.raster;
    this.width = this.target.width;
    this.height = this.target.height;
    this.samples = target.sample === undefined ? this.target.samples : 1;
    this.#sides = { pred, target };
    this.#mask = mask;
    this.#scale = options.scale ?? 1;
    this.#offset = options.offset ?? 0;
    this.#labels = labels;
    this.layout = this.pred.format === "NPY" ? (options.layout ?? "chw") : "chw";
    this.bands = options.bands ?? nameBands(this.target, target.bands);
    this.rule = this.#rule(options);
    this.dataRange = options.dataRange ?? this.#defaultDataRange();
  }

  /**
   * Opens the files and checks that they belong together.
   *
   * @param labels whether the target is one band of class labels, as `crossEntropy` has it
   * @throws RasterError, DataError
   */
  static async open(predPath: string, targetPath: string, options: PairOptions, labels = false): Promise<Pair> {
    const opened: { close(): Promise<void> }[] = [];
    try {
      const layout = options.layout ?? "chw";
      const predRaster = await openRaster(predPath, { layout });
      opened.push(predRaster);
      const targetRaster = await openRaster(targetPath, { layout });
      opened.push(targetRaster);
      const pred = sideOf(predRaster, options.predBands, options.predSample);
      const target = sideOf(targetRaster, options.targetBands, options.targetSample);
      checkFit(pred, target, options, labels);
      let mask: MaskFile | undefined;
      if (options.mask !== undefined) {
        const classes = options.maskClasses && new Set(options.maskClasses);
        const counts = classes ? (value: number) => classes.has(value) : options.maskValid;
        mask = await MaskFile.open(options.mask, counts, targetRaster, !options.ignoreGeoreference);
        opened.push(mask);
      }
      return new Pair(pred, target, mask, options, labels);
    } catch (error) {
      for (const file of opened) await file.close();
      throw error;
    }
  }

  get name(): string {
    return `${this.pred.path} against ${this.target.path}`;
  }

  /** Valid pixels, of all windows read so far, where the prediction holds NaN or its own nodata value. */
  get missingPredictions(): number {
    return this.#missing;
  }

  /** The images' `bands × height × width` of a window, and its mask of `height × width`. */
  async read(window: Window, sample = 0): Promise<Pixels> {
    const pred = await this.#readSide(this.#sides.pred, window, sample);
    const target = await this.#readSide(this.#sides.target, window, sample);
    const mask = await this.#readMask(window, sample);
    if (this.#labels) return { pred, target: target.map((label) => (this.#isNodata(label) ? -1 : label)), mask };
    const nodata = this.pred.bands[0]?.nodata ?? Number.NaN;
    this.#missing += countMissing({ pred, target, mask }, this.#units(this.pred, nodata), this.rule);
    return { pred, target, mask };
  }

  async close(): Promise<void> {
    for (const file of [this.pred, this.target, this.#mask]) await file?.close();
  }

  async #readSide({ raster, bands, sample = 0 }: Side, { x, y, width, height }: Window, n: number) {
    const stored = await raster.readWindow(x, y, width, height, bands, sample + n);
    return this.#scales(raster) ? Float32Array.from(stored, (value) => this.#units(raster, value)) : toFloat32(stored);
  }

  async #readMask(window: Window, sample: number): Promise<Uint8Array | null> {
    const { x, y, width, height } = window;
    const own = await this.target.readMask(x, y, width, height);
    const other = (await this.#mask?.read(window, sample)) ?? null;
    if (own === null || other === null) return own ?? other;
    return own.map((valid, i) => valid & (other[i] as number));
  }

  #isNodata(label: number): boolean {
    return [this.rule.nodata ?? []].flat().includes(label);
  }

  /** Stored integers are scaled where that is asked for; floats are reflectance already. */
  #scales({ type }: Raster): boolean {
    return !type.startsWith("f") && (this.#scale !== 1 || this.#offset !== 0);
  }

  #units(raster: Raster, stored: number): number {
    return this.#scales(raster) ? Math.fround(stored * this.#scale + this.#offset) : stored;
  }

  /**
   * The rule in the units of the images. Given in stored numbers, as nodata tags are; scaling keeps their order, so that the
   * same pixels are valid.
   */
  #rule({ min, above, max, below, nodata }: PairOptions): ValidRule {
    const tag = this.target.bands[0]?.nodata ?? null;
    const stored = { min, above, max, below };
    const given = Object.entries(stored).filter(([, bound]) => bound !== undefined) as [string, number][];
    const bounds = given.length > 0 || nodata !== undefined ? given : [["min", 0] as const];
    return {
      ...Object.fromEntries(bounds.map(([key, bound]) => [key, this.#units(this.target, bound)])),
      nodata: (nodata ?? (tag === null ? [] : [tag])).map((value) => this.#units(this.target, value)),
    };
  }

  /** 1 for reflectance; the whole range of their type for integers that are taken as they are. */
  #defaultDataRange(): number {
    const { type } = this.target;
    return type.startsWith("f") || this.#scales(this.target) ? 1 : 2 ** Number(type.slice(1)) - 1;
  }
}

function sideOf(raster: Raster, words: readonly string[] | undefined, sample: number | undefined): Side {
  if (sample !== undefined && sample > raster.samples) {
    throw new DataError(`${raster.path}: expected an image from 1 to ${raster.samples}, got ${sample}`);
  }
  return { raster, bands: chooseBands(raster, words), sample: sample === undefined ? undefined : sample - 1 };
}

function checkFit(pred: Side, target: Side, { bands, ignoreGeoreference }: PairOptions, labels: boolean): void {
  const [p, t] = [pred.raster, target.raster];
  const fail = (problem: string): never => {
    throw new DataError(`${p.path} and ${t.path}: ${problem}`);
  };
  const [difference] = compareGeoreference(p, t);
  if (p.width !== t.width || p.height !== t.height) fail(difference as string);
  if (difference !== undefined && !ignoreGeoreference) fail(`${difference} (--ignore-georeference to go on)`);
  if (labels && target.bands.length !== 1) fail(`class labels are one band, got ${target.bands.length}`);
  if (!labels && pred.bands.length !== target.bands.length) {
    const choice = "--pred-bands, --target-bands choose";
    fail(`number of bands differs: ${pred.bands.length} and ${target.bands.length} (${choice})`);
  }
  const samplesOf = ({ raster, sample }: Side) => (sample === undefined ? raster.samples : 1);
  if (samplesOf(pred) !== samplesOf(target)) {
    fail(
      `number of images differs: ${samplesOf(pred)} and ${samplesOf(target)} (--pred-sample, --target-sample choose)`,
    );
  }
  if (bands && bands.length !== target.bands.length) {
    fail(`--bands names ${bands.length} bands, but ${target.bands.length} are compared`);
  }
}

/** All images of a pair at once. */
export async function readAll(pair: Pair): Promise<Pixels> {
  const whole = { x: 0, y: 0, width: pair.width, height: pair.height };
  if (pair.samples === 1) return pair.read(whole);
  const images: Pixels[] = [];
  for (let sample = 0; sample < pair.samples; sample++) images.push(await pair.read(whole, sample));
  const masks = images.flatMap(({ mask }) => mask ?? []);
  return {
    pred: concatenate(images.map(({ pred }) => pred)) as Float32Array,
    target: concatenate(images.map(({ target }) => target)) as Float32Array,
    mask: masks.length > 0 ? (concatenate(masks) as Uint8Array) : null,
  };
}

function concatenate(parts: readonly SampleArray[]): SampleArray {
  const [first] = parts as [SampleArray];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const all = new (first.constructor as new (length: number) => SampleArray)(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
