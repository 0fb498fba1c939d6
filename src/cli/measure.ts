import { BandMetrics, type WindowedFigure } from "../index.ts";
import { isWithinUnit } from "./decide/dataRange.ts";
import { ruleText } from "./decide/validPixels.ts";
import { DataError } from "./errors.ts";
import { measurePart, type PartFigures, type PartSettings } from "./measurePart.ts";
import type { Job } from "./pair/Job.ts";
import { Pair } from "./pair/Pair.ts";
import type { PairOptions } from "./pair/PairOptions.ts";
import { type Part, readParts } from "./pair/parts.ts";
import { type Found, joinFound, NOTHING_FOUND } from "./pair/samples.ts";
import { joinTallies, noTally, type Tally, totalOf } from "./pair/tally.ts";

export interface MeasureOptions extends PairOptions {
  /** h/l of ERGAS. */
  readonly ratio?: number;
  /** Figures to leave out. */
  readonly without?: readonly WindowedFigure[];
}

/** What is known of a pair once it has been read. */
export interface Measured {
  /** As it is known in the end. */
  readonly pair: Pair;
  readonly metrics: BandMetrics;
  readonly tally: Tally;
  readonly found: Found;
}

/** What measures parts, here or on other threads. */
export interface Meter {
  /** Parts that may be on their way at once. */
  readonly ahead: number;
  measure(part: Pick<Part, "pixels" | "halo">, sample: string, settings: PartSettings): Promise<PartFigures>;
}

const meterHere: Meter = { ahead: 0, measure: async (part, sample, settings) => measurePart(part, sample, settings) };

/** What the parts of a pair are measured by. Without a data range, SSIM has no meaning. */
function settingsOf({ bands, dataRange, kernelRule, predNodata }: Pair, options: MeasureOptions): PartSettings {
  const { ratio = 1, without = [] } = options;
  const left: WindowedFigure[] = dataRange === null ? [...new Set([...without, "ssim" as const])] : [...without];
  return { metrics: { bands, dataRange: dataRange ?? 1, valid: kernelRule, ratio, without: left }, predNodata };
}

/** Sees the parts of an image go by; each attempt at a pair has one of its own. */
export type Watch = (pair: Pair) => (part: Part, sample: number) => void;

/**
 * Gathers the metrics of a pair, part by part, and joins them in the order of the parts, whoever gathered them. Where reading finds out
 * what changes a decision, such as NaN in a target that says nothing of missing pixels, the pair is measured anew by that.
 *
 * @throws DataError where no pixel is valid, or the prediction lacks some that it must have
 */
export async function measurePair(
  pair: Pair,
  options: MeasureOptions,
  watch: Watch = () => () => {},
  meter: Meter = meterHere,
): Promise<Measured> {
  for (let known = pair; ; ) {
    const outcome = await attempt(known, options, watch(known), meter);
    if (!(outcome instanceof Pair)) {
      checkOutcome(outcome);
      return outcome;
    }
    known = outcome;
  }
}

/** What is measured, or the pair as it is to be measured. */
async function attempt(
  pair: Pair,
  options: MeasureOptions,
  onPart: ReturnType<Watch>,
  meter: Meter,
): Promise<Measured | Pair> {
  const settings = settingsOf(pair, options);
  const metrics = new BandMetrics(settings.metrics);
  let tally = noTally(pair.bands.length);
  let found = NOTHING_FOUND;
  const isRangeWatched = options.dataRange === undefined;
  const waiting: Promise<PartFigures>[] = [];
  const joinFirst = async () => {
    const first = await (waiting.shift() as Promise<PartFigures>);
    metrics.merge(first.metrics);
    tally = joinTallies(tally, first.tally);
  };
  for (let sample = 0; sample < pair.samples; sample++) {
    for await (const part of readParts(pair, sample)) {
      found = joinFound(found, part.found);
      const better = learn(pair, isRangeWatched, tally, found);
      if (better) {
        await Promise.allSettled(waiting);
        return better;
      }
      onPart(part, sample);
      const measured = meter.measure(part, String(sample), settings);
      // Avoids an unhandled rejection: an earlier one that fails ends the wait.
      measured.catch(() => {});
      waiting.push(measured);
      while (waiting.length > meter.ahead) await joinFirst();
    }
    while (waiting.length > 0) await joinFirst();
    metrics.close(String(sample));
  }
  return learn(pair, isRangeWatched, tally, found) ?? { pair, metrics, tally, found };
}

/**
 * The pair as it is to be read after what has been found; `undefined` where that changes nothing.
 *
 * @param isRangeWatched whether figures depend on a data range that nobody gave
 */
export function learn(pair: Pair, isRangeWatched: boolean, tally: Tally, found: Found): Pair | undefined {
  if (pair.rule.isDefault && found.hasNaN) return pair.knowing({ hasNaN: true });
  const { valid, missing, predExtent, targetExtent } = totalOf(tally);
  const isWithin = valid === missing || (isWithinUnit(predExtent) && isWithinUnit(targetExtent));
  return isRangeWatched && pair.dataRange === 1 && !isWithin ? pair.knowing({ isBeyondUnit: true }) : undefined;
}

/** @throws DataError where there is nothing to measure, or the prediction lacks what it must have */
export function checkOutcome({ pair, tally }: Pick<Measured, "pair" | "tally">): void {
  const { valid, missing } = totalOf(tally);
  const { pred, target } = pair.job;
  if (valid === 0) throw new DataError(`${pred} and ${target}: no pixel is valid: ${whatCounts(pair).join("; ")}`);
  if (missing === 0 || pair.predNodata === "count") return;
  const lacks = `${missing} of the target's ${valid} valid values are nodata or NaN there`;
  if (pair.predNodata === "fail") throw new DataError(`${pred}: ${lacks} (--pred-nodata fail)`);
  if (missing === valid) throw new DataError(`${pred} and ${target}: no pixel is valid in both: all of ${lacks}`);
}

/** Which pixels count, in words: the rule, then every mask with its test. */
export function whatCounts({ rule, masks, target }: Pair): string[] {
  const { maskSource } = target.raster;
  return [ruleText(rule.valid), ...(maskSource ? [`${maskSource} of the target`] : []), ...masks.map(String)];
}

/** Opens the files of a pair, gathers its metrics, and closes them. */
export async function measureJob<Result>(
  job: Job,
  options: MeasureOptions,
  use: (measured: Measured) => Result,
): Promise<Result> {
  const pair = await Pair.open(job, options);
  try {
    return use(await measurePair(pair, options));
  } finally {
    await pair.close();
  }
}
