import { Elementwise } from "./Elementwise";

/**
 * An elementwise loss of elementary functions. `value` and `slope` hold for every argument; beside them stand the usual ρ and ρ′:
 * float32, without a branch, and in parts, so that the loop computes once what they share.
 *
 * A usual term whose argument is out of reach is NaN: its block is done again by `value` and `slope`. A tile is done again in
 * float64 where ρ or ρ′ is the difference of parts so much greater that too few digits are left.
 */
@unmanaged
export abstract class Elementary extends Elementwise {
  /** e(p), what the usual ρ and ρ′ share */
  abstract shared(p: v128): v128;

  /** The usual ρ, or what it is beside log(1 + e). */
  abstract usual(p: v128, t: v128, e: v128, a: v128): v128;

  /** The usual ρ′ */
  abstract usualSlope(p: v128, t: v128, e: v128, a: v128): v128;

  /** Whether the usual ρ and ρ′ hold for some arguments alone. */
  abstract partial(): bool;

  /** Whether log(1 + e), 0 ≤ e ≤ 1, is a part of ρ: the logarithm of a block's product is taken once. */
  abstract logarithmic(): bool;

  /** Whether ρ, ρ′ is a difference that can lose its digits. */
  abstract valueCancels(): bool;
  abstract slopeCancels(): bool;

  /** The size, ≥ 0, of what ρ is a difference of. */
  abstract valueParts(p: v128, t: v128, e: v128): v128;

  /** The size, ≥ 0, of what ρ′ is a difference of. */
  abstract slopeParts(p: v128, t: v128, e: v128): v128;
}
