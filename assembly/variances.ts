// The variances of a window from its own pixels, for windows in which E[z²] − E[z]² would cancel: flat ones far from 0.
//
// Deviations are taken from a pixel of the window, z₀. It lies within a few deviations of the mean, (z₀ − μ)² ≤ σ² Σw / w₀, so little
// cancels in σ² = E[(z − z₀)²] − E[z − z₀]²; and a window of one value has a variance of exactly 0.

import { low, lowMask } from "./lanes";
import { Invalid, pixelAt, SsimPlane } from "./ssimPlane";

/** A variance below this share of E[z²] has lost 24 of float64's 53 bits and more to that difference; what is left is good to 3e-8. */
export const MIN_VARIANCE_RATIO: f64 = 5.9604644775390625e-8;

/**
 * Of two windows side by side, a lane each: (Σw)²(σx² + σy²) at `to` and (Σw)²σd² 16 bytes on, x = pred, y = target, d = x − y. The first
 * of the windows, of `side` rows and columns, begins at `top` and `left`. A pixel's weight is the product of that of its row and of its
 * column, f64x2 at `weights` by their distance from `centre`, and of its mass where `hasMasses`. Pixels that are not valid have none, or
 * are 0 in both images under `Invalid.Zero`.
 */
export function variances(
  plane: SsimPlane,
  top: i32,
  left: i32,
  side: i32,
  centre: i32,
  weights: usize,
  hasMasses: bool,
  to: usize,
): void {
  const lo = f32x4.splat(plane.lo);
  const zero = i64x2.splat(plane.invalid == Invalid.Zero ? -1 : 0);
  const predStride = plane.predStride;
  const targetStride = plane.targetStride;
  const massStride = plane.massStride;
  let pred = pixelAt(plane.pred, predStride, top, left);
  let target = pixelAt(plane.target, targetStride, top, left);
  let mass = pixelAt(plane.mass, massStride, top, left);
  let x0 = f64x2.splat(0);
  let y0 = x0;
  let found = x0;
  let weight = x0;
  let sumX = x0;
  let sumD = x0;
  let sumS = x0;
  let sumQ = x0;
  for (let row = 0; row < side; row++, pred += predStride, target += targetStride, mass += massStride) {
    const down = v128.load(weights + ((<usize>abs(row - centre)) << 4));
    for (let column = 0; column < side; column++) {
      const along = v128.load(weights + ((<usize>abs(column - centre)) << 4));
      const raw = v128.load64_zero(target + ((<usize>column) << 2));
      const valid = f32x4.ge(raw, lo);
      const counts = v128.or(lowMask(valid), zero);
      const x = low(v128.and(v128.load64_zero(pred + ((<usize>column) << 2)), valid));
      const y = low(v128.and(raw, valid));
      const first = v128.andnot(counts, found);
      x0 = v128.bitselect(x, x0, first);
      y0 = v128.bitselect(y, y0, first);
      found = v128.or(found, counts);
      let w = v128.and(f64x2.mul(down, along), counts);
      if (hasMasses) w = f64x2.mul(w, low(v128.load64_zero(mass + ((<usize>column) << 2))));
      const dx = f64x2.sub(x, x0);
      const dy = f64x2.sub(y, y0);
      const d = f64x2.sub(dx, dy);
      weight = f64x2.add(weight, w);
      sumX = f64x2.add(sumX, f64x2.mul(w, dx));
      sumD = f64x2.add(sumD, f64x2.mul(w, d));
      sumS = f64x2.add(sumS, f64x2.mul(w, f64x2.add(f64x2.mul(dx, dx), f64x2.mul(dy, dy))));
      sumQ = f64x2.add(sumQ, f64x2.mul(w, f64x2.mul(d, d)));
    }
  }
  const sumY = f64x2.sub(sumX, sumD);
  const squares = f64x2.add(f64x2.mul(sumX, sumX), f64x2.mul(sumY, sumY));
  v128.store(to, f64x2.sub(f64x2.mul(weight, sumS), squares));
  v128.store(to, f64x2.sub(f64x2.mul(weight, sumQ), f64x2.mul(sumD, sumD)), 16);
}
