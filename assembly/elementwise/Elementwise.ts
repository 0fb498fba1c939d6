/**
 * A loss Σ ρ(p, t) over pixels that are independent of each other. A loss is a class of three inlined members, generic over the
 * lane type: T = f32 for the fast way, T = f64 for tiles that float32 cannot hold. `a` and `b` are its parameters, in every
 * lane. Where a fast term is out of float32's reach without showing it, it returns NaN: a tile whose sum is not finite, or
 * suspiciously small, is done again in float64.
 */
@unmanaged
export abstract class Elementwise {
  /** ρ(p, t) */
  abstract value(p: v128, t: v128, a: v128, b: v128): v128;

  /** Whether ρ is arithmetic enough for one vector to fill an iteration: four at a time would only make code longer. */
  abstract heavy(): bool;

  /** ρ′ = ∂ρ/∂p, 0 at a kink */
  abstract slope(p: v128, t: v128, a: v128, b: v128): v128;
}
