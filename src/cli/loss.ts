import { Command, Option } from "commander";
import {
  type AccumulatedTerm,
  CombinedLoss,
  FlexibleWeightedLoss,
  type GroupBy,
  type Groups,
  type LossAccumulator,
  type LossOptions,
  type ValidRule,
  type Weighting,
} from "../index.ts";
import { checkingUsage } from "./errors.ts";
import { missingText } from "./evaluate.ts";
import { GradientFile } from "./GradientFile.ts";
import { type GradientPart, type MeasuredLoss, measureLoss, readGradient } from "./lossParts.ts";
import { addOutputOptions, addPairOptions, checkOptions, deliver, type OutputOptions, warn } from "./options.ts";
import { checkApart, checkOutputFile } from "./outputFile.ts";
import { Pair, type PairOptions } from "./Pair.ts";
import { type LossTerm, lossNames, parseLoss } from "./parseLoss.ts";
import { Progress } from "./Progress.ts";
import { type Column, formatCsv, formatJson, formatNumber, formatTable } from "./table.ts";
import { parseNumber } from "./words.ts";

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
    .addOption(new Option("--group-by <what>", "what is weighed as one").choices(["sample", "channel"]))
    .option("--weighting <rule>", "sqrt, linear, uniform, or a power p of valid/total", parseWeighting, "sqrt")
    .addOption(new Option("--reduction <how>", "Σ w·L / Σ w, or Σ w·L").choices(["mean", "sum"]).default("mean"))
    .option("--grad <file>", "write the gradient with respect to the prediction, as NPY of its shape")
    .addHelpText("after", help);
  addOutputOptions(addPairOptions(command));
  return command.action(async (predPath: string, targetPath: string, options: LossCommandOptions) => {
    await checkOptions(options);
    await checkOutputFile("--grad", options.grad);
    const written = [
      ["--output", options.output],
      ["--grad", options.grad],
    ] as const;
    await checkApart(written, [predPath, targetPath, options.mask]);
    const terms = parseLoss(options.loss);
    // Built once before any file is opened, so that what is wrong with the options is said first.
    checkingUsage(() => criterion(terms, options, 1, givenRule(options)));
    const labels = terms.some(({ name }) => name === "crossEntropy");
    const pair = await Pair.open(predPath, targetPath, options, labels);
    try {
      for (const note of pair.notes()) warn(note, options);
      const { width, height, samples } = pair;
      const passes = options.grad === undefined ? 1 : 2;
      const progress = new Progress(passes * width * height * samples * pair.channels, "Mpx", 1e6, options.quiet);
      const onPart = (pixels: number) => progress.add(pixels * pair.channels);
      const loss = criterion(terms, options, pair.dataRange, labels ? undefined : pair.rule);
      let measured: MeasuredLoss;
      let gradientNorm: number | undefined;
      try {
        measured = await measureLoss(pair, loss, onPart);
        if (options.grad !== undefined) {
          gradientNorm = await writeGradient(options.grad, pair, readGradient(pair, loss, measured.sums), onPart);
        }
      } finally {
        progress.end();
      }
      const { sums, missing } = measured;
      if (missing > 0) warn(missingText(predPath, missing), options);
      await deliver(format(pair, { terms, sums, gradientNorm }, options), options);
    } finally {
      await pair.close();
    }
  });
}

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

interface Figures {
  readonly terms: readonly LossTerm[];
  readonly sums: LossAccumulator;
  /** Where the gradient was asked for. */
  readonly gradientNorm: number | undefined;
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

function format(pair: Pair, { terms, sums, gradientNorm }: Figures, options: LossCommandOptions): string {
  const groups = Array.from({ length: pair.samples }, (_, sample) => sums.groups(String(sample)));
  const { value, terms: totals } = sums.finish();
  const results = terms.map(({ text, weight }, k) => ({
    loss: text,
    weight,
    ...(totals[k] as AccumulatedTerm),
    groups: groups.flatMap((ofTerms, sample) => groupRows(ofTerms[k] as Groups, sample, pair)),
  }));
  const { loss } = options;
  if (options.json) {
    return formatJson({ pred: pair.pred.path, target: pair.target.path, loss, value, gradientNorm, terms: results });
  }
  if (options.csv) {
    return formatCsv([
      ["term", "sample", "band", "loss", "weight", "validCount", "totalCount"],
      ...results.flatMap((term) => term.groups.map((row) => [term.loss, ...Object.values(row)])),
    ]);
  }
  const several = terms.length > 1;
  const images = pair.samples === 1 ? "" : `${pair.samples} images of `;
  const tables = results.map((term) => {
    const title = several ? `\n${term.weight} × ${term.loss}: ${formatNumber(term.value)}\n` : "\n";
    return title + groupTable(term.groups, pair.samples > 1);
  });
  return (
    `${pair.pred.path} against ${pair.target.path}: ${images}${pair.width}×${pair.height} pixels\n\n` +
    `loss           ${formatNumber(value)}  (${loss})\n` +
    `${gradientNorm === undefined ? "" : `gradient norm  ${formatNumber(gradientNorm)}\n`}${tables.join("")}`
  );
}

function groupTable(rows: readonly GroupRow[], withSample: boolean): string {
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
      formatNumber(validCount > 0 ? loss : Number.NaN),
      formatNumber(weight),
      String(validCount),
      String(totalCount),
    ]),
  );
}
