// Universal quality index, Wang & Bovik 2002, "A universal image quality index", over the n valid pixels of a window of 8 × 8. With
// x = pred, y = target, d = x − y, and sums over these pixels:
//
//     n²(σx² + σy²) = n Σ(x² + y²) − (Σx)² − (Σy)²          n²σd² = n Σd² − (Σd)²
//
//          2 Σx Σy         σx² + σy² − σd²
//     Q = ─────────────── · ───────────────
//          (Σx)² + (Σy)²       σx² + σy²
//
// A quotient 0/0 is 1. Variances are those of shifted images, and exact for integers; those of a window that lies far even from
// the shift are computed from its own pixels.
//
// Sums over 8 rows and 8 columns are made in three steps, of neighbours 1, 2 and 4 apart: 3 additions in place of 7, and nothing is
// carried from window to window, so no rounding is.

import { Sum } from "./bandSums";
import { Sums } from "./job";
import { low, sumLanes } from "./lanes";
import { pixelAt, SsimPlane } from "./ssimPlane";
import { MIN_VARIANCE_RATIO, variances } from "./variances";

/** Side of a window. */
export const SIDE: i32 = 8;

/** A window belongs to the pixel that stands this far behind its first row and column: a halo of 5 holds it whole. */
export const ANCHOR: i32 = 3;

/** Windows with fewer valid pixels do not count. */
const MIN_VALID: f64 = 32;

/** Columns that are worked on together, so that the rows of their windows stay in the near caches. */
const COLUMNS: i32 = 128;

/** Maps of a row, one after the other: x, d, x² + y², d². */
const MAPS: usize = 4;

/** Elements of a map: the columns, the windows' reach, and what the loops run over the end. */
const LENGTH: usize = <usize>(COLUMNS + SIDE + 24);
const PITCH: usize = LENGTH * 8;
const ROW_BYTES: usize = MAPS * PITCH;

// In scratch: the sums of columns, the rows that wait to be added to one 1, 2 and 4 rows further down, the sums of windows; then the
// same of how many pixels are valid, in bytes.
const WAIT1: usize = 1;
const WAIT2: usize = 2;
const WAIT4: usize = 4;
const WINDOWS: usize = 8;
const ROWS: usize = 9;
const COUNTS: usize = ROWS * ROW_BYTES;
// Then the weights of a window's rows or columns, all 1, what `flatColumns` says, and what `variances` does.
const WEIGHTS: usize = (COUNTS + ROWS * LENGTH + 15) & ~15;
const FLAT: usize = WEIGHTS + SIDE * 16;
const EXACT: usize = FLAT + LENGTH * 4;

/** Bytes of scratch. */
export const UQI_SCRATCH: u32 = <u32>(EXACT + 32);

/** Stores `v` at `place`; returns its sum with what stood there before. */
function delayed(place: usize, v: v128): v128 {
  const sum = f64x2.add(v128.load(place), v);
  v128.store(place, v);
  return sum;
}

/** `delayed` for sixteen bytes. */
function delayedBytes(place: usize, v: v128): v128 {
  const sum = i8x16.add(v128.load(place), v);
  v128.store(place, v);
  return sum;
}

/** Sums over the 8 rows of each of n columns that end with `row`, once seven have gone before. */
function columnSums(plane: SsimPlane, row: i32, column: i32, n: i32, scratch: usize): void {
  const pred = pixelAt(plane.pred, plane.predStride, row, column);
  const target = pixelAt(plane.target, plane.targetStride, row, column);
  const lo = f32x4.splat(plane.lo);
  const predShift = f64x2.splat(plane.predShift);
  const targetShift = f64x2.splat(plane.targetShift);
  const predFill = f32x4.splat(<f32>plane.predShift);
  const targetFill = f32x4.splat(<f32>plane.targetShift);
  const wait1 = scratch + WAIT1 * ROW_BYTES;
  const wait2 = scratch + (WAIT2 + (row & 1)) * ROW_BYTES;
  const wait4 = scratch + (WAIT4 + (row & 3)) * ROW_BYTES;
  let i: usize = 0;
  do {
    const raw = v128.load64_zero(target + (i << 2));
    const valid = f32x4.ge(raw, lo);
    // What is not valid counts as 0.
    const t = f64x2.sub(low(v128.bitselect(raw, targetFill, valid)), targetShift);
    const p = f64x2.sub(low(v128.bitselect(v128.load64_zero(pred + (i << 2)), predFill, valid)), predShift);
    const d = f64x2.sub(p, t);
    const s = f64x2.add(f64x2.mul(p, p), f64x2.mul(t, t));
    let k = i << 3;
    v128.store(scratch + k, delayed(wait4 + k, delayed(wait2 + k, delayed(wait1 + k, p))));
    k += PITCH;
    v128.store(scratch + k, delayed(wait4 + k, delayed(wait2 + k, delayed(wait1 + k, d))));
    k += PITCH;
    v128.store(scratch + k, delayed(wait4 + k, delayed(wait2 + k, delayed(wait1 + k, s))));
    k += PITCH;
    v128.store(scratch + k, delayed(wait4 + k, delayed(wait2 + k, delayed(wait1 + k, f64x2.mul(d, d)))));
    i += 2;
  } while (i < <usize>n);
}

