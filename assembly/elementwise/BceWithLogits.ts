import { exp, log1pUnit } from "../approx";
import { Elementwise } from "./Elementwise";

// ρ  = max(p, 0) − p·t + log(1 + e)       e = exp(−|p|)
// ρ′ = σ(p) − t  =  (1 − t) − s where p ≥ 0,  s − t where p < 0       s = e / (1 + e)
//
// The second form of ρ′ keeps its digits where σ(p) is all but 1.
@unmanaged
@final
export class BceWithLogits<T extends number> extends Elementwise {
  @inline
  heavy(): bool {
    return true;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    const e = exp<T>(v128.neg<T>(v128.abs<T>(p)));
    const hinge = v128.max<T>(p, v128.splat<T>(<T>0));
    return v128.add<T>(v128.sub<T>(hinge, v128.mul<T>(p, t)), log1pUnit<T>(e));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    const one = v128.splat<T>(<T>1);
    const e = exp<T>(v128.neg<T>(v128.abs<T>(p)));
    const s = v128.div<T>(e, v128.add<T>(one, e));
    const positive = v128.ge<T>(p, v128.splat<T>(<T>0));
    return v128.bitselect(v128.sub<T>(v128.sub<T>(one, t), s), v128.sub<T>(s, t), positive);
  }
}
