import { COST, Trait } from "../traits";
import { Elementwise } from "./Elementwise";

// ρ  = √(d² + ε²)       d = p − t,  a = ε²,  b = ε
// ρ′ = d / ρ, 0 at d = 0
//
// An ε whose square vanishes is out of float32's reach, and beside a d that is not 0 it vanishes, too: float64 takes the greater
// of the root and ε.
@unmanaged
@final
export class Charbonnier<T extends number> extends Elementwise {
  @inline
  traits(): u32 {
    return COST | Trait.Difference | Trait.NeverNegative | Trait.TwoVectors;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    const d = v128.sub<T>(p, t);
    const root = v128.sqrt<T>(v128.add<T>(v128.mul<T>(d, d), a));
    return sizeof<T>() == 4 ? root : v128.max<T>(root, b);
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    const d = v128.sub<T>(p, t);
    const slope = v128.div<T>(d, v128.sqrt<T>(v128.add<T>(v128.mul<T>(d, d), a)));
    return v128.and(slope, v128.ne<T>(d, v128.splat<T>(<T>0)));
  }
}
