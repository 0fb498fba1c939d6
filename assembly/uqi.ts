// Universal quality index, Wang & Bovik 2002, "A universal image quality index", over the valid pixels of a window of 8 × 8. With
// d = pred − target, means and variances of the valid pixels, and μy = μx − μd:
//
//     A = μd² / (μx² + μy²)         1 − A = 2 μx μy / (μx² + μy²)
//     B = σd² / (σx² + σy²)         1 − B = 2 σxy / (σx² + σy²)
//     Q = (1 − A)(1 − B)
//
// in terms that do not cancel where the images agree, as in ssim.ts. A quotient 0/0 is none: A or B is 0 then.
//
// Rows of sums over 8 pixels of a column, then sums over 8 of these: nothing is carried from window to window, so no rounding is.

import { low, sumLanes } from "./lanes";

const SIDE: i32 = 8;

/** Windows with fewer valid pixels do not count. */
const LEAST: f64 = 32;

/** A variance below this share of the mean square is rounding. */
const ROUNDING: f64 = 5.7e-14;

// Maps of a row of column sums, one after the other: x, d, x² + y², d², valid.
const MAPS: i32 = 5;

/** Bytes of a map: the columns, and what the loops run over the end. */
function pitch(width: i32): usize {
  return <usize>((width + SIDE + 7) & ~3) * 8;
}

/** Bytes of scratch for rows of `width` pixels. */
export function uqiScratchBytes(width: u32): u32 {
  return <u32>pitch(width) * MAPS;
}

/** Sums over 8 rows of each column, from `row` on. */
function columnSums(pred: usize, target: usize, width: i32, scratch: usize): void {
  const map = pitch(width);
  const one = f64x2.splat(1);
  for (let i = 0; i < width; i += 2) {
    let x = f64x2.splat(0);
    let d = x;
    let s = x;
    let q = x;
    let m = x;
    let at = <usize>i * 4;
    for (let k = 0; k < SIDE; k++) {
      const stored = v128.load64_zero(target + at);
      const valid = f32x4.eq(stored, stored);
      const t = low(v128.and(stored, valid));
      const p = low(v128.and(v128.load64_zero(pred + at), valid));
      const e = f64x2.sub(p, t);
      x = f64x2.add(x, p);
      d = f64x2.add(d, e);
      s = f64x2.add(s, f64x2.add(f64x2.mul(p, p), f64x2.mul(t, t)));
      q = f64x2.add(q, f64x2.mul(e, e));
      m = f64x2.add(m, v128.and(one, i64x2.extend_low_i32x4_s(valid)));
      at += <usize>width * 4;
    }
    const to = scratch + <usize>i * 8;
    v128.store(to, x);
    v128.store(to + map, d);
    v128.store(to + 2 * map, s);
    v128.store(to + 3 * map, q);
    v128.store(to + 4 * map, m);
  }
}

/** The sums of two neighbouring windows. */
function along(at: usize): v128 {
  let sum = v128.load(at);
  for (let k = 1; k < SIDE; k++) sum = f64x2.add(sum, v128.load(at + (k << 3)));
  return sum;
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
  const map = pitch(width);
  const zero = f64x2.splat(0);
  const one = f64x2.splat(1);
  for (let row = 0; row < rows; row++) {
    columnSums(pred, target, width, scratch);
    pred += <usize>width * 4;
    target += <usize>width * 4;
    let total = zero;
    let windows = zero;
    for (let i = column0; i < column1; i += 2) {
      const at = scratch + <usize>i * 8;
      const n = along(at + 4 * map);
      let counts = f64x2.ge(n, f64x2.splat(LEAST));
      if (i + 1 == column1) counts = i64x2.replace_lane(counts, 1, 0);
      if (!v128.any_true(counts)) continue;
      const muX = f64x2.div(along(at), n);
      const muD = f64x2.div(along(at + map), n);
      const muY = f64x2.sub(muX, muD);
      const square = f64x2.div(along(at + 2 * map), n);
      const muD2 = f64x2.mul(muD, muD);
      const luminance = f64x2.add(f64x2.mul(muX, muX), f64x2.mul(muY, muY));
      let varS = f64x2.sub(square, luminance);
      varS = v128.andnot(varS, f64x2.le(varS, f64x2.mul(square, f64x2.splat(ROUNDING))));
      // Rounding may leave σd² outside of its bounds, 0 and 2 (σx² + σy²). NaN passes.
      const varD = f64x2.pmin(
        f64x2.pmax(f64x2.sub(f64x2.div(along(at + 3 * map), n), muD2), zero),
        f64x2.add(varS, varS),
      );
      const a = v128.andnot(f64x2.div(muD2, luminance), f64x2.eq(luminance, zero));
      const b = v128.andnot(f64x2.div(varD, varS), f64x2.eq(varS, zero));
      const quality = f64x2.mul(f64x2.sub(one, a), f64x2.sub(one, b));
      total = f64x2.add(total, v128.and(quality, counts));
      windows = f64x2.add(windows, v128.and(one, counts));
    }
    store<f64>(sums, load<f64>(sums) + sumLanes(total));
    store<f64>(sums + 8, load<f64>(sums + 8) + sumLanes(windows));
  }
}
