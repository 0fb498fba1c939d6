// Structural similarity of a plane, its exact gradient, and what the mask does to both.
//
// Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity". Around each centre, with
// Gaussian weights w that the mask m renormalises (normalised convolution, E[z] = Σ w m z / Σ w m), x = pred, y = target and
// d = x − y:
//
//     μx = E[x]         μd = E[d]         μy = μx − μd
//     σd² = E[d²] − μd²                   σs² = σx² + σy² = E[x² + y²] − μx² − μy²
//     A = μd² / (μx² + μy² + C1)          B = σd² / (σs² + C2)
//     SSIM = (1 − A)(1 − B)               loss = 1 − SSIM = A + B − A B
//
// which is the usual product of luminance and contrast · structure, in terms that do not cancel where the images agree.
// With N = Σ w m and r1, r2 the reciprocals of the two denominators, a pixel p of pred moves the loss of a centre by
//
//     ∂A/∂p = 2 (w/N) r1 (μd − A μx)
//     ∂B/∂p = 2 (w/N) r2 [ (d_p − μd) − B (x_p − μx) ]
//     ∂loss/∂p = (1 − B) ∂A/∂p + (1 − A) ∂B/∂p = 2 w [ a + d_p b − x_p e ]
//         b = (1 − A) r2 / N      e = b B      a = (1 − B) r1 (μd − A μx) / N − b μd + e μx
//
// so the gradient is 2 (a∗w + d · b∗w − x · e∗w): the same window over three maps of the centres. All is float64: squares
// of 1e20 are at home there, and variances survive offsets that would drown them in float32.
//
// Images whose values lie far apart, as measured by C1 and C2, have A or B near 1. There these terms cancel and others do not:
//
//     1 − A = r1 (2 μx μy + C1)           μd − A μx = r1 μd (μy (μx + μy) + C1)
//     1 − B = r2 (σs² − σd² + C2)         (d_p − μd) − B (x_p − μx) = (1 − B)(x_p − μx) − (y_p − μy)
//
// Rows stream through, in strips of COLUMNS, and no more of them is kept than this, five and three maps wide:
//
//     pred, target ─▶ x, d, x² + y², d², m ─▶ blur along ─▶ [ 10 kept | ROWS new ] ─▶ blur across ─▶ A, B ─▶ loss
//                                                                                                    │
//                          gradient ◀─ blur across ◀─ [ 10 kept | ROWS new ] ◀─ blur along ◀─ a, b, e ◀

import { countLanes, low, lowMask, maxLanes, sumLanes } from "./lanes";
import { Invalid, pixelAt, SsimPlane } from "./ssimPlane";
import { MIN_VARIANCE_RATIO, variances } from "./variances";
import { blurAcross, blurAlong, COLUMNS, layWeights, PITCH, RADIUS, ROW_BYTES, WEIGHTS } from "./window";

// Maps of a scratch row.
const X = 0;
const D = PITCH;
const S = 2 * PITCH;
const Q = 3 * PITCH;
const M = 4 * PITCH;
const A = 0;
const B = PITCH;
const E = 2 * PITCH;

/** Rows that a step takes in. */
const ROWS: i32 = 16;
/** The rows that the next window still needs. */
const KEPT: i32 = 2 * RADIUS;
/** The rows of a step, and one more as `blurAcross` works in pairs. */
const BUFFER: i32 = (KEPT + ROWS + 1) * ROW_BYTES;

// In scratch, behind the buffers: five rows, of which the third says which centres are a strip's own, the weights, and two vectors.
const OWNED: i32 = 2 * BUFFER + 2 * ROW_BYTES;
const WEIGHTS_AT: i32 = 2 * BUFFER + 5 * ROW_BYTES;
const EXACT: i32 = WEIGHTS_AT + WEIGHTS;

/** Bytes of scratch memory, whatever the size of the plane. */
export const SSIM_SCRATCH: i32 = EXACT + 32;

// Distances in data ranges. Images whose shifts are more than MAX_SHIFT_GAP from each other do not share one. Squares of less than FAR are
// below 2²⁴ C2, so that no variance drowns; up to SATURATED 1 − B is at least 4e-10, of which float64 has 21 bits.
const MAX_SHIFT_GAP: f64 = 32;
const FAR: f64 = 64;
const SATURATED: f64 = 1024;

