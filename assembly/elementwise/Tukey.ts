import { COST, Trait } from "../traits";
import { Elementwise } from "./Elementwise";

// ρ  = 6·c²/6·(1 − w³)  =  q²(1 + w + w²)       d = p − t,  q = d clamped to [−c, c],  w = 1 − (q/c)²,  a = c
// ρ′ = 6q·w², of which `slope` is half
//
// Six times Tukey's loss; the factor 1/6 is the maker's scale. Nothing cancels but in w, which is all that is left of the slope near
// |d| = c: there it takes what float32 rounded off of p − t and of c, b = c − a of float32's a.
@unmanaged
@final
export class Tukey<T extends number> extends Elementwise {
  @inline
  traits(): u32 {
    return COST | Trait.Difference | Trait.NeverNegative | Trait.HalfSlope | Trait.TwoVectors;
  }

  /** q; NaN where p or t is infinite, which no clamp may hide. Float32 finds that out below. */
  @inline
  clamped(d: v128, a: v128): v128 {
    const q = v128.pmax<T>(v128.pmin<T>(d, a), v128.neg<T>(a));
    return sizeof<T>() == 4 ? q : v128.add<T>(q, v128.sub<T>(d, d));
  }

  /** w = (c − |d|)(c + |q|)/c², 0 beyond c. */
  @inline
  rest(p: v128, t: v128, d: v128, q: v128, a: v128, b: v128): v128 {
    let distance = v128.sub<T>(a, v128.abs<T>(d));
    if (sizeof<T>() == 4) {
      // d + lost = p − t, to the last bit
      const back = f32x4.sub(d, p);
      const lost = f32x4.sub(f32x4.sub(p, f32x4.sub(d, back)), f32x4.add(t, back));
      const outward = v128.xor(lost, v128.and(d, f32x4.splat(-0.0)));
      distance = f32x4.add(distance, f32x4.sub(b, outward));
    }
    distance = v128.max<T>(distance, v128.splat<T>(<T>0));
    return v128.mul<T>(v128.div<T>(distance, a), v128.div<T>(v128.add<T>(a, v128.abs<T>(q)), a));
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    const d = v128.sub<T>(p, t);
    const q = this.clamped(d, a);
    const w = this.rest(p, t, d, q, a, b);
    const one = v128.splat<T>(<T>1);
    return v128.mul<T>(v128.mul<T>(q, q), v128.add<T>(one, v128.add<T>(w, v128.mul<T>(w, w))));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    const d = v128.sub<T>(p, t);
    const q = this.clamped(d, a);
    const w = this.rest(p, t, d, q, a, b);
    const slope = v128.mul<T>(v128.mul<T>(q, w), v128.mul<T>(v128.splat<T>(<T>3), w));
    // Beyond c it is 0, and not −0.
    return v128.and(slope, v128.ne<T>(w, v128.splat<T>(<T>0)));
  }
}
