// The options that commands share: each a row of a table, with how it is written, read and explained.

import { type Command, Option } from "commander";
import { type MaskTest, maskTestText } from "./decide/maskTest.ts";
import { UsageError } from "./errors.ts";
import {
  parseCount,
  parseDigits,
  parseFigure,
  parseFinite,
  parseMaskBits,
  parseMaskClasses,
  parseMaskCondition,
  parseMaskPreset,
  parseNames,
  parseNodata,
  parseNumber,
  parsePositive,
  parseShare,
  parseWords,
  parseBound,
  repeated,
} from "./optionParsers.ts";
import type { Format, GivenOptions, TextOptions } from "./output/evaluationText.ts";
import { type Bound, type Gate, readBaseline } from "./output/gate.ts";
import { checkOutputFile, writeText } from "./output/outputFile.ts";
import type { MaskRequest } from "./pair/MaskFile.ts";
import type { PairOptions } from "./pair/PairOptions.ts";
import type { Remark } from "./remarks.ts";

interface OptionRow {
  readonly flags: string;
  readonly text: string;
  // Options that may be given again get what was read before.
  readonly parse?: (text: string, before: never) => unknown;
  readonly choices?: readonly string[];
  readonly conflicts?: string | string[];
}

const ruleRows: readonly OptionRow[] = [
  { flags: "--min <value>", text: "target ≥ value; -inf: every number", parse: parseNumber },
  { flags: "--above <value>", text: "target > value", parse: parseNumber },
  { flags: "--max <value>", text: "target ≤ value", parse: parseNumber },
  { flags: "--below <value>", text: "target < value", parse: parseNumber },
  {
    flags: "--nodata <values>",
    text: "target is none of these, in place of the file's own nodata tag; or none",
    parse: parseNodata,
  },
  {
    flags: "--pred-nodata <how>",
    text: "valid pixels where the prediction is nodata or NaN: skip (default), count as stored, or fail",
    choices: ["skip", "count", "fail"],
  },
  {
    flags: "--alpha <what>",
    text: "an alpha band is a mask (default), or data like other bands",
    choices: ["mask", "data"],
  },
];

const comparedRows: readonly OptionRow[] = [
  {
    flags: "--bands <names>",
    text: "names to call the compared bands by in results, one for each; chooses none: --pred-bands, --target-bands do",
    parse: parseNames,
  },
  {
    flags: "--pred-bands <list>",
    text: "bands of the prediction, by name or number: B02,B8A or 1-9,11",
    parse: parseWords,
  },
  { flags: "--target-bands <list>", text: "bands of the target", parse: parseWords },
  { flags: "--page <n>", text: "the page to read of TIFFs that have several, from 1", parse: parseCount },
  {
    flags: "--pred-sample <n>",
    text: "which image of an NPY batch is the prediction, from 1; all by default",
    parse: parseCount,
  },
  { flags: "--target-sample <n>", text: "which one is the target", parse: parseCount },
  { flags: "--layout <order>", text: "axes of NPY files: chw (default) or hwc", choices: ["chw", "hwc"] },
  { flags: "--ignore-georeference", text: "compare rasters that lie in different places" },
];

const both = ["predScale", "predOffset", "targetScale", "targetOffset", "scale", "offset"];

const numberRows: readonly OptionRow[] = [
  { flags: "--scale <factor>", text: "of both files, in place of their tags", parse: parsePositive },
  { flags: "--offset <value>", text: "then this is added", parse: parseFinite },
  { flags: "--pred-scale <factor>", text: "of the prediction alone", parse: parsePositive },
  { flags: "--pred-offset <value>", text: "of the prediction alone", parse: parseFinite },
  { flags: "--target-scale <factor>", text: "of the target alone", parse: parsePositive },
  { flags: "--target-offset <value>", text: "of the target alone", parse: parseFinite },
  { flags: "--raw", text: "take numbers as they are stored, whatever the tags say", conflicts: both },
  {
    flags: "--data-range <value>",
    text: "largest possible value minus smallest, for psnr, cpsnr and ssim; known of bytes (255) and within [0, 1] (1)",
    parse: parsePositive,
  },
];

const outputRows: readonly OptionRow[] = [
  { flags: "--json", text: "print JSON; what is undefined or not known is null" },
  { flags: "--csv", text: "print comma-separated values", conflicts: "json" },
  { flags: "--output <file>", text: "write to a file, in the format of its name: .json, .csv, .html, or a table" },
  { flags: "--digits <n>", text: "significant digits in tables (default: 4)", parse: parseDigits },
  { flags: "--quiet", text: "no warnings, no notes, no progress" },
];