/** Of strips as equal as can be, of at most COLUMNS: the width of all but the last, an even number. */
function stripWidth(width: i32): i32 {
  const strips = (width + COLUMNS - 1) / COLUMNS;
  return ((width + strips - 1) / strips + 1) & ~1;
}

/** Two pixels, or the last one twice: nothing is read behind the row. */
function load2(address: usize, left: i32): v128 {
  return left > 1 ? v128.load64_zero(address) : v128.load32_splat(address);
}

function store2(address: usize, pixels: v128, left: i32): void {
  if (left > 1) v128.store64_lane(address, pixels, 0);
  else v128.store32_lane(address, pixels, 0);
}

/** `n` pixels of both images become the five maps. Returns whether an invalid pixel was among them. */
function prepareRow(plane: SsimPlane, into: usize, row: i32, column: i32, n: i32): bool {
  const pred = pixelAt(plane.pred, plane.predStride, row, column);
  const target = pixelAt(plane.target, plane.targetStride, row, column);
  const zero = plane.invalid == Invalid.Zero;
  const lo = f32x4.splat(plane.lo);
  const predShift = f64x2.splat(plane.predShift);
  const targetShift = f64x2.splat(plane.targetShift);
  const predFill = f64x2.splat(zero ? -plane.predShift : 0);
  const targetFill = f64x2.splat(zero ? -plane.targetShift : 0);
  const one = f64x2.splat(1);
  const invalidWeight = f64x2.splat(zero ? 1 : 0);
  let all = i64x2.splat(-1);
  let i = 0;
  do {
    const pixels = load2(target + (i << 2), n - i);
    const valid = lowMask(f32x4.ge(pixels, lo));
    const y = v128.bitselect(f64x2.sub(low(pixels), targetShift), targetFill, valid);
    const x = v128.bitselect(f64x2.sub(low(load2(pred + (i << 2), n - i)), predShift), predFill, valid);
    const d = f64x2.sub(x, y);
    const at = into + (i << 3);
    v128.store(at, x, X);
    v128.store(at, d, D);
    v128.store(at, f64x2.add(f64x2.mul(x, x), f64x2.mul(y, y)), S);
    v128.store(at, f64x2.mul(d, d), Q);
    v128.store(at, v128.bitselect(one, invalidWeight, valid), M);
    all = v128.and(all, valid);
    i += 2;
  } while (i < n);
  return !i64x2.all_true(all);
}

/**
 * Multiplies the five maps of a row by the masses of its `n` pixels. Under `Erode` a window with a pixel that is not valid is told by NaN
 * in the last: its weights then have no sum of their own to be compared with.
 */
function weighRow(plane: SsimPlane, into: usize, row: i32, column: i32, n: i32): void {
  const masses = pixelAt(plane.mass, plane.massStride, row, column);
  const none = f64x2.splat(plane.invalid == Invalid.Erode ? NaN : 0);
  let i = 0;
  do {
    const m = low(load2(masses + (i << 2), n - i));
    const at = into + (i << 3);
    for (let map = 0; map < M; map += PITCH) v128.store(at + map, f64x2.mul(v128.load(at + map), m));
    v128.store(at, v128.bitselect(m, none, f64x2.gt(m, f64x2.splat(0))), M);
    i += 2;
  } while (i < n);
}

/**
 * From the blurred maps of a row of `n` centres to a, b and e. Returns the loss of those among them that OWNED masks as this
 * strip's to count.
 */
