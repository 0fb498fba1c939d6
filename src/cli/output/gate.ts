// Figures that have to be good enough: by bounds that are given, and by those of an earlier run.

import { type Comparison, compares } from "../decide/maskTest.ts";
import { DataError } from "../errors.ts";
import { readText } from "../inputFile.ts";
import type { Figures } from "../result.ts";
import { badness, bandFigures, figureOf, sceneFigures, sceneValue } from "./figures.ts";
import { formatNumber } from "./table.ts";

/** "psnr<40" fails a run whose scene has less, "B04.ssim<0.9" one whose band does. */
export interface Bound {
  readonly text: string;
  /** `undefined`: of the scene. */
  readonly band: string | undefined;
  readonly figure: string;
  readonly fails: Comparison;
}

/**
 * A line for each bound that fails. A figure that is not known cannot be said to hold it, and fails.
 *
 * @throws DataError for a band that was not compared
 */
export function failedBounds(bounds: readonly Bound[], figures: Figures): string[] {
  return bounds.flatMap(({ text, band, figure, fails }) => {
    const value = band === undefined ? sceneValue(figures, figure) : bandValue(figures, band, figure);
    const name = band === undefined ? figure : `${band}.${figure}`;
    if (Number.isNaN(value)) return [`${name} is not known (--fail-if "${text}")`];
    return compares(value, fails) ? [`${name} is ${formatNumber(value, 6)} (--fail-if "${text}")`] : [];
  });
}

function bandValue({ bands }: Figures, name: string, figure: string): number {
  const [, figures] = bands.find(([band]) => band === name) ?? [];
  if (!figures) {
    throw new DataError(`--fail-if: expected a band among ${bands.map(([band]) => band).join(", ")}, got "${name}"`);
  }
  // A figure that only the scene has is not known of a band.
  return figures[figure as keyof typeof figures] ?? Number.NaN;
}

/** What figures have to hold. */
export interface Gate {
  readonly bounds: readonly Bound[];
  readonly baseline: Baseline | undefined;
  /** A share of the baseline's figures. */
  readonly tolerance: number;
}

/** A line for each figure that is not good enough. */
export function failedLines(
  { bounds, baseline, tolerance }: Gate,
  figures: Figures,
  dataRange: number | null,
): string[] {
  return [
    ...failedBounds(bounds, figures),
    ...(baseline ? [...otherRange(baseline, dataRange), ...worseThan(baseline, figures, tolerance)] : []),
  ];
}

/** Figures of an earlier run, as its JSON has them: of all pairs together, if they are many. */
export interface Baseline {
  readonly path: string;
  readonly bands: Readonly<Record<string, Earlier>>;
  readonly scene: Earlier;
  readonly dataRange: number | null;
}

/** `null` for what was undefined, a word for infinities. */
type Earlier = Readonly<Record<string, number | string | null>>;

/** @throws DataError, RasterError for a file that is no such result */
export async function readBaseline(path: string): Promise<Baseline> {
  const text = await readText(path);
  try {
    const result = JSON.parse(text);
    const { bands, scene, dataRange = null } = result.total ?? result;
    if (typeof bands !== "object" || typeof scene !== "object" || !bands || !scene) throw new TypeError();
    return { path, bands, scene, dataRange };
  } catch {
    throw new DataError(`${path}: is no result of evaluate --json`);
  }
}

function otherRange({ path, dataRange: before }: Baseline, dataRange: number | null): string[] {
  if (before === null || dataRange === null || before === dataRange) return [];
  return [`the data range is ${dataRange}, but ${before} in ${path}: psnr, ssim and cpsnr do not compare`];
}

/**
 * A line for each figure that is worse than in the baseline, by more than `tolerance`, a share of the baseline's, or that is known there
 * alone.
 */
export function worseThan({ path, bands, scene }: Baseline, figures: Figures, tolerance: number): string[] {
  const worse = (name: string, key: string, earlier: Earlier, value: number | undefined): string[] => {
    const figure = figureOf(key);
    const before = numberOf(earlier[key]);
    if (figure.worse === null || before === undefined) return [];
    if (value === undefined || Number.isNaN(value)) return [`${name} is not known, but is in ${path}`];
    // An infinite figure is as good or as bad as can be: any share of it is itself.
    const allowed = Number.isFinite(before) ? tolerance * Math.abs(before) : 0;
    if (value === before || !(badness(figure, value) > badness(figure, before) + allowed)) return [];
    return [`${name} is ${formatNumber(value, 6)}, worse than ${formatNumber(before, 6)} in ${path}`];
  };
  return [
    ...sceneFigures.flatMap(({ key }) => worse(key, key, scene, figures.scene[key])),
    ...Object.entries(bands).flatMap(([band, earlier]) => {
      const [, own] = figures.bands.find(([name]) => name === band) ?? [];
      if (!own) return [`band ${band} is missing, but is in ${path}`];
      return bandFigures.flatMap(({ key }) => worse(`${band}.${key}`, key, earlier, own[key]));
    }),
  ];
}

function numberOf(value: number | string | null | undefined): number | undefined {
  if (value === null || value === undefined) return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}
