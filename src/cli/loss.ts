import { Command, Option } from "commander";
import {
  type AccumulatedTerm,
  CombinedLoss,
  FlexibleWeightedLoss,
  type GroupBy,
  type Groups,
  type LossOptions,
  type ValidRule,
  type Weighting,
} from "../index.ts";
import { checkingUsage, DataError } from "./errors.ts";
import { GradientFile } from "./GradientFile.ts";
import { type GradientPart, type MeasuredLoss, measureLoss, readGradient } from "./lossParts.ts";
import {
  addOutputOptions,
  addPairOptions,
  checkOutput,
  decidingOptions,
  deliver,
  formatOf,
  givenOptions,
  masksOf,
  type OutputOptions,
  say,
} from "./options.ts";
import { parseNumber } from "./optionParsers.ts";
import { aboutCells, aboutColumns, type GivenOptions, howText } from "./output/evaluationText.ts";
import { checkApart, checkOutputFile } from "./output/outputFile.ts";
import { type Column, formatCsv, formatJson, formatNumber, formatTable, wrapped } from "./output/table.ts";
import { Pair } from "./pair/Pair.ts";
import type { PairOptions } from "./pair/PairOptions.ts";
import { totalOf } from "./pair/tally.ts";
import { listPairs } from "./pairList.ts";
import { type LossTerm, lossNames, parseLoss } from "./parseLoss.ts";
import { Progress } from "./Progress.ts";
import { remarksOn } from "./remarks.ts";
import { aboutPair } from "./result.ts";
import { version } from "./version.ts";

interface LossCommandOptions extends PairOptions, OutputOptions {
  readonly loss: string;
  readonly groupBy?: GroupBy;
  readonly weighting: Weighting;
  readonly reduction: "mean" | "sum";
  readonly grad?: string;
}

const help = `
Losses: ${lossNames.join(", ")}.
Parameters stand in parentheses; a sum has weights in front: "0.5*sam+0.5*huber(delta=0.1)".
ssim takes the range of the data from --data-range, or as ssim(dataRange=1).
With crossEntropy, the prediction holds logits and the target one band of class labels.
Images of any size are read in parts, in memory that does not grow with them; but for --grad with dice, vectorAngle or ssim
as a term, whose gradient takes a whole image at once.

Examples:
  $ valid-pixel-loss loss pred.tif target.tif
  $ valid-pixel-loss loss pred.tif target.tif --loss "0.5*sam+0.5*mse" --grad grad.npy
  $ valid-pixel-loss loss pred.tif target.tif --loss "huber(delta=0.05)" --group-by sample --nodata 0 --json`;

export function lossCommand(): Command {
  const command = new Command("loss")
    .summary("the valid-pixel weighted loss and its gradient")
    .description(
      "The base loss over the valid pixels of each group, the groups weighed by √(valid/total):\n" +
        "Σ w·L / Σ w. Groups are the bands of each image; whole images for sam and crossEntropy.",
    )
    .argument("<pred>", "the prediction")
    .argument("<target>", "what it should have been")
    .optionsGroup("The loss:")
    .option("--loss <sum>", "base loss, or a sum of them", "mse")
    .addOption(
      new Option("--group-by <what>", "what is weighed as one").choices(["sample", "channel", "batch", "band"]),
    )
    .option("--weighting <rule>", "sqrt, linear, uniform, or a power p of valid/total", parseWeighting, "sqrt")
    .addOption(new Option("--reduction <how>", "Σ w·L / Σ w, or Σ w·L").choices(["mean", "sum"]).default("mean"))
    .option("--grad <file>", "write the gradient with respect to the prediction, as NPY of its shape")
    .addHelpText("after", help);
  addOutputOptions(addPairOptions(command));
  return command.action(async (pred: string, target: string, options: LossCommandOptions) => {
    await checkOutput(options);
    await checkOutputFile("--grad", options.grad);
    const given = masksOf(options);
    const list = await listPairs({ pred, target, pairs: undefined, match: undefined, ...given });
    const written = [
      ["--output", options.output],
      ["--grad", options.grad],
    ] as const;
    await checkApart(written, [pred, target, ...given.masks.map(({ file }) => file)]);
    const terms = parseLoss(options.loss);
    // Built once before any file is opened, so that what is wrong with the options is said first.
    checkingUsage(() => criterion(terms, options, 1, givenRule(options)));
    const hasLabels = terms.some(({ name }) => name === "crossEntropy");
    const how = decidingOptions(options);
    const opened = await Pair.open(list.jobs[0] ?? { pred, target, masks: [] }, how, hasLabels);
    try {
      const { width, height, samples, channels } = opened;
      const passes = options.grad === undefined ? 1 : 2;
      const progress = new Progress(passes * width * height * samples * channels, "Mpx", 1e6, options.quiet);
      const onPart = (pixels: number) => progress.add(pixels * channels);
      const isRangeWatched = how.dataRange === undefined && terms.some(({ needsDataRange }) => needsDataRange);
      const criterionOf = (pair: Pair) => {
        progress.restart();
        if (isRangeWatched && pair.dataRange === null) throw rangeIsUnknown(pair);
        return criterion(terms, options, pair.dataRange ?? 1, hasLabels ? undefined : pair.kernelRule);
      };
      let measured: MeasuredLoss;
      let gradientNorm: number | undefined;
      try {
        measured = await measureLoss(opened, criterionOf, isRangeWatched, onPart);
        if (options.grad !== undefined) {
          gradientNorm = await writeGradient(options.grad, measured.pair, readGradient(measured), onPart);
        }
      } finally {
        progress.end();
      }
      for (const remark of remarksOn(measured, hasLabels)) say(remark, options);
      await deliver(format(measured, terms, gradientNorm, options, givenOptions(how, given.masks)), options);
    } finally {
      await opened.close();
    }
  });
}

