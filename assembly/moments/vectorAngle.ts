// The angle θ between the vectors p and t of a group's valid pixels.
//
//     N = √(Σp²·Σr² − (Σpr)²) = |p||t| sin θ        α·Σp² + Σpr = |p||t| cos θ       r = t − α·p
//     ∂θ/∂p = −(t − α′·p) / N                       α′ = α + Σpr / Σp²
//
// α is 0 at first, r then t itself. Where N has lost too many digits in the difference, α = Σpt / Σp² and the sums are taken again.
// Sums are in the unit of digital numbers.

import { atan2 } from "../approx";
import { Job, Sums } from "../job";
import { HALF_EPSILON } from "../lanes";
import { Pass } from "../pass";
import { Tile } from "../tile";
import { COST, Shape, Trait } from "../traits";
import { momentGradient, Moments, momentSums, setLinear } from "./loops";

export const VECTOR_ANGLE: u32 = Shape.Moments | Trait.SumsFirst | Trait.Residual | Trait.NeverNegative | COST;

/** N² below this share of Σp²·Σt² has lost too many digits to cancellation. */
const SMALL_ANGLE: f64 = 1e-6;

const HALF_PI: f64 = 1.5707963267948966;

// Σp², Σt², Σpt
@unmanaged
@final
class Products extends Moments {
  @inline
  first(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(p, p);
  }

  @inline
  second(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(t, t);
  }

  @inline
  third(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(p, t);
  }
}

// Σp², Σr², Σpr with r = t − x·p, where x·p is most of t's part along p: nothing is left to cancel in the angle of vectors that are all
// but parallel. x has 24 bits: x·p is exact.
@unmanaged
@final
class ResidualProducts extends Moments {
  @inline
  first(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(p, p);
  }

  @inline
  second(p: v128, t: v128, x: v128): v128 {
    const r = f64x2.sub(t, f64x2.mul(x, p));
    return f64x2.mul(r, r);
  }

  @inline
  third(p: v128, t: v128, x: v128): v128 {
    return f64x2.mul(p, f64x2.sub(t, f64x2.mul(x, p)));
  }
}

export function vectorAngle(job: Job, tile: Tile): void {
  if (job.pass == Pass.Gradient) momentGradient(tile);
  else if (job.pass == Pass.Residual) momentSums<ResidualProducts>(job, tile, tile.coefficient(0), 1);
  else momentSums<Products>(job, tile, 0, 1);
}

/**
 * Marks the groups whose vectors are so nearly parallel that their angle needs the sums of the residual t − α·p: writes their α,
 * cut to 24 bits so that α·p is exact, as first coefficient. Returns whether there is any.
 */
export function needsResidual(job: Job): bool {
  let any = false;
  for (let g: u32 = 0; g < job.groups; g++) {
    const sums = job.sumsOf(g);
    const pp = sums.sum(0);
    const tt = sums.sum(1);
    const pt = sums.sum(2);
    if (pp > 0 && tt > 0 && pp * tt - pt * pt < SMALL_ANGLE * pp * tt) {
      job.setCoefficient(g, 0, reinterpret<f64>(reinterpret<u64>(pt / pp) & ~0x1fffffff));
      any = true;
    }
  }
  return any;
}

/**
 * The part of Σp²·Σr² that rounding can leave of N² where vectors of n are parallel: each sum is off by at most n roundings, and by one
 * more where products are multiplied by masses, and Σpr counts twice. Since |r| ≤ 2⁻²³·|t| there, this is an angle of 2.5e-15·√n at most.
 */
export function parallelShare(n: f64): f64 {
  return 4 * (n + 1) * HALF_EPSILON;
}

/** N² from the sums of a group, 0 where it is rounding alone. */
function gram(sums: Sums): f64 {
  const product = sums.sum(0) * sums.sum(1);
  const nn = product - sums.sum(2) * sums.sum(2);
  return nn <= parallelShare(sums.count) * product ? 0 : nn;
}

export function atan2Scalar(y: f64, x: f64): f64 {
  return f64x2.extract_lane(atan2<f64>(f64x2.splat(y), f64x2.splat(x)), 0);
}

/** θ of a group in radians; 0 where both vectors are zero, π/2 where one is. */
export function vectorAngleLoss(job: Job, group: u32, sums: Sums): f64 {
  const pp = sums.sum(0);
  const alpha = job.coefficient(group, 0);
  // Squares of float32 never reach Infinity: p has NaN or Infinity, at no angle to anything.
  if (!(pp < Infinity)) return NaN;
  const zeroPred = pp == 0;
  const zeroTarget = alpha == 0 && sums.sum(1) == 0;
  if (zeroPred || zeroTarget) return zeroPred && zeroTarget ? 0 : HALF_PI;
  return atan2Scalar(Math.sqrt(gram(sums)), alpha * pp + sums.sum(2));
}

/** The coefficients of a group whose loss counts `outer` in the value. */
export function vectorAngleCoefficients(job: Job, group: u32, sums: Sums, outer: f64): void {
  const nn = gram(sums);
  let a = 0.0;
  let b = 0.0;
  if (nn > 0) {
    b = -outer / Math.sqrt(nn) / (job.unit * job.unit);
    a = -b * (job.coefficient(group, 0) + sums.sum(2) / sums.sum(0));
  }
  setLinear(job, group, a, b, 0);
}
