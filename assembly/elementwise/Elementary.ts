import { Elementwise } from "./Elementwise";

/**
 * An elementwise loss of elementary functions. `value` and `slope` are right for every argument. `fastValue` and `fastSlope` are float32
 * without a branch. What both of them need, `common` computes once.
 *
 * A fast value whose argument is out of reach is NaN. Its block is done again by `value` and `slope` in float32 where the loss has
 * Trait.NeedsFallback, else its tile is done again in float64. So is a tile where ρ or ρ′ is the difference of terms so large that
 * too few digits are left.
 */
@unmanaged
export abstract class Elementary extends Elementwise {
  /** e(p), what the fast ρ and ρ′ have in common. */
  abstract common(p: v128): v128;

  /** The fast ρ, without log(1 + e) where the loss has Trait.Log1p. */
  abstract fastValue(p: v128, t: v128, e: v128, a: v128): v128;

  /** The fast ρ′. */
  abstract fastSlope(p: v128, t: v128, e: v128, a: v128): v128;

  /** |x|, where ρ = x − y can cancel. |y| is at most |x| + |ρ|. */
  abstract valueMagnitude(p: v128, t: v128, e: v128): v128;

  /** |x|, where ρ′ = x − y can cancel. */
  abstract slopeMagnitude(p: v128, t: v128, e: v128, a: v128): v128;
}