const rangeIsUnknown = ({ job }: Pair) =>
  new DataError(
    `${job.pred} and ${job.target}: ssim needs --data-range, the largest possible value minus the smallest, or ssim(dataRange=…)`,
  );

/** Writes a gradient, and returns √Σ g², in float64. */
async function writeGradient(
  path: string,
  pair: Pair,
  parts: AsyncIterable<GradientPart>,
  onPart: (pixels: number) => void,
): Promise<number> {
  const file = await GradientFile.create(path, pair);
  let sum = 0;
  try {
    for await (const { grad, window, sample } of parts) {
      await file.write(grad, window, sample);
      for (let i = 0; i < grad.length; i++) sum += (grad[i] as number) ** 2;
      onPart(window.width * window.height);
    }
    await file.finish();
  } catch (error) {
    await file.discard();
    throw error;
  }
  return Math.sqrt(sum);
}

function parseWeighting(text: string): Weighting {
  return text === "sqrt" || text === "linear" || text === "uniform" ? text : parseNumber(text);
}

function criterion(
  terms: readonly LossTerm[],
  { groupBy, weighting, reduction }: LossCommandOptions,
  dataRange: number,
  valid: ValidRule | undefined,
): CombinedLoss {
  const settings = { weighting, reduction, ...(groupBy && { groupBy }), ...(valid && { valid }) };
  return new CombinedLoss(
    terms.map(({ weight, make }) => ({
      weight,
      loss: new FlexibleWeightedLoss(make(dataRange), settings as LossOptions<"mean">),
    })),
  );
}

/** The rule as far as the options give one. */
function givenRule({ min, above, max, below, nodata }: PairOptions): ValidRule | undefined {
  const given = Object.entries({ min, above, max, below, nodata }).filter(([, part]) => part !== undefined);
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}

/** A group by its image, from 1, and its band; "all" where the group is a whole image. */
interface GroupRow {
  readonly sample: number;
  readonly band: string;
  readonly loss: number;
  readonly weight: number;
  readonly validCount: number;
  readonly totalCount: number;
}

function groupRows(groups: Groups, sample: number, { bands }: Pair): GroupRow[] {
  return Array.from(groups.loss, (loss, g) => ({
    sample: sample + 1,
    band: groups.loss.length === 1 && bands.length > 1 ? "all" : (bands[g] as string),
    loss,
    weight: groups.weight[g] as number,
    validCount: groups.validCount[g] as number,
    totalCount: groups.totalCount[g] as number,
  }));
}

function format(
  { pair, sums, tally }: MeasuredLoss,
  terms: readonly LossTerm[],
  gradientNorm: number | undefined,
  options: LossCommandOptions,
  given: GivenOptions,
): string {
  const groups = Array.from({ length: pair.samples }, (_, sample) => sums.groups(String(sample)));
  const { value, terms: totals } = sums.finish();
  const results = terms.map(({ text, weight }, k) => ({
    loss: text,
    weight,
    ...(totals[k] as AccumulatedTerm),
    groups: groups.flatMap((ofTerms, sample) => groupRows(ofTerms[k] as Groups, sample, pair)),
  }));
  const { loss, digits } = options;
  const { pred, target } = pair.job;
  const about = aboutPair(pair);
  const { valid, missing } = totalOf(tally);
  const coverage = (valid - missing) / valid;
  const kind = formatOf(options);
  if (kind === "json") {
    const own = { version, pred, target, loss, value, gradientNorm, coverage, terms: results };
    return formatJson({ ...own, ...about, options: given });
  }
  if (kind === "csv") {
    const cells = aboutCells(about, given);
    return formatCsv([
      ["term", "sample", "band", "loss", "weight", "validCount", "totalCount", "coverage", ...aboutColumns],
      ...results.flatMap((term) => term.groups.map((row) => [term.loss, ...Object.values(row), coverage, ...cells])),
    ]);
  }
  const several = terms.length > 1;
  const images = pair.samples === 1 ? "" : `${pair.samples} images of `;
  const tables = results.map((term) => {
    const title = several ? `\n${term.weight} × ${term.loss}: ${formatNumber(term.value, digits)}\n` : "\n";
    return title + groupTable(term.groups, pair.samples > 1, digits);
  });
  const title = `${pred} against ${target}: ${images}${pair.width}×${pair.height} pixels`;
  return (
    `${wrapped(title)}\n${howText(about)}\n` +
    `loss           ${formatNumber(value, digits)}  (${loss})\n` +
    `${gradientNorm === undefined ? "" : `gradient norm  ${formatNumber(gradientNorm, digits)}\n`}${tables.join("")}`
  );
}

function groupTable(rows: readonly GroupRow[], withSample: boolean, digits: number | undefined): string {
  const columns: Column[] = [
    ...(withSample ? [{ heading: "image", align: "right" } as const] : []),
    { heading: "band", align: "left" },
    ...["loss", "weight", "valid", "total"].map((heading): Column => ({ heading, align: "right" })),
  ];
  return formatTable(
    columns,
    rows.map(({ sample, band, loss, weight, validCount, totalCount }) => [
      ...(withSample ? [String(sample)] : []),
      band,
      formatNumber(validCount > 0 ? loss : Number.NaN, digits),
      formatNumber(weight, digits),
      String(validCount),
      String(totalCount),
    ]),
  );
}
