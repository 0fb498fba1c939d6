// Sums that can be joined, and those that the kernels gather of each band; see assembly/spread.ts and assembly/bandSums.ts.

import { type BaseLoss, baseLoss } from "../losses/BaseLoss.ts";
import { MassSum } from "../memory/kernelApi.ts";
import { staging } from "../memory/kernels.ts";
import type { Prepared } from "../plan/arrays.ts";
import { type BroadcastOperand, isSoft, isWeighted } from "../plan/call.ts";
import { groupSums } from "../run/compute.ts";
import type { Sides } from "./halo.ts";

/** Σw, Σw·x and Σw·(x − mean x)². */
export interface Moments {
  readonly weight: number;
  readonly sum: number;
  readonly spread: number;
}

export const NO_MOMENTS: Moments = { weight: 0, sum: 0, spread: 0 };

export function join(a: Moments, b: Moments): Moments {
  const spread = staging().exports.joinedM2(a.weight, a.sum, a.spread, b.weight, b.sum, b.spread);
  return { weight: a.weight + b.weight, sum: a.sum + b.sum, spread };
}

/** Σw·x² */
export function squares({ weight, sum, spread }: Moments): number {
  return weight === 0 ? spread : spread + (sum / weight) * sum;
}

/** Numbers of which a mean is taken: their sum, and how many there are. */
export interface Mean {
  readonly sum: number;
  readonly count: number;
}

export const NO_MEAN: Mean = { sum: 0, count: 0 };

export function mean({ sum, count }: Mean): number {
  return sum / count;
}

/** What a plane's figures are made of, d = pred − target. */
export interface PlaneSums {
  /** Valid pixels. */
  readonly valid: number;
  /** Σ of the weights of all pixels, 1 each without. */
  readonly whole: number;
  /** Σ m·|d|, m being the pixels' masses, 1 each without soft mask and weights. */
  readonly absError: number;
  /** Of d, and of target: Σw is Σm. */
  readonly error: Moments;
  readonly target: Moments;
  /** Of the angle: Σ m·p², Σ m·p·t, Σ m·(t − α·p)². */
  readonly angle: Moments;
  /** 1 − SSIM, of centres, each as often as it has mass. */
  readonly unlike: Mean;
  /** Of windows. */
  readonly uqi: Mean;
  /** Spectral angles of pixels, with the first plane of a sample; NaN where pixels have a mass for each of their bands. */
  readonly spectra: Mean;
}

/** Figures that look at windows of pixels, and take most of the time. */
export const WINDOWED = ["ssim", "uqi"] as const;

export type WindowedFigure = (typeof WINDOWED)[number];

/** What is gathered besides moments: bits of the kernels' `Figures`. */
const SPECTRA = 1;
const WINDOWS: Record<WindowedFigure, number> = { ssim: 2, uqi: 4 };

/** What the kernels gather the sums of each plane by: moments alone. */
export const bandMoments = baseLoss("evaluate", "Bands");

/** The same, with all else that figures are made of. */
export function bandSums(dataRange: number, without: readonly WindowedFigure[]): BaseLoss<"bands"> {
  const windows = WINDOWED.filter((figure) => !without.includes(figure));
  const b = windows.reduce((bits, figure) => bits | WINDOWS[figure], SPECTRA);
  return baseLoss("evaluate", "Bands", { a: dataRange, b });
}

/** The sums of each plane, b * C + c, of a call of `bandSums`: of the core of an image, if it is itself a window with a halo. */
export function planeSums({ kernels, call, size }: Prepared, sides: Sides): PlaneSums[] {
  const core = {
    left: sides.left,
    right: size.width - sides.right,
    top: sides.top,
    bottom: size.height - sides.bottom,
  };
  const records = groupSums(kernels, { ...call, core });
  const stride = kernels.exports.sumsBytes() / 8;
  const weighted = isWeighted(call);
  const byChannel = [call.mask && isSoft(call.mask) ? call.mask : undefined, call.weights].some(
    (operand) => operand !== undefined && variesByChannel(operand, call.geometry.channels),
  );
  const pixels = (core.right - core.left) * (core.bottom - core.top);
  return Array.from({ length: call.geometry.groups }, (_, plane) => {
    // In the order of assembly/bandSums.ts.
    const [valid, absError, d, dSpread, t, tSpread, pp, pt, residual, unlike, centres, uqi, windows, angles, spectra] =
      records.subarray(plane * stride, (plane + 1) * stride) as unknown as number[] & { length: 15 };
    const weight = weighted ? (records[plane * stride + 1 + MassSum.Mass] as number) : valid;
    return {
      valid,
      whole: weighted ? (records[plane * stride + 1 + MassSum.Total] as number) : pixels,
      absError,
      error: { weight, sum: d, spread: dSpread },
      target: { weight, sum: t, spread: tSpread },
      angle: { weight: pp, sum: pt, spread: residual },
      unlike: { sum: unlike, count: centres },
      uqi: { sum: uqi, count: windows },
      spectra: { sum: byChannel ? Number.NaN : angles, count: spectra },
    } as PlaneSums;
  });
}

/** Whether an operand has a number for each of several channels, by its shape. */
function variesByChannel({ strides }: BroadcastOperand, channels: number): boolean {
  return channels > 1 && strides.channel !== 0;
}
