/** What is done with each tile. */
export enum Pass {
  /** A copy of the target is written to where gradients go, NaN where a pixel does not count. */
  Prepare,
  /** Valid pixels, from target and mask alone. */
  Count,
  /** The sums that the loss is made of, and the valid pixels. */
  Sums,
  /** The sums of the angle without the part of target along pred. */
  Residual,
  /** The gradient, with coefficients per group, and the sums where they come for nothing. */
  Gradient,
  /** Copies the valid pixels, one after the other, to where the host's own loss finds them. */
  Gather,
  /** Brings that loss's gradients back to the pixels they belong to. */
  Scatter,
}
