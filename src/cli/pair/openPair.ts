// Opens the files of a pair and settles, from their headers and the options, what is compared with what.

import type { Calibration } from "../../index.ts";
import { compareGeoreference, openRaster, type Raster } from "../../raster/index.ts";
import { looksChannelsLast } from "../decide/axes.ts";
import { pairBands, pairLabels } from "../decide/bands.ts";
import { calibrationsOf, sharedReach, type SideName } from "../decide/calibration.ts";
import { DataError } from "../errors.ts";
import { cacheBytes } from "./grid.ts";
import type { Job } from "./Job.ts";
import { MaskFile } from "./MaskFile.ts";
import type { PairOptions } from "./PairOptions.ts";

/** A side of the pair: its file, the bands of it, and which image of a batch. */
export interface Side {
  readonly raster: Raster;
  readonly bands: readonly number[];
  /** `undefined`: all of the file's. */
  readonly sample: number | undefined;
  /** By band, of what is stored. */
  readonly calibrations: readonly Required<Calibration>[];
  /** The tag of its bands. */
  readonly nodata: number | null;
}

export interface OpenedPair extends Record<SideName, Side> {
  readonly job: Job;
  readonly masks: readonly MaskFile[];
  /** What results call the bands. */
  readonly names: readonly string[];
  readonly hasLabels: boolean;
  readonly notes: readonly string[];
  close(): Promise<void>;
}

const sides = ["pred", "target"] as const;

/** @throws RasterError, DataError where files cannot be read or do not belong together */
export async function openPair(job: Job, options: PairOptions, hasLabels: boolean): Promise<OpenedPair> {
  const opened: { close(): Promise<void> }[] = [];
  const close = async () => {
    for (const file of opened) await file.close();
  };
  try {
    const rasters = {} as Record<SideName, Raster>;
    for (const side of sides) {
      rasters[side] = await openSide(job[side], options);
      opened.push(rasters[side]);
    }
    const pairing = (hasLabels ? pairLabels : pairBands)(
      { pred: namesOf(rasters.pred), target: namesOf(rasters.target) },
      options,
    );
    const facts = {
      pred: storedFacts(rasters.pred, pairing.pred),
      target: storedFacts(rasters.target, pairing.target),
    };
    const sideOf = (side: SideName): Side => ({
      raster: rasters[side],
      bands: pairing[side],
      sample: sampleOf(rasters[side], options[`${side}Sample`]),
      calibrations: calibrationsOf(side, facts, options),
      nodata: nodataOf(rasters[side], pairing[side]),
    });
    const [pred, target] = [sideOf("pred"), sideOf("target")];
    await checkFit(pred, target, options);
    const masks: MaskFile[] = [];
    for (const request of job.masks) {
      const mask = await MaskFile.open(request, target.raster, !options.ignoreGeoreference);
      opened.push(mask);
      masks.push(mask);
    }
    const notes = [
      ...new Set(sides.flatMap((side) => notesOf(rasters[side], options))),
      ...(pairing.isReordered ? [`${job.pred} and ${job.target}: bands are paired by name; their order differs`] : []),
      ...unreached(rasters, facts, options),
    ];
    return { job, pred, target, masks, names: options.bands ?? pairing.names, hasLabels, notes, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openSide(path: string, { layout, alpha, page }: PairOptions): Promise<Raster> {
  const raster = await openRaster(path, {
    layout: layout ?? "chw",
    cacheBytes,
    ...(alpha && { alpha }),
    ...(page !== undefined && { page: page - 1 }),
  });
  try {
    if (layout === undefined) checkAxes(raster);
    return raster;
  } catch (error) {
    await raster.close();
    throw error;
  }
}

/** @throws DataError for an array whose axes may stand in the other order */
function checkAxes({ path, shape, bands, width, height }: Raster): void {
  const axes = { first: bands.length, second: height, last: width };
  if (shape === null || !looksChannelsLast(axes)) return;
  throw new DataError(
    `${path}: expected channels first, got axes (${bands.length}, ${height}, ${width}), whose last may be the channels: ` +
      "--layout hwc takes it so, --layout chw the first",
  );
}

const namesOf = ({ path, bands }: Raster) => ({ path, names: bands.map(({ name }) => name) });

function storedFacts({ type, bands }: Raster, chosen: readonly number[]) {
  return {
    isFloat: type.startsWith("f"),
    tags: chosen.map((b) => ({ scale: bands[b]?.scale ?? 1, offset: bands[b]?.offset ?? 0 })),
  };
}

function sampleOf({ path, samples }: Raster, sample: number | undefined): number | undefined {
  if (sample === undefined) return undefined;
  if (sample > samples) throw new DataError(`${path}: expected an image from 1 to ${samples}, got ${sample}`);
  return sample - 1;
}

/** @throws DataError where bands, of several pages, differ in it: a rule has one */
function nodataOf({ path, bands }: Raster, chosen: readonly number[]): number | null {
  const tags = chosen.map((b) => bands[b]?.nodata ?? null);
  const [first = null] = tags;
  if (tags.every((tag) => Object.is(tag, first))) return first;
  throw new DataError(`${path}: nodata tags of its pages differ: ${tags.map(String).join(", ")} (--page chooses one)`);
}

/** What a file says of itself that changes what is compared. */
function notesOf({ path, pages, bands, type, maskSource }: Raster, { page }: PairOptions): string[] {
  const notes: string[] = [];
  const read = pages.find(({ isRead }) => isRead);
  if (page === undefined && pages.some(({ isRead }) => !isRead) && read) {
    notes.push(
      `${path}: has ${pages.length} pages that differ in size: the first, of ${read.width}×${read.height} pixels, is taken (--page chooses)`,
    );
  }
  if (type === "u8" && bands.length === 3 && maskSource?.includes("alpha band")) {
    notes.push(`${path}: its fourth band is tagged alpha and taken as a mask (--alpha data takes it as a band)`);
  }
  return notes;
}

/** Says where --scale and --offset do not reach. */
function unreached(
  rasters: Record<SideName, Raster>,
  facts: Parameters<typeof sharedReach>[0],
  { scale, offset }: PairOptions,
): string[] {
  if (scale === undefined && offset === undefined) return [];
  const reach = sharedReach(facts);
  return sides
    .filter((side) => !reach[side])
    .map(
      (side) =>
        `${rasters[side].path}: holds floats, which --scale and --offset leave as they are (--${side}-scale reaches them)`,
    );
}

async function checkFit(pred: Side, target: Side, { bands, ignoreGeoreference }: PairOptions): Promise<void> {
  const [p, t] = [pred.raster, target.raster];
  const fail = (problem: string): never => {
    throw new DataError(`${p.path} and ${t.path}: ${problem}`);
  };
  const [difference] = await compareGeoreference(p, t);
  if (p.width !== t.width || p.height !== t.height) fail(difference as string);
  if (difference !== undefined && !ignoreGeoreference) fail(`${difference} (--ignore-georeference to go on)`);
  const samplesOf = ({ raster, sample }: Side) => (sample === undefined ? raster.samples : 1);
  if (samplesOf(pred) !== samplesOf(target)) {
    fail(
      `number of images differs: ${samplesOf(pred)} and ${samplesOf(target)} (--pred-sample, --target-sample choose)`,
    );
  }
  if (bands && bands.length !== target.bands.length) {
    fail(`--bands names ${bands.length} bands, but ${target.bands.length} are compared`);
  }
}
