import { COST, Trait } from "../traits";
import { Elementwise } from "./Elementwise";

// ρ  = 2·(½d² if |d| ≤ δ, else δ(|d| − ½δ))  =  q(d + (d − q))       d = p − t,  q = d clamped to [−δ, δ],  a = δ,  b = −δ
// ρ′ = 2q, of which `slope` is half
//
// Twice the Huber loss, which spares a constant; the factor ½ is the maker's scale. smoothL1 is this with δ = β, divided by β.
@unmanaged
@final
export class Huber<T extends number> extends Elementwise {
  @inline
  traits(): u32 {
    return COST | Trait.Difference | Trait.NeverNegative | Trait.HalfSlope | Trait.TwoVectors;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    const d = v128.sub<T>(p, t);
    const q = v128.pmax<T>(v128.pmin<T>(d, a), b);
    return v128.mul<T>(q, v128.add<T>(d, v128.sub<T>(d, q)));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    return v128.pmax<T>(v128.pmin<T>(v128.sub<T>(p, t), a), b);
  }
}
