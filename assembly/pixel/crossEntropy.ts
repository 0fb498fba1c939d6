// Cross entropy of logits x₀ … x_{K−1} against a class label c: −log softmax(x)_c per pixel, summed over the valid pixels.
//
//     m = max x,  s = Σ e^{x_k − m} over all k but one that has the maximum
//     ρ = (m − x_c) + log(1 + s)
//     ∂ρ/∂x_k = e^{x_k − m} / (1 + s) for k ≠ c,  and minus the sum of these for k = c
//
// Leaving the maximum out of s, and k = c out of the gradient's sum, keeps the digits of a pixel whose class is all but certain.
// A label tile holds float32 (whole numbers below 2²⁴), NaN or a negative number where the pixel is not valid.

import { exp, log1p } from "../approx";
import { Job } from "../job";
import { countLanes, inF32Range, sumIsReliable, sumLanes, widen } from "../lanes";
import { Pass } from "../pass";
import { Tile } from "../tile";
import { COST, Shape, Trait } from "../traits";

export const CROSS_ENTROPY: u32 = Shape.Labels | Trait.NeverNegative | (4 * COST);

/** e^−16: a mean loss below is that of gaps so wide that the rounding of x_k − m shows in its power. */
const MIN_RELIABLE_MEAN: f64 = 1.1253517e-7;

/** Classes whose float32 are summed one after the other: of more, blocks are summed, so that roundings do not pile up. */
const BLOCK: usize = 16;

/** Four float32 as they are, or the first two of them as float64. */
function read<T extends number>(at: usize): v128 {
  return sizeof<T>() == 4 ? v128.load(at) : f64x2.promote_low_f32x4(v128.load64_zero(at));
}

function write<T extends number>(at: usize, v: v128): void {
  if (sizeof<T>() == 4) v128.store(at, v);
  else v128.store64_lane(at, f32x4.demote_f64x2_zero(v), 0);
}

/** Adds the valid pixels of a label tile; notes a label that is none of the K classes in `job`. */
function countLabels(job: Job, tile: Tile): void {
  const beyond = f32x4.splat(<f32>job.channels);
  let labels = tile.target;
  const end = labels + tile.n * 4;
  let count = i32x4.splat(0);
  do {
    const label = v128.load(labels);
    const valid = f32x4.ge(label, f32x4.splat(0));
    count = i32x4.sub(count, valid);
    const fractional = f32x4.ne(label, f32x4.trunc(label));
    const bad = v128.and(valid, v128.or(fractional, f32x4.ge(label, beyond)));
    if (v128.any_true(bad)) {
      const lane = ctz(i32x4.bitmask(bad));
      job.badLabel = <f64>load<f32>(labels + lane * 4);
    }
    labels += 16;
  } while (labels < end);
  tile.sums.count += <f64>countLanes(count);
}

/** Σ m·ρ over a tile in lanes of T; grad ← coef · m · ∂ρ/∂x unless `grad` is 0. M = void: pixels have no masses, m is 1. */
function sum<T extends number, M>(job: Job, tile: Tile, grad: usize): f64 {
  const step: usize = sizeof<T>() == 4 ? 16 : 8;
  const zero = v128.splat<T>(<T>0);
  const one = v128.splat<T>(<T>1);
  const coef = v128.splat<T>(<T>tile.coefficient(0));
  const classes: usize = job.channels;
  const predStride = tile.predStride;
  const gradStride = tile.gradStride;
  let pred = tile.pred;
  let labels = tile.target;
  let mass = tile.mass;
  const end = pred + tile.n * 4;
  let total = f64x2.splat(0);
  do {
    const label = read<T>(labels);
    const valid = v128.ge<T>(label, zero);
    let m = read<T>(pred);
    let own = m;
    for (let k: usize = 1; k < classes; k++) {
      const x = read<T>(pred + k * predStride);
      m = v128.pmax<T>(m, x);
      own = v128.bitselect(x, own, v128.eq<T>(label, v128.splat<T>(<T>k)));
    }
    let s = zero;
    let seen = zero;
    let k: usize = 0;
    do {
      const last = min(k + BLOCK, classes);
      let block = zero;
      do {
        const x = read<T>(pred + k * predStride);
        const first = v128.andnot(v128.eq<T>(x, m), seen);
        seen = v128.or(seen, first);
        block = v128.add<T>(block, v128.andnot(exp<T>(v128.sub<T>(x, m)), first));
      } while (++k < last);
      s = v128.add<T>(s, block);
    } while (k < classes);
    let loss = v128.add<T>(v128.sub<T>(m, own), log1p<T>(s));
    let slope = coef;
    if (!isVoid<M>()) {
      const masses = read<T>(mass);
      loss = v128.mul<T>(masses, loss);
      slope = v128.mul<T>(masses, coef);
      mass += step;
    }
    loss = v128.and(valid, loss);
    total = f64x2.add(total, sizeof<T>() == 4 ? widen(loss) : loss);

    if (grad) {
      const scale = v128.div<T>(slope, v128.add<T>(one, s));
      let others = zero;
      k = 0;
      do {
        const last = min(k + BLOCK, classes);
        let block = zero;
        do {
          const x = read<T>(pred + k * predStride);
          const g = v128.and(valid, v128.mul<T>(scale, exp<T>(v128.sub<T>(x, m))));
          block = v128.add<T>(block, v128.andnot(g, v128.eq<T>(label, v128.splat<T>(<T>k))));
          write<T>(grad + k * gradStride, g);
        } while (++k < last);
        others = v128.add<T>(others, block);
      } while (k < classes);
      others = v128.and(valid, v128.sub<T>(zero, others));
      k = 0;
      do {
        const g = read<T>(grad + k * gradStride);
        write<T>(grad + k * gradStride, v128.bitselect(others, g, v128.eq<T>(label, v128.splat<T>(<T>k))));
      } while (++k < classes);
      grad += step;
    }
    pred += step;
    labels += step;
  } while (pred < end);
  return sumLanes(total);
}

/** Adds Σ m·ρ (sum 0) and the count over the planes of a tile, one per class; writes its gradient where there is one. */
export function crossEntropy(job: Job, tile: Tile): void {
  const sums = tile.sums;
  const before = sums.count;
  countLabels(job, tile);
  if (job.pass == Pass.Count) return;
  const count = sums.count - before;
  const coef = tile.coefficient(0);
  const slopeFits = inF32Range(coef * tile.leastMass) && inF32Range(coef * tile.mostMass);
  const fastGrad = slopeFits ? tile.grad : 0;
  let value = tile.mass ? sum<f32, bool>(job, tile, fastGrad) : sum<f32, void>(job, tile, fastGrad);
  const mass = tile.mass ? tile.massSum : count;
  const fits = sumIsReliable(value, Math.max(count, mass)) && value >= MIN_RELIABLE_MEAN * mass;
  if (!fits || (tile.grad && !slopeFits)) {
    const exact = tile.mass ? sum<f64, bool>(job, tile, tile.grad) : sum<f64, void>(job, tile, tile.grad);
    // Where it is the gradient alone that float32 does not hold, the value is the one that is given without it.
    if (!fits) value = exact;
  }
  sums.add(0, value);
}
