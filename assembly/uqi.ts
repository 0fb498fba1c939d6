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

import { low, lowMask, sumLanes } from "./lanes";

const SIDE: i32 = 8;

/** Windows with fewer valid pixels do not count. */
const LEAST: f64 = 32;

/** A variance below this share of the mean square is rounding. */
const ROUNDING: f64 = 5.7e-14;

/** Columns that are worked on together, so that the rows of their windows stay in the near caches. */
const COLUMNS: i32 = 128;

/** Maps of a row, one after the other: x, d, x² + y², d², valid. */
const MAPS: usize = 5;

/** Bytes of a map: the columns, the windows' reach, and what the loops run over the end. */
const PITCH: usize = <usize>(COLUMNS + SIDE + 8) * 8;
const RECORD: usize = MAPS * PITCH;

// In scratch: the sums of columns, the rows that wait to be added to one 1, 2 and 4 rows further down, the sums of windows.
const WAIT1: usize = 1;
const WAIT2: usize = 2;
const WAIT4: usize = 4;
const WINDOWS: usize = 8;

/** Bytes of scratch. */
const SCRATCH: usize = 9 * RECORD;

export function uqiScratchBytes(): u32 {
  return <u32>SCRATCH;
}

/** What stood at `place` and `v` together, which takes its place. */
function delayed(place: usize, v: v128): v128 {
  const sum = f64x2.add(v128.load(place), v);
  v128.store(place, v);
  return sum;
}

/** Sums over the 8 rows of each of n columns that end with `row`, once seven have gone before. */
function columnSums(pred: usize, target: usize, n: i32, row: i32, scratch: usize): void {
  const one = f64x2.splat(1);
  const wait1 = scratch + WAIT1 * RECORD;
  const wait2 = scratch + (WAIT2 + (row & 1)) * RECORD;
  const wait4 = scratch + (WAIT4 + (row & 3)) * RECORD;
  for (let i: usize = 0; i < <usize>n; i += 2) {
    const stored = v128.load64_zero(target + (i << 2));
    const valid = f32x4.eq(stored, stored);
    const t = low(v128.and(stored, valid));
    const p = low(v128.and(v128.load64_zero(pred + (i << 2)), valid));
    const d = f64x2.sub(p, t);
    const s = f64x2.add(f64x2.mul(p, p), f64x2.mul(t, t));
    const m = v128.and(one, lowMask(valid));
    let k = i << 3;
    v128.store(scratch + k, delayed(wait4 + k, delayed(wait2 + k, delayed(wait1 + k, p))));
    k += PITCH;
    v128.store(scratch + k, delayed(wait4 + k, delayed(wait2 + k, delayed(wait1 + k, d))));
    k += PITCH;
    v128.store(scratch + k, delayed(wait4 + k, delayed(wait2 + k, delayed(wait1 + k, s))));
    k += PITCH;
    v128.store(scratch + k, delayed(wait4 + k, delayed(wait2 + k, delayed(wait1 + k, f64x2.mul(d, d)))));
    k += PITCH;
    v128.store(scratch + k, delayed(wait4 + k, delayed(wait2 + k, delayed(wait1 + k, m))));
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
 * Adds ΣQ and the number of windows that count, of those whose topmost row is one of `rows` and whose leftmost column is in
 * [column0, column1), to the two f64 at `sums`. Images are planar, `width` pixels a row, target NaN where it does not count, with
 * seven rows more than `rows`.
 */
export function uqi(
  pred: usize,
  target: usize,
  width: i32,
  rows: i32,
  column0: i32,
  column1: i32,
  scratch: usize,
  sums: usize,
): void {
  const zero = f64x2.splat(0);
  const one = f64x2.splat(1);
  let total = zero;
  let windows = zero;
  for (let left = column0; left < column1; left += COLUMNS) {
    const n = min(COLUMNS, column1 - left);
    memory.fill(scratch, 0, SCRATCH);
    let at = <usize>left * 4;
    for (let row = 0; row < rows + SIDE - 1; row++, at += <usize>width * 4) {
      columnSums(pred + at, target + at, n + SIDE - 1, row, scratch);
      if (row < SIDE - 1) continue;
      const summed = scratch + WINDOWS * RECORD;
      for (let k: usize = 0; k < MAPS; k++) sumAlong(scratch + k * PITCH, summed + k * PITCH, n);
      for (let i = 0; i < n; i += 2) {
        const x = summed + ((<usize>i) << 3);
        const weight = v128.load(x, 4 * PITCH);
        let counts = f64x2.ge(weight, f64x2.splat(LEAST));
        if (i + 1 == n) counts = i64x2.replace_lane(counts, 1, 0);
        if (!v128.any_true(counts)) continue;
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
        const a = v128.andnot(f64x2.div(muD2, luminance), f64x2.eq(luminance, zero));
        const b = v128.andnot(f64x2.div(varD, varS), f64x2.eq(varS, zero));
        const quality = f64x2.mul(f64x2.sub(one, a), f64x2.sub(one, b));
        total = f64x2.add(total, v128.and(quality, counts));
        windows = f64x2.add(windows, v128.and(one, counts));
      }
    }
  }
  store<f64>(sums, load<f64>(sums) + sumLanes(total));
  store<f64>(sums + 8, load<f64>(sums + 8) + sumLanes(windows));
}
