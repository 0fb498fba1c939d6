import { exp, log1pUnit } from "../approx";
import { Elementwise } from "./Elementwise";

// ρ  = |p|·w + log(1 + e)       e = exp(−|p|),  w = 1 − t where p ≥ 0, t where p < 0
// ρ′ = sign(p)·(w − s)          s = e / (1 + e)
//
// These are max(p, 0) − p·t + log(1 + e) and σ(p) − t without what cancels where σ(p) is all but the label 0 or 1. Between soft
// labels and logits that meet them w − s cancels still: float32 is left where that is all there is.
@unmanaged
@final
export class BceWithLogits<T extends number> extends Elementwise {
  @inline
  vectors(): u32 {
    return 1;
  }

  @inline
  cancels(): bool {
    return true;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    const size = v128.abs<T>(p);
    const e = exp<T>(v128.neg<T>(size));
    return v128.add<T>(v128.mul<T>(size, this.slopeParts(p, t)), log1pUnit<T>(e));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    const e = exp<T>(v128.neg<T>(v128.abs<T>(p)));
    const s = v128.div<T>(e, v128.add<T>(v128.splat<T>(<T>1), e));
    const w = this.slopeParts(p, t);
    return v128.bitselect(v128.sub<T>(w, s), v128.sub<T>(s, w), v128.ge<T>(p, v128.splat<T>(<T>0)));
  }

  @inline
  valueParts(p: v128, t: v128): v128 {
    return v128.splat<T>(<T>0);
  }

  @inline
  slopeParts(p: v128, t: v128): v128 {
    return v128.bitselect(v128.sub<T>(v128.splat<T>(<T>1), t), t, v128.ge<T>(p, v128.splat<T>(<T>0)));
  }
}
