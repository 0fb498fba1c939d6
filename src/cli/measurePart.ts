// How a part of an image is measured. Threads that do nothing else load this alone, without the readers of files.

import { BandMetrics, type MetricsOptions } from "../index.ts";
import type { PredNodata } from "./pair/PairOptions.ts";
import type { Part } from "./pair/parts.ts";
import { massesOf, type Tally, tallyOf } from "./pair/tally.ts";

/** How a part is measured. Plain data, for it is sent to threads. */
export interface PartSettings {
  readonly metrics: MetricsOptions;
  readonly predNodata: PredNodata;
}

/** What is known of a part. */
export interface PartFigures {
  readonly metrics: BandMetrics;
  readonly tally: Tally;
}

export function measurePart(
  { pixels, halo }: Pick<Part, "pixels" | "halo">,
  sample: string,
  { metrics: options, predNodata }: PartSettings,
): PartFigures {
  const tally = tallyOf(pixels, options.valid ?? {}, halo);
  const metrics = new BandMetrics(options);
  metrics.update(pixels.pred, pixels.target, { ...massesOf(pixels, predNodata), sample, halo });
  return { metrics, tally };
}
