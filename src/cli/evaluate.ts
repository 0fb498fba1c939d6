import { Command } from "commander";
import { type Evaluation, evaluate, type Tensor, tensor } from "../index.ts";
import { bandFigures } from "./figures.ts";
import { addOutputOptions, addPairOptions, checkOptions, deliver, type OutputOptions, warn } from "./options.ts";
import { checkOutputFile, makeFolder } from "./outputFile.ts";
import { writeMaps } from "./maps.ts";
import { writeReport } from "./report/writeReport.ts";
import { Pair, type PairOptions, readAll } from "./Pair.ts";
import { type Column, formatCsv, formatJson, formatNumber, formatTable } from "./table.ts";

const examples = `
Examples:
  $ valid-pixel-loss evaluate pred.tif target.tif
  $ valid-pixel-loss evaluate pred.tif S2.tif --pred-bands 1-3 --target-bands B02,B03,B04 --scale 1e-4
  $ valid-pixel-loss evaluate pred.tif target.tif --mask scl.tif --mask-classes 4,5,6 --json`;

interface EvaluateCommandOptions extends PairOptions, OutputOptions {
  readonly report?: string;
  readonly maps?: string;
}

export function evaluateCommand(): Command {
  const command = new Command("evaluate")
    .summary("how well a prediction meets its target, band by band")
    .description("Quality metrics of each band over the valid pixels alone. GeoTIFF and NPY.")
    .argument("<pred>", "the prediction")
    .argument("<target>", "what it should have been")
    .addHelpText("after", examples);
  addOutputOptions(addPairOptions(command));
  command
    .option(
      "--report <file>",
      "write a page to look at: pictures, maps, histograms and scatter plots, as one HTML file",
    )
    .option("--maps <folder>", "write maps of the error and the spectral angle, as GeoTIFF and PNG");
  return command.action(async (pred: string, target: string, options: EvaluateCommandOptions) => {
    await checkOptions(options);
    await checkOutputFile("--report", options.report);
    if (options.maps !== undefined) await makeFolder(options.maps);
    const pair = await Pair.open(pred, target, options);
    try {
      const result = await evaluatePair(pair);
      if (pair.missingPredictions > 0) warn(missingText(pair), options);
      if (options.maps !== undefined) await writeMaps(options.maps, pair);
      if (options.report !== undefined) await writeReport(options.report, pair, result);
      await deliver(format(pair, result, options), options);
    } finally {
      await pair.close();
    }
  });
}

async function evaluatePair(pair: Pair): Promise<Evaluation> {
  const { bands, dataRange, rule: valid, samples, height, width } = pair;
  const { pred, target, mask } = await readAll(pair);
  return evaluate(pred as Tensor, target as Tensor, {
    bands,
    dataRange,
    valid,
    ...(mask && { mask: tensor(mask.data, [samples, 1, height, width]) }),
  });
}

export function missingText({ pred, missingPredictions }: Pair): string {
  const values = missingPredictions === 1 ? "value is" : "values are";
  return `${pred.path}: ${missingPredictions} ${values} NaN or nodata where the target is valid; they count (--mask leaves them out)`;
}

function format(pair: Pair, { bands }: Evaluation, { json, csv }: OutputOptions): string {
  if (json) return formatJson({ pred: pair.pred.path, target: pair.target.path, dataRange: pair.dataRange, bands });
  const rows = Object.entries(bands);
  if (csv) {
    return formatCsv([
      ["band", ...bandFigures.map(({ key }) => key)],
      ...rows.map(([name, stats]) => [name, ...bandFigures.map(({ key }) => stats[key])]),
    ]);
  }
  const columns: Column[] = [
    { heading: "band", align: "left" },
    ...bandFigures.map(({ heading }): Column => ({ heading, align: "right" })),
  ];
  const table = formatTable(
    columns,
    rows.map(([name, stats]) => [name, ...bandFigures.map(({ key }) => formatNumber(stats[key]))]),
  );
  return `${titleOf(pair)}, data range ${pair.dataRange}\n\n${table}`;
}

export function titleOf(pair: Pair): string {
  const images = pair.samples === 1 ? "" : `${pair.samples} images of `;
  return `${pair.pred.path} against ${pair.target.path}: ${images}${pair.width}×${pair.height} pixels`;
}
