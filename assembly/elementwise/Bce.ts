import { log, log1p, log1pPlain, logPlain } from "../approx";
import { COST, Trait } from "../traits";
import { Elementary } from "./Elementary";

// ρ  = −[t·log p + (1 − t)·log(1 − p)], each log held at ≥ −100
// ρ′ = (p − t) / (p(1 − p)), 0 at p = t; at p = 0 and p = 1 the divisor is 1e-12 (PyTorch's convention: large, and finite)
//
// Terms of labels from 0 to 1 are sums of what has one sign. Of others they are differences, for float64.
@unmanaged
@final
export class Bce<T extends number> extends Elementary {
  @inline
  traits(): u32 {
    return COST | Trait.NeedsFallback;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    const floor = v128.splat<T>(<T>-100);
    const logP = v128.max<T>(log<T>(p), floor);
    const logQ = v128.max<T>(log1p<T>(v128.neg<T>(p)), floor);
    const q = v128.sub<T>(v128.splat<T>(<T>1), t);
    let term = v128.neg<T>(v128.add<T>(v128.mul<T>(t, logP), v128.mul<T>(q, logQ)));
    // ρ′ of a p as small as this leaves float32.
    if (sizeof<T>() == 4) {
      const tiny = v128.and(v128.gt<T>(p, v128.splat<T>(<T>0)), v128.lt<T>(p, v128.splat<T>(<T>1e-30)));
      term = v128.or(term, v128.or(tiny, v128.lt<T>(v128.mul<T>(t, q), v128.splat<T>(<T>0))));
    }
    return term;
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    const spread = v128.mul<T>(p, v128.sub<T>(v128.splat<T>(<T>1), p));
    const saturated = v128.eq<T>(spread, v128.splat<T>(<T>0));
    return v128.div<T>(v128.sub<T>(p, t), v128.bitselect(v128.splat<T>(<T>1e-12), spread, saturated));
  }

  @inline
  common(p: v128): v128 {
    return v128.splat<f32>(0);
  }

  @inline
  fastValue(p: v128, t: v128, e: v128, a: v128): v128 {
    const one = f32x4.splat(1);
    const logP = logPlain<f32>(p);
    const logQ = log1pPlain<f32>(f32x4.neg(p));
    const q = f32x4.sub(one, t);
    const term = f32x4.neg(f32x4.add(f32x4.mul(t, logP), f32x4.mul(q, logQ)));
    const out = v128.or(f32x4.lt(p, f32x4.splat(1e-30)), f32x4.ge(p, one));
    return v128.or(term, v128.or(out, f32x4.lt(f32x4.mul(t, q), f32x4.splat(0))));
  }

  @inline
  fastSlope(p: v128, t: v128, e: v128, a: v128): v128 {
    return f32x4.div(f32x4.sub(p, t), f32x4.mul(p, f32x4.sub(f32x4.splat(1), p)));
  }

  @inline
  valueMagnitude(p: v128, t: v128, e: v128): v128 {
    return v128.splat<f32>(0);
  }

  @inline
  slopeMagnitude(p: v128, t: v128, e: v128, a: v128): v128 {
    return v128.splat<f32>(0);
  }
}
