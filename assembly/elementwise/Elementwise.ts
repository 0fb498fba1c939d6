/**
 * A loss Σ ρ(p, t) over pixels that are independent of each other. A loss is a class of inlined members, generic over the lane
 * type: T = f32 for the fast way, T = f64 for tiles that float32 cannot hold. `a` and `b` are its parameters, in every lane.
 *
 * A tile is done again in float64 where its float32 sum is not finite or is suspiciously small. A fast term that is out of
 * float32's reach without showing it returns NaN.
 */
@unmanaged
export abstract class Elementwise {
  /** Which of `Trait` hold. */
  abstract traits(): u32;

  /** ρ(p, t) */
  abstract value(p: v128, t: v128, a: v128, b: v128): v128;

  /** ρ′ = ∂ρ/∂p, or half of it as Trait.HalfSlope says; 0 at a kink. */
  abstract slope(p: v128, t: v128, a: v128, b: v128): v128;
}
