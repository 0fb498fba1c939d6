import { exp, log, logPlain, size } from "../approx";
import { COST, Trait } from "../traits";
import { Elementary } from "./Elementary";

// ρ  = eᵖ − t·p       (pred is the logarithm of the rate)
// ρ′ = eᵖ − t
@unmanaged
@final
export class PoissonNLLLog<T extends number> extends Elementary {
  @inline
  traits(): u32 {
    return COST | Trait.ValueCancels | Trait.SlopeCancels;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    return v128.sub<T>(exp<T>(p), v128.mul<T>(t, p));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    return v128.sub<T>(exp<T>(p), t);
  }

  @inline
  common(p: v128): v128 {
    return exp<f32>(p);
  }

  @inline
  fastValue(p: v128, t: v128, e: v128, a: v128): v128 {
    return f32x4.sub(e, f32x4.mul(t, p));
  }

  @inline
  fastSlope(p: v128, t: v128, e: v128, a: v128): v128 {
    return f32x4.sub(e, t);
  }

  @inline
  valueMagnitude(p: v128, t: v128, e: v128): v128 {
    return e;
  }

  @inline
  slopeMagnitude(p: v128, t: v128, e: v128, a: v128): v128 {
    return e;
  }
}

// ρ  = p − t·log(p + ε)       (pred is the rate),  a = ε
// ρ′ = 1 − t / (p + ε)  =  ((p − t) + ε) / (p + ε)
//
// In float32, p + ε has its digits while p ≥ 0: between −ε and 0 it is all that is left of an ε that is rounded.
@unmanaged
@final
export class PoissonNLL<T extends number> extends Elementary {
  @inline
  traits(): u32 {
    return COST | Trait.ValueCancels | Trait.SlopeCancels;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    return v128.sub<T>(p, v128.mul<T>(t, log<T>(v128.add<T>(p, a))));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    return v128.div<T>(v128.add<T>(v128.sub<T>(p, t), a), v128.add<T>(p, a));
  }

  @inline
  common(p: v128): v128 {
    return v128.splat<f32>(0);
  }

  @inline
  fastValue(p: v128, t: v128, e: v128, a: v128): v128 {
    const rate = f32x4.add(p, a);
    const term = f32x4.sub(p, f32x4.mul(t, logPlain<f32>(rate)));
    const least = f32x4.pmax(a, f32x4.splat(1e-30));
    const within = v128.and(f32x4.ge(rate, least), f32x4.lt(rate, f32x4.splat(1e30)));
    return v128.or(term, v128.not(within));
  }

  @inline
  fastSlope(p: v128, t: v128, e: v128, a: v128): v128 {
    return f32x4.mul(f32x4.add(f32x4.sub(p, t), a), reciprocal(f32x4.add(p, a)));
  }

  @inline
  valueMagnitude(p: v128, t: v128, e: v128): v128 {
    // |p|, and |t| for the rounding of p + ε, which a logarithm near 0 does not make smaller.
    return f32x4.add(size(p), size(t));
  }

  @inline
  slopeMagnitude(p: v128, t: v128, e: v128, a: v128): v128 {
    return size(f32x4.mul(a, reciprocal(f32x4.add(p, a))));
  }
}

/** 1 / rate, which ρ′ and its part have in common. */
function reciprocal(rate: v128): v128 {
  return f32x4.div(f32x4.splat(1), rate);
}
