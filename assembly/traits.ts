// What is known of a loss before it sees a pixel. Each loss's file says it in one word: its shape, the traits it has, and its cost. All
// that depends on it asks that word; the build writes it into src/memory/kernelApi.ts.

/** What a loss looks at, which decides on its loop, its groups and its targets. */
export enum Shape {
  /** Single elements. */
  Elementwise,
  /** A few sums over a group; the gradient is linear in p and t. */
  Moments,
  /** All channels of a pixel. */
  Pixel,
  /** All channels of a pixel, against a target that holds class labels. */
  Labels,
  /** The pixels around each: units are rows. */
  Window,
  /** All valid pixels of a group, in the host. */
  Custom,
  /** No loss: the sums that metrics of bands are made of. Units are strips of rows. */
  Bands,
}

const SHAPE: u32 = 7;

export enum Trait {
  /** A function of p − t alone: digital numbers of one calibration are subtracted before they are scaled. */
  Difference = 1 << 3,
  /** The gradient depends on sums over the group, which come first. */
  SumsFirst = 1 << 4,
  /** The sums may be needed once more, with t − α·p in place of t: what is left of t beside its component along p. */
  Residual = 1 << 5,
  /** No pixel can make it negative. */
  NeverNegative = 1 << 6,
  /** `slope` is half of ρ′: the coefficient brings the other half. */
  HalfSlope = 1 << 7,
  /** Its loop has registers for two vectors at a time, not four. */
  TwoVectors = 1 << 8,
  /** The fast ρ and ρ′ are right for some arguments only: a block with others is computed by `value` and `slope`. */
  NeedsFallback = 1 << 9,
  /** log(1 + e), 0 ≤ e ≤ 1, is a summand of ρ: the logarithm of a block's product is taken once. */
  Log1p = 1 << 10,
  /** ρ is a difference that can lose its digits. */
  ValueCancels = 1 << 11,
  /** ρ′ is a difference that can lose its digits. */
  SlopeCancels = 1 << 12,
}

/** From this bit on stands the time that an element takes beside that of an elementwise loss. */
export const COST: u32 = 1 << 16;

export function shapeOf(traits: u32): Shape {
  return <Shape>(traits & SHAPE);
}
