// Evaluations as people and programs read them.

import { nameOf } from "../pair/Job.ts";
import {
  type About,
  type Archive,
  type Figures,
  figuresOf,
  isDone,
  jobOf,
  type Outcome,
  type PairResult,
} from "../result.ts";
import { version } from "../version.ts";
import { AVERAGED, type Averages } from "../../metrics/figures.ts";
import { badness, bandFigures, type Figure, figureOf, sceneFigures, sceneValue } from "./figures.ts";
import { type Column, formatCsv, formatJson, formatNumber, formatTable, wrapped } from "./table.ts";

export type Format = "table" | "json" | "csv" | "html";

/** How tables are laid out, and what results say of the options. */
export interface TextOptions {
  /** Significant digits. */
  readonly digits?: number;
  /** Of many pairs, the table shows every one. */
  readonly all?: boolean;
  /** The figure by which the worst pairs are told. */
  readonly sort?: string;
}

/** The options of a run as they were given, for results to say. */
export type GivenOptions = Readonly<Record<string, unknown>>;

export function evaluationText(result: PairResult, format: Format, given: GivenOptions, options: TextOptions): string {
  const figures = figuresOf(result);
  if (format === "json") return formatJson({ version, ...jsonOf(result), options: given });
  if (format === "csv") return formatCsv(csvOf([{ outcome: result, figures }], given, false));
  return `${aboutText(result)}\n${figureTables(figures, options)}`;
}

export function archiveText(archive: Archive, format: Format, given: GivenOptions, options: TextOptions): string {
  const { outcomes, total, dataRange } = archive;
  const failed = outcomes.filter((outcome) => !isDone(outcome));
  if (format === "json") {
    return formatJson({
      version,
      pairs: outcomes.map(jsonOf),
      failed: failed.length,
      total: { dataRange, ...figuresJson(total) },
      options: given,
    });
  }
  if (format === "csv") {
    const rows = outcomes.map((outcome) => ({ outcome, figures: isDone(outcome) ? figuresOf(outcome) : undefined }));
    return formatCsv(csvOf([...rows, { outcome: undefined, figures: total }], given, true));
  }
  const broken = failed.length === 0 ? "" : `, ${failed.length} of them could not be evaluated`;
  const list = failuresOf(archive)
    .map((error) => `${wrapped(error)}\n`)
    .join("");
  return (
    `${outcomes.length} pairs${broken}\n\nAll together\n\n${figureTables(total, options)}\n${pairsTable(archive, options)}` +
    (list === "" ? "" : `\nNot evaluated\n\n${list}`)
  );
}

/** What was wrong with pairs, a line each. */
export const failuresOf = ({ outcomes }: Archive): string[] =>
  outcomes.flatMap((outcome) => (isDone(outcome) ? [] : outcome.error));

function jsonOf(outcome: Outcome): object {
  if (!isDone(outcome)) return outcome;
  const remarks = outcome.remarks.map(({ text }) => text);
  return { ...jobOf(outcome), ...outcome.about, remarks, ...figuresJson(figuresOf(outcome)) };
}

const figuresJson = ({ bands, scene, averages }: Figures) => ({ bands: Object.fromEntries(bands), scene, averages });

interface CsvEntry {
  /** `undefined`: all pairs together. */
  readonly outcome: Outcome | undefined;
  readonly figures: Figures | undefined;
}

/** Columns of the figures: those of bands first, then those that only the scene has. */
const csvFigures: readonly Figure[] = [
  ...bandFigures,
  ...sceneFigures.filter(({ key }) => !bandFigures.some((figure) => figure.key === key)),
];

/** A row for each band and one for the scene, each with all that it takes to know what was measured. */
function csvOf(entries: readonly CsvEntry[], given: GivenOptions, isMany: boolean): (string | number)[][] {
  const labels = [...new Set(entries.flatMap(({ outcome }) => Object.keys(outcome?.labels ?? {})))];
  const heading = [
    ...(isMany ? ["pred", "target"] : []),
    ...["band", ...csvFigures.map(({ key }) => key)],
    ...(isMany ? ["error", "name", ...labels] : []),
    ...aboutColumns,
  ];
  const rows = entries.flatMap(({ outcome, figures }) => {
    const paths = outcome ? [outcome.pred, outcome.target] : ["total", ""];
    const error = outcome && !isDone(outcome) ? outcome.error : "";
    const own = [error, outcome?.name ?? "", ...labels.map((label) => outcome?.labels?.[label] ?? "")];
    const about = aboutCells(outcome && isDone(outcome) ? outcome.about : undefined, given);
    const row = (band: string, values: Readonly<Record<string, number>>) => [
      ...(isMany ? paths : []),
      band,
      ...csvFigures.map(({ key }) => values[key] ?? Number.NaN),
      ...(isMany ? own : []),
      ...about,
    ];
    if (!figures) return [row("", {})];
    return [...figures.bands.map(([name, values]) => row(name, { ...values })), row("scene", { ...figures.scene })];
  });
  return [heading, ...rows];
}

