import { Elementwise } from "./Elementwise";

// ρ  = ½d² if |d| ≤ δ, else δ(|d| − ½δ)  =  q(|d| − ½q)      d = p − t,  q = min(|d|, δ),  a = δ
// ρ′ = d clamped to [−δ, δ]
//
// smoothL1 is this with δ = β, divided by β.
@unmanaged
@final
export class Huber<T extends number> extends Elementwise {
  @inline
  heavy(): bool {
    return false;
  }

  @inline
  cancels(): bool {
    return false;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    const d = v128.abs<T>(v128.sub<T>(p, t));
    const q = v128.pmin<T>(d, a);
    return v128.mul<T>(q, v128.sub<T>(d, v128.mul<T>(q, v128.splat<T>(<T>0.5))));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    const d = v128.sub<T>(p, t);
    return v128.pmax<T>(v128.pmin<T>(d, a), v128.neg<T>(a));
  }

  @inline
  valueParts(p: v128, t: v128): v128 {
    return v128.splat<T>(<T>0);
  }

  @inline
  slopeParts(p: v128, t: v128): v128 {
    return v128.splat<T>(<T>0);
  }
}