/** A byte for each of sixteen pixels: all ones where the pixel is valid. */
function validBytes(target: usize, lo: v128): v128 {
  const first = i16x8.narrow_i32x4_s(f32x4.ge(v128.load(target), lo), f32x4.ge(v128.load(target, 16), lo));
  const last = i16x8.narrow_i32x4_s(f32x4.ge(v128.load(target, 32), lo), f32x4.ge(v128.load(target, 48), lo));
  return i8x16.narrow_i16x8_s(first, last);
}

/** How many pixels are valid of the 8 rows of each column, and of each of n windows, that end with `row`. */
function windowCounts(target: usize, n: i32, lo: v128, row: i32, counts: usize): void {
  const wait1 = counts + WAIT1 * LENGTH;
  const wait2 = counts + (WAIT2 + (row & 1)) * LENGTH;
  const wait4 = counts + (WAIT4 + (row & 3)) * LENGTH;
  for (let i: usize = 0; i < <usize>(n + SIDE - 1); i += 16) {
    const valid = i8x16.neg(validBytes(target + (i << 2), lo));
    v128.store(counts + i, delayedBytes(wait4 + i, delayedBytes(wait2 + i, delayedBytes(wait1 + i, valid))));
  }
  const windows = counts + WINDOWS * LENGTH;
  for (let i: usize = 0; i < <usize>n; i += 16) {
    let sum = v128.load(counts + i);
    for (let k: usize = 1; k < <usize>SIDE; k++) sum = i8x16.add(sum, v128.load(counts + i + k));
    v128.store(windows + i, sum);
  }
}

/** `into[i] = Σ from[i … i + 7]` for i < n; up to one more is written. */
function sumAlong(from: usize, into: usize, n: i32): void {
  let twos = f64x2.add(v128.load(from, 32), v128.load(from, 40));
  let middle = f64x2.add(v128.load(from, 16), v128.load(from, 24));
  let fours = f64x2.add(f64x2.add(v128.load(from), v128.load(from, 8)), middle);
  let nextFours = f64x2.add(middle, twos);
  for (const end = into + ((<usize>n) << 3); into < end; into += 16, from += 16) {
    // Of columns i + 6 and i + 7, then with the two before them, then with the four before these.
    middle = f64x2.add(v128.load(from, 48), v128.load(from, 56));
    const latest = f64x2.add(twos, middle);
    v128.store(into, f64x2.add(fours, latest));
    twos = middle;
    fours = nextFours;
    nextFours = latest;
  }
}

/**
 * Marks, at `flat`, those of columns [column, column + n) whose eight rows from `row` on hold the value of one pixel of pred and of
 * one of target, which are also those of the first row of the next column: all ones in 32 bits each.
 */
function flatColumns(plane: SsimPlane, row: i32, column: i32, n: i32, flat: usize): void {
  for (let i = 0; i < n; i += 4) {
    let pred = pixelAt(plane.pred, plane.predStride, row, column + i);
    let target = pixelAt(plane.target, plane.targetStride, row, column + i);
    const p0 = v128.load(pred);
    const t0 = v128.load(target);
    let differ = v128.or(v128.xor(v128.load(pred, 4), p0), v128.xor(v128.load(target, 4), t0));
    for (let k = 1; k < SIDE; k++) {
      pred += plane.predStride;
      target += plane.targetStride;
      differ = v128.or(differ, v128.or(v128.xor(v128.load(pred), p0), v128.xor(v128.load(target), t0)));
    }
    v128.store(flat + (i << 2), i32x4.eq(differ, i32x4.splat(0)));
  }
}

/** Whether nine columns are marked: two windows side by side, of a single value each. */
function areFlat(flat: usize): bool {
  return i32x4.all_true(v128.and(v128.and(v128.load(flat), v128.load(flat, 16)), v128.load(flat, 20)));
}

/**
 * Adds the windows whose first row is in [row0, row1) and whose first column is in [column0, column1) to `sums`: ΣQ and how many of
 * them count. A pixel is valid where target ≥ `plane.lo`. Works in UQI_SCRATCH bytes of `plane.scratch`. Up to 15 pixels more than a
 * row has are read.
 */