export const aboutColumns: readonly string[] = [
  "files",
  "valid",
  "predNodata",
  "predValues",
  "targetValues",
  "dataRange",
  "options",
  "version",
];

export function aboutCells(about: About | undefined, given: GivenOptions): (string | number)[] {
  const options = JSON.stringify(given);
  if (!about) return ["", "", "", "", "", "", options, version];
  const files = about.files.map(({ path, bytes, modified }) => `${path} (${bytes} bytes, ${modified})`).join("; ");
  const { valid, predNodata, values, dataRange } = about;
  return [files, valid.join("; "), predNodata, values.pred, values.target, dataRange ?? "", options, version];
}

/** What was compared, above its figures. */
function aboutText({ pred, target, about }: PairResult): string {
  const { width, height, images, dataRange, compared } = about;
  const bands = `${compared.length} ${compared.length === 1 ? "band" : "bands"}`;
  const size = `${images === 1 ? "" : `${images} images of `}${width}×${height} pixels, ${bands}`;
  const range = dataRange === null ? "data range not known" : `data range ${dataRange}`;
  return `${wrapped(`${pred} against ${target}: ${size}, ${range}`)}\n${howText(about)}`;
}

/** Which pixels count, and what stored numbers were taken as. */
export function howText({ valid, values }: About): string {
  const isStored = values.pred === "v" && values.target === "v";
  const taken = isStored ? [] : [`stored v taken as ${values.pred} (prediction) and ${values.target} (target)`];
  return [`valid where ${valid.join("; ")}`, ...taken].map((line) => `${wrapped(line)}\n`).join("");
}

function figureTables({ bands, scene, averages }: Figures, { digits }: TextOptions): string {
  // Where the prediction has all of every band, the scene says so.
  const isWhole = bands.every(([, { coverage }]) => coverage === 1);
  const shown = bandFigures.filter(({ key }) => key !== "validCount" && !(key === "coverage" && isWhole));
  const ofBand = bands.map(([name, stats]) => [name, ...shown.map(({ key }) => formatNumber(stats[key], digits))]);
  const ofScene = ["all bands", ...sceneFigures.map(({ key }) => formatNumber(scene[key], digits))];
  const tables = [
    formatTable(columns("scene", sceneFigures), [ofScene]),
    formatTable(columns("band", shown), ofBand),
    ...averagesTable(averages, digits),
  ];
  return tables.join("\n");
}

/** The ways of averaging over images, where they differ. */
const ways = [
  ["pooled", "all pixels alike"],
  ["sqrt", "images by √(valid/total)"],
  ["samples", "images alike"],
] as const;

function averagesTable(averages: Averages, digits: number | undefined): string[] {
  const lines = ways.map(([way, title]) => [
    title,
    ...AVERAGED.map((name) => formatNumber(averages[name][way], digits)),
  ]);
  const differ = new Set(lines.map(([, ...numbers]) => numbers.join(" "))).size > 1;
  return differ ? [formatTable(columns("averages", AVERAGED.map(figureOf)), lines)] : [];
}

function columns(first: string, figures: readonly Figure[]): Column[] {
  return [{ heading: first, align: "left" }, ...figures.map(({ heading }): Column => ({ heading, align: "right" }))];
}

/** Of many pairs the worst are looked at. */
const shownPairs = 10;

const pairFigures = ["psnr", "rmse", "ssim", "sam", "ergas", "uqi", "validRatio", "coverage"].map(figureOf);

function pairsTable({ outcomes }: Archive, { digits, all = false, sort }: TextOptions): string {
  const { key, rows } = worstFirst(outcomes, sort);
  const shown = all ? rows : rows.slice(0, shownPairs);
  const hasFigure = pairFigures.some((figure) => figure.key === key);
  const figures = hasFigure ? pairFigures : [figureOf(key), ...pairFigures];
  const title =
    shown.length < rows.length ? `The ${shown.length} worst of ${rows.length} pairs` : "Pairs, the worst first,";
  const lines = shown.map(({ result, figures: values }) => [
    nameOf(result),
    ...figures.map((figure) => formatNumber(sceneValue(values, figure.key), digits)),
  ]);
  return `${title} by ${figureOf(key).heading}\n\n${formatTable(columns("pair", figures), lines)}`;
}

/** By psnr, or by rmse where psnr is not known of all; pairs that have no such figure last. */
export function worstFirst(outcomes: readonly Outcome[], sort?: string) {
  const rows = outcomes.filter(isDone).map((result) => ({ result, figures: figuresOf(result) }));
  const isKnown = rows.every(({ figures }) => !Number.isNaN(figures.scene.psnr));
  const key = sort ?? (isKnown ? "psnr" : "rmse");
  const of = ({ figures }: (typeof rows)[0]) => {
    const value = badness(figureOf(key), sceneValue(figures, key));
    return Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
  };
  return { key, rows: rows.sort((a, b) => of(b) - of(a) || 0) };
}
