import { type SampleArray, type SampleType, sampleArrays } from "./samples.ts";

/** How a file's pixels lie in blocks (tiles, strips, groups of rows) that are read and decoded one at a time. */
export interface BlockGrid {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly bandCount: number;
  readonly type: SampleType;
  readonly block: { readonly width: number; readonly height: number };
  /** A block holds every band of its pixels, band fastest; otherwise one band. */
  readonly interleaved: boolean;
  /** Decodes a block. Its rows are `block.width` pixels long at the right edge too; the last ones may be missing. */
  load(sample: number, band: number, row: number, column: number): Promise<SampleArray>;
}

/** Blocks decoded at once: enough to keep the decoding threads busy, few enough to bound memory. */
const mostAtOnce = 4;
const mostBytesAtOnce = 2 ** 27;

/** Reads windows over a grid of blocks, keeping the blocks used last. */
export class BlockReader {
  readonly #grid: BlockGrid;
  readonly #capacity: number;
  readonly #atOnce: number;
  /** Oldest use first. */
  readonly #blocks = new Map<string, Promise<SampleArray>>();

  constructor(grid: BlockGrid, cacheBytes: number) {
    const { block, interleaved, bandCount, type } = grid;
    const blockBytes =
      block.width * block.height * (interleaved ? bandCount : 1) * sampleArrays[type].BYTES_PER_ELEMENT;
    this.#grid = grid;
    this.#capacity = Math.max(1, Math.floor(cacheBytes / blockBytes));
    this.#atOnce = Math.min(mostAtOnce, Math.max(1, Math.floor(mostBytesAtOnce / blockBytes)));
  }

  /** Samples of a window, planar: `bands.length × height × width`. */
  async read(
    x: number,
    y: number,
    width: number,
    height: number,
    bands: readonly number[],
    sample: number,
  ): Promise<SampleArray> {
    const grid = this.#grid;
    checkWindow(grid, x, y, width, height, bands, sample);
    const out = new sampleArrays[grid.type](bands.length * width * height);
    const window = { x, y, width, height };
    // Bands that lie in the same block are taken from it together.
    const planes = grid.interleaved ? [bands.map((_, index) => index)] : bands.map((_, index) => [index]);
    const { block } = grid;
    const jobs: (() => Promise<void>)[] = [];
    for (const plane of planes) {
      for (let row = Math.floor(y / block.height); row * block.height < y + height; row++) {
        for (let column = Math.floor(x / block.width); column * block.width < x + width; column++) {
          jobs.push(async () => {
            const band = grid.interleaved ? 0 : (bands[plane[0] as number] as number);
            const samples = await this.#block(sample, band, row, column);
            copyBlock(grid, samples, row, column, bands, plane, out, window);
          });
        }
      }
    }
    await runAll(jobs, this.#atOnce);
    return out;
  }

  #block(sample: number, band: number, row: number, column: number): Promise<SampleArray> {
    const key = `${sample} ${band} ${row} ${column}`;
    const kept = this.#blocks.get(key);
    this.#blocks.delete(key);
    const block = kept ?? this.#grid.load(sample, band, row, column);
    this.#blocks.set(key, block);
    if (kept === undefined) {
      block.catch(() => this.#blocks.delete(key));
      const oldest = this.#blocks.keys().next();
      if (this.#blocks.size > this.#capacity && !oldest.done) this.#blocks.delete(oldest.value);
    }
    return block;
  }
}

/**
 * Copies the part of a block that lies in the window to its place in `out`: of those of the wanted bands that `planes` counts. Row by
 * row, so that bands are taken from a row while it is at hand.
 */
function copyBlock(
  grid: BlockGrid,
  samples: SampleArray,
  row: number,
  column: number,
  bands: readonly number[],
  planes: readonly number[],
  out: SampleArray,
  window: { x: number; y: number; width: number; height: number },
): void {
  const { block, interleaved, bandCount } = grid;
  const left = Math.max(window.x, column * block.width);
  const right = Math.min(window.x + window.width, (column + 1) * block.width);
  const top = Math.max(window.y, row * block.height);
  const bottom = Math.min(window.y + window.height, (row + 1) * block.height);
  for (let y = top; y < bottom; y++) {
    const from = (y - row * block.height) * block.width + (left - column * block.width);
    const to = (y - window.y) * window.width + (left - window.x);
    for (const plane of planes) {
      const at = plane * window.width * window.height + to;
      if (!interleaved) out.set(samples.subarray(from, from + right - left), at);
      else takeBand(samples, from * bandCount + (bands[plane] as number), bandCount, out, at, right - left);
    }
  }
}

async function runAll(jobs: readonly (() => Promise<void>)[], atOnce: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    try {
      for (let job = jobs[next++]; job; job = jobs[next++]) await job();
    } catch (error) {
      next = jobs.length; // the other workers take no more
      throw error;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function checkWindow(
  { width: gridWidth, height: gridHeight, bandCount, samples }: BlockGrid,
  x: number,
  y: number,
  width: number,
  height: number,
  bands: readonly number[],
  sample: number,
): void {
  const inside = (start: number, length: number, size: number) =>
    Number.isInteger(start) && Number.isInteger(length) && start >= 0 && length >= 1 && start + length <= size;
  if (!inside(x, width, gridWidth) || !inside(y, height, gridHeight)) {
    throw new RangeError(
      `"window": expected whole pixels inside ${gridWidth}×${gridHeight}, got ${width}×${height} at (${x}, ${y})`,
    );
  }
  checkBands(bands, bandCount);
  if (!inside(sample, 1, samples)) {
    throw new RangeError(`"sample": expected an index from 0 to ${samples - 1}, got ${sample}`);
  }
}

/** @throws RangeError for a band that none of `count` is */
export function checkBands(bands: readonly number[], count: number): void {
  const wrong = bands.find((band) => !(Number.isInteger(band) && band >= 0 && band < count));
  if (wrong !== undefined) throw new RangeError(`"bands": expected indices from 0 to ${count - 1}, got ${wrong}`);
}

/** Every `step`th of the samples: a loop of its own, which engines compile to half the time. */
function takeBand(samples: SampleArray, from: number, step: number, out: SampleArray, to: number, count: number): void {
  const end = to + count;
  for (let i = to, at = from; i < end; i++, at += step) out[i] = samples[at] as number;
}
