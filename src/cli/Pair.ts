import { type Calibration, type PixelData, type Tensor, tensor, type ValidRule } from "../index.ts";
import { compareGeoreference, openRaster, type Raster, type SampleArray, toFloat32 } from "../raster/index.ts";
import { chooseBands, nameBands } from "./chooseBands.ts";
import { DataError } from "./errors.ts";
import { MaskFile } from "./MaskFile.ts";
import { type Condition, passes } from "./words.ts";

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

/** The pixels of a window as they are stored, and what stored integers stand for. */
export interface Pixels {
  /** `[bands, height, width]` */
  readonly pred: Tensor<PixelData>;
  /** `[bands, height, width]`; `[height, width]` for class labels. */
  readonly target: Tensor<PixelData>;
  /** `[height, width]`: 0 where the mask file or the target's own mask leaves a pixel out; `null` where there is neither. */
  readonly mask: Tensor<Uint8Array> | null;
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
  /** Bands that are read of the prediction: as many, or the classes of labels. */
  readonly channels: number;
  /** Which target values count, in stored numbers. */
  readonly rule: ValidRule;
  readonly dataRange: number;
  /** Order of the axes in the prediction's file. */
  readonly layout: "chw" | "hwc";
  readonly pred: Raster;
  readonly target: Raster;
  readonly #sides: { readonly pred: Side; readonly target: Side };
  readonly #mask: MaskFile | undefined;
  readonly #calibration: Calibration;
  readonly #isCalibrated: boolean;
  readonly #labels: boolean;

