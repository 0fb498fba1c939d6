import { type PixelData, type Tensor, tensor, type ValidRule } from "../../index.ts";
import type { Raster } from "../../raster/index.ts";
import { calibrationText, isIdentity, type SideName } from "../decide/calibration.ts";
import { decideDataRange } from "../decide/dataRange.ts";
import { type PixelRule, whichPixelsCount } from "../decide/validPixels.ts";
import { type PartGrid, partGrid, type Window, windowsOf } from "./grid.ts";
import type { MaskFile } from "./MaskFile.ts";
import { type OpenedPair, openPair, type Side } from "./openPair.ts";
import type { PairOptions, PredNodata } from "./PairOptions.ts";
import type { Job } from "./Job.ts";
import {
  checkExact,
  type Found,
  isCalibratedByKernels,
  lookFor,
  missingOf,
  NOTHING_FOUND,
  pixelsOf,
  valuesOf,
} from "./samples.ts";

/** The pixels of a window. */
export interface Pixels {
  /** `[bands, height, width]` */
  readonly pred: Tensor<PixelData>;
  /** `[bands, height, width]`; `[height, width]` for class labels. */
  readonly target: Tensor<PixelData>;
  /**
   * `[height, width]`: 0 where a mask file, a weight of 0 or the target's own mask leaves a pixel out; float32 of soft masks; `null` where
   * there is none of these.
   */
  readonly mask: Tensor<Uint8Array | Float32Array> | null;
  /** `[height, width]`: what each pixel counts; `null` where that is alike. */
  readonly weights: Tensor<Float32Array> | null;
  /** Of the target's shape: 1 where the prediction has nothing; `null` where it has all. */
  readonly missing: Tensor<Uint8Array> | null;
}

/** What only reading can find out. */
export interface Findings {
  /** NaN among the target's floats. */
  readonly hasNaN: boolean;
  /** Values beyond [0, 1] among the valid pixels of either file. */
  readonly isBeyondUnit: boolean;
}

/** A prediction and its target on disk, of one size, read window by window. */
export class Pair {
  readonly job: Job;
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly bands: readonly string[];
  /** Bands that are read of the prediction: as many, or the classes of labels. */
  readonly channels: number;
  readonly pred: Side;
  readonly target: Side;
  readonly masks: readonly MaskFile[];
  readonly predNodata: PredNodata;
  /** Which target values count, in stored numbers. */
  readonly rule: PixelRule;
  /** `null` where it cannot be known. */
  readonly dataRange: number | null;
  /** Order of the axes in the prediction's file. */
  readonly layout: "chw" | "hwc";
  /** What the files say of themselves and a reader of the figures should know, a line each. */
  readonly notes: readonly string[];
  readonly #opened: OpenedPair;
  readonly #options: PairOptions;
  readonly #findings: Findings;

  private constructor(opened: OpenedPair, options: PairOptions, findings: Findings) {
    const { pred, target, masks } = opened;
    this.job = opened.job;
    this.pred = pred;
    this.target = target;
    this.masks = masks;
    this.width = target.raster.width;
    this.height = target.raster.height;
    this.samples = target.sample === undefined ? target.raster.samples : 1;
    this.bands = opened.names;
    this.channels = pred.bands.length;
    this.predNodata = options.predNodata ?? "skip";
    const says = { nodata: target.nodata, mask: target.raster.maskSource, hasNaN: findings.hasNaN };
    this.rule = whichPixelsCount(
      says,
      options,
      masks.some(({ test }) => test.kind !== "weights"),
    );
    const bothBytes = [pred, target].every((side) => side.raster.type === "u8" && side.calibrations.every(isIdentity));
    this.dataRange = decideDataRange(options.dataRange, { bothBytes, isBeyondUnit: findings.isBeyondUnit });
    this.layout = pred.raster.shape ? (options.layout ?? "chw") : "chw";
    this.notes = opened.notes;
    this.#opened = opened;
    this.#options = options;
    this.#findings = findings;
  }

  /**
   * Opens the files and checks that they belong together.
   *
   * @param hasLabels whether the target is one band of class labels, as `crossEntropy` has it
   * @throws RasterError, DataError
   */
  static async open(job: Job, options: PairOptions, hasLabels = false): Promise<Pair> {
    return new Pair(await openPair(job, options, hasLabels), options, { hasNaN: false, isBeyondUnit: false });
  }

