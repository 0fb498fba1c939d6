import { BandMetrics, type PixelData, type Tensor } from "../index.ts";
import type { Meter } from "./measure.ts";
import type { PartSettings } from "./measurePart.ts";
import type { Sides } from "./pair/parts.ts";
import type { Tally } from "./pair/tally.ts";
import { Thread } from "./Thread.ts";

/** A part of an image as threads are sent it: the plain insides of its tensors. */
export interface PartTask {
  readonly pred: Plain<PixelData>;
  readonly target: Plain<PixelData>;
  readonly mask: Plain<Uint8Array | Float32Array> | null;
  readonly weights: Plain<Float32Array> | null;
  readonly missing: Plain<Uint8Array> | null;
  readonly sample: string;
  readonly halo: Sides;
  readonly settings: PartSettings;
}

export interface PartReply {
  readonly metrics: object;
  readonly tally: Tally;
}

type Plain<Data extends PixelData> = Pick<Tensor<Data>, "data" | "shape" | "scale" | "offset">;

/** Threads that measure parts of images in turns, while this one reads the next. */
export class PartThreads implements Meter {
  readonly ahead: number;
  readonly #threads: readonly Thread<PartTask, PartReply>[];
  /**
   * Memory for the pixels of each part that is on its way, used again and again: arrays that are sent would pile up on the other side
   * until its garbage is collected.
   */
  readonly #places: SharedArrayBuffer[] = [];
  #turn = 0;

  constructor(count: number) {
    // While each measures a part, another is read, and waits for the first of them to be done.
    this.ahead = count;
    this.#threads = Array.from({ length: count }, () => new Thread(new URL("./partWorker.js", import.meta.url), null));
  }

  measure: Meter["measure"] = async ({ pixels, halo }, sample, settings) => {
    const turn = this.#turn++;
    const thread = this.#threads[turn % this.#threads.length] as Thread<PartTask, PartReply>;
    // Parts are joined in their order: the part that had this place before is done.
    const place = turn % (this.ahead + 1);
    const { pred, target, mask, weights, missing } = pixels;
    const bytes = roundUp(pred.data.byteLength) + target.data.byteLength;
    if ((this.#places[place]?.byteLength ?? 0) < bytes) this.#places[place] = new SharedArrayBuffer(bytes);
    const shared = this.#places[place] as SharedArrayBuffer;
    const { metrics, tally } = await thread.ask({
      pred: copied(pred, shared, 0),
      target: copied(target, shared, roundUp(pred.data.byteLength)),
      mask: mask && plain(mask),
      weights: weights && plain(weights),
      missing: missing && plain(missing),
      ...{ sample, halo, settings },
    });
    return { metrics: BandMetrics.fromJSON(metrics), tally };
  };

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }
}

/** To where arrays of any type may begin. */
const roundUp = (bytes: number) => Math.ceil(bytes / 8) * 8;

const plain = <Data extends PixelData>({ data, shape }: Tensor<Data>): Plain<Data> => ({
  data,
  shape,
  scale: 1,
  offset: 0,
});

function copied<Data extends PixelData>(
  { data, shape, scale, offset }: Tensor<Data>,
  into: SharedArrayBuffer,
  at: number,
): Plain<Data> {
  const Kind = data.constructor as new (buffer: SharedArrayBuffer, at: number, length: number) => Data;
  const copy = new Kind(into, at, data.length);
  copy.set(data);
  return { data: copy, shape, scale, offset };
}
