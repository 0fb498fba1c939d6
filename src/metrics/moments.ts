// Sums that can be joined, and those that the kernels gather of each band; see assembly/bandSums.ts.

import { type BaseLoss, baseLoss } from "../losses/BaseLoss.ts";
import { MassSum } from "../memory/kernelApi.ts";
import type { Prepared } from "../plan/arrays.ts";
import { type BroadcastOperand, isSoft, isWeighted } from "../plan/call.ts";
import { groupSums } from "../run/compute.ts";
import { ExactSum, ratio, variation } from "./exact.ts";
import type { Sides } from "./halo.ts";

/** Σw, Σw·x and Σw·(x − mean x)², as the kernels gather them. */
export interface RawMoments {
  readonly weight: number;
  readonly sum: number;
  readonly m2: number;
}

/**
 * Σw, Σw·x and Σw·x² of several such, exact: so their order is of no account. Σw·x² of one of them is m2 + sum² / weight, cut after 192
 * bits, which leaves nothing for a variance to cancel.
 */
export class Moments {
  static readonly NONE = new Moments(ExactSum.ZERO, ExactSum.ZERO, ExactSum.ZERO);

  readonly weight: ExactSum;
  readonly sum: ExactSum;
  readonly square: ExactSum;

  constructor(weight: ExactSum, sum: ExactSum, square: ExactSum) {
    this.weight = weight;
    this.sum = sum;
    this.square = square;
  }

  static of({ weight, sum, m2 }: RawMoments): Moments {
    const level = weight === 0 ? ExactSum.ZERO : ExactSum.squareOver(sum, weight);
    return new Moments(ExactSum.of(weight), ExactSum.of(sum), ExactSum.of(m2).plus(level));
  }

  plus({ weight, sum, square }: Moments): Moments {
    return new Moments(this.weight.plus(weight), this.sum.plus(sum), this.square.plus(square));
  }

  /** Σw·(x − mean x)², rounded once. */
  get m2(): number {
    return variation(this.square, this.sum, this.weight);
  }
}

/** Numbers of which a mean is taken: their sum, and how many there are. */
export interface RawMean {
  readonly sum: number;
  readonly count: number;
}

/** Several such, exact. */
export class Mean {
  static readonly NONE = new Mean(ExactSum.ZERO, ExactSum.ZERO);

  readonly sum: ExactSum;
  readonly count: ExactSum;

  constructor(sum: ExactSum, count: ExactSum) {
    this.sum = sum;
    this.count = count;
  }

  static of({ sum, count }: RawMean): Mean {
    return new Mean(ExactSum.of(sum), ExactSum.of(count));
  }

  plus({ sum, count }: Mean): Mean {
    return new Mean(this.sum.plus(sum), this.count.plus(count));
  }

  /** NaN of none. */
  get value(): number {
    return ratio(this.sum, this.count);
  }

  get isEmpty(): boolean {
    return this.count.isZero;
  }
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
  readonly error: RawMoments;
  readonly target: RawMoments;
  /** Of the angle: Σ m·p², Σ m·p·t, Σ m·(t − α·p)². */
  readonly angle: RawMoments;
  /** 1 − SSIM, of centres, each as often as it has mass. */
  readonly unlike: RawMean;
  /** Of windows. */
  readonly uqi: RawMean;
  /** Spectral angles of pixels, with the first plane of a sample; NaN where pixels have a mass for each of their bands. */
  readonly spectra: RawMean;
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
    const [valid, absError, d, dM2, t, tM2, pp, pt, residual, unlike, centres, uqi, windows, angles, spectra] =
      records.subarray(plane * stride, (plane + 1) * stride) as unknown as number[] & { length: 15 };
    const weight = weighted ? (records[plane * stride + 1 + MassSum.Mass] as number) : valid;
    return {
      valid,
      whole: weighted ? (records[plane * stride + 1 + MassSum.Total] as number) : pixels,
      absError,
      error: { weight, sum: d, m2: dM2 },
      target: { weight, sum: t, m2: tM2 },
      angle: { weight: pp, sum: pt, m2: residual },
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