function centreRow<W>(
  holes: bool,
  gradient: bool,
  plane: SsimPlane,
  blurred: usize,
  partials: usize,
  row: i32,
  column: i32,
  n: i32,
): f64 {
  const c1 = f64x2.splat(0.01 * 0.01 * plane.dataRange * plane.dataRange);
  const c2 = f64x2.splat(0.03 * 0.03 * plane.dataRange * plane.dataRange);
  const predShift = f64x2.splat(plane.predShift + plane.zero);
  const targetShift = f64x2.splat(plane.targetShift + plane.zero);
  const shiftGap = f64x2.splat(plane.predShift - plane.targetShift);
  const far = plane.far;
  const saturated = plane.saturated;
  const zero = f64x2.splat(0);
  const one = f64x2.splat(1);
  const lo = f32x4.splat(plane.lo);
  // One missing corner takes 1.06e-6 off the weights. Where pixels have masses, NaN tells of it.
  const least = f64x2.splat(isVoid<W>() && plane.invalid == Invalid.Erode ? 1 - 5e-7 : 0);
  const masses = isVoid<W>() ? 0 : pixelAt(plane.mass, plane.massStride, row, column);
  const target = pixelAt(plane.target, plane.targetStride, row, column);
  const map = gradient || !plane.map ? <usize>0 : pixelAt(plane.map, plane.mapStride, row, column);
  const owned = plane.scratch + OWNED;
  let sum = zero;
  let i = 0;
  do {
    const at = blurred + (i << 3);
    let muX = v128.load(at, X);
    let muD = v128.load(at, D);
    let s = v128.load(at, S);
    let q = v128.load(at, Q);
    let scale = one;
    let counted = i64x2.splat(-1);
    if (holes) {
      const weight = v128.load(at, M);
      const valid = lowMask(f32x4.ge(v128.load64_zero(target + (i << 2)), lo));
      counted = v128.and(valid, f64x2.ge(weight, least));
      scale = f64x2.div(one, weight);
      muX = f64x2.mul(muX, scale);
      muD = f64x2.mul(muD, scale);
      if (!far) {
        s = f64x2.mul(s, scale);
        q = f64x2.mul(q, scale);
      }
    }
    const muY = f64x2.sub(muX, muD);
    if (!far) {
      s = f64x2.sub(s, f64x2.add(f64x2.mul(muX, muX), f64x2.mul(muY, muY)));
      q = f64x2.sub(q, f64x2.mul(muD, muD));
    }
    // Rounding may leave a variance just below 0, or σd² above its bound 2 σs². NaN passes.
    const varS = f64x2.pmax(s, zero);
    const varD = f64x2.pmin(f64x2.pmax(q, zero), f64x2.add(varS, varS));
    const fullX = f64x2.add(muX, predShift);
    const fullY = f64x2.add(muY, targetShift);
    const fullD = f64x2.add(muD, shiftGap);
    const d1 = f64x2.add(f64x2.add(f64x2.mul(fullX, fullX), f64x2.mul(fullY, fullY)), c1);
    const d2 = f64x2.add(varS, c2);
    const r = f64x2.div(one, f64x2.mul(d1, d2));
    const r1 = f64x2.mul(r, d2);
    const r2 = f64x2.mul(r, d1);
    const a = f64x2.mul(f64x2.mul(fullD, fullD), r1);
    const b = f64x2.mul(varD, r2);
    const loss = f64x2.sub(f64x2.add(a, b), f64x2.mul(a, b));
    let counts = loss;
    if (!isVoid<W>()) {
      const mass = low(load2(masses + (i << 2), n - i));
      counts = f64x2.mul(loss, mass);
      scale = f64x2.mul(scale, mass);
    }
    sum = f64x2.add(sum, v128.and(v128.and(counts, counted), v128.load(owned + (i << 3))));
    if (gradient) {
      let notA = f64x2.sub(one, a);
      let notB = f64x2.sub(one, b);
      let slope = f64x2.sub(fullD, f64x2.mul(a, fullX));
      let mean = muD;
      let share = b;
      if (saturated) {
        const product = f64x2.mul(fullX, fullY);
        notA = f64x2.mul(f64x2.add(f64x2.add(product, product), c1), r1);
        notB = f64x2.mul(f64x2.add(f64x2.sub(varS, varD), c2), r2);
        slope = f64x2.mul(f64x2.mul(fullD, r1), f64x2.add(f64x2.add(product, f64x2.mul(fullY, fullY)), c1));
        // d_p b − x_p e, with −y_p in place of d_p.
        mean = f64x2.neg(muY);
        share = f64x2.neg(notB);
      }
      let byD = f64x2.mul(notA, r2);
      let byA = f64x2.mul(f64x2.mul(notB, r1), slope);
      if (holes) {
        byD = v128.and(f64x2.mul(byD, scale), counted);
        byA = f64x2.mul(byA, scale);
      }
      const byX = f64x2.mul(byD, share);
      // r2 · d2 is 1 but for rounding, the same as that of 1 − B: images that agree have equal coefficients, and no gradient.
      if (saturated) byD = f64x2.mul(byD, f64x2.mul(r2, d2));
      byA = f64x2.add(f64x2.sub(byA, f64x2.mul(byD, mean)), f64x2.mul(byX, muX));
      const to = partials + (i << 3);
      v128.store(to, holes ? v128.and(byA, counted) : byA, A);
      v128.store(to, byD, B);
      v128.store(to, holes ? v128.and(byX, counted) : byX, E);
    } else if (map) {
      const ssim = f32x4.demote_f64x2_zero(f64x2.sub(one, loss));
      const kept = v128.shuffle<i32>(counted, counted, 0, 2, 0, 2);
      store2(map + (i << 2), v128.bitselect(ssim, f32x4.splat(f32.NaN), kept), n - i);
    }
    i += 2;
  } while (i < n);
  if (gradient && n & 1) {
    const past = partials + (n << 3);
    store<f64>(past, 0, A);
    store<f64>(past, 0, B);
    store<f64>(past, 0, E);
  }
  return sumLanes(sum);
}

