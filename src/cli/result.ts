// What is known of a pair in the end: plain data but for its metrics, for output, threads and state files.

import { type Averages, BandMetrics, type BandStats, type SceneStats, type WindowedFigure } from "../index.ts";
import type { Extent } from "./decide/dataRange.ts";
import { DataError } from "./errors.ts";
import { type Measured, whatCounts } from "./measure.ts";
import { type Job, keyOf } from "./pair/Job.ts";
import type { Pair } from "./pair/Pair.ts";
import { totalOf } from "./pair/tally.ts";
import { type Remark, remarksOn } from "./remarks.ts";

/** A file that was read. */
export interface InputFile {
  readonly role: "pred" | "target" | "mask" | "weights";
  readonly path: string;
  readonly bytes: number;
  /** ISO 8601, in UTC. */
  readonly modified: string;
}

/** What was measured, and how. */
export interface About {
  readonly files: readonly InputFile[];
  readonly width: number;
  readonly height: number;
  readonly images: number;
  /** Of the target. */
  readonly crs: string | null;
  /** Of each band: what it is called, and which band of either file it is, from 1. */
  readonly compared: readonly { readonly band: string; readonly pred: number; readonly target: number }[];
  /** Which pixels count: the rule on the target's stored numbers, then every mask with its test. */
  readonly valid: readonly string[];
  readonly predNodata: string;
  /** What stored numbers v stand for. */
  readonly values: { readonly pred: string; readonly target: string };
  readonly dataRange: number | null;
}

/** How many values of a band count in the target, and how many of those the prediction lacks. */
export interface Count {
  readonly valid: number;
  readonly missing: number;
}

export interface PairResult extends Job {
  readonly about: About;
  readonly metrics: BandMetrics;
  /** By band. */
  readonly counts: readonly Count[];
  /** Of the target's valid values. */
  readonly extent: Extent;
  readonly remarks: readonly Remark[];
}

/** What has become of a pair: its result, or what is wrong with it. */
export type Outcome = PairResult | (Job & { readonly error: string });

export const isDone = (outcome: Outcome): outcome is PairResult => "metrics" in outcome;

export function resultOf(measured: Measured): PairResult {
  const { pair, metrics, tally } = measured;
  return {
    ...pair.job,
    about: aboutPair(pair),
    metrics,
    counts: tally.map(({ valid, missing }) => ({ valid, missing })),
    extent: totalOf(tally).targetExtent,
    remarks: remarksOn(measured),
  };
}

/** What a pair is, and how it is read. */
export function aboutPair(pair: Pair): About {
  const { pred, target, masks, width, height, samples, bands, predNodata, calibrations, dataRange } = pair;
  const filesOf = (role: InputFile["role"], { files }: { files: Pair["pred"]["raster"]["files"] }) =>
    files.map(({ path, bytes, modified }) => ({ role, path, bytes, modified: new Date(modified).toISOString() }));
  return {
    files: [
      ...filesOf("pred", pred.raster),
      ...filesOf("target", target.raster),
      ...masks.flatMap(({ raster, test }) => filesOf(test.kind === "weights" ? "weights" : "mask", raster)),
    ],
    ...{ width, height, images: samples, crs: target.raster.georeference?.crs ?? null },
    compared: bands.map((band, b) => ({
      band,
      pred: (pred.bands[b] as number) + 1,
      target: (target.bands[b] as number) + 1,
    })),
    valid: whatCounts(pair),
    ...{ predNodata, values: calibrations, dataRange },
  };
}

/** Figures of a band; `coverage` is the share of the target's valid values that the prediction has. */
export type BandFigures = BandStats & { readonly coverage: number };
export type SceneFigures = SceneStats & { readonly coverage: number };

/** What is undefined or not known is NaN. */
export interface Figures {
  /** In the order of the bands. */
  readonly bands: readonly (readonly [name: string, figures: BandFigures])[];
  readonly scene: SceneFigures;
  /** Of the scene, over the images: pooled, √-weighted, and each alike. */
  readonly averages: Averages;
}

