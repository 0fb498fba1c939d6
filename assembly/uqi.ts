// Universal quality index, Wang & Bovik 2002, "A universal image quality index", over the valid pixels of a window of 8 × 8. With
// d = pred − target, means and variances of the valid pixels, and μy = μx − μd:
//
//     A = μd² / (μx² + μy²)         1 − A = 2 μx μy / (μx² + μy²)
//     B = σd² / (σx² + σy²)         1 − B = 2 σxy / (σx² + σy²)
//     Q = (1 − A)(1 − B)
//
// in terms that do not cancel where the images agree, as in ssim.ts. A quotient 0/0 is none: A or B is 0 then.
//
// Sums over 8 rows and 8 columns are made in three steps, of neighbours 1, 2 and 4 apart: 3 additions in place of 7, and nothing is
// carried from window to window, so no rounding is.

import { Sum } from "./bandSums";
import { Record } from "./job";
import { low, sumLanes } from "./lanes";

/** Side of a window. */
export const SIDE: i32 = 8;

/** A window belongs to the pixel that stands this far behind its first row and column: a halo of 5 holds it whole. */
export const ANCHOR: i32 = 3;

/** Windows with fewer valid pixels do not count. */
const LEAST: f64 = 32;

/** A variance below this share of the mean square is rounding. */
const ROUNDING: f64 = 5.7e-14;

/** Columns that are worked on together, so that the rows of their windows stay in the near caches. */
const COLUMNS: i32 = 128;

/** Maps of a row, one after the other: x, d, x² + y², d². */
const MAPS: usize = 4;

/** Elements of a map: the columns, the windows' reach, and what the loops run over the end. */
const LENGTH: usize = <usize>(COLUMNS + SIDE + 24);
const PITCH: usize = LENGTH * 8;
const RECORD: usize = MAPS * PITCH;

// In scratch: the sums of columns, the rows that wait to be added to one 1, 2 and 4 rows further down, the sums of windows; then the
// same of how many pixels are valid, in bytes.
const WAIT1: usize = 1;
const WAIT2: usize = 2;
const WAIT4: usize = 4;
const WINDOWS: usize = 8;
const ROWS: usize = 9;
const COUNTS: usize = ROWS * RECORD;

/** Bytes of scratch. */
export const UQI_SCRATCH: u32 = <u32>(COUNTS + ROWS * LENGTH);

/** What stood at `place` and `v` together, which takes its place. */
function delayed(place: usize, v: v128): v128 {
  const sum = f64x2.add(v128.load(place), v);
  v128.store(place, v);
  return sum;
}

/** The same of sixteen bytes. */
function delayedBytes(place: usize, v: v128): v128 {
  const sum = i8x16.add(v128.load(place), v);
  v128.store(place, v);
  return sum;
}

/** Sums over the 8 rows of each of n columns that end with `row`, once seven have gone before. */
function columnSums(pred: usize, target: usize, n: i32, lo: v128, row: i32, scratch: usize): void {
  const wait1 = scratch + WAIT1 * RECORD;
  const wait2 = scratch + (WAIT2 + (row & 1)) * RECORD;
  const wait4 = scratch + (WAIT4 + (row & 3)) * RECORD;
  let i: usize = 0;
  do {
    const stored = v128.load64_zero(target + (i << 2));
    const valid = f32x4.ge(stored, lo);
    const t = low(v128.and(stored, valid));
    const p = low(v128.and(v128.load64_zero(pred + (i << 2)), valid));
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

/** All ones in the bytes of the pixels, of sixteen, that count. */
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
 * Adds the windows whose first row is in [row0, row1) and whose first column is in [column0, column1) to `record`: ΣQ and how many of
 * them count. Planes are `width` pixels a row; a pixel is valid where target ≥ `min0`. Up to 15 more than a row has are read.
 */
export function uqi(
  pred: usize,
  target: usize,
  width: i32,
  min0: f32,
  row0: i32,
  row1: i32,
  column0: i32,
  column1: i32,
  scratch: usize,
  record: Record,
): void {
  if (row0 >= row1) return;
  const zero = f64x2.splat(0);
  const one = f64x2.splat(1);
  const lo = f32x4.splat(min0);
  const least = f64x2.splat(LEAST);
  let total = zero;
  let windows = zero;
  for (let left = column0; left < column1; left += COLUMNS) {
    const n = min(COLUMNS, column1 - left);
    memory.fill(scratch, 0, UQI_SCRATCH);
    let at = (<usize>row0 * width + left) << 2;
    for (let row = row0; row < row1 + SIDE - 1; row++, at += (<usize>width) << 2) {
      columnSums(pred + at, target + at, n + SIDE - 1, lo, row, scratch);
      windowCounts(target + at, n, lo, row, scratch + COUNTS);
      if (row < row0 + SIDE - 1) continue;
      const summed = scratch + WINDOWS * RECORD;
      for (let k: usize = 0; k < MAPS; k++) sumAlong(scratch + k * PITCH, summed + k * PITCH, n);
      const counts = scratch + COUNTS + WINDOWS * LENGTH;
      for (let i = 0; i < n; i += 2) {
        const bytes = i16x8.extend_low_i8x16_u(v128.load16_splat(counts + i));
        const weight = f64x2.convert_low_i32x4_u(i32x4.extend_low_i16x8_u(bytes));
        let counted = f64x2.ge(weight, least);
        if (i + 1 == n) counted = i64x2.replace_lane(counted, 1, 0);
        if (!v128.any_true(counted)) continue;
        const x = summed + ((<usize>i) << 3);
        const share = f64x2.div(one, weight);
        const muX = f64x2.mul(v128.load(x), share);
        const muD = f64x2.mul(v128.load(x, PITCH), share);
        const muY = f64x2.sub(muX, muD);
        const square = f64x2.mul(v128.load(x, 2 * PITCH), share);
        const muD2 = f64x2.mul(muD, muD);
        const luminance = f64x2.add(f64x2.mul(muX, muX), f64x2.mul(muY, muY));
        let varS = f64x2.sub(square, luminance);
        varS = v128.andnot(varS, f64x2.le(varS, f64x2.mul(square, f64x2.splat(ROUNDING))));
        // Rounding may leave σd² outside of its bounds, 0 and 2 (σx² + σy²). NaN passes.
        const varD = f64x2.pmin(
          f64x2.pmax(f64x2.sub(f64x2.mul(v128.load(x, 3 * PITCH), share), muD2), zero),
          f64x2.add(varS, varS),
        );
        // (1 − A)(1 − B) as one quotient: division is what costs. Where a denominator is 0, so is what is taken from it.
        const noL = v128.and(one, f64x2.eq(luminance, zero));
        const noV = v128.and(one, f64x2.eq(varS, zero));
        const l = f64x2.add(luminance, noL);
        const v = f64x2.add(varS, noV);
        const quality = f64x2.div(f64x2.mul(f64x2.sub(l, muD2), f64x2.sub(v, varD)), f64x2.mul(l, v));
        total = f64x2.add(total, v128.and(quality, counted));
        windows = f64x2.add(windows, v128.and(one, counted));
      }
    }
  }
  record.add(Sum.Uqi, sumLanes(total));
  record.add(Sum.Windows, sumLanes(windows));
}