  /** The same files, with what reading has found: other pixels may count, and the data range may be unknown. */
  knowing(findings: Partial<Findings>): Pair {
    return new Pair(this.#opened, this.#options, { ...this.#findings, ...findings });
  }

  /** Whether a mask takes part in what is valid. */
  get isMasked(): boolean {
    return this.masks.length > 0 || this.target.raster.maskSource !== null;
  }

  /** Whether pixels count more or less: by a soft mask or weights. */
  get isWeighted(): boolean {
    return this.masks.some(({ isNumeric }) => isNumeric);
  }

  /** The rule that the kernels apply: of targets whose values are worked out here, NaN stands where a pixel does not count. */
  get kernelRule(): ValidRule {
    return this.#isByKernels(this.target) ? this.rule.valid : {};
  }

  /** What stored numbers stand for, in words. */
  get calibrations(): Record<SideName, string> {
    return { pred: calibrationText(this.pred.calibrations), target: calibrationText(this.target.calibrations) };
  }

  /** The parts that an image is best read in; see `partGrid`. */
  grid(step = 1): PartGrid {
    return partGrid([this.pred.raster, this.target.raster], this.channels, step);
  }

  windows(step = 1): Window[] {
    return windowsOf(this.grid(step));
  }

  /** The pixels of a window of one of the images; and of a target that says nothing of missing ones, what it holds. */
  async read(window: Window, sample = 0): Promise<{ pixels: Pixels; found: Found }> {
    const { height, width } = window;
    const [pred, target, { mask, weights }] = await Promise.all([
      this.#readPred(window, sample),
      this.#readTarget(window, sample),
      this.#readMasks(window, sample),
    ]);
    const pixels = {
      pred: pred.values,
      target: target.values,
      mask: mask && tensor(mask, [height, width]),
      weights: weights && tensor(weights, [height, width]),
      missing: pred.missing && this.#missingLikeTarget(pred.missing, target.values.shape),
    };
    return { pixels, found: target.found };
  }

  async close(): Promise<void> {
    await this.#opened.close();
  }

  async #readPred(window: Window, sample: number) {
    const { pred } = this;
    const stored = await readSide(pred, window, sample);
    const { x, y, width, height } = window;
    const mask = await pred.raster.readMask(x, y, width, height);
    const missing = missingOf(stored, pred.nodata, mask);
    const shape = [pred.bands.length, height, width];
    if (!this.#isByKernels(pred)) return { values: tensor(valuesOf(stored, pred.calibrations), shape), missing };
    if (isWideInteger(pred.raster)) checkExact(stored, [pred.nodata ?? []].flat(), pred.raster.path);
    return { values: tensor(pixelsOf(stored), shape, kernelCalibration(pred)), missing };
  }

  async #readTarget(window: Window, sample: number) {
    const { target, rule } = this;
    const { width, height } = window;
    const stored = await readSide(target, window, sample);
    const found = rule.isDefault ? lookFor(stored) : NOTHING_FOUND;
    const shape = [target.bands.length, height, width];
    if (this.#opened.hasLabels) return { values: tensor(this.#labelsOf(stored), [height, width]), found };
    if (!this.#isByKernels(target)) {
      return { values: tensor(valuesOf(stored, target.calibrations, rule.valid), shape), found };
    }
    if (isWideInteger(target.raster)) checkExact(stored, this.#nodata, target.raster.path);
    return { values: tensor(pixelsOf(stored), shape, kernelCalibration(target)), found };
  }

  /** Whether the kernels can take a file's numbers as they are stored. */
  #isByKernels({ raster, calibrations: [first, ...rest] }: Side): boolean {
    if (!first || (isIdentity(first) && rest.every(isIdentity))) return true;
    const isUniform = rest.every(({ scale, offset }) => scale === first.scale && offset === first.offset);
    return isUniform && isCalibratedByKernels(raster.type);
  }

  get #nodata(): number[] {
    return [this.rule.valid.nodata ?? []].flat();
  }

  /** What the masks come to together, and the weights. */
  async #readMasks(window: Window, sample: number) {
    const { x, y, width, height } = window;
    const own = await this.target.raster.readMask(x, y, width, height);
    const read = await Promise.all(this.masks.map((mask) => mask.read(window, sample)));
    const of = (kinds: (kind: string) => boolean) => read.filter((_, k) => kinds(this.masks[k]?.test.kind ?? ""));
    const weights = product(of((kind) => kind === "weights") as Float32Array[]);
    const soft = product(of((kind) => kind === "soft") as Float32Array[]);
    const bytes = [
      ...(own ? [own] : []),
      ...(of((kind) => kind !== "weights" && kind !== "soft") as Uint8Array[]),
      // A pixel without weight counts for nothing, the coverage among it.
      ...(weights?.includes(0) ? [Uint8Array.from(weights, (weight) => (weight > 0 ? 1 : 0))] : []),
    ];
    const [first, ...rest] = bytes;
    const valid = first ? rest.reduce((all, mask) => all.map((one, i) => one & (mask[i] as number)), first) : null;
    return { mask: soft && valid ? soft.map((share, i) => (valid[i] === 0 ? 0 : share)) : (soft ?? valid), weights };
  }

  /** For labels, a pixel that lacks any of its classes. */
  #missingLikeTarget(missing: Uint8Array, shape: readonly number[]): Tensor<Uint8Array> {
    const plane = missing.length / this.channels;
    if (!this.#opened.hasLabels) return tensor(missing, shape);
    const any = new Uint8Array(plane);
    for (let i = 0; i < missing.length; i++) any[i % plane] = (any[i % plane] as number) | (missing[i] as number);
    return tensor(any, shape);
  }

  /** Labels with those that are nodata below 0, where cross entropy looks for them. */
  #labelsOf(stored: ArrayLike<number>): Float32Array {
    const nodata = this.#nodata.map(Math.fround);
    return Float32Array.from(stored, (label) => (nodata.includes(label) ? -1 : label));
  }
}

/** Number by number; `null` of none. */
function product([first, ...rest]: readonly Float32Array[]): Float32Array | null {
  return first ? rest.reduce((all, factor) => all.map((x, i) => x * (factor[i] as number)), first) : null;
}

function readSide({ raster, bands, sample = 0 }: Side, { x, y, width, height }: Window, n: number) {
  return raster.readWindow(x, y, width, height, bands, sample + n);
}

const isWideInteger = ({ type }: Raster) => /[ui](32|64)/.test(type);

function kernelCalibration({ calibrations: [first] }: Side) {
  return first && !isIdentity(first) ? first : {};
}
