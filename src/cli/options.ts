// The options that commands share.

import { type Command, Option } from "commander";
import { UsageError } from "./errors.ts";
import { checkOutputFile, writeText } from "./outputFile.ts";
import type { PairOptions } from "./Pair.ts";
import {
  parseCondition,
  parseCount,
  parseNodata,
  parseNumber,
  parseNumbers,
  parsePositive,
  parseWords,
} from "./words.ts";

/** How results leave the program. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly output?: string;
  readonly quiet?: boolean;
}

export function addPairOptions(command: Command): Command {
  return command
    .optionsGroup("Valid pixels (by the target's stored numbers; without any of these: --min 0):")
    .option("--min <value>", "target ≥ value", parseNumber)
    .option("--above <value>", "target > value", parseNumber)
    .option("--max <value>", "target ≤ value", parseNumber)
    .option("--below <value>", "target < value", parseNumber)
    .option("--nodata <values>", "target is none of these, in place of the file's own nodata tag; or none", parseNodata)
    .option("--mask <file>", "a raster that says which pixels count: those that are not 0")
    .addOption(
      new Option("--mask-valid <condition>", 'or those that pass, such as ">20" or ">=20,<80"').argParser(
        parseCondition,
      ),
    )
    .addOption(
      new Option("--mask-classes <numbers>", "or those of these classes, such as 4,5,6")
        .argParser(parseNumbers)
        .conflicts("maskValid"),
    )
    .optionsGroup("What is compared:")
    .option(
      "--bands <names>",
      "names to call the compared bands by in results, one for each; chooses none: --pred-bands, --target-bands do",
      parseWords,
    )
    .option("--pred-bands <list>", "bands of the prediction, by name or number: B02,B8A or 1-9,11", parseWords)
    .option("--target-bands <list>", "bands of the target", parseWords)
    .option("--pred-sample <n>", "which image of an NPY batch is the prediction, from 1; all by default", parseCount)
    .option("--target-sample <n>", "which one is the target", parseCount)
    .addOption(new Option("--layout <order>", "axes of NPY files").choices(["chw", "hwc"]).default("chw"))
    .option("--scale <factor>", "stored integers are multiplied by this", parsePositive)
    .option("--offset <value>", "then this is added", parseNumber)
    .option(
      "--data-range <value>",
      "largest possible value minus smallest; 1, or the type's for integers",
      parsePositive,
    )
    .option("--ignore-georeference", "compare rasters that lie in different places");
}

export function addOutputOptions(command: Command): Command {
  return command
    .optionsGroup("Output:")
    .option("--json", "print JSON; what is undefined is null")
    .addOption(new Option("--csv", "print comma-separated values").conflicts("json"))
    .option("--output <file>", "write to a file instead of standard output")
    .option("--quiet", "no warnings, no progress");
}

/** What commander cannot check by itself. Done before any file is read. */
export async function checkOptions({
  mask,
  maskValid,
  maskClasses,
  bands,
  output,
}: PairOptions & OutputOptions): Promise<void> {
  if (mask === undefined && (maskValid || maskClasses)) {
    throw new UsageError("--mask-valid and --mask-classes need --mask <file>");
  }
  if (bands && new Set(bands).size < bands.length) {
    throw new UsageError(`--bands: expected different names, got ${bands.join(", ")}`);
  }
  await checkOutputFile("--output", output);
}

/** Prints a result, or writes it where `--output` says. */
export async function deliver(text: string, { output }: OutputOptions): Promise<void> {
  if (output === undefined) process.stdout.write(text);
  else await writeText(output, text);
}

/** Says on standard error what the figures do not show. */
export function warn(message: string, { quiet }: OutputOptions): void {
  if (!quiet) process.stderr.write(`warning: ${message}\n`);
}