  private constructor(pred: Side, target: Side, mask: MaskFile | undefined, options: PairOptions, labels: boolean) {
    this.pred = pred.raster;
    this.target = target.raster;
    this.width = this.target.width;
    this.height = this.target.height;
    this.samples = target.sample === undefined ? this.target.samples : 1;
    this.#sides = { pred, target };
    this.#mask = mask;
    this.#calibration = { scale: options.scale ?? 1, offset: options.offset ?? 0 };
    this.#isCalibrated = options.scale !== undefined || options.offset !== undefined;
    this.#labels = labels;
    this.layout = this.pred.format === "NPY" ? (options.layout ?? "chw") : "chw";
    this.bands = options.bands ?? nameBands(this.target, target.bands);
    this.channels = pred.bands.length;
    this.rule = ruleOf(this.target, options);
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
      const predRaster = await openRaster(predPath, { layout, cacheBytes });
      opened.push(predRaster);
      const targetRaster = await openRaster(targetPath, { layout, cacheBytes });
      opened.push(targetRaster);
      const pred = sideOf(predRaster, options.predBands, options.predSample);
      const target = sideOf(targetRaster, options.targetBands, options.targetSample);
      await checkFit(pred, target, options, labels);
      let mask: MaskFile | undefined;
      if (options.mask !== undefined) {
        mask = await MaskFile.open(options.mask, countsBy(options), targetRaster, !options.ignoreGeoreference);
        opened.push(mask);
      }
      return new Pair(pred, target, mask, options, labels);
    } catch (error) {
      for (const file of opened) await file.close();
      throw error;
    }
  }

  /** Whether a mask takes part in what is valid. */
  get masked(): boolean {
    return this.#mask !== undefined || this.target.maskSource !== null;
  }

  /** What the files say of themselves and is not applied, a line each. */
  notes(): string[] {
    const { maskSource, path } = this.pred;
    const notes = maskSource ? [`${path}: its ${maskSource} is not applied; valid is what the target says`] : [];
    for (const { raster, bands } of this.#isCalibrated ? [] : Object.values(this.#sides)) {
      const tagged = bands
        .map((b) => raster.bands[b])
        .find((band) => (band?.scale ?? 1) !== 1 || (band?.offset ?? 0) !== 0);
      if (!tagged) continue;
      const { scale = 1, offset = 0 } = tagged;
      notes.push(
        `${raster.path}: its tags of scale ${scale} and offset ${offset} are not applied; numbers are taken as stored (--scale, --offset)`,
      );
    }
    return notes;
  }

  /** The pixels of a window of one of the images. */
  async read(window: Window, sample = 0): Promise<Pixels> {
    const { width, height } = window;
    const [pred, target, mask] = await Promise.all([
      this.#readSide(this.#sides.pred, window, sample, [this.pred.bands[0]?.nodata ?? []].flat()),
      this.#readSide(this.#sides.target, window, sample, this.#nodata),
      this.#readMask(window, sample),
    ]);
    const pixels = { pred, target, mask: mask && tensor(mask, [height, width]) };
    return this.#labels ? { ...pixels, target: tensor(this.#labelsOf(target.data), [height, width]) } : pixels;
  }

  /**
   * Columns and rows of the parts that an image is best read in, each column from the top down: as wide as the blocks of a row are kept
   * meanwhile, so that none is decoded twice, unless the fewest rows of it would be too much; and as high as memory is well spent on.
   *
   * @param step columns end at multiples of this
   */
  grid(step = 1): { readonly columns: readonly Span[]; readonly rows: readonly Span[] } {
    const { width, height } = this;
    // Columns of the file that fewer can be kept of: strips beside tall tiles are decoded once for each of them.
    const [{ kept, block }] = [this.pred, this.target]
      .map((raster) => ({ kept: cacheBytes / (raster.tile.height * pixelBytes(raster)), block: raster.tile.width }))
      .sort((a, b) => a.kept - b.kept) as [{ kept: number; block: number }];
    const widest = Math.min(kept, windowNumbers / (fewest * this.channels));
    const blocks = Math.max(Math.floor(widest / block), Math.ceil(fewest / block));
    const columns = Math.min(width, Math.max(step, Math.floor((blocks * block) / step) * step));
    return { columns: spans(width, columns), rows: spans(height, this.#rowsAtOnce(columns, kept >= columns)) };
  }

  /** The parts of the grid, in the order that they are best read in. */
  windows(step = 1): Window[] {
    const { columns, rows } = this.grid(step);
    return columns.flatMap(({ start: x, size: width }) =>
      rows.map(({ start: y, size: height }) => ({ x, y, width, height })),
    );
  }

  /** @param isKept whether blocks stay decoded until all of their rows have been read */
  #rowsAtOnce(columns: number, isKept: boolean): number {
    const block = Math.max(this.pred.tile.height, this.target.tile.height);
    const wanted = Math.max(fewest, Math.floor(windowNumbers / (columns * this.channels)));
    if (wanted >= block) return Math.floor(wanted / block) * block;
    return isKept ? Math.ceil(block / Math.ceil(block / wanted)) : block;
  }

  async close(): Promise<void> {
    for (const file of [this.pred, this.target, this.#mask]) await file?.close();
  }

  get #nodata(): number[] {
    return [this.rule.nodata ?? []].flat();
  }

  async #readSide(
    side: Side,
    { x, y, width, height }: Window,
    n: number,
    nodata: readonly number[],
  ): Promise<Tensor<PixelData>> {
    const { raster, bands, sample = 0 } = side;
    const stored = await raster.readWindow(x, y, width, height, bands, sample + n);
    if (/[ui]32/.test(raster.type)) checkExact(stored, nodata, raster.path);
    return tensor(pixelsOf(stored), [bands.length, height, width], isFloat(raster) ? {} : this.#calibration);
  }

  async #readMask(window: Window, sample: number): Promise<Uint8Array | null> {
    const { x, y, width, height } = window;
    const own = await this.target.readMask(x, y, width, height);
    const other = (await this.#mask?.read(window, sample)) ?? null;
    if (own === null || other === null) return own ?? other;
    return own.map((valid, i) => valid & (other[i] as number));
  }

  /** Labels with those that are nodata below 0, where cross entropy looks for them. */
  #labelsOf(stored: PixelData): Float32Array {
    const nodata = this.#nodata.map(Math.fround);
    return Float32Array.from(stored, (label) => (nodata.includes(label) ? -1 : label));
  }

  /** 1 for reflectance; the whole range of their type for integers that are taken as they are. */
  #defaultDataRange(): number {
    const { scale, offset } = this.#calibration;
    const asStored = !isFloat(this.target) && scale === 1 && offset === 0;
    return asStored ? 2 ** Number(this.target.type.slice(1)) - 1 : 1;
  }
}

