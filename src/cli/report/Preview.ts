import type { Pair, Pixels, Window } from "../Pair.ts";
import { validBy } from "../validity.ts";
import { spectralAngles } from "../maps.ts";

/** Longest side of a preview: enough to look at on a screen. */
const longest = 512;

/** One band of a preview, NaN where a pixel is not valid. */
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
  readonly bands: readonly BandPreview[];
  readonly #isValid: (target: number) => boolean;

  constructor({ width, height, bands, rule }: Pair) {
    this.step = Math.ceil(Math.max(width, height) / longest);
    this.width = Math.ceil(width / this.step);
    this.height = Math.ceil(height / this.step);
    const plane = () => new Float32Array(this.width * this.height).fill(Number.NaN);
    this.bands = bands.map((name) => ({ name, pred: plane(), target: plane(), error: plane() }));
    this.#isValid = validBy(rule);
  }

  add({ x, y, width, height }: Window, { pred, target, mask }: Pixels): void {
    const { step } = this;
    const first = (start: number) => Math.ceil(start / step) * step;
    for (const [b, band] of this.bands.entries()) {
      for (let row = first(y); row < y + height; row += step) {
        for (let column = first(x); column < x + width; column += step) {
          const inPlane = (row - y) * width + column - x;
          const from = b * width * height + inPlane;
          const stored = target.data[from] as number;
          if (mask?.data[inPlane] === 0 || !this.#isValid(stored)) continue;
          const to = (row / step) * this.width + column / step;
          const p = (pred.data[from] as number) * pred.scale + pred.offset;
          const t = stored * target.scale + target.offset;
          band.pred[to] = p;
          band.target[to] = t;
          band.error[to] = p - t;
        }
      }
    }
  }

  /** Spectral angle in radians of every pixel whose bands are all valid; NaN elsewhere. */
  angles(): Float32Array {
    return spectralAngles(
      this.bands.map(({ pred }) => pred),
      this.bands.map(({ target }) => target),
    );
  }
}
