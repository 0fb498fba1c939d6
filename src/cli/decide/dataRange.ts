// The largest possible value minus the smallest, which psnr, ssim and cpsnr are measured by: given or certain, never guessed.

/** The smallest and the largest of some values; of none, from Infinity to −Infinity. */
export interface Extent {
  readonly min: number;
  readonly max: number;
}

export const NO_EXTENT: Extent = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };

export function joinExtents(a: Extent, b: Extent): Extent {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

/** Whether all values lie within [0, 1], as reflectance does. */
export const isWithinUnit = ({ min, max }: Extent): boolean => min >= 0 && max <= 1;

export interface RangeFacts {
  /** Both files hold bytes that are taken as they are stored. */
  readonly bothBytes: boolean;
  /** Values beyond [0, 1] have been found among the valid pixels of either. */
  readonly isBeyondUnit: boolean;
}

/** The data range; `null` where it cannot be known. */
export function decideDataRange(given: number | undefined, { bothBytes, isBeyondUnit }: RangeFacts): number | null {
  if (given !== undefined) return given;
  if (bothBytes) return 255;
  return isBeyondUnit ? null : 1;
}

/** Asks for what cannot be known. */
export function askForDataRange({ min, max }: Extent): string {
  return (
    "psnr, ssim and cpsnr need --data-range, the largest possible value minus the smallest " +
    `(the target's valid pixels go from ${short(min)} to ${short(max)})`
  );
}

const short = (value: number) => String(Number(value.toPrecision(6)));
