// What is known of a loss before it sees a pixel. Each loss's file says it in one word; all that depends on it asks that word.

export enum Trait {
  /** A function of p − t alone: digital numbers of one calibration are subtracted before they are scaled. */
  Difference = 1 << 0,
  /** A function of a few sums over a group, whose gradient is linear in p and t. */
  Moments = 1 << 1,
  /** All channels of a pixel are looked at together. */
  AcrossChannels = 1 << 2,
  /** The target holds class labels, one per pixel. */
  Labels = 1 << 3,
  /** The pixels around each are looked at: units are rows. */
  Window = 1 << 4,
  /** The host computes the loss of a group from its valid pixels. */
  Custom = 1 << 5,
  /** No loss: the sums that metrics of bands are made of. Units are strips of rows. */
  Bands = 1 << 6,
  /** The gradient depends on sums over the group, which come first. */
  SumsFirst = 1 << 7,
  /** `slope` is half of ρ′: the coefficient brings the other half. */
  HalfSlope = 1 << 8,
  /** Its loop has registers for two vectors at a time, not four. */
  TwoVectors = 1 << 9,
  /** The fast ρ and ρ′ hold for some arguments alone: a block with others takes `value` and `slope`. */
  NeedsFallback = 1 << 10,
  /** log(1 + e), 0 ≤ e ≤ 1, is a summand of ρ: the logarithm of a block's product is taken once. */
  Log1p = 1 << 11,
  /** ρ is a difference that can lose its digits. */
  ValueCancels = 1 << 12,
  /** ρ′ is one. */
  SlopeCancels = 1 << 13,
}

/** From this bit on stands the time that an element takes, in those of an elementwise loss. */
export const COST: u32 = 1 << 16;
