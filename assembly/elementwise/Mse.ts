import { Elementwise } from "./Elementwise";

// ρ  = d²       d = p − t
// ρ′ = 2d, the factor 2 being the coefficient's
@unmanaged
@final
export class Mse<T extends number> extends Elementwise {
  @inline
  vectors(): u32 {
    return 4;
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
