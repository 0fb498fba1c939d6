import { COST, Trait } from "../traits";
import { Elementwise } from "./Elementwise";

// ρ  = |d| / s       d = p − t,  s = max(|t|, ε),  a = ε
// ρ′ = sign(d) / s, 0 at d = 0
@unmanaged
@final
export class Mape<T extends number> extends Elementwise {
  @inline
  traits(): u32 {
    return COST | Trait.NeverNegative | Trait.TwoVectors;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    return v128.div<T>(v128.abs<T>(v128.sub<T>(p, t)), v128.pmax<T>(v128.abs<T>(t), a));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    const one = v128.splat<T>(<T>1);
    const over = v128.and(v128.gt<T>(p, t), one);
    const under = v128.and(v128.lt<T>(p, t), one);
    return v128.div<T>(v128.sub<T>(over, under), v128.pmax<T>(v128.abs<T>(t), a));
  }
}
