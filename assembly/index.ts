// The exported surface: a job is described through the setters, then its passes are run over ranges of units.

import { COEFFICIENTS, Job, JOB_BYTES, MassSum, RANGES, SUMS_BYTES, Role, Type } from "./job";
import { Loss, traits } from "./losses";
import { Pass } from "./pass";
import { Shape, Trait } from "./traits";
import { Reduction } from "./weights";

export { Loss, MassSum, Pass, Reduction, Role, Shape, Trait, traits, Type };
export {
  angleMap,
  angleMapScratchBytes,
  errorMap,
  setMapImages,
  setMapPlane,
  ssimMap,
  ssimMapScratchBytes,
} from "./maps";
export { bandAngle, decibels } from "./metrics";
export { needsResidual } from "./moments/vectorAngle";
export { RADIUS as SSIM_RADIUS } from "./window";
export { loadPlane, planeScratchBytes, setPlaces } from "./planes";
export { joinedM2 } from "./squaredDeviations";
export { collect, run, scratchBytes } from "./units";
export {
  cancelled,
  clearGroups,
  clearSums,
  coefficients,
  finish,
  numeratorCancelled,
  value,
  weigh,
  weightedLosses,
} from "./weights";

/** Where the memory is free from: before it lie the tables of approx.ts. */
export function heapStart(): usize {
  return __heap_base;
}

export function jobBytes(): u32 {
  return JOB_BYTES;
}

export function sumsBytes(): u32 {
  return SUMS_BYTES;
}

export function coefficientBytes(): u32 {
  return COEFFICIENTS * 8;
}

export function rangesBytes(): u32 {
  return RANGES;
}

export function setLoss(job: Job, loss: Loss, scale: f64, a: f64, b: f64): void {
  job.loss = loss;
  job.traits = traits(loss);
  job.scale = scale;
  job.a = a;
  job.b = b;
  job.inF64 = false;
}

/** Has sums done once more, in float64 for the groups that `cancelled` has marked. */
export function setInF64(job: Job): void {
  job.inF64 = true;
}

export function setGeometry(
  job: Job,
  pixels: u32,
  channels: u32,
  planes: u32,
  tile: u32,
  planesPerGroup: u32,
  groups: u32,
  total: f64,
): void {
  job.pixels = pixels;
  job.channels = channels;
  job.planes = planes;
  job.tile = tile;
  job.tilesPerPlane = pixels / tile + u32(pixels % tile != 0);
  job.planesPerGroup = planesPerGroup;
  job.groups = groups;
  job.total = total;
}

export function setRule(job: Job, simple: bool, min: f32, max: f32, nodata: usize, nodataCount: u32): void {
  job.simpleRule = simple;
  job.min = min;
  job.max = max;
  job.nodata = nodata;
  job.nodataCount = nodataCount;
  job.masked = false;
  job.softMask = false;
  job.hasWeights = false;
  job.dn = false;
  job.unit = 1;
  job.zero = -0.0;
  job.badLabel = NaN;
  job.badWeight = 0;
  job.badMask = 0;
}

/** Pred and target are digital numbers of one calibration, v standing for scale · v + offset. */
export function setDigitalNumbers(job: Job, scale: f64, offset: f64): void {
  job.dn = true;
  job.unit = scale;
  job.zero = offset / scale;
}

/**
 * The width of an image of which all metrics are gathered, and its core, of columns [left, right) and rows [top, bottom): pixels around
 * that belong to its neighbours.
 */
export function setCore(job: Job, width: u32, left: u32, right: u32, top: u32, bottom: u32): void {
  job.width = width;
  job.coreLeft = left;
  job.coreRight = right;
  job.coreTop = top;
  job.coreBottom = bottom;
}

/** There is a mask of bytes, or of shares of a pixel, for images of rows of `width`. */
export function setMask(job: Job, soft: bool, width: u32, rowStride: usize): void {
  job.masked = !soft;
  job.softMask = soft;
  job.width = width;
  job.mask.rowStride = rowStride;
}

/** Each pixel has a weight. */
export function setPixelWeights(job: Job, width: u32, rowStride: usize): void {
  job.hasWeights = true;
  job.width = width;
  job.pixelWeights.rowStride = rowStride;
}

export function setWeights(job: Job, power: f64, normalizer: f64): void {
  job.power = power;
  job.normalizer = normalizer;
}

export function setMemory(
  job: Job,
  partialSums: usize,
  groupSums: usize,
  losses: usize,
  weights: usize,
  gradOutputs: usize,
  coefficients: usize,
): void {
  job.partialSums = partialSums;
  job.groupSums = groupSums;
  job.losses = losses;
  job.weights = weights;
  job.gradOutputs = gradOutputs;
  job.coefficients = coefficients;
}

/** Room for the ranges of each plane, for SSIM; all are empty yet. */
export function setRanges(job: Job, ranges: usize, planes: u32): void {
  job.ranges = ranges;
  const end = ranges + planes * RANGES;
  for (let at = ranges; at < end; at += 16) v128.store(at, f64x2(Infinity, -Infinity));
}

export function setGathered(job: Job, pred: usize, target: usize, mass: usize): void {
  job.gatheredPred = pred;
  job.gatheredTarget = target;
  job.gatheredMass = mass;
}

/** What `run` does next with each tile, before it turns to the job `next`. `keep`: gradients are added to what stands in `grad`. */
export function setPass(job: Job, pass: Pass, keep: bool, next: usize): void {
  job.pass = pass;
  job.keep = keep;
  job.next = next;
}

/** The unit whose partial sums come first, for `run` and `collect` of a window of units. */
export function setFirstUnit(job: Job, unit: u32): void {
  job.firstUnit = unit;
}

/** Where an array lies, and what it holds; of integers that are no masks or labels, what they stand for. */
export function setOperand(job: Job, role: Role, base: usize, type: Type, scale: f64, offset: f64): void {
  const operand = job.operand(role);
  operand.base = base;
  operand.type = type;
  operand.scale = scale;
  operand.offset = offset;
}

/** Bytes from sample to sample of an array, from channel to channel and from pixel to pixel. */
export function setStrides(job: Job, role: Role, sample: usize, channel: usize, pixel: usize): void {
  const operand = job.operand(role);
  operand.sampleStride = sample;
  operand.channelStride = channel;
  operand.pixelStride = pixel;
}

export function numerator(job: Job): f64 {
  return job.numerator;
}

export function weightSum(job: Job): f64 {
  return job.weightSum;
}

/** A label at a valid pixel that is no class, NaN where there is none. */
export function badLabel(job: Job): f64 {
  return job.badLabel;
}

/** Where the first weight stands that is negative or not finite, counted from 1 over all pixels; 0 where there is none. */
export function badWeight(job: Job): f64 {
  return job.badWeight;
}

/** Likewise, of a soft mask at a valid pixel, the first number outside [0, 1]. */
export function badMask(job: Job): f64 {
  return job.badMask;
}
