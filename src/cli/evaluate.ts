import { Command } from "commander";
import { DataError, UsageError } from "./errors.ts";
import { archiveText, evaluationText, formatOf } from "./evaluationText.ts";
import { type JobList, listJobs } from "./jobs.ts";
import { mapFiles, writeMaps } from "./maps.ts";
import { type Job, type Measured, type MeasureOptions, measurePair, metricsOptions } from "./measure.ts";
import { measureAll } from "./measureAll.ts";
import { addOutputOptions, addPairOptions, checkOptions, deliver, type OutputOptions, warn } from "./options.ts";
import { checkApart, checkOutputFile, makeFolder, writeText } from "./outputFile.ts";
import { Pair } from "./Pair.ts";
import { PartThreads } from "./PartThreads.ts";
import type { Part } from "./parts.ts";
import { Progress } from "./Progress.ts";
import { archiveOf, keyOf } from "./archive.ts";
import { Preview } from "./report/Preview.ts";
import { archivePage, pairPage } from "./report/page.ts";
import { type PairState, StateFile } from "./StateFile.ts";
import { parseCount, parseFigures, parsePositive } from "./words.ts";

interface EvaluateOptions extends MeasureOptions, OutputOptions {
  readonly report?: string;
  readonly maps?: string;
  readonly pairs?: string;
  readonly workers: number;
  readonly resume?: string;
  readonly strict?: boolean;
}

const help = `
Figures: psnr, cpsnr (bias taken away) in dB; rmse, mae, bias in the units of the images; ssim, r², uqi, ergas without
unit; sam in radians: of a band the angle between the whole bands, of the scene the mean angle between the spectra.
Errors are prediction − target. Of many images, psnr and rmse pool all pixels, sam and ssim are means over images.

Examples:
  $ valid-pixel-loss evaluate pred.tif target.tif
  $ valid-pixel-loss evaluate pred.tif S2.tif --pred-bands 1-3 --target-bands B02,B03,B04 --scale 1e-4
  $ valid-pixel-loss evaluate pred.tif target.tif --mask scl.tif --mask-classes 4,5,6 --json
  $ valid-pixel-loss evaluate pred.tif target.tif --report report.html
  $ valid-pixel-loss evaluate predictions/ targets/ --workers 4 --resume state.json
  $ valid-pixel-loss evaluate --pairs pairs.csv --csv --output figures.csv`;

export function evaluateCommand(): Command {
  const command = new Command("evaluate")
    .summary("how well a prediction meets its target, band by band")
    .description("Quality metrics over the valid pixels alone, of a pair of GeoTIFF or NPY files or of many pairs.")
    .argument("[pred]", "the prediction, or a folder of predictions")
    .argument("[target]", "what it should have been, or a folder of files of the same names")
    .addHelpText("after", help);
  addOutputOptions(addPairOptions(command))
    .option("--report <file>", "write a page to look at: pictures, maps, histograms and scatter plots in one HTML file")
    .option("--maps <folder>", "write maps of the error and the spectral angle, as GeoTIFF and PNG")
    .option(
      "--ratio <h/l>",
      "of ERGAS: pixel size of the sharp image over that of the coarse one (default: 1)",
      parsePositive,
    )
    .option("--without <figures>", "leave out ssim, uqi or both, which take most of the time", parseFigures)
    .optionsGroup("Many pairs:")
    .option("--pairs <file>", "a CSV file of predictions and targets, a pair a line")
    .option("--workers <n>", "threads that share the pairs, or the parts of a single large one", parseCount, 1)
    .option("--resume <file>", "keep what is done in a state file, and go on from what it holds")
    .option("--strict", "fail if any pair cannot be evaluated; it is only counted otherwise");
  return command.action(async (pred: string | undefined, target: string | undefined, options: EvaluateOptions) => {
    await checkOptions(options);
    await checkOutputFile("--report", options.report);
    await checkOutputFile("--resume", options.resume);
    const list = await listJobs(pred, target, options.pairs);
    const { output, report, resume, maps, mask, pairs } = options;
    const written = [
      ["--output", output],
      ["--report", report],
      ["--resume", resume],
    ] as const;
    const drawn = maps === undefined ? [] : mapFiles(maps).map((file) => ["--maps", file] as const);
    const read = list.jobs.flatMap((job) => [job.pred, job.target]);
    await checkApart([...written, ...drawn], [...read, mask, pairs]);
    const single = list.jobs.length === 1 && options.pairs === undefined && options.resume === undefined;
    if (options.maps !== undefined) {
      if (!single) throw new UsageError("--maps is for a single pair");
      await makeFolder(options.maps);
    }
    if (single) await evaluateOne(list.jobs[0] as Job, options);
    else await evaluateMany(list, options);
  });
}

