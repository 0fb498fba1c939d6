// What one call works on, as it lies in memory: written through the setters that index.ts exports, read by the kernels.
//
// An array is a set of planes, one per sample b and channel c, of `pixels` elements each. Work is cut into units: one *tile*
// of at most `tile` pixels of the `channels` planes that are looked at together.
//
//     plane p = first channel of unit            unit u = p-group · tilesPerPlane + k
//     ├── tile 0 ──┼── tile 1 ──┼─ … ─┼ last ┤    each (unit, channel) has partial sums of its own,
//                                                added to the group's sums in order of u
//
// So neither threads nor staging nor alignment can change a bit of a result.

import { EXACT_BYTES } from "./exact";
import { Pass } from "./pass";
import { Shape, shapeOf, Trait } from "./traits";

/** Storage type of an operand's elements. */
export enum Type {
  F32,
  U8,
  I16,
  U16,
  I32,
}

/** What an operand is to the loss. */
export enum Role {
  Pred,
  Target,
  Mask,
  Grad,
  Weights,
}

/** Sums of a unit or a group, behind those that each loss has of its own; 0 where pixels have no masses. */
export enum MassSum {
  /** Σm, over valid pixels. */
  Mass = 14,
  /** Σa, over all. */
  Total,
  /** Of a unit, where the first weight and the first share of a soft mask stand that cannot be. */
  BadWeight,
  BadMask,
}

/** Sums that a unit or a group has besides its count. */
export const SUM_COUNT: u32 = 18;

/** Bytes of the sums of a unit or a group: the count, then the sums, all f64. */
export const SUMS_BYTES: u32 = (1 + SUM_COUNT) * 8;

/** float64 coefficients per group: `slope` of the elementwise and pixel losses; A, B, C of A·p + B·t + C of the moment losses. */
export const COEFFICIENTS: u32 = 3;

/** Bytes of a plane's ranges. */
export const RANGES: u32 = 32;

/**
 * An array and how to find element (b, c, i) of it. Strides are in bytes; addresses wrap at 2³², so that `base` may lie before
 * the memory where only a window of the array has been staged.
 */
@unmanaged
@final
export class Operand {
  base: usize;
  sampleStride: usize;
  channelStride: usize;
  pixelStride: usize;
  /** Of a mask and of weights, which may be broadcast along rows or columns. */
  rowStride: usize;
  type: Type;
  /** Digital numbers v stand for scale · v + offset. */
  scale: f64;
  offset: f64;

  @inline
  at(b: u32, c: u32, i: u32): usize {
    return this.base + <usize>b * this.sampleStride + <usize>c * this.channelStride + <usize>i * this.pixelStride;
  }
}

@unmanaged
@final
export class Job {
  /** The loss whose pass is run on each tile next, 0 after the last: what one has read is still in the cache for the others. */
  next: usize;
  pass: Pass;
  /** A `Loss`, see losses.ts, and what is known of it. */
  loss: i32;
  traits: u32;
  /** What the mean over a group's pixels is multiplied by. */
  scale: f64;
  /** Two parameters of the loss, as its policy defines them; for Sam, a is the number of valid channels that a pixel needs. */
  a: f64;
  b: f64;

  /** Whether sums are done once more, in float64 where the second coefficient of a group is 1. */
  inF64: bool;

  // Geometry
  pixels: u32;
  channels: u32;
  /** Planes of a sample that are units of their own (1 where `channels` planes are looked at together). */
  planes: u32;
  tile: u32;
  tilesPerPlane: u32;
  /** (unit plane, channel) pairs per group. */
  planesPerGroup: u32;
  groups: u32;
  /** Unit whose sums come first in `partialSums`. */
  firstUnit: u32;

  // Valid rule: min ≤ target ≤ max, target ≠ any of nodata, mask ≠ 0
  min: f32;
  max: f32;
  nodata: usize;
  nodataCount: u32;
  /** Whether target ≥ `min` alone, on the raw number, is the whole rule, and can be asked of it where it lies. */
  simpleRule: bool;
  masked: bool;
  /**
   * Whether pred and target are digital numbers of one calibration. Tiles then hold these, exactly, and kernels compute from
   * unit · (v + zero), in float64; elsewhere tiles hold the values, `unit` is 1 and `zero` is −0.
   */
  dn: bool;
  unit: f64;
  zero: f64;
  /** Whether pixels have masses: for a soft mask, or for weights. */
  softMask: bool;
  hasWeights: bool;
  /** Pixels of an image row. */
  width: u32;
  /** Of Bands, the columns and rows of an image that are its own, the rest belonging to its neighbours; the last are exclusive. */
  coreLeft: u32;
  coreRight: u32;
  coreTop: u32;
  coreBottom: u32;

