import { NpyWriter } from "../raster/index.ts";
import type { Window } from "./pair/grid.ts";
import type { Pair } from "./pair/Pair.ts";

/**
 * A gradient as NPY of the prediction's shape, written window by window: its axes are in the order of the file that the prediction
 * came from, and it has a batch where that has one. A GeoTIFF is (C, H, W).
 */
export class GradientFile {
  readonly #writer: NpyWriter;
  readonly #pair: Pair;

  private constructor(writer: NpyWriter, pair: Pair) {
    this.#writer = writer;
    this.#pair = pair;
  }

  static async create(path: string, pair: Pair): Promise<GradientFile> {
    const { samples, channels, height, width, layout } = pair;
    const dimensions = pair.pred.raster.shape?.length ?? 3;
    const image = layout === "chw" ? [channels, height, width] : [height, width, channels];
    const shape = dimensions === 4 ? [samples, ...image] : dimensions === 3 ? image : [height, width];
    return new GradientFile(await NpyWriter.create(path, "f32", shape), pair);
  }

  /** @param grad `channels × height × width` of the window */
  async write(grad: Float32Array, { x, y, width, height }: Window, sample: number): Promise<void> {
    const { channels, layout } = this.#pair;
    // Planes as the file has them, and the numbers of a pixel there.
    const [planes, perPixel] = layout === "chw" ? [channels, 1] : [1, channels];
    const numbers = layout === "chw" ? grad : channelsLast(grad, channels);
    const row = width * perPixel;
    const run = width === this.#pair.width ? height * row : row;
    for (let start = 0; start < numbers.length; start += run) {
      const plane = sample * planes + Math.floor(start / (height * row));
      const line = plane * this.#pair.height + y + (Math.floor(start / row) % height);
      await this.#writer.write(numbers.subarray(start, start + run), (line * this.#pair.width + x) * perPixel);
    }
  }

  finish(): Promise<void> {
    return this.#writer.finish();
  }

  discard(): Promise<void> {
    return this.#writer.discard();
  }
}

function channelsLast(planes: Float32Array, channels: number): Float32Array {
  const plane = planes.length / channels;
  const out = new Float32Array(planes.length);
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < plane; i++) out[i * channels + channel] = planes[channel * plane + i] as number;
  }
  return out;
}
