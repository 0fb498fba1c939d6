import type { BandStats, SceneStats } from "../index.ts";

/** A figure as it heads a column. */
export interface Figure<Key> {
  readonly key: Key;
  readonly heading: string;
}

/** The figures of a band, in the order of the columns. rmse, mae and bias are in the units of the images. */
export const bandFigures: readonly Figure<keyof BandStats>[] = [
  { key: "psnr", heading: "psnr [dB]" },
  { key: "rmse", heading: "rmse" },
  { key: "ssim", heading: "ssim" },
  { key: "sam", heading: "sam [rad]" },
  { key: "mae", heading: "mae" },
  { key: "bias", heading: "bias" },
  { key: "r2", heading: "r²" },
  { key: "cpsnr", heading: "cpsnr [dB]" },
  { key: "validCount", heading: "valid" },
  { key: "validRatio", heading: "valid/total" },
];

/** The figures of all bands together. `sam` is the angle between spectra here, between whole bands above. */
export const sceneFigures: readonly Figure<keyof SceneStats>[] = [
  { key: "psnr", heading: "psnr [dB]" },
  { key: "rmse", heading: "rmse" },
  { key: "sam", heading: "spectral sam [rad]" },
  { key: "ergas", heading: "ergas" },
  { key: "uqi", heading: "uqi" },
  { key: "validRatio", heading: "valid/total" },
];