  // Weights and reduction
  /** Elements of a group, valid or not. */
  total: f64;
  power: f64;
  normalizer: f64;
  numerator: f64;
  weightSum: f64;
  /** The first class label at a valid pixel that is none: NaN while all is well. */
  badLabel: f64;
  /** Where the first weight and the first share of a mask stand that cannot be, see `placeOf`; 0 while all is well. */
  badWeight: f64;
  badMask: f64;

  /** Whether gradients are added to what stands there, instead of replacing it. */
  keep: bool;
  partialSums: usize;
  groupSums: usize;
  losses: usize;
  weights: usize;
  gradOutputs: usize;
  coefficients: usize;
  /** Of SSIM, four f64 per plane: the least and the most of pred's valid pixels, and of target's. */
  ranges: usize;
  /** Where the valid pixels of a tile are gathered for a custom loss; its gradient, float64, is scattered from both together. */
  gatheredPred: usize;
  gatheredTarget: usize;
  gatheredMass: usize;

  @inline
  operand(role: Role): Operand {
    return changetype<Operand>(changetype<usize>(this) + offsetof<Job>() + <usize>role * offsetof<Operand>());
  }

  @inline
  get pred(): Operand {
    return this.operand(Role.Pred);
  }

  @inline
  get target(): Operand {
    return this.operand(Role.Target);
  }

  @inline
  get mask(): Operand {
    return this.operand(Role.Mask);
  }

  @inline
  get grad(): Operand {
    return this.operand(Role.Grad);
  }

  @inline
  get pixelWeights(): Operand {
    return this.operand(Role.Weights);
  }

  /** Room for one exact sum. */
  @inline
  get exactSum(): usize {
    return changetype<usize>(this) + JOB_BYTES - EXACT_BYTES;
  }

  /** Whether pixels have masses. */
  @inline
  get isWeighted(): bool {
    return this.softMask || this.hasWeights;
  }

  /** The group of a plane: groups come round again after the last. */
  @inline
  groupOf(plane: u32): u32 {
    return (plane / this.planesPerGroup) % this.groups;
  }

  /** What the valid pixels of a group count. */
  @inline
  massOf(sums: Sums): f64 {
    return this.isWeighted ? sums.sum(MassSum.Mass) : sums.count;
  }

  /** What all its pixels would count. */
  @inline
  totalOf(sums: Sums): f64 {
    return this.isWeighted ? sums.sum(MassSum.Total) : this.total;
  }

  @inline
  get shape(): Shape {
    return shapeOf(this.traits);
  }

  @inline
  has(trait: Trait): bool {
    return (this.traits & trait) != 0;
  }

  /** The sums of a group. */
  @inline
  sumsOf(group: u32): Sums {
    return changetype<Sums>(this.groupSums + group * SUMS_BYTES);
  }

  /** Whether a staged target holds raw numbers, of which those from `min` on are valid; else NaN where it is not. */
  @inline
  get comparesRaw(): bool {
    return this.simpleRule && (this.dn || this.target.type == Type.F32);
  }

  /** Whether digital numbers are not the values themselves. */
  @inline
  get isCalibrated(): bool {
    return this.dn && !(this.unit == 1 && this.zero == 0);
  }

  /** The least value of a target tile of float32 that is valid there. */
  @inline
  get tileMin(): f32 {
    return this.comparesRaw ? this.min : -Infinity;
  }

  @inline
  coefficientsOf(group: u32): usize {
    return this.coefficients + group * COEFFICIENTS * 8;
  }

  @inline
  coefficient(group: u32, k: u32): f64 {
    return load<f64>(this.coefficients + (group * COEFFICIENTS + k) * 8);
  }

  @inline
  setCoefficient(group: u32, k: u32, value: f64): void {
    store<f64>(this.coefficients + (group * COEFFICIENTS + k) * 8, value);
  }
}

export const JOB_BYTES: u32 = offsetof<Job>() + 5 * offsetof<Operand>() + EXACT_BYTES;

/** The count and the sums of a group, or of what a unit has of it. */
@unmanaged
@final
export class Sums {
  count: f64;

  @inline
  sum(k: u32): f64 {
    return load<f64>(changetype<usize>(this) + k * 8, 8);
  }

  @inline
  set(k: u32, value: f64): void {
    store<f64>(changetype<usize>(this) + k * 8, value, 8);
  }

  @inline
  add(k: u32, value: f64): void {
    const at = changetype<usize>(this) + k * 8;
    store<f64>(at, load<f64>(at, 8) + value, 8);
  }
}