export function figuresOf({
  metrics,
  counts,
  about,
}: Pick<PairResult, "metrics" | "counts"> & { about: Pick<About, "dataRange" | "compared"> }): Figures {
  const { bands, scene, averages } = metrics.compute();
  const known = about.dataRange === null ? { psnr: Number.NaN, cpsnr: Number.NaN, ssim: Number.NaN } : {};
  const ofScene = about.dataRange === null ? { psnr: Number.NaN } : {};
  const unknown = { pooled: Number.NaN, sqrt: Number.NaN, samples: Number.NaN };
  return {
    bands: about.compared.map(({ band }, b) => {
      return [band, { ...(bands[band] as BandStats), ...known, coverage: coverageOf(counts.slice(b, b + 1)) }];
    }),
    scene: { ...scene, ...ofScene, coverage: coverageOf(counts) },
    averages: about.dataRange === null ? { ...averages, psnr: unknown } : averages,
  };
}

function coverageOf(counts: readonly Count[]): number {
  const sum = (key: keyof Count) => counts.reduce((total, count) => total + count[key], 0);
  return (sum("valid") - sum("missing")) / sum("valid");
}

/** Many pairs, and all that could be measured taken together. */
export interface Archive {
  readonly outcomes: readonly Outcome[];
  readonly total: Figures;
  /** `null` where it is not known, or differs. */
  readonly dataRange: number | null;
}

/**
 * The figures of all pairs together, which are pooled: not a mean of means. Pairs are added in the order of their names, so that neither
 * the order in which they come nor how they are split over runs changes a bit. One that does not go with the others (it has other bands)
 * counts as broken.
 *
 * @throws DataError where no pair could be evaluated
 */
export function archiveOf(outcomes: readonly Outcome[]): Archive {
  const sorted = outcomes.filter(isDone).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const ranges = new Set(sorted.map(({ about }) => about.dataRange));
  const dataRange = ranges.size === 1 ? ([...ranges][0] as number | null) : null;
  const without = [...new Set(sorted.flatMap(({ metrics }) => optionsOf(metrics).without))];
  let total: BandMetrics | undefined;
  let counts: readonly Count[] = [];
  const broken = new Map<PairResult, string>();
  for (const result of sorted) {
    const metrics = poolable(result.metrics, dataRange, without);
    try {
      total = total ? total.merge(metrics) : metrics;
      counts = result.counts.map(({ valid, missing }, b) => ({
        valid: valid + (counts[b]?.valid ?? 0),
        missing: missing + (counts[b]?.missing ?? 0),
      }));
    } catch (error) {
      const { pred, target } = result;
      broken.set(result, `${pred} and ${target}: do not go with the pairs before: ${(error as Error).message}`);
    }
  }
  const first = sorted[0];
  if (!total || !first) {
    const [problem] = outcomes.flatMap((outcome) => (isDone(outcome) ? [] : outcome.error));
    throw new DataError(`none of ${outcomes.length} pairs could be evaluated: ${problem}`);
  }
  const about = { ...first.about, dataRange };
  return {
    outcomes: outcomes.map((outcome) => {
      const error = isDone(outcome) ? broken.get(outcome) : undefined;
      return error === undefined ? outcome : { ...jobOf(outcome), error };
    }),
    total: figuresOf({ metrics: total, counts, about }),
    dataRange,
  };
}

export const jobOf = ({ pred, target, masks, name, labels }: Job): Job => ({
  ...{ pred, target, masks },
  ...(name !== undefined && { name }),
  ...(labels && { labels }),
});

interface MetricsState {
  readonly options: { readonly without: readonly WindowedFigure[] };
}

const optionsOf = (metrics: BandMetrics) => (metrics.toJSON() as MetricsState).options;

/** Metrics that go with those of other pairs: which pixels were valid has been decided, by whichever rule. */
function poolable(metrics: BandMetrics, dataRange: number | null, without: readonly WindowedFigure[]): BandMetrics {
  const state = metrics.toJSON() as MetricsState;
  return BandMetrics.fromJSON({
    ...state,
    options: { ...state.options, valid: {}, dataRange: dataRange ?? 1, without },
  });
}
