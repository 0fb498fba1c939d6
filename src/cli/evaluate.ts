import { Command, Option } from "commander";
import { type ArchiveOptions, deliverArchive } from "./archiveOutput.ts";
import { GateError, UsageError } from "./errors.ts";
import { type MeasureOptions, measurePair } from "./measure.ts";
import { measureAll } from "./measureAll.ts";
import { type NamePatterns, parseCount, parseFigures, parseMatch, parsePositive } from "./optionParsers.ts";
import {
  addFigureOptions,
  addPairOptions,
  checkOutput,
  decidingOptions,
  deliver,
  formatOf,
  type GateOptions,
  gateOf,
  givenOptions,
  masksOf,
  say,
  warn,
} from "./options.ts";
import { evaluationText, type GivenOptions } from "./output/evaluationText.ts";
import { failedLines, type Gate } from "./output/gate.ts";
import { mapFiles, writeMaps } from "./output/maps.ts";
import { checkApart, checkOutputFile, makeFolder, writeText } from "./output/outputFile.ts";
import { pairPage } from "./output/report/page.ts";
import { Preview } from "./output/report/Preview.ts";
import { type Job, keyOf } from "./pair/Job.ts";
import { Pair } from "./pair/Pair.ts";
import type { Part } from "./pair/parts.ts";
import { listPairs, type PairList } from "./pairList.ts";
import { PartThreads } from "./PartThreads.ts";
import { Progress } from "./Progress.ts";
import { rangeRemark } from "./remarks.ts";
import { figuresOf, jobOf, type Outcome, resultOf } from "./result.ts";
import { StateFile } from "./StateFile.ts";

interface EvaluateOptions extends MeasureOptions, ArchiveOptions, GateOptions {
  readonly maps?: string;
  readonly mapsAbs?: boolean;
  readonly pairs?: string;
  readonly match?: NamePatterns;
  readonly workers: number;
  readonly resume?: string;
}

const help = `
Figures: psnr, cpsnr (bias taken away) in dB; rmse, mae, bias in the units of the images; ssim, r², uqi, ergas without
unit; sam in radians: of a band the angle between the whole bands, of the scene the mean angle between the spectra.
Errors are prediction − target. Of many images, psnr and rmse pool all pixels, sam and ssim are means over images.
valid is the share of pixels that count, coverage the share of the target's valid values that the prediction has.

Exit codes: 0 done, 1 data that cannot be read or do not fit, 2 usage, 3 figures that --fail-if or --baseline refuse.

Examples:
  $ valid-pixel-loss evaluate pred.tif target.tif
  $ valid-pixel-loss evaluate pred.tif S2.tif --pred-bands 1-3 --target-bands B02,B03,B04 --target-scale 1e-4
  $ valid-pixel-loss evaluate pred.tif target.tif --mask scl.tif --mask-preset s2-scl --json
  $ valid-pixel-loss evaluate pred.tif target.tif --report report.html
  $ valid-pixel-loss evaluate predictions/ targets/ --match "{}_SR.tif={}.tif" --workers 4 --resume state.json
  $ valid-pixel-loss evaluate --pairs pairs.csv --output figures.csv
  $ valid-pixel-loss evaluate pred.tif target.tif --fail-if "psnr<40" --baseline last.json --tolerance 0.01`;

export function evaluateCommand(): Command {
  const command = new Command("evaluate")
    .summary("how well a prediction meets its target, band by band")
    .description("Quality metrics over the valid pixels alone, of a pair of rasters or of many pairs.")
    .argument("[pred]", "the prediction, or a folder of predictions")
    .argument("[target]", "what it should have been, or a folder of targets")
    .addHelpText("after", help);
  addFigureOptions(addPairOptions(command))
    .optionsGroup("Pictures:")
    .option("--report <file>", "write a page to look at: pictures, maps, histograms and scatter plots in one HTML file")
    .option(
      "--maps <folder>",
      "write maps of the error (prediction − target) and the spectral angle, as GeoTIFF and PNG",
    )
    .option("--maps-abs", "and of the absolute error")
    .optionsGroup("Figures:")
    .option(
      "--ratio <h/l>",
      "of ERGAS: pixel size of the sharp image over that of the coarse one (default: 1)",
      parsePositive,
    )
    .option("--without <figures>", "leave out ssim, uqi or both, which take most of the time", parseFigures)
    .optionsGroup("Many pairs:")
    .option("--pairs <file>", "a CSV file: columns pred, target, and perhaps mask, name and others, which are kept")
    .option("--match <patterns>", 'how names in two folders go together: "{}_SR.tif={}.tif"', parseMatch)
    .option("--workers <n>", "threads that share the pairs, or the parts of a single large one", parseCount, 1)
    .option("--resume <file>", "keep what is done in a state file, and go on from what it holds")
    .option("--keep-going", "exit code 0 even if pairs could not be evaluated")
    .addOption(new Option("--strict").hideHelp().conflicts("keepGoing"));
  return command.action(async (pred: string | undefined, target: string | undefined, options: EvaluateOptions) => {
    await checkOutput(options, ["table", "json", "csv", "html"]);
    await checkOutputFile("--report", options.report);
    await checkOutputFile("--resume", options.resume);
    const { output, report, resume, maps, mapsAbs, pairs, match } = options;
    if (mapsAbs && maps === undefined) throw new UsageError("--maps-abs needs --maps <folder>");
    const { masks, columnTest } = masksOf(options);
    const list = await listPairs({ pred, target, pairs, match, masks, columnTest });
    const written = [
      ["--output", output],
      ["--report", report],
      ["--resume", resume],
    ] as const;
    const drawn = maps === undefined ? [] : mapFiles(maps).map((file) => ["--maps", file] as const);
    const read = list.jobs.flatMap((job) => [job.pred, job.target, ...job.masks.map(({ file }) => file)]);
    await checkApart([...written, ...drawn], [...read, pairs, options.baseline]);
    const gate = await gateOf(options);
    const measureOptions: MeasureOptions = decidingOptions(options, ["ratio", "without"]);
    const given = givenOptions(measureOptions, masks, columnTest);
    const [job, ...others] = list.jobs;
    if (job && others.length === 0 && pairs === undefined && resume === undefined && list.unmatched.length === 0) {
      await evaluateOne(job, measureOptions, given, options, gate);
      return;
    }
    if (maps !== undefined) throw new UsageError("--maps is for a single pair");
    await evaluateMany(list, measureOptions, given, options, gate);
  });
}

