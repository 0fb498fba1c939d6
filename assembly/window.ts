// The separable Gaussian window, 11 × 11 with σ = 1.5, over float64 rows in scratch memory.
//
// A scratch row holds the same columns of several maps:
//
//     row   [ map 0 ……… | map 1 ……… | map 2 ……… | map 3 ……… | map 4 ……… ]
//           ←  PITCH  →
//
// The window is symmetric: taps at equal distance are added first, six products in place of eleven. The outermost come
// first, so that rounding happens among small terms. In this order the weights sum to 1 exactly: a map of ones stays ones.

/** Pixels on either side of the window's centre. */
export const RADIUS: i32 = 5;

/** Columns that are worked on together, so that the rows of a window stay in the near caches. */
export const COLUMNS: i32 = 256;

export const MAPS: i32 = 5;

/** Bytes of a map in a scratch row: the columns, the halo of two windows in a row, and what the loops run over the end. */
export const PITCH: i32 = (COLUMNS + 4 * RADIUS + 4) * sizeof<f64>();

/** Bytes of a scratch row. */
export const ROW_BYTES: i32 = MAPS * PITCH;

// exp(−i² / 2σ²), divided by the sum over the window.
const W0: f64 = 0.26601172486179436;
const W1: f64 = 0.21300553771125366;
const W2: f64 = 0.1093606895097;
const W3: f64 = 0.036000772128430822;
const W4: f64 = 0.0075987581352391842;
const W5: f64 = 0.0010283800844791099;

/** Bytes of the weights in memory. */
export const WEIGHTS: i32 = 6 * 16;

/** Lays the weights out for the loops below: as constants they would be put together anew in every iteration (V8). */
export function layWeights(into: usize): void {
  v128.store(into, f64x2.splat(W0));
  v128.store(into, f64x2.splat(W1), 16);
  v128.store(into, f64x2.splat(W2), 32);
  v128.store(into, f64x2.splat(W3), 48);
  v128.store(into, f64x2.splat(W4), 64);
  v128.store(into, f64x2.splat(W5), 80);
}

/** The weighted sum of two taps at equal distance from the centre. */
function pair(w: v128, left: v128, right: v128): v128 {
  return f64x2.mul(w, f64x2.add(left, right));
}

/**
 * Along a row: `into[i] = Σ_k w_k · from[i + k]` for i < `n`; `from` holds n + 10 elements. Four elements an iteration: up to
 * three more are read and written.
 */
export function blurAlong(weights: usize, from: usize, into: usize, n: i32): void {
  const w0 = v128.load(weights);
  const w1 = v128.load(weights, 16);
  const w2 = v128.load(weights, 32);
  const w3 = v128.load(weights, 48);
  const w4 = v128.load(weights, 64);
  const w5 = v128.load(weights, 80);
  for (const end = into + ((<usize>n) << 3); into < end; into += 32, from += 32) {
    // Elements i, i + 1 in `a` and i + 2, i + 3 in `b`, in turns, since they share nine of their taps.
    const x10 = v128.load(from, 80);
    let a = pair(w5, v128.load(from), x10);
    const x2 = v128.load(from, 16);
    let b = pair(w5, x2, v128.load(from, 96));
    const x9 = v128.load(from, 72);
    a = f64x2.add(a, pair(w4, v128.load(from, 8), x9));
    const x3 = v128.load(from, 24);
    b = f64x2.add(b, pair(w4, x3, v128.load(from, 88)));
    const x8 = v128.load(from, 64);
    a = f64x2.add(a, pair(w3, x2, x8));
    const x4 = v128.load(from, 32);
    b = f64x2.add(b, pair(w3, x4, x10));
    const x7 = v128.load(from, 56);
    a = f64x2.add(a, pair(w2, x3, x7));
    const x5 = v128.load(from, 40);
    b = f64x2.add(b, pair(w2, x5, x9));
    const x6 = v128.load(from, 48);
    a = f64x2.add(a, pair(w1, x4, x6));
    b = f64x2.add(b, pair(w1, x6, x8));
    v128.store(into, f64x2.add(a, f64x2.mul(w0, x5)));
    v128.store(into, f64x2.add(b, f64x2.mul(w0, x7)), 16);
  }
}

/**
 * Across rows: `into[i] = Σ_k w_k · from[k][i]` for i < `n`, and the same one row further down, as the two share ten of their
 * taps. Reads twelve rows, writes two. Two elements an iteration: one more is read and written.
 */
export function blurAcross(weights: usize, from: usize, into: usize, n: i32): void {
  const w0 = v128.load(weights);
  const w1 = v128.load(weights, 16);
  const w2 = v128.load(weights, 32);
  const w3 = v128.load(weights, 48);
  const w4 = v128.load(weights, 64);
  const w5 = v128.load(weights, 80);
  for (const end = into + ((<usize>n) << 3); into < end; into += 16, from += 16) {
    const x10 = v128.load(from, 10 * ROW_BYTES);
    let a = pair(w5, v128.load(from), x10);
    const x1 = v128.load(from, ROW_BYTES);
    let b = pair(w5, x1, v128.load(from, 11 * ROW_BYTES));
    const x9 = v128.load(from, 9 * ROW_BYTES);
    a = f64x2.add(a, pair(w4, x1, x9));
    const x2 = v128.load(from, 2 * ROW_BYTES);
    b = f64x2.add(b, pair(w4, x2, x10));
    const x8 = v128.load(from, 8 * ROW_BYTES);
    a = f64x2.add(a, pair(w3, x2, x8));
    const x3 = v128.load(from, 3 * ROW_BYTES);
    b = f64x2.add(b, pair(w3, x3, x9));
    const x7 = v128.load(from, 7 * ROW_BYTES);
    a = f64x2.add(a, pair(w2, x3, x7));
    const x4 = v128.load(from, 4 * ROW_BYTES);
    b = f64x2.add(b, pair(w2, x4, x8));
    const x6 = v128.load(from, 6 * ROW_BYTES);
    a = f64x2.add(a, pair(w1, x4, x6));
    const x5 = v128.load(from, 5 * ROW_BYTES);
    b = f64x2.add(b, pair(w1, x5, x7));
    v128.store(into, f64x2.add(a, f64x2.mul(w0, x5)));
    v128.store(into, f64x2.add(b, f64x2.mul(w0, x6)), ROW_BYTES);
  }
}
