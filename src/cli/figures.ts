import type { BandStats } from "../index.ts";

/** A figure as it heads a column. */
export interface Figure<Key> {
  readonly key: Key;
  readonly heading: string;
}

/** The figures of a band, in the order of the columns. rmse, mae and bias are in the units of the images. */
export const bandFigures: readonly Figure<keyof BandStats>[] = [
  { key: "psnr", heading: "psnr [dB]" },
  { key: "rmse", heading: "rmse" },
  { key: "mae", heading: "mae" },
  { key: "bias", heading: "bias" },
  { key: "sam", heading: "sam [rad]" },
  { key: "validCount", heading: "valid" },
  { key: "validRatio", heading: "valid/total" },
];
