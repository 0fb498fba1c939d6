import { type PixelData, type Tensor, tensor } from "../../../index.ts";
import type { Window } from "../../pair/grid.ts";
import type { Pair, Pixels } from "../../pair/Pair.ts";
import { signedErrors, spectralAngles, valueAt } from "../errorMaps.ts";

/** Longest side of a preview: enough to look at on a screen. */
const longest = 512;

/** 1 where a mask, soft or not, lets a pixel count. */
const yesOrNo = ({ data, shape }: Tensor<Uint8Array | Float32Array>): Tensor<Uint8Array> =>
  tensor(data instanceof Uint8Array ? data : Uint8Array.from(data, (share) => (share > 0 ? 1 : 0)), shape);

/** One band of a preview, NaN where a pixel does not count. */
export interface BandPreview {
  readonly name: string;
  readonly pred: Float32Array;
  readonly target: Float32Array;
  /** pred − target */
  readonly error: Float32Array;
}

/** Every `step`-th pixel of every `step`-th row of an image, gathered window by window: what pictures and charts are drawn from. */
export class Preview {
  readonly step: number;
  readonly width: number;
  readonly height: number;
  readonly #pair: Pair;
  /** What has come; pixels that have not are masked. */
  #pixels: Pixels | undefined;

  constructor(pair: Pair) {
    this.step = Math.ceil(Math.max(pair.width, pair.height) / longest);
    this.width = Math.ceil(pair.width / this.step);
    this.height = Math.ceil(pair.height / this.step);
    this.#pair = pair;
  }

  add(window: Window, pixels: Pixels): void {
    this.#pixels ??= this.#empty(pixels);
    const own = this.#pixels;
    this.#copy(pixels.pred, own.pred, window);
    this.#copy(pixels.target, own.target, window);
    if (pixels.missing) this.#copy(pixels.missing, own.missing as Tensor<Uint8Array>, window);
    this.#copy(pixels.mask ? yesOrNo(pixels.mask) : onesLike(window), own.mask as Tensor<Uint8Array>, window);
  }

  /** The bands as they are drawn, once all windows have come. */
  bands(): BandPreview[] {
    const pixels = this.#pixels;
    if (!pixels) return [];
    const errors = signedErrors(pixels, this.#pair);
    const plane = this.width * this.height;
    return this.#pair.bands.map((name, b) => {
      const error = errors.subarray(b * plane, (b + 1) * plane);
      const valuesOf = (side: Tensor<PixelData>) =>
        error.map((value, i) => (Number.isNaN(value) ? Number.NaN : valueAt(side, b * plane + i)));
      return { name, pred: valuesOf(pixels.pred), target: valuesOf(pixels.target), error };
    });
  }

  /** Spectral angle in radians of every pixel whose bands all count, NaN elsewhere; none of a single band. */
  angles(): Float32Array {
    return this.#pixels && this.#pair.bands.length > 1 ? spectralAngles(this.#pixels, this.#pair) : new Float32Array();
  }

  #empty({ pred, target }: Pixels): Pixels {
    const { width, height } = this;
    const planes = (like: Tensor<PixelData>) => like.shape[0] as number;
    const blank = <Data extends PixelData>({ data, scale, offset }: Tensor<Data>, count: number) => {
      const Kind = data.constructor as new (length: number) => Data;
      return tensor(new Kind(count * width * height), [count, height, width], { scale, offset });
    };
    return {
      pred: blank(pred, planes(pred)),
      target: blank(target, planes(target)),
      mask: tensor(new Uint8Array(width * height), [height, width]),
      // A picture shows which pixels count, not how much.
      weights: null,
      missing: tensor(new Uint8Array(planes(target) * width * height), [planes(target), height, width]),
    };
  }

  /** The pixels of a window that are in the preview, plane by plane. */
  #copy<Data extends PixelData>(from: Tensor<Data>, to: Tensor<Data>, { x, y, width, height }: Window): void {
    const { step } = this;
    const first = (start: number) => Math.ceil(start / step) * step;
    for (let plane = 0; plane * width * height < from.data.length; plane++) {
      for (let row = first(y); row < y + height; row += step) {
        for (let column = first(x); column < x + width; column += step) {
          const at = (plane * this.height + row / step) * this.width + column / step;
          to.data[at] = from.data[(plane * height + row - y) * width + column - x] as number;
        }
      }
    }
  }
}

const onesLike = ({ width, height }: Window) => tensor(new Uint8Array(width * height).fill(1), [height, width]);
