// For maps: rows of a plane, from whatever the arrays are to planar float32.

import { Job } from "./job";
import { loadPred, loadTarget } from "./stage";

/** n pixels of plane (b, c) from pixel i on, target NaN where it does not count; both are padded to a multiple of 16. */
export function loadPlane(job: Job, b: u32, c: u32, i: u32, n: u32, pred: usize, target: usize, mask: usize): void {
  loadPred(job, b, c, i, n, pred);
  loadTarget(job, b, c, i, n, target, mask);
}
