/**
 * SSIM by its textbook formula in float64: a window of 11 × 11 weights at every centre, variances from deviations, no
 * separable sums, and the gradient from the quotients of the formula. Slow and plain.
 */
import { at } from "./layout.ts";

export interface Plane {
  readonly pred: ArrayLike<number>;
  readonly target: ArrayLike<number>;
  /** What each pixel counts, in windows and as a centre; 1 each by default. */
  readonly mass?: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
}

export interface Rule {
  /** A pixel is valid where target ≥ lo. */
  readonly lo: number;
  readonly invalid: "normalize" | "erode" | "zero";
  readonly dataRange: number;
}

const radius = 5;
const offsets = Array.from({ length: 11 }, (_, i) => i - radius);
const gaussian = offsets.map((i) => Math.exp(-(i * i) / (2 * 1.5 * 1.5)));
const total = gaussian.reduce((sum, g) => sum + g, 0);
/** The pixels of a window, relative to its centre, and their weights. */
const taps = offsets.flatMap((dy) =>
  offsets.map((dx) => ({ dx, dy, w: (at(gaussian, dx + radius) * at(gaussian, dy + radius)) / total ** 2 })),
);

export interface Ssim {
  /** Per pixel, NaN where no window counts. */
  readonly map: Float64Array;
  /** Per row: the sum of 1 − SSIM and the number of centres that count, both by their masses; how many pixels are valid. */
  readonly sums: Float64Array;
  readonly counted: number[];
  readonly valid: number[];
  /** ∂ Σ (1 − SSIM) / ∂ pred. */
  readonly grad: Float64Array;
}

export function ssim({ pred, target, mass, width, height }: Plane, { lo, invalid, dataRange }: Rule): Ssim {
  const [c1, c2] = [(0.01 * dataRange) ** 2, (0.03 * dataRange) ** 2];
  const massAt = (i: number): number => (mass ? at(mass, i) : 1);
  const isValid = (i: number): boolean => at(target, i) >= lo;
  const read = (image: ArrayLike<number>, i: number): number => (isValid(i) ? at(image, i) : 0);
  const result: Ssim = {
    map: new Float64Array(width * height).fill(Number.NaN),
    sums: new Float64Array(height),
    counted: new Array(height).fill(0),
    valid: Array.from(
      { length: height },
      (_, r) => [...Array(width).keys()].filter((c) => isValid(r * width + c)).length,
    ),
    grad: new Float64Array(width * height),
  };
  for (let row = radius; row < height - radius; row++) {
    for (let column = radius; column < width - radius; column++) {
      const centre = row * width + column;
      if (!isValid(centre)) continue;
      const window = taps.map(({ dx, dy, w }) => ({ i: centre + dy * width + dx, w }));
      const seen = invalid === "zero" ? window : window.filter(({ i }) => isValid(i));
      if (invalid === "erode" && seen.length < window.length) continue;
      const members = invalid === "zero" ? seen : seen.map(({ i, w }) => ({ i, w: w * massAt(i) }));
      const counts = massAt(centre);
      const norm = members.reduce((sum, { w }) => sum + w, 0);
      const mean = (f: (i: number) => number): number => members.reduce((sum, { i, w }) => sum + w * f(i), 0) / norm;
      const muX = mean((i) => read(pred, i));
      const muY = mean((i) => read(target, i));
      const dx = (i: number): number => read(pred, i) - muX;
      const dy = (i: number): number => read(target, i) - muY;
      const [lumaTop, lumaBottom] = [2 * muX * muY + c1, muX ** 2 + muY ** 2 + c1];
      const [structTop, structBottom] = [
        2 * mean((i) => dx(i) * dy(i)) + c2,
        mean((i) => dx(i) ** 2 + dy(i) ** 2) + c2,
      ];
      const [luma, struct] = [lumaTop / lumaBottom, structTop / structBottom];
      result.map[centre] = luma * struct;
      result.sums[row] = at(result.sums, row) + counts * (1 - luma * struct);
      result.counted[row] = at(result.counted, row) + counts;
      for (const { i, w } of members) {
        if (!isValid(i)) continue;
        const dLuma = (2 * (w / norm) * (muY - luma * muX)) / lumaBottom;
        const dStruct = (2 * (w / norm) * (dy(i) - struct * dx(i))) / structBottom;
        result.grad[i] = at(result.grad, i) - counts * (dLuma * struct + luma * dStruct);
      }
    }
  }
  return result;
}