/**
 * For images that lie far from their shifts: puts variances in place of the blurred squares of a row of `n` centres. Where those have
 * drowned they come from the pixels of the window.
 */
function varianceRow(plane: SsimPlane, holes: bool, blurred: usize, row: i32, column: i32, n: i32): void {
  const c2 = f64x2.splat(0.03 * 0.03 * plane.dataRange * plane.dataRange);
  const minRatio = f64x2.splat(MIN_VARIANCE_RATIO);
  const weights = plane.scratch + WEIGHTS_AT;
  const exact = plane.scratch + EXACT;
  let scale = f64x2.splat(1);
  for (let i = 0; i < n; i += 2) {
    const at = blurred + (i << 3);
    if (holes) scale = f64x2.div(f64x2.splat(1), v128.load(at, M));
    const muX = f64x2.mul(v128.load(at, X), scale);
    const muD = f64x2.mul(v128.load(at, D), scale);
    const muY = f64x2.sub(muX, muD);
    const s = f64x2.mul(v128.load(at, S), scale);
    let varS = f64x2.sub(s, f64x2.add(f64x2.mul(muX, muX), f64x2.mul(muY, muY)));
    let varD = f64x2.sub(f64x2.mul(v128.load(at, Q), scale), f64x2.mul(muD, muD));
    if (v128.any_true(f64x2.gt(f64x2.mul(s, minRatio), f64x2.add(varS, c2)))) {
      const top = row - RADIUS;
      variances(plane, top, column + i - RADIUS, 2 * RADIUS + 1, RADIUS, weights, plane.mass != 0, exact);
      varS = f64x2.mul(f64x2.mul(v128.load(exact), scale), scale);
      varD = f64x2.mul(f64x2.mul(v128.load(exact, 16), scale), scale);
    }
    v128.store(at, varS, S);
    v128.store(at, varD, Q);
  }
}

/** From a∗w, b∗w, e∗w to the gradient of `n` pixels. */
function gradRow<W>(plane: SsimPlane, blurred: usize, row: i32, column: i32, n: i32, coef: f64): void {
  const pred = pixelAt(plane.pred, plane.predStride, row, column);
  const target = pixelAt(plane.target, plane.targetStride, row, column);
  const grad = pixelAt(plane.grad, plane.gradStride, row, column);
  const lo = f32x4.splat(plane.lo);
  const predShift = f64x2.splat(plane.predShift);
  const targetShift = f64x2.splat(plane.targetShift);
  const shiftGap = f64x2.splat(plane.predShift - plane.targetShift);
  const factor = f64x2.splat(2 * coef);
  const saturated = plane.saturated;
  const masses = isVoid<W>() ? 0 : pixelAt(plane.mass, plane.massStride, row, column);
  const keep = i32x4.splat(plane.keep);
  let i = 0;
  do {
    const at = blurred + (i << 3);
    const left = n - i;
    const pixels = load2(target + (i << 2), left);
    const x = low(load2(pred + (i << 2), left));
    const y = low(pixels);
    const d = saturated ? f64x2.sub(targetShift, y) : f64x2.sub(f64x2.sub(x, y), shiftGap);
    let g = f64x2.add(v128.load(at, A), f64x2.mul(d, v128.load(at, B)));
    g = f64x2.mul(f64x2.sub(g, f64x2.mul(f64x2.sub(x, predShift), v128.load(at, E))), factor);
    if (!isVoid<W>()) g = f64x2.mul(g, low(load2(masses + (i << 2), left)));
    const selected = v128.and(f32x4.demote_f64x2_zero(g), f32x4.ge(pixels, lo));
    const to = grad + (i << 2);
    store2(to, f32x4.add(v128.and(load2(to, left), keep), selected), left);
    i += 2;
  } while (i < n);
}

