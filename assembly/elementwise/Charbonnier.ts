import { Elementwise } from "./Elementwise";

// ρ  = √(d² + ε²)       d = p − t,  a = ε²
// ρ′ = d / ρ, 0 at d = 0 (even where ε² is 0)
@unmanaged
@final
export class Charbonnier<T extends number> extends Elementwise {
  @inline
  vectors(): u32 {
    return 2;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    const d = v128.sub<T>(p, t);
    return v128.sqrt<T>(v128.add<T>(v128.mul<T>(d, d), a));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    const d = v128.sub<T>(p, t);
    const slope = v128.div<T>(d, v128.sqrt<T>(v128.add<T>(v128.mul<T>(d, d), a)));
    return v128.and(slope, v128.ne<T>(d, v128.splat<T>(<T>0)));
  }
}