/** Numbers of all bands that a window is to hold: 2 MB in 16 bits. */
const windowNumbers = 2 ** 20;

/** Memory for the decoded blocks of each file: 10 tiles of 512² pixels of 3 bands in 16 bits. */
const cacheBytes = 2 ** 24;

/** So that parts with some pixels of their neighbours have more of their own. */
const fewest = 32;

/** A range of columns or rows. */
interface Span {
  readonly start: number;
  readonly size: number;
}

/** What covers `length` in steps of `step`. */
function spans(length: number, step: number): Span[] {
  return Array.from({ length: Math.ceil(length / step) }, (_, i) => {
    return { start: i * step, size: Math.min(step, length - i * step) };
  });
}

/** Of all bands, for blocks may hold them all. */
const pixelBytes = ({ bands, type }: Raster) => bands.length * (Number(type.slice(1)) / 8);

const isFloat = ({ type }: Raster) => type.startsWith("f");

/** What the kernels take as it is stays as it is; signed bytes become int16, everything else float32. */
function pixelsOf(stored: SampleArray): PixelData {
  if (stored instanceof Uint8Array || stored instanceof Int16Array || stored instanceof Uint16Array) return stored;
  return stored instanceof Int8Array ? new Int16Array(stored) : toFloat32(stored);
}

/**
 * Whole numbers from 2²⁴ on may round to their neighbours in float32: figures would be those of other numbers, and pixels beside
 * nodata missing. What is nodata is looked at as it is stored, and may be anything.
 *
 * @throws DataError where one is rounded
 */
function checkExact(stored: SampleArray, nodata: readonly number[], path: string): void {
  const rounded = nodata.filter((value) => Math.fround(value) !== value).map(Math.fround);
  for (const value of stored) {
    if ((Math.fround(value) === value && !rounded.includes(value)) || nodata.includes(value)) continue;
    throw new DataError(
      `${path}: holds ${value}, which float32, in which all is computed, has no number of its own for`,
    );
  }
}

/** Which values of a mask file stand for pixels that count. */
function countsBy({ maskValid, maskClasses }: PairOptions): (value: number) => boolean {
  const classes = new Set(maskClasses);
  if (maskClasses) return (value) => classes.has(value);
  return maskValid ? (value) => passes(value, maskValid) : (value) => value !== 0;
}

/** The target's nodata tag counts unless `nodata` stands in its place; target ≥ 0 where nothing at all is given. */
function ruleOf(target: Raster, { min, above, max, below, nodata }: PairOptions): ValidRule {
  const tag = target.bands[0]?.nodata ?? null;
  const given = Object.entries({ min, above, max, below }).filter(([, bound]) => bound !== undefined);
  const bounds = given.length > 0 || nodata !== undefined ? Object.fromEntries(given) : { min: 0 };
  return { ...bounds, nodata: nodata ?? (tag === null ? [] : [tag]) };
}

function sideOf(raster: Raster, words: readonly string[] | undefined, sample: number | undefined): Side {
  if (sample !== undefined && sample > raster.samples) {
    throw new DataError(`${raster.path}: expected an image from 1 to ${raster.samples}, got ${sample}`);
  }
  return { raster, bands: chooseBands(raster, words), sample: sample === undefined ? undefined : sample - 1 };
}

async function checkFit(
  pred: Side,
  target: Side,
  { bands, ignoreGeoreference, scale, offset }: PairOptions,
  labels: boolean,
): Promise<void> {
  const [p, t] = [pred.raster, target.raster];
  const fail = (problem: string): never => {
    throw new DataError(`${p.path} and ${t.path}: ${problem}`);
  };
  const [difference] = await compareGeoreference(p, t);
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
  for (const { path, type } of scale === undefined && offset === undefined ? [] : [p, t]) {
    if (/[ui]32/.test(type))
      throw new DataError(`${path}: --scale and --offset are for integers of 8 and 16 bits, got ${type}`);
  }
  if (bands && bands.length !== target.bands.length) {
    fail(`--bands names ${bands.length} bands, but ${target.bands.length} are compared`);
  }
}
