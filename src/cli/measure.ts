import { BandMetrics } from "../index.ts";
import { Pair, type PairOptions } from "./Pair.ts";
import { type Part, readParts } from "./parts.ts";
import { countMissing } from "./validity.ts";

/** A prediction and a target to be compared, by their paths. */
export interface Job {
  readonly pred: string;
  readonly target: string;
}

export interface MeasureOptions extends PairOptions {
  /** h/l of ERGAS. */
  readonly ratio?: number;
}

/** What is known of a pair once it has been read. */
export interface Measured {
  readonly metrics: BandMetrics;
  /** Valid pixels whose prediction is NaN or the prediction's own nodata value. */
  readonly missing: number;
}

/** Gathers the metrics of a pair, part by part. `onPart` sees the parts of all its images go by. */
export async function measurePair(
  pair: Pair,
  { ratio = 1 }: MeasureOptions,
  onPart: (part: Part, sample: number) => void = () => {},
): Promise<Measured> {
  const { bands, dataRange, rule: valid } = pair;
  const metrics = new BandMetrics({ bands, dataRange, valid, ratio });
  let missing = 0;
  for (let sample = 0; sample < pair.samples; sample++) {
    for await (const part of readParts(pair, sample)) {
      const { pixels, halo } = part;
      const mask = pixels.mask ? { mask: pixels.mask } : {};
      metrics.update(pixels.pred, pixels.target, { ...mask, sample: String(sample), halo });
      missing += countMissing(pixels, pair, halo);
      onPart(part, sample);
    }
    metrics.close(String(sample));
  }
  return { metrics, missing };
}

/** Opens the files of a pair, gathers its metrics, and closes them. */
export async function measureJob({ pred, target }: Job, options: MeasureOptions): Promise<Measured> {
  const pair = await Pair.open(pred, target, options);
  try {
    return await measurePair(pair, options);
  } finally {
    await pair.close();
  }
}
