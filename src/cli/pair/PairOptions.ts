import type { BandOptions } from "../decide/bands.ts";
import type { CalibrationOptions } from "../decide/calibration.ts";
import type { RuleOptions } from "../decide/validPixels.ts";

/** What becomes of pixels that count in the target and that the prediction has not. */
export type PredNodata = "skip" | "count" | "fail";

/** How a prediction and its target are to be read, in commander's names of the options. */
export interface PairOptions extends RuleOptions, CalibrationOptions, BandOptions {
  /** Default: skip. */
  readonly predNodata?: PredNodata;
  /** Whether an alpha band is a mask or a band like the others. */
  readonly alpha?: "mask" | "data";
  /** Of files that have several, from 1. */
  readonly page?: number;
  /** What results call the bands. */
  readonly bands?: readonly string[];
  /** From 1. */
  readonly predSample?: number;
  readonly targetSample?: number;
  readonly layout?: "chw" | "hwc";
  readonly dataRange?: number;
  readonly ignoreGeoreference?: boolean;
}