/**
 * The value pass, and the fused pass: `gradient` is known when the module is compiled. W = void: pixels have no masses. With masses every
 * window has weights to be normalised by.
 */
function stream<W>(gradient: bool, plane: SsimPlane, row0: i32, row1: i32, coef: f64): void {
  const width = plane.width;
  // Gradients need the centres around their pixels.
  const halo = gradient ? RADIUS : 0;
  const top = max(row0 - halo, RADIUS);
  const bottom = min(row1 + halo, plane.height - RADIUS);
  const moments = plane.scratch;
  const derivatives = moments + BUFFER;
  const prepared = derivatives + BUFFER;
  const partials = prepared + ROW_BYTES;
  const owned = plane.scratch + OWNED;
  const blurred = owned + ROW_BYTES;
  const weights = plane.scratch + WEIGHTS_AT;

  layWeights(weights);

  for (let row = row0; row < row1; row++) store<f64>(plane.sums + (row << 3), 0);
  if (!gradient && plane.map) blankMap(plane, row0, row1);

  const step = stripWidth(width);
  for (let column0 = 0; column0 < width; column0 += step) {
    const column1 = min(column0 + step, width);
    const pixels = column1 - column0;
    // Centres, from `left`, and where they stand in the row of those that gradients need.
    const left = max(column0 - halo, RADIUS);
    const right = min(column1 + halo, width - RADIUS);
    const n = right - left;
    // No centre, no row to read.
    const end = n > 0 && top < bottom ? bottom : -RADIUS;
    const offset = (left - (column0 - halo)) << 3;
    memory.fill(partials, 0, ROW_BYTES);
    for (let i = 0; i < n + 1; i++) {
      const column = left + i;
      store<i64>(owned + (i << 3), column >= column0 && column < column1 && column < right ? -1 : 0);
    }

    let lastHole = i32.MIN_VALUE;
    // Rows t to t + ROWS come in; the centres lag behind by RADIUS, the gradient by as much again.
    for (let t = row0 - halo - RADIUS; t - RADIUS - halo < row1; t += ROWS) {
      const inEnd = min(t + ROWS, end + RADIUS);
      for (let row = max(t, top - RADIUS); row < inEnd; row++) {
        const into = moments + (KEPT + row - t) * ROW_BYTES;
        let holes = prepareRow(plane, prepared, row, left - RADIUS, n + 2 * RADIUS);
        if (!isVoid<W>()) {
          weighRow(plane, prepared, row, left - RADIUS, n + 2 * RADIUS);
          holes = true;
        }
        for (let map = 0; map < M; map += PITCH) blurAlong(weights, prepared + map, into + map, n);
        if (holes) {
          lastHole = row;
          blurAlong(weights, prepared + M, into + M, n);
        } else {
          for (let i = 0; i < n; i += 2) v128.store(into + (i << 3), f64x2.splat(1), M);
        }
      }

      const centre = t - RADIUS;
      if (gradient && (centre < top || centre + ROWS > end))
        memory.fill(derivatives + KEPT * ROW_BYTES, 0, ROWS * ROW_BYTES);
      const centreEnd = min(centre + ROWS, end);
      for (let row = max(centre, top); row < centreEnd; row += 2) {
        // Without a hole the weights are 1, to the bit: leaving them out is faster and changes nothing.
        const holes = lastHole >= row - RADIUS;
        const from = moments + (row - centre) * ROW_BYTES;
        const maps = holes ? ROW_BYTES : M;
        for (let map = 0; map < maps; map += PITCH) blurAcross(weights, from + map, blurred + map, n);
        for (let i = row; i < min(row + 2, centreEnd); i++) {
          const means = blurred + (i - row) * ROW_BYTES;
          if (plane.far) varianceRow(plane, holes, means, i, left, n);
          const loss = holes
            ? centreRow<W>(true, gradient, plane, means, partials + offset, i, left, n)
            : centreRow<W>(false, gradient, plane, means, partials + offset, i, left, n);
          const sum = plane.sums + (i << 3);
          if (i >= row0 && i < row1) store<f64>(sum, load<f64>(sum) + loss);
          if (gradient) {
            const into = derivatives + (KEPT + i - centre) * ROW_BYTES;
            for (let map = 0; map < 3 * PITCH; map += PITCH) blurAlong(weights, partials + map, into + map, pixels);
          }
        }
      }
      memory.copy(moments, moments + ROWS * ROW_BYTES, KEPT * ROW_BYTES);

      if (gradient) {
        const pixel = centre - RADIUS;
        const pixelEnd = min(pixel + ROWS, row1);
        for (let row = max(pixel, row0); row < pixelEnd; row += 2) {
          const from = derivatives + (row - pixel) * ROW_BYTES;
          for (let map = 0; map < 3 * PITCH; map += PITCH) blurAcross(weights, from + map, blurred + map, pixels);
          for (let i = row; i < min(row + 2, pixelEnd); i++) {
            gradRow<W>(plane, blurred + (i - row) * ROW_BYTES, i, column0, pixels, coef);
          }
        }
        memory.copy(derivatives, derivatives + ROWS * ROW_BYTES, KEPT * ROW_BYTES);
      }
    }
  }
}

