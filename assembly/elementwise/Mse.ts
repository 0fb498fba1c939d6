import { COST, Trait } from "../traits";
import { Elementwise } from "./Elementwise";

// ρ  = d²       d = p − t
// ρ′ = 2d, of which `slope` is half
@unmanaged
@final
export class Mse<T extends number> extends Elementwise {
  @inline
  traits(): u32 {
    return COST | Trait.Difference | Trait.NeverNegative | Trait.HalfSlope;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    const d = v128.sub<T>(p, t);
    return v128.mul<T>(d, d);
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    return v128.sub<T>(p, t);
  }
}
