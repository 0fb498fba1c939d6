// A plane of SSIM and UQI: where the rows of both images stand, which pixels count, and what is made of them.

import { Job } from "./job";

/** What becomes of invalid pixels, and which windows count. */
export enum Invalid {
  /** Invalid pixels have no weight; windows around valid centres count. */
  Normalize,
  /** Only windows without an invalid pixel count. */
  Erode,
  /** Invalid pixels are 0 in both images; windows around valid centres count. */
  Zero,
}

/**
 * A plane of the two images and what is wanted of it. Strides are in bytes; row r stands at `pred + r * predStride`, which may
 * wrap: only the rows that a call needs have to be there.
 */
@unmanaged
@final
export class SsimPlane {
  pred: usize;
  predStride: usize;
  target: usize;
  targetStride: usize;
  /** Gradient, f32. */
  grad: usize;
  gradStride: usize;
  /** Map of SSIM, f32, NaN where no window counts; 0 for none. Of `ssimValue` only. */
  map: usize;
  mapStride: usize;
  /** f64 per row: the sum of 1 − SSIM over its centres that count, times their masses. */
  sums: usize;
  /** Two f64 per row: how many pixels are valid, and what the centres that count have in mass. */
  counts: usize;
  /** SSIM_SCRATCH bytes, fastest on a multiple of 16. */
  scratch: usize;
  width: i32;
  height: i32;
  invalid: Invalid;
  /** All ones to add to the gradient that is there, all zeros to replace it. */
  keep: i32;
  /** A pixel is valid where target ≥ lo. */
  lo: f32;
  /** Masses, f32, 0 where a pixel is not valid; 0 where each counts alike. */
  mass: usize;
  massStride: usize;
  dataRange: f64;
  /** What is added to pixels to make values of them, in their own unit; see `Job.zero`. `dataRange` is in that unit, too. */
  zero: f64;
  /** The ranges of the valid pixels of both images; of `ssimSurvey`, those of its rows. */
  predLeast: f64;
  predMost: f64;
  targetLeast: f64;
  targetMost: f64;
  // What follows from the ranges, see `setShifts`.
  /** Subtracted from the images before they are squared; they change results by rounding only. */
  predShift: f64;
  targetShift: f64;
  /** Whether values lie so far from the shifts that their variances may drown. */
  far: bool;
  /** Whether they lie so far that A or B may be 1 but for rounding. */
  saturated: bool;
}

const COUNTS_AT: u32 = (offsetof<SsimPlane>() + 15) & ~15;

export function pixelAt(base: usize, stride: usize, row: i32, column: i32): usize {
  return base + <usize>row * stride + ((<usize>column) << 2);
}

/** Bytes of what `setPlane` lays out for so many rows, which comes before the scratch. */
export function planeBytes(rows: u32): u32 {
  return COUNTS_AT + rows * 24 + 63;
}

/**
 * A plane of `width` × `height` pixels at `area`, whose rows follow one another, with room for the counts and sums of rows [row0, row1).
 * Its scratch begins behind these, within `planeBytes`. What lies where, and what it is worth, is the caller's to say.
 */
export function setPlane(area: usize, width: u32, height: u32, row0: u32, row1: u32): SsimPlane {
  const plane = changetype<SsimPlane>(area);
  const counts = area + COUNTS_AT;
  const sums = counts + (row1 - row0) * 16;
  const rowBytes: usize = width * 4;
  // Stands where row 0 would have to begin for that.
  plane.counts = counts - <usize>row0 * 16;
  plane.sums = sums - <usize>row0 * 8;
  plane.scratch = (sums + (row1 - row0) * 8 + 63) & ~63;
  plane.width = width;
  plane.height = height;
  plane.predStride = rowBytes;
  plane.targetStride = rowBytes;
  plane.gradStride = rowBytes;
  plane.massStride = rowBytes;
  plane.mapStride = rowBytes;
  plane.mass = 0;
  plane.map = 0;
  plane.keep = 0;
  plane.lo = -Infinity;
  plane.zero = -0.0;
  plane.invalid = Invalid.Normalize;
  return plane;
}

/** Lays out a plane as `setPlane` does, with a job's rule for valid pixels, its data range and its digital numbers. */
export function setPlaneOf(job: Job, area: usize, width: u32, row0: u32, row1: u32): SsimPlane {
  const plane = setPlane(area, width, job.pixels / width, row0, row1);
  plane.lo = job.tileMin;
  plane.dataRange = job.a / Math.abs(job.unit);
  plane.zero = job.zero;
  return plane;
}
