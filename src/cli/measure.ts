import { BandMetrics, type MetricsOptions, type WindowedFigure } from "../index.ts";
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
  /** Figures to leave out. */
  readonly without?: readonly WindowedFigure[];
}

/** What is known of a pair once it has been read. */
export interface Measured {
  readonly metrics: BandMetrics;
  /** Valid pixels whose prediction is NaN or the prediction's own nodata value. */
  readonly missing: number;
}

/** What gathers the metrics of parts, here or on other threads. */
export interface Meter {
  /** Parts that may be on their way at once. */
  readonly ahead: number;
  measure(part: Part, sample: string): Promise<BandMetrics>;
}

/** What the metrics of a pair are made with. */
export function metricsOptions(
  { bands, dataRange, rule }: Pair,
  { ratio = 1, without = [] }: MeasureOptions,
): MetricsOptions {
  return { bands, dataRange, valid: rule, ratio, without };
}

/** Gathers metrics on this thread. */
function meterHere(options: MetricsOptions): Meter {
  return {
    ahead: 0,
    async measure({ pixels: { pred, target, mask }, halo }, sample) {
      const metrics = new BandMetrics(options);
      metrics.update(pred, target, { ...(mask && { mask }), sample, halo });
      return metrics;
    },
  };
}

/**
 * Gathers the metrics of a pair, part by part, and joins them in the order of the parts, whoever gathered them. `onPart` sees the
 * parts of all its images go by.
 */
export async function measurePair(
  pair: Pair,
  options: MeasureOptions,
  onPart: (part: Part, sample: number) => void = () => {},
  meter: Meter = meterHere(metricsOptions(pair, options)),
): Promise<Measured> {
  const metrics = new BandMetrics(metricsOptions(pair, options));
  const waiting: Promise<BandMetrics>[] = [];
  const joinFirst = async () => metrics.merge(await (waiting.shift() as Promise<BandMetrics>));
  let missing = 0;
  for (let sample = 0; sample < pair.samples; sample++) {
    for await (const part of readParts(pair, sample)) {
      missing += countMissing(part.pixels, pair, part.halo);
      onPart(part, sample);
      const measured = meter.measure(part, String(sample));
      // Whoever waits for an earlier one that fails never comes to this.
      measured.catch(() => {});
      waiting.push(measured);
      while (waiting.length > meter.ahead) await joinFirst();
    }
    while (waiting.length > 0) await joinFirst();
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
