// Dice loss of a group, s being its smoothing:
//
//     L = 1 − (2Σpt + s) / (Σ(p + t) + s)  =  Σ(p + t − 2pt) / (Σ(p + t) + s)
//     ∂L/∂p = (2Σpt + s) / (Σ(p + t) + s)² − 2t / (Σ(p + t) + s)

import { Job, Sums } from "../job";
import { Pass } from "../pass";
import { Tile } from "../tile";
import { COST, Shape, Trait } from "../traits";
import { momentGradient, Moments, momentSums, setLinear } from "./loops";

export const DICE: u32 = Shape.Moments | Trait.SumsFirst | COST;

// Σ(p + t), the overlap Σpt, and what is left beside it: Σ(p + t − 2pt) = Σ(p(1 − t) + t(1 − p)). Of numbers from 0 to 1 no part of
// that is below 0, so that little is not lost where all else overlaps. x is 1, in the unit of p and t.
@unmanaged
@final
class Overlap extends Moments {
  @inline
  first(p: v128, t: v128, x: v128): v128 {
    return f64x2.add(p, t);
  }

  @inline
  second(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(p, t);
  }

  @inline
  third(p: v128, t: v128, x: v128): v128 {
    return f64x2.add(f64x2.mul(p, f64x2.sub(x, t)), f64x2.mul(t, f64x2.sub(x, p)));
  }
}

export function dice(job: Job, tile: Tile): void {
  if (job.pass == Pass.Gradient) momentGradient(tile);
  else momentSums<Overlap>(job, tile, 1 / job.unit, job.unit);
}

export function diceLoss(job: Job, sums: Sums): f64 {
  const size = sums.sum(0) + job.a;
  return size == 0 ? 0 : sums.sum(2) / size;
}

/** The coefficients of a group whose loss counts `outer` in the value. */
export function diceCoefficients(job: Job, group: u32, sums: Sums, outer: f64): void {
  const size = sums.sum(0) + job.a;
  const b = size == 0 ? 0 : (-2 * outer) / size;
  const c = size == 0 ? 0 : (outer * (2 * sums.sum(1) + job.a)) / size / size;
  setLinear(job, group, 0, b, c);
}
