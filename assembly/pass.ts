/** What is done with each tile. */
export enum Pass {
  /** Copies the target to where gradients go, NaN where a pixel is not valid. */
  Prepare,
  /** Counts the valid pixels, from target and mask alone. */
  Count,
  /** Adds up the sums that the loss is computed from, and counts the valid pixels. */
  Sums,
  /** Adds up the sums of the angle again, with the residual t − α·p in place of t. */
  Residual,
  /** Writes the gradient, with coefficients per group, and adds up the sums of losses that do not need them first. */
  Gradient,
  /** Copies the valid pixels, one after the other, to where the host's own loss finds them. */
  Gather,
  /** Brings the gradients of the host's loss back to their pixels. */
  Scatter,
}
