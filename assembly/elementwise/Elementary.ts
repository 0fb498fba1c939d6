import { Elementwise } from "./Elementwise";

/**
 * An elementwise loss of elementary functions. `value` and `slope` hold for every argument; beside them stand the usual ρ and ρ′:
 * float32, without a branch, and in parts, so that the loop computes once what they share.
 *
 * A usual term whose argument is out of reach is NaN: its block is done again by `value` and `slope` where the loss is `partial`,
 * else its tile in float64. So is a tile where ρ or ρ′ is the difference of parts so much greater that too few digits are left.
 */
@unmanaged
export abstract class Elementary extends Elementwise {
  /** e(p), what the usual ρ and ρ′ share */
  abstract shared(p: v128): v128;

  /** The usual ρ, or what it is beside log(1 + e). */
  abstract usual(p: v128, t: v128, e: v128, a: v128): v128;

  /** The usual ρ′ */
  abstract usualSlope(p: v128, t: v128, e: v128, a: v128): v128;

  /** Whether the usual ρ and ρ′ hold for some arguments alone, and `value` and `slope` in float32 for more. */
  abstract partial(): bool;

  /** Whether log(1 + e), 0 ≤ e ≤ 1, is a part of ρ: the logarithm of a block's product is taken once. */
  abstract logarithmic(): bool;

  /** Whether ρ, ρ′ is a difference that can lose its digits. */
  abstract valueCancels(): bool;
  abstract slopeCancels(): bool;

  /** The size, ≥ 0, of one of two parts that ρ is a difference of: the other is at most this and |ρ| together. */
  abstract valuePart(p: v128, t: v128, e: v128): v128;

  /** The size, ≥ 0, of one of two parts that ρ′ is a difference of. */
  abstract slopePart(p: v128, t: v128, e: v128, a: v128): v128;
}
