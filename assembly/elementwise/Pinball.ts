import { COST, Trait } from "../traits";
import { Elementwise } from "./Elementwise";

// ρ  = max(q·e, (q − 1)·e)       e = t − p,  a = q,  b = q − 1
// ρ′ = −q where e > 0, 1 − q where e < 0, 0 at e = 0
@unmanaged
@final
export class Pinball<T extends number> extends Elementwise {
  @inline
  traits(): u32 {
    return COST | Trait.Difference | Trait.NeverNegative | Trait.TwoVectors;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    const e = v128.sub<T>(t, p);
    return v128.pmax<T>(v128.mul<T>(a, e), v128.mul<T>(b, e));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    const under = v128.and(v128.gt<T>(t, p), a);
    const over = v128.and(v128.lt<T>(t, p), b);
    // From 0, so that a kink's slope is no −0.
    return v128.sub<T>(v128.splat<T>(<T>0), v128.or(under, over));
  }
}