async function evaluateOne(
  job: Job,
  how: MeasureOptions,
  given: GivenOptions,
  options: EvaluateOptions,
  gate: Gate,
): Promise<void> {
  const { maps, mapsAbs = false, report } = options;
  if (maps !== undefined) await makeFolder(maps);
  const opened = await Pair.open(job, how);
  try {
    const format = formatOf(options);
    const { width, height, samples, bands } = opened;
    const isDrawn = report !== undefined || format === "html";
    let preview: Preview | undefined;
    const progress = new Progress(width * height * samples * bands.length, "Mpx", 1e6, options.quiet);
    const watch = (pair: Pair) => {
      preview = isDrawn ? new Preview(pair) : undefined;
      progress.restart();
      return ({ window, pixels, halo }: Part, sample: number) => {
        if (sample === 0) preview?.add(window, pixels);
        progress.add((window.width - halo.left - halo.right) * (window.height - halo.top - halo.bottom) * bands.length);
      };
    };
    // An image in a single part is done before a thread has started.
    const parts = opened.windows().length * samples;
    const threads = parts > 1 ? new PartThreads(Math.min(options.workers, parts)) : undefined;
    const measured = await measurePair(opened, how, watch, threads).finally(async () => {
      progress.end();
      await threads?.end();
    });
    const { pair, tally } = measured;
    const result = resultOf(measured);
    for (const remark of result.remarks) say(remark, options);
    if (pair.dataRange === null) say(rangeRemark(tally), options);
    if (maps !== undefined) await writeMaps(maps, pair, mapsAbs);
    const page = () => pairPage(result, preview as Preview, given, options);
    if (report !== undefined) await writeText(report, page());
    await deliver(format === "html" ? page() : evaluationText(result, format, given, options), options);
    const lines = failedLines(gate, figuresOf(result), pair.dataRange);
    if (lines.length > 0) throw new GateError(lines);
  } finally {
    await opened.close();
  }
}

async function evaluateMany(
  { jobs, unmatched, notes }: PairList,
  how: MeasureOptions,
  given: GivenOptions,
  options: EvaluateOptions,
  gate: Gate,
): Promise<void> {
  for (const text of notes) say({ kind: "note", text }, options);
  for (const path of unmatched) warn(`${path}: has no counterpart`, options);
  const done = new Map<string, Outcome>();
  let state: StateFile | undefined;
  if (options.resume !== undefined) {
    const resumed = await StateFile.resume(options.resume, given);
    state = resumed.state;
    for (const result of resumed.results) done.set(keyOf(result), result);
    for (const path of resumed.changed)
      warn(`${path}: has changed since it was measured, and is measured again`, options);
  }
  const progress = new Progress(jobs.length, "pairs", 1, options.quiet);
  try {
    const left = jobs.filter((job) => !done.has(keyOf(job)));
    progress.add(jobs.length - left.length);
    await measureAll(left, how, options.workers, async (outcome) => {
      done.set(keyOf(outcome), outcome);
      await state?.add(outcome);
      progress.add(1);
    });
  } finally {
    progress.end();
    await state?.close();
  }
  // Names and labels are those of this run's list.
  const outcomes = jobs.map((job) => ({ ...(done.get(keyOf(job)) as Outcome), ...jobOf(job) }));
  await deliverArchive(outcomes, given, options, gate, unmatched.length);
}