export function uqi(plane: SsimPlane, row0: i32, row1: i32, column0: i32, column1: i32, sums: Sums): void {
  if (row0 >= row1) return;
  const scratch = plane.scratch;
  const weights = scratch + WEIGHTS;
  const flat = scratch + FLAT;
  const exact = scratch + EXACT;
  const lo = f32x4.splat(plane.lo);
  const predShift = f64x2.splat(plane.predShift + plane.zero);
  const targetShift = f64x2.splat(plane.targetShift + plane.zero);
  const minRatio = f64x2.splat(MIN_VARIANCE_RATIO);
  const zero = f64x2.splat(0);
  const one = f64x2.splat(1);
  const least = f64x2.splat(MIN_VALID);
  let total = zero;
  let windows = i64x2.splat(0);
  for (let i: usize = 0; i < <usize>SIDE; i++) v128.store(weights + (i << 4), one);
  for (let left = column0; left < column1; left += COLUMNS) {
    const n = min(COLUMNS, column1 - left);
    memory.fill(scratch, 0, WEIGHTS);
    for (let row = row0; row < row1 + SIDE - 1; row++) {
      columnSums(plane, row, left, n + SIDE - 1, scratch);
      windowCounts(pixelAt(plane.target, plane.targetStride, row, left), n, lo, row, scratch + COUNTS);
      if (row < row0 + SIDE - 1) continue;
      const summed = scratch + WINDOWS * ROW_BYTES;
      for (let k: usize = 0; k < MAPS; k++) sumAlong(scratch + k * PITCH, summed + k * PITCH, n);
      const counts = scratch + COUNTS + WINDOWS * LENGTH;
      let flatKnown = false;
      for (let i = 0; i < n; i += 2) {
        const bytes = i16x8.extend_low_i8x16_u(v128.load16_splat(counts + i));
        const weight = f64x2.convert_low_i32x4_u(i32x4.extend_low_i16x8_u(bytes));
        let counted = f64x2.ge(weight, least);
        if (i + 1 == n) counted = i64x2.replace_lane(counted, 1, 0);
        if (!v128.any_true(counted)) continue;
        const at = summed + ((<usize>i) << 3);
        const x = v128.load(at);
        const d = v128.load(at, PITCH);
        const y = f64x2.sub(x, d);
        const squares = f64x2.mul(weight, v128.load(at, 2 * PITCH));
        let varS = f64x2.sub(squares, f64x2.add(f64x2.mul(x, x), f64x2.mul(y, y)));
        let varD = f64x2.sub(f64x2.mul(weight, v128.load(at, 3 * PITCH)), f64x2.mul(d, d));
        // NaN passes here and below.
        if (v128.any_true(f64x2.lt(varS, f64x2.mul(squares, minRatio)))) {
          const top = row - SIDE + 1;
          if (!flatKnown) flatColumns(plane, top, left, n + SIDE, flat);
          flatKnown = true;
          if (areFlat(flat + (i << 2))) {
            varS = zero;
            varD = zero;
          } else {
            variances(plane, top, left + i, SIDE, 0, weights, false, exact);
            varS = v128.load(exact);
            varD = v128.load(exact, 16);
          }
        }
        // Rounding may leave σd² outside of its bounds, 0 and 2 (σx² + σy²).
        varD = f64x2.pmin(f64x2.pmax(varD, zero), f64x2.add(varS, varS));
        const fullX = f64x2.add(x, f64x2.mul(weight, predShift));
        const fullY = f64x2.add(y, f64x2.mul(weight, targetShift));
        const means = f64x2.add(f64x2.mul(fullX, fullX), f64x2.mul(fullY, fullY));
        const product = f64x2.mul(f64x2.add(fullX, fullX), fullY);
        const covariance = f64x2.sub(varS, varD);
        // Both as one quotient: division is what costs.
        let above = f64x2.mul(product, covariance);
        let below = f64x2.mul(means, varS);
        if (v128.any_true(f64x2.eq(below, zero))) {
          const noMeans = v128.and(one, f64x2.eq(means, zero));
          const noVariance = v128.and(one, f64x2.eq(varS, zero));
          above = f64x2.mul(f64x2.add(product, noMeans), f64x2.add(covariance, noVariance));
          below = f64x2.mul(f64x2.add(means, noMeans), f64x2.add(varS, noVariance));
        }
        const quality = f64x2.div(above, below);
        total = f64x2.add(total, v128.and(quality, counted));
        windows = i64x2.sub(windows, counted);
      }
    }
  }
  sums.add(Sum.Uqi, sumLanes(total));
  sums.add(Sum.Windows, <f64>(i64x2.extract_lane(windows, 0) + i64x2.extract_lane(windows, 1)));
}
