// Evaluations as people and programs read them.

import type { BandStats, Evaluation } from "../index.ts";
import { bandFigures, type Figure, sceneFigures } from "./figures.ts";
import type { Job } from "./measure.ts";
import { type Column, formatCsv, formatJson, formatNumber, formatTable } from "./table.ts";

/** What has become of a pair: its figures, or what is wrong with it. */
export type Outcome = Job & ({ readonly evaluation: Evaluation } | { readonly error: string });

/** Many pairs, and all that could be read taken together. */
export interface Archive {
  readonly pairs: readonly Outcome[];
  readonly total: Evaluation;
}

export type Format = "table" | "json" | "csv";

export function formatOf({ json, csv }: { json?: boolean; csv?: boolean }): Format {
  return json ? "json" : csv ? "csv" : "table";
}

/** @param title the line above the table */
export function evaluationText(
  title: string,
  job: Job & { dataRange: number },
  { bands, scene }: Evaluation,
  format: Format,
): string {
  if (format === "json") return formatJson({ ...job, bands, scene });
  if (format === "csv") return formatCsv([["band", ...keys], ...bandRows(bands)]);
  return `${title}\n\n${evaluationTables({ bands, scene })}`;
}

export function archiveText({ pairs, total }: Archive, format: Format): string {
  const failed = pairs.filter((pair) => "error" in pair).length;
  if (format === "json") {
    const plain = pairs.map(({ pred, target, ...rest }) => ({
      pred,
      target,
      ...("evaluation" in rest ? { bands: rest.evaluation.bands, scene: rest.evaluation.scene } : rest),
    }));
    return formatJson({ pairs: plain, failed, total: { bands: total.bands, scene: total.scene } });
  }
  if (format === "csv") {
    const rows = pairs.flatMap((pair) => {
      if ("error" in pair) return [[pair.pred, pair.target, "", ...keys.map(() => ""), pair.error]];
      return bandRows(pair.evaluation.bands).map((row) => [pair.pred, pair.target, ...row, ""]);
    });
    const totals = bandRows(total.bands).map((row) => ["total", "", ...row, ""]);
    return formatCsv([["pred", "target", "band", ...keys, "error"], ...rows, ...totals]);
  }
  const rows = pairs.map((pair) => {
    if ("error" in pair) return [pair.pred, ...sceneFigures.map(() => "–")];
    return [pair.pred, ...sceneFigures.map(({ key }) => formatNumber(pair.evaluation.scene[key]))];
  });
  const broken = failed === 0 ? "" : `, ${failed} of them could not be evaluated`;
  return `${pairs.length} pairs${broken}\n\n${formatTable(columns("pair", sceneFigures), rows)}\nAll together\n\n${evaluationTables(total)}`;
}

const keys = bandFigures.map(({ key }) => key);

function bandRows(bands: Evaluation["bands"]): (string | number)[][] {
  return Object.entries(bands).map(([name, stats]) => [name, ...keys.map((key) => stats[key])]);
}

function columns(first: string, figures: readonly Figure<string>[]): Column[] {
  return [{ heading: first, align: "left" }, ...figures.map(({ heading }): Column => ({ heading, align: "right" }))];
}

function evaluationTables({ bands, scene }: Pick<Evaluation, "bands" | "scene">): string {
  const ofBand = ([name, stats]: [string, BandStats]) => [name, ...keys.map((key) => formatNumber(stats[key]))];
  const ofScene = ["all bands", ...sceneFigures.map(({ key }) => formatNumber(scene[key]))];
  return `${formatTable(columns("band", bandFigures), Object.entries(bands).map(ofBand))}\n${formatTable(columns("scene", sceneFigures), [ofScene])}`;
}