const tableRows: readonly OptionRow[] = [
  { flags: "--all", text: "show every pair, not only the ten worst" },
  {
    flags: "--sort <figure>",
    text: "the figure that tells the worst pairs (default: psnr, or rmse)",
    parse: parseFigure,
  },
];

const gateRows: readonly OptionRow[] = [
  {
    flags: "--fail-if <bound>",
    text: 'exit code 3 if a figure passes it: "psnr<40", or of a band "B04.ssim<0.9"; may be repeated',
    parse: repeated(parseBound) as OptionRow["parse"] & object,
  },
  { flags: "--baseline <file>", text: "exit code 3 if a figure is worse than in this JSON of an earlier run" },
  {
    flags: "--tolerance <share>",
    text: "by more than this share of the earlier figure (default: 0)",
    parse: parseShare,
  },
];

/** How results leave the program. */
export interface OutputOptions extends TextOptions {
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly output?: string;
  readonly quiet?: boolean;
}

export interface GateOptions {
  readonly failIf?: readonly Bound[];
  readonly baseline?: string;
  readonly tolerance?: number;
}

/** What figures have to hold: read before any work, so that none is lost over it. */
export async function gateOf({ failIf = [], baseline, tolerance = 0 }: GateOptions): Promise<Gate> {
  if (tolerance > 0 && baseline === undefined) throw new UsageError("--tolerance needs --baseline <file>");
  return { bounds: failIf, baseline: baseline === undefined ? undefined : await readBaseline(baseline), tolerance };
}

function addRows(command: Command, group: string, rows: readonly OptionRow[]): Command {
  command.optionsGroup(group);
  for (const row of rows) command.addOption(optionOf(row));
  return command;
}

function optionOf({ flags, text, parse, choices, conflicts }: OptionRow): Option {
  const option = new Option(flags, text);
  if (parse) option.argParser(parse as (text: string, before: unknown) => unknown);
  if (choices) option.choices(choices);
  return conflicts ? option.conflicts(conflicts) : option;
}

export function addPairOptions(command: Command): Command {
  addRows(
    command,
    "Valid pixels, by the target's stored numbers (if nothing says what is missing: target ≥ 0):",
    ruleRows,
  );
  addMaskOptions(command);
  addRows(command, "What is compared:", comparedRows);
  return addRows(command, "What stored numbers stand for (scale · v + offset; by the tags of each file):", numberRows);
}

export function addOutputOptions(command: Command): Command {
  return addRows(command, "Output:", outputRows);
}

/** What commands have that print figures. */
export function addFigureOptions(command: Command): Command {
  addOutputOptions(command);
  for (const row of tableRows) command.addOption(optionOf(row));
  return addRows(command, "Gate:", gateRows);
}

/** The masks of a command line: each with the test that follows it. */
interface MaskOptions {
  readonly masks: MaskRequest[];
  /** Of the masks in a column of --pairs: a test that stands before any --mask. */
  columnTest: MaskTest | undefined;
}

const byDefault: MaskTest = { kind: "default" };

/** What stands behind a file's name: `--mask FILE:soft`. */
const SOFT = /:soft$/;

const maskTests: readonly (OptionRow & { parse(text: string): MaskTest })[] = [
  {
    flags: "--mask-valid <condition>",
    text: 'or those that pass, such as ">20" or ">=20,<80"',
    parse: parseMaskCondition,
  },
  { flags: "--mask-classes <classes>", text: "or those of these classes, such as 4-6,11", parse: parseMaskClasses },
  {
    flags: "--mask-bits <bits>",
    text: "or those in which all these bits are clear, such as 1-4",
    parse: parseMaskBits,
  },
  {
    flags: "--mask-preset <name>",
    text: "or what a product's makers recommend: s2-scl, s2-cloud<40, landsat-qa",
    parse: parseMaskPreset,
  },
];

