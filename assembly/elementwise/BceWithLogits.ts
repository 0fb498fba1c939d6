import { exp, expBelow, log1pUnit, minusSize, size } from "../approx";
import { COST, Trait } from "../traits";
import { Elementary } from "./Elementary";

// ρ  = p·y + log(1 + e)       e = exp(−|p|),  y = (1 where p ≥ 0, 0 where p < 0) − t
// ρ′ = y − sign(p)·s          s = e / (1 + e)
//
// These are max(p, 0) − p·t + log(1 + e) and σ(p) − t without what cancels where σ(p) is all but the label 0 or 1. Between soft
// labels and logits that meet them y − sign(p)·s cancels still, and p·y is below 0 for labels beyond 0 and 1: float32 is left where
// that is all there is.
@unmanaged
@final
export class BceWithLogits<T extends number> extends Elementary {
  @inline
  traits(): u32 {
    return COST | Trait.Log1p | Trait.ValueCancels | Trait.SlopeCancels;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    const e = exp<T>(v128.neg<T>(v128.abs<T>(p)));
    return v128.add<T>(v128.mul<T>(p, distance<T>(p, t)), log1pUnit<T>(e));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    const e = exp<T>(v128.neg<T>(v128.abs<T>(p)));
    const s = v128.div<T>(e, v128.add<T>(v128.splat<T>(<T>1), e));
    return v128.sub<T>(distance<T>(p, t), withSign<T>(s, p));
  }

  @inline
  common(p: v128): v128 {
    return expBelow<f32>(minusSize(p));
  }

  @inline
  fastValue(p: v128, t: v128, e: v128, a: v128): v128 {
    return f32x4.mul(p, distance<f32>(p, t));
  }

  @inline
  fastSlope(p: v128, t: v128, e: v128, a: v128): v128 {
    const s = f32x4.div(e, f32x4.add(e, f32x4.splat(1)));
    return f32x4.sub(distance<f32>(p, t), withSign<f32>(s, p));
  }

  @inline
  valueMagnitude(p: v128, t: v128, e: v128): v128 {
    return v128.splat<f32>(0);
  }

  @inline
  slopeMagnitude(p: v128, t: v128, e: v128, a: v128): v128 {
    return size(distance<f32>(p, t));
  }
}

/** y: from the label to the class that p stands for. */
function distance<T extends number>(p: v128, t: v128): v128 {
  return v128.sub<T>(v128.and(v128.ge<T>(p, v128.splat<T>(<T>0)), v128.splat<T>(<T>1)), t);
}

/** `size` with the sign of p, in which −0 is no less than 0, as in `distance`. */
function withSign<T extends number>(size: v128, p: v128): v128 {
  return v128.or(size, v128.andnot(v128.splat<T>(<T>-0.0), v128.ge<T>(p, v128.splat<T>(<T>0))));
}
