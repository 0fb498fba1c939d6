import { Command, Option } from "commander";
import {
  CombinedLoss,
  FlexibleWeightedLoss,
  type GroupBy,
  type LossOptions,
  type LossResult,
  tensor,
  type ValidRule,
  type Weighting,
} from "../index.ts";
import { checkingUsage } from "./errors.ts";
import { missingText } from "./evaluate.ts";
import { countMissing } from "./validity.ts";
import { writeGradient } from "./writeGradient.ts";
import { addOutputOptions, addPairOptions, checkOptions, deliver, type OutputOptions, warn } from "./options.ts";
import { checkApart, checkOutputFile } from "./outputFile.ts";
import { Pair, type PairOptions, readAll } from "./Pair.ts";
import { type LossTerm, lossNames, parseLoss } from "./parseLoss.ts";
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
      const pixels = await readAll(pair);
      const { pred, target, mask } = pixels;
      const { samples, height, width } = pair;
      // Bands share the mask; labels have none.
      const maskShape = labels ? [samples, height, width] : [samples, 1, height, width];
      const result = criterion(terms, options, pair.dataRange, labels ? undefined : pair.rule).valueAndGrad(
        pred,
        target,
        mask ? { mask: tensor(mask.data, maskShape) } : {},
      );
      const missing = labels ? 0 : countMissing(pixels, pair);
      if (missing > 0) warn(missingText(predPath, missing), options);
      if (options.grad !== undefined) await writeGradient(options.grad, result.grad, pair);
      const figures = {
        value: result.value,
        gradientNorm: norm(result.grad.data),
        terms: terms.map((term, k) => ({ ...term, result: result.terms[k] as LossResult })),
      };
      await deliver(format(pair, figures, options), options);
    } finally {
      await pair.close();
    }
  });
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

/** √Σ g², in float64. */
function norm(grad: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < grad.length; i++) sum += (grad[i] as number) ** 2;
  return Math.sqrt(sum);
}

interface Figures {
  readonly value: number;
  readonly gradientNorm: number;
  readonly terms: readonly (LossTerm & { readonly result: LossResult })[];
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

function groupRows({ groups }: LossResult, { samples, bands }: Pair): GroupRow[] {
  const perSample = groups.loss.length / samples;
  return Array.from(groups.loss, (loss, g) => ({
    sample: Math.floor(g / perSample) + 1,
    band: perSample === 1 && bands.length > 1 ? "all" : (bands[g % perSample] as string),
    loss,
    weight: groups.weight[g] as number,
    validCount: groups.validCount[g] as number,
    totalCount: groups.totalCount[g] as number,
  }));
}

function format(pair: Pair, { value, gradientNorm, terms }: Figures, options: LossCommandOptions): string {
  const results = terms.map(({ text, weight, result }) => ({
    loss: text,
    weight,
    value: result.value,
    numerator: result.numerator,
    weightSum: result.weightSum,
    groups: groupRows(result, pair),
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
    `gradient norm  ${formatNumber(gradientNorm)}\n${tables.join("")}`
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