function blankMap(plane: SsimPlane, row0: i32, row1: i32): void {
  for (let row = row0; row < row1; row++) {
    const at = pixelAt(plane.map, plane.mapStride, row, 0);
    for (let i = 0; i < plane.width; i++) store<f32>(at + (i << 2), f32.NaN);
  }
}

/**
 * Σ (1 − SSIM) of each row of centres in [row0, row1) into `sums`, and SSIM itself into `map` where there is one. Reads five rows
 * to either side. How the rows of a plane are split over calls changes no bit of a sum or of a gradient.
 */
export function ssimValue(plane: SsimPlane, row0: i32, row1: i32): void {
  if (plane.mass) stream<bool>(false, plane, row0, row1, 0);
  else stream<void>(false, plane, row0, row1, 0);
}

/**
 * `ssimValue`, and into `grad` the gradient of the pixels of rows [row0, row1): `coef` · ∂ Σ (1 − SSIM) / ∂pred, over all centres of
 * the plane that count. Reads ten rows to either side.
 */
export function ssimValueAndGrad(plane: SsimPlane, row0: i32, row1: i32, coef: f64): void {
  if (plane.mass) stream<bool>(true, plane, row0, row1, coef);
  else stream<void>(true, plane, row0, row1, coef);
}

/**
 * What is asked before anything else: how many pixels are valid and what the centres that count have in mass, 1 each where pixels have no
 * masses, in each row of [row0, row1), into `counts`
 * (under `Erode` that takes five rows to either side), and the ranges of the valid pixels of these rows, which are `EMPTY` where there
 * is none.
 */
export function ssimSurvey(plane: SsimPlane, row0: i32, row1: i32): void {
  const width = plane.width;
  const lo = f32x4.splat(plane.lo);
  const top = RADIUS;
  const bottom = width > 2 * RADIUS ? plane.height - RADIUS : 0;
  let predLeast = f32x4.splat(f32.POSITIVE_INFINITY);
  let predMost = f32x4.splat(f32.NEGATIVE_INFINITY);
  let targetLeast = predLeast;
  let targetMost = predMost;
  for (let row = row0; row < row1; row++) {
    const pred = pixelAt(plane.pred, plane.predStride, row, 0);
    const target = pixelAt(plane.target, plane.targetStride, row, 0);
    let count = i32x4.splat(0);
    let i = 0;
    do {
      const left = width - i;
      const t = load4(target + (i << 2), left);
      const p = load4(pred + (i << 2), left);
      const valid = f32x4.ge(t, lo);
      targetLeast = v128.bitselect(f32x4.pmin(targetLeast, t), targetLeast, valid);
      targetMost = v128.bitselect(f32x4.pmax(targetMost, t), targetMost, valid);
      predLeast = v128.bitselect(f32x4.pmin(predLeast, p), predLeast, valid);
      predMost = v128.bitselect(f32x4.pmax(predMost, p), predMost, valid);
      count = i32x4.sub(count, v128.and(valid, i32x4.gt_s(i32x4.splat(left), i32x4(0, 1, 2, 3))));
      i += 4;
    } while (i < width);
    const valid = countLanes(count);
    let counted: f64 = 0;
    if (row >= top && row < bottom && plane.invalid != Invalid.Erode) {
      if (plane.mass) for (let i = RADIUS; i < width - RADIUS; i++) counted += massAt(plane, row, i);
      else {
        counted = valid;
        for (let i = 0; i < RADIUS; i++)
          counted -= i32(isValid(plane, row, i)) + i32(isValid(plane, row, width - 1 - i));
      }
    }
    store<f64>(plane.counts + (row << 4), valid);
    store<f64>(plane.counts + (row << 4), counted, 8);
  }
  if (plane.invalid == Invalid.Erode) countWhole(plane, max(row0, top), min(row1, bottom));
  plane.predLeast = -maxLanes(f32x4.neg(predLeast));
  plane.predMost = maxLanes(predMost);
  plane.targetLeast = -maxLanes(f32x4.neg(targetLeast));
  plane.targetMost = maxLanes(targetMost);
}

