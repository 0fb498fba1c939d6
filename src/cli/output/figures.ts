import type { BandFigures, Figures, SceneFigures } from "../result.ts";

/** A figure: what heads its column, and which way is worse. `null`: it says nothing of quality. */
export interface Figure<Key extends string = string> {
  readonly key: Key;
  readonly heading: string;
  readonly worse: "lower" | "higher" | "farther from 0" | null;
}

/** The figures of a band, in the order of the columns. rmse, mae and bias are in the units of the images. */
export const bandFigures: readonly Figure<keyof BandFigures>[] = [
  { key: "psnr", heading: "psnr", worse: "lower" },
  { key: "rmse", heading: "rmse", worse: "higher" },
  { key: "ssim", heading: "ssim", worse: "lower" },
  { key: "sam", heading: "sam", worse: "higher" },
  { key: "mae", heading: "mae", worse: "higher" },
  { key: "bias", heading: "bias", worse: "farther from 0" },
  { key: "r2", heading: "r²", worse: "lower" },
  { key: "cpsnr", heading: "cpsnr", worse: "lower" },
  { key: "validCount", heading: "values", worse: null },
  { key: "validRatio", heading: "valid", worse: null },
  { key: "coverage", heading: "coverage", worse: "lower" },
];

/** The figures of all bands together. `sam` is the angle between spectra here, between whole bands above. */
export const sceneFigures: readonly Figure<keyof SceneFigures>[] = [
  { key: "psnr", heading: "psnr", worse: "lower" },
  { key: "rmse", heading: "rmse", worse: "higher" },
  { key: "sam", heading: "spectral sam", worse: "higher" },
  { key: "ergas", heading: "ergas", worse: "higher" },
  { key: "uqi", heading: "uqi", worse: "lower" },
  { key: "validRatio", heading: "valid", worse: null },
  { key: "coverage", heading: "coverage", worse: "lower" },
];

const all = new Map<string, Figure>([...sceneFigures, ...bandFigures].map((figure) => [figure.key, figure]));

export const figureNames: readonly string[] = [...all.keys()];

export const figureOf = (key: string): Figure => all.get(key) as Figure;

/** A figure of the scene: its own, or the mean over the bands that have it. */
export function sceneValue({ bands, scene }: Figures, key: string): number {
  if (Object.hasOwn(scene, key)) return scene[key as keyof SceneFigures];
  const values = bands.map(([, figures]) => figures[key as keyof BandFigures]).filter((value) => !Number.isNaN(value));
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** How bad a figure is: larger is worse, whichever way its own numbers go. */
export function badness({ worse }: Figure, value: number): number {
  if (worse === "lower") return -value;
  return worse === "farther from 0" ? Math.abs(value) : value;
}
