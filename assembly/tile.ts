// What the loop of a loss works on: n pixels of a plane, or of all planes that are looked at together. Each thread has one tile, at the
// start of its scratch, and describes one stretch of the images after the other in it.

import { Sums } from "./job";

/** How pixels are to be read. */
export enum Reading {
  /** float32 values. */
  Values,
  /** Digital numbers of one calibration, as float32. */
  Numbers,
  /** Digital numbers of one calibration, as uint16 in the caller's array. */
  Uint16,
}

@unmanaged
@final
export class Tile {
  /** pred, target: [n] of each plane, as `reading` says. */
  pred: usize;
  target: usize;
  /** grad: f32[n] of each plane; 0 where none is wanted. */
  grad: usize;
  /** Bytes from plane to plane. */
  predStride: usize;
  targetStride: usize;
  gradStride: usize;
  /** A multiple of STEP. */
  n: u32;
  reading: Reading;
  /** A pixel is valid where target ≥ least, as it is read. */
  least: f32;
  /** Where masses are made: the planes whose pixels have one mass, and how many of these have to be valid. */
  planes: u32;
  needed: u32;
  /** Masses, f32[n]; 0 where each pixel counts alike. */
  mass: usize;
  /** Their sum, and the least and the most of valid pixels; 0, 1 and 1 where there are none. */
  massSum: f64;
  leastMass: f64;
  mostMass: f64;
  /** f64[COEFFICIENTS] of the gradient. */
  coefficients: usize;
  /** Where sums and counts are added. */
  sums: Sums;

  @inline
  coefficient(k: u32): f64 {
    return load<f64>(this.coefficients + k * 8);
  }
}

export const TILE_BYTES: u32 = (offsetof<Tile>() + 15) & ~15;