/** Options whose meaning depends on their order: a test belongs to the mask before it. */
function addMaskOptions(command: Command): void {
  const given: MaskOptions = { masks: [], columnTest: undefined };
  const setTest = (test: MaskTest): MaskOptions => {
    const last = given.masks.filter(({ test }) => test.kind !== "weights").at(-1);
    if ((last?.test ?? given.columnTest ?? byDefault) !== byDefault) {
      throw new UsageError(
        "expected one test after each --mask: --mask-valid, --mask-classes, --mask-bits or --mask-preset",
      );
    }
    if (last) given.masks[given.masks.length - 1] = { ...last, test };
    else given.columnTest = test;
    return given;
  };
  const mask = new Option(
    "--mask <file>",
    "a raster that says which pixels count: those that are not 0, or FILE:soft, the share of each from 0 to 1; may be repeated",
  );
  command.addOption(
    mask.argParser((file) => {
      given.masks.push(
        SOFT.test(file) ? { file: file.replace(SOFT, ""), test: { kind: "soft" } } : { file, test: byDefault },
      );
      return given;
    }),
  );
  const weights = new Option("--weights <file>", "a raster of what each pixel counts, such as its area");
  command.addOption(
    weights.argParser((file) => {
      given.masks.unshift({ file, test: { kind: "weights" } });
      return given;
    }),
  );
  for (const row of maskTests) command.addOption(optionOf({ ...row, parse: (text) => setTest(row.parse(text)) }));
}

/** The masks that were asked for. */
export function masksOf(options: object): { masks: readonly MaskRequest[]; columnTest: MaskTest | undefined } {
  const keys = ["mask", "weights", "maskValid", "maskClasses", "maskBits", "maskPreset"] as const;
  const read = options as Partial<Record<(typeof keys)[number], MaskOptions>>;
  const given = keys.map((key) => read[key]).find((value) => value !== undefined);
  return given ?? { masks: [], columnTest: undefined };
}

const keyOf = ({ flags }: OptionRow) => new Option(flags).attributeName();

/** Options that decide on figures: of the tables, and `more` of a command's own. */
export function decidingOptions<Options extends object>(options: Options, more: readonly string[] = []): PairOptions {
  const keys = [...[...ruleRows, ...comparedRows, ...numberRows].map(keyOf), ...more];
  const given = options as Record<string, unknown>;
  return Object.fromEntries(keys.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]])));
}

/** An option as it is typed. */
export const flagOf = (key: string): string => `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The options of a run as results say them: those that decide on figures, by their flags. */
export function givenOptions(
  deciding: object,
  masks: readonly MaskRequest[] = [],
  columnTest: MaskTest | undefined = undefined,
): GivenOptions {
  const options = Object.entries(deciding).map(([key, value]) => [flagOf(key), value]);
  return {
    ...Object.fromEntries(options),
    ...Object.fromEntries(
      ["--mask", "--weights"].flatMap((flag) => {
        const own = masks.filter(({ test }) => (test.kind === "weights") === (flag === "--weights"));
        return own.length > 0 ? [[flag, own.map(({ file, test }) => `${file} (${maskTestText(test)})`)]] : [];
      }),
    ),
    ...(columnTest && { "column mask": maskTestText(columnTest) }),
  };
}

/** What commander cannot check by itself. Done before any file is read. */
export async function checkOutput(
  options: OutputOptions,
  formats: readonly Format[] = ["table", "json", "csv"],
): Promise<void> {
  const { output, json, csv } = options;
  await checkOutputFile("--output", output);
  const named = formatByName(output);
  if (named && !formats.includes(named)) {
    throw new UsageError(
      `--output: expected a name that ends in ${formats
        .slice(1)
        .map((f) => `.${f}`)
        .join(", ")}, got ${output}`,
    );
  }
  const flag = json ? "json" : csv ? "csv" : undefined;
  if (named && flag && named !== flag) throw new UsageError(`--output: ${output} is no name for --${flag}`);
}

function formatByName(path: string | undefined): Format | undefined {
  const ending = /\.(json|csv|html?)$/i.exec(path ?? "")?.[1]?.toLowerCase();
  return ending?.startsWith("htm") ? "html" : (ending as Format | undefined);
}

export function formatOf({ output, json, csv }: OutputOptions): Format {
  return formatByName(output) ?? (json ? "json" : csv ? "csv" : "table");
}

/** Prints a result, or writes it where `--output` says. */
export async function deliver(text: string, { output }: OutputOptions): Promise<void> {
  if (output === undefined) process.stdout.write(text);
  else await writeText(output, text);
}

/** Says on standard error what the figures do not show. */
export function say({ kind, text }: Remark, { quiet }: OutputOptions): void {
  if (!quiet) process.stderr.write(`${kind}: ${text}\n`);
}

export const warn = (text: string, options: OutputOptions): void => say({ kind: "warning", text }, options);