/** Four pixels, the last of them as often as it takes: nothing is read behind the row. */
function load4(address: usize, left: i32): v128 {
  if (left >= 4) return v128.load(address);
  let pixels = v128.load32_splat(address);
  if (left > 1) pixels = v128.load32_lane(address, pixels, 1, 4);
  if (left > 2) pixels = v128.load32_lane(address, pixels, 2, 8);
  return pixels;
}

/**
 * Sets the shifts of a plane whose ranges are known. An image's own is the number nearest to 0 in its range: it keeps the offset of a
 * plane out of its variances, and a stray value cannot make it worse than none. Where the images are near each other both have that of
 * the target, since what they have in common is then subtracted exactly.
 */
export function setShifts(plane: SsimPlane): void {
  const pred = nearestToZero(plane.predLeast, plane.predMost);
  const target = nearestToZero(plane.targetLeast, plane.targetMost);
  plane.targetShift = target;
  plane.predShift = Math.abs(pred - target) > MAX_SHIFT_GAP * plane.dataRange ? pred : target;
  const reach = Math.max(
    Math.max(plane.predMost - plane.predShift, plane.predShift - plane.predLeast),
    Math.max(plane.targetMost - plane.targetShift, plane.targetShift - plane.targetLeast),
  );
  plane.far = reach > FAR * plane.dataRange;
  plane.saturated = Math.max(reach, Math.abs(plane.predShift - target)) > SATURATED * plane.dataRange;
}

/** Of a range; 0 for the empty one. */
function nearestToZero(least: f64, most: f64): f64 {
  if (least > most) return 0;
  return least > 0 ? least : most < 0 ? most : 0;
}

function isValid(plane: SsimPlane, row: i32, column: i32): bool {
  return load<f32>(pixelAt(plane.target, plane.targetStride, row, column)) >= plane.lo;
}

/** The mass of a valid pixel. */
function massAt(plane: SsimPlane, row: i32, column: i32): f64 {
  return plane.mass ? load<f32>(pixelAt(plane.mass, plane.massStride, row, column)) : 1;
}

/** Adds the centres of rows [row0, row1) whose windows hold no invalid pixel to their counts. */
function countWhole(plane: SsimPlane, row0: i32, row1: i32): void {
  // The last row so far with an invalid pixel, per column; strips as wide as scratch memory has room for.
  const lastHole = plane.scratch;
  const room = SSIM_SCRATCH / sizeof<i32>();
  for (let column0 = 0; column0 + 2 * RADIUS < plane.width; column0 += room - 2 * RADIUS) {
    const n = min(room, plane.width - column0);
    for (let i = 0; i < n; i++) store<i32>(lastHole + (i << 2), -1);
    for (let row = row0 - RADIUS; row < row1 + RADIUS; row++) {
      for (let i = 0; i < n; i++) if (!isValid(plane, row, column0 + i)) store<i32>(lastHole + (i << 2), row);
      const centre = row - RADIUS;
      if (centre < row0) continue;
      let whole: f64 = 0;
      let columns = 0;
      for (let i = 0; i < n; i++) {
        columns = load<i32>(lastHole + (i << 2)) < centre - RADIUS ? columns + 1 : 0;
        if (columns > 2 * RADIUS) whole += massAt(plane, centre, column0 + i - RADIUS);
      }
      const at = plane.counts + (centre << 4);
      store<f64>(at, load<f64>(at, 8) + whole, 8);
    }
  }
}
