import { logCosh, nearLogCosh, nearTanh, size, tanh } from "../approx";
import { COST, Trait } from "../traits";
import { Elementary } from "./Elementary";

// ρ  = log cosh d       d = p − t
// ρ′ = tanh d
@unmanaged
@final
export class LogCosh<T extends number> extends Elementary {
  @inline
  traits(): u32 {
    return COST | Trait.Difference | Trait.NeverNegative | Trait.NeedsFallback;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    return logCosh<T>(v128.sub<T>(p, t));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    return tanh<T>(v128.sub<T>(p, t));
  }

  @inline
  common(p: v128): v128 {
    return v128.splat<f32>(0);
  }

  @inline
  fastValue(p: v128, t: v128, e: v128, a: v128): v128 {
    const d = f32x4.sub(p, t);
    const far = f32x4.ge(size(d), f32x4.splat(1));
    return v128.or(nearLogCosh<f32>(d), far);
  }

  @inline
  fastSlope(p: v128, t: v128, e: v128, a: v128): v128 {
    return nearTanh<f32>(f32x4.sub(p, t));
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