async function evaluateOne(job: Job, options: EvaluateOptions): Promise<void> {
  const pair = await Pair.open(job.pred, job.target, options);
  try {
    for (const note of pair.notes()) warn(note, options);
    const { width, height, samples, bands } = pair;
    const preview = options.report === undefined ? undefined : new Preview(pair);
    const progress = new Progress(width * height * samples * bands.length, "Mpx", 1e6, options.quiet);
    const seen = ({ window, pixels, halo }: Part, sample: number) => {
      if (sample === 0) preview?.add(window, pixels);
      progress.add((window.width - halo.left - halo.right) * (window.height - halo.top - halo.bottom) * bands.length);
    };
    // An image in a single part is done before a thread has started.
    const parts = pair.windows().length * samples;
    const count = Math.min(options.workers, parts);
    const threads = parts > 1 ? new PartThreads(count, metricsOptions(pair, options)) : undefined;
    const measured = await measurePair(pair, options, seen, threads).finally(async () => {
      progress.end();
      await threads?.end();
    });
    warnOfMissing({ ...job, ...measured }, options);
    const evaluation = measured.metrics.compute();
    if (options.maps !== undefined) await writeMaps(options.maps, pair);
    if (options.report !== undefined && preview) await writeText(options.report, pairPage(pair, evaluation, preview));
    const images = samples === 1 ? "" : `${samples} images of `;
    const title = `${job.pred} against ${job.target}: ${images}${width}×${height} pixels, data range ${pair.dataRange}`;
    const { dataRange } = pair;
    await deliver(evaluationText(title, { ...job, dataRange }, evaluation, formatOf(options)), options);
  } finally {
    await pair.close();
  }
}

async function evaluateMany({ jobs, unmatched }: JobList, options: EvaluateOptions): Promise<void> {
  for (const path of unmatched) warn(`${path}: has no counterpart`, options);
  const done = new Map<string, PairState>();
  let state: StateFile | undefined;
  if (options.resume !== undefined) {
    const resumed = await StateFile.resume(options.resume, figureOptions(options));
    state = resumed.state;
    for (const pair of resumed.pairs) done.set(keyOf(pair), pair);
  }
  const progress = new Progress(jobs.length, "pairs", 1, options.quiet);
  try {
    const left = jobs.filter((job) => !done.has(keyOf(job)));
    progress.add(jobs.length - left.length);
    await measureAll(left, options, options.workers, async (pair) => {
      done.set(keyOf(pair), pair);
      await state?.add(pair);
      progress.add(1);
    });
  } finally {
    progress.end();
    await state?.close();
  }
  const pairs = jobs.map((job) => done.get(keyOf(job)) as PairState);
  for (const pair of pairs) if ("metrics" in pair) warnOfMissing(pair, options);
  await deliverArchive(pairs, options, unmatched.length);
}

/** Prints what is known of many pairs, and fails where that was asked for or nothing is known. */
export async function deliverArchive(
  pairs: readonly PairState[],
  options: OutputOptions & { readonly report?: string; readonly strict?: boolean },
  unmatched = 0,
): Promise<void> {
  const archive = archiveOf(pairs);
  const failures = archive.pairs.flatMap((pair) => ("error" in pair ? pair.error : []));
  for (const failure of failures) warn(failure, options);
  if (options.report !== undefined) await writeText(options.report, archivePage(archive));
  await deliver(archiveText(archive, formatOf(options)), options);
  const failed = failures.length + unmatched;
  if (options.strict && failed > 0)
    throw new DataError(`${failed} of ${pairs.length + unmatched} pairs could not be evaluated`);
}

/** The options that decide on the figures, for the state file to remember. */
function figureOptions(options: EvaluateOptions): object {
  const { min, above, max, below, nodata, mask, maskValid, maskClasses, bands, predBands, targetBands } = options;
  const { predSample, targetSample, layout, scale, offset, dataRange, ignoreGeoreference, ratio, without } = options;
  return {
    ...{ min, above, max, below, nodata, mask, maskValid, maskClasses, bands, predBands, targetBands },
    ...{ predSample, targetSample, layout, scale, offset, dataRange, ignoreGeoreference, ratio, without },
  };
}

function warnOfMissing({ pred, missing }: Job & Measured, options: OutputOptions): void {
  if (missing > 0) warn(missingText(pred, missing), options);
}

export function missingText(pred: string, missing: number): string {
  const values = missing === 1 ? "value is" : "values are";
  return `${pred}: ${missing} ${values} NaN or nodata where the target is valid; they count (--mask leaves them out)`;
}
