import type { Transferable } from "node:worker_threads";
import { BandMetrics, type MetricsOptions, type PixelData, type Tensor } from "../index.ts";
import type { Meter } from "./measure.ts";
import type { Sides } from "./parts.ts";
import { Thread } from "./Thread.ts";

/** A part of an image as threads are sent it: the plain insides of its tensors. */
export interface PartTask {
  readonly pred: Plain<PixelData>;
  readonly target: Plain<PixelData>;
  readonly mask: Plain<Uint8Array> | null;
  readonly sample: string;
  readonly halo: Sides;
}

type Plain<Data extends PixelData> = Pick<Tensor<Data>, "data" | "shape" | "scale" | "offset">;

/** Threads that measure parts of images in turns, while this one reads the next. */
export class PartThreads implements Meter {
  readonly ahead: number;
  readonly #threads: readonly Thread<PartTask, object>[];
  #turn = 0;

  constructor(count: number, options: MetricsOptions) {
    // While each measures a part, another is read, and waits for whoever is done first.
    this.ahead = count;
    this.#threads = Array.from(
      { length: count },
      () => new Thread(new URL("./partWorker.js", import.meta.url), options),
    );
  }

  measure: Meter["measure"] = async ({ pixels, halo }, sample) => {
    const thread = this.#threads[this.#turn++ % this.#threads.length] as Thread<PartTask, object>;
    const { pred, target, mask } = pixels;
    const task = { pred: plain(pred), target: plain(target), mask: mask && plain(mask), sample, halo };
    // The pixels are this part's own and nobody looks at them again; a mask may be somebody's who keeps it.
    return BandMetrics.fromJSON(await thread.ask(task, [pred.data.buffer, target.data.buffer] as Transferable[]));
  };

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }
}

function plain<Data extends PixelData>({ data, shape, scale, offset }: Tensor<Data>): Plain<Data> {
  return { data, shape, scale, offset };
}
