// A whole loss in one call, for hosts without JavaScript: they fill a LossCall in, ask `lossWorkBytes` for the memory that it works in, and
// call `computeLoss`. Arrays are float32 (labels: any type) in NCHW order, and lie in the module's memory. The passes and their order are
// those of src/run/compute.ts, so that every bit is, too. docs/abi.md and docs/valid_pixel_loss.h describe it for C.
//
//     heapStart ─▶ host lays out its arrays and the LossCall ─▶ lossWorkBytes ─▶ computeLoss ─▶ value, grad, groups

import {
  clearGroups,
  clearSums,
  coefficients,
  collect,
  finish,
  numeratorCancelled,
  cancelled,
  needsResidual,
  Loss,
  Pass,
  Reduction,
  Role,
  run,
  scratchBytes,
  setFirstUnit,
  setGeometry,
  setInF64,
  setLoss,
  setMask,
  setMemory,
  setOperand,
  setPass,
  setPixelWeights,
  setRanges,
  setRule,
  setStrides,
  setWeights,
  Shape,
  Trait,
  Type,
  value,
  weigh,
  weightedLosses,
} from "./index";
import { COEFFICIENTS, Job, JOB_BYTES, RANGES, SUMS_BYTES } from "./job";
import { Invalid } from "./ssimPlane";

/** What is weighed as one: a sample, a channel of a sample, all samples, or a channel of all samples. */
export enum GroupBy {
  Sample,
  Channel,
  Batch,
  Band,
}

/** What `computeLoss` says. After anything but `Done` no result is to be read. */
export enum Status {
  Done,
  /** A label at a valid pixel is no class. */
  BadLabel,
  /** A weight is negative or not finite. */
  BadWeight,
  /** A soft mask has a number outside [0, 1]. */
  BadMask,
  /** The call asks for what there is not: an unknown loss, groups that the loss cannot have, a shape that it cannot take. */
  BadCall,
}

/** What a loss needs, and what it gives. Pointers are offsets into the module's memory; 0 is none, where none is allowed. */
@unmanaged
@final
class LossCall {
  /** What the mean over a group's pixels is multiplied by, and two parameters of the loss. */
  scale: f64;
  a: f64;
  b: f64;
  /** The weight of a group is (valid / total)^power. */
  power: f64;
  /** What a mean divides by; NaN: the sum of the weights. */
  normalizer: f64;
  /** The upstream gradient, where `upstreams` is 0. */
  upstream: f64;
  // Results
  value: f64;
  numerator: f64;
  weightSum: f64;
  /** Which target values count: min ≤ t ≤ max. */
  min: f32;
  max: f32;
  loss: Loss;
  reduction: Reduction;
  groupBy: GroupBy;
  samples: u32;
  channels: u32;
  height: u32;
  width: u32;
  /** f32[nodataCount]: target values that do not count. */
  nodata: usize;
  nodataCount: u32;
  /** f32[samples, channels, height, width] */
  pred: usize;
  /** The same; of labels targetType[samples, height, width]. */
  target: usize;
  targetType: Type;
  /**
   * U8 of the target's shape, 0 where a pixel does not count; or F32, the share of it that does, of the target's shape without the
   * channels where the loss looks across these.
   */
  mask: usize;
  maskType: Type;
  /** f32[...], the weight of each pixel, of the shape of a soft mask. */
  pixelWeights: usize;
  /** f32[samples, channels, height, width]; none: no gradient. */
  grad: usize;
  /** Whether the gradient is added to what stands there. */
  keep: u32;
  /** f64[groups]: upstream gradients of reduction None, in place of one for all. */
  upstreams: usize;
  /** f64[groups] each, of loss, weight, valid pixels, and, of reduction None, the values. */
  groupLosses: usize;
  groupWeights: usize;
  groupCounts: usize;
  values: usize;

  /** Where the job lies: behind the rest. */
  get job(): Job {
    return changetype<Job>(changetype<usize>(this) + offsetof<LossCall>());
  }

  get isPerPixel(): bool {
    return this.job.shape == Shape.Pixel || this.job.shape == Shape.Labels;
  }
}

/** Elements of a tile, pixels of a step, and bounds of shapes: as in src/plan/geometry.ts and src/plan/arrays.ts. */
const TILE: u32 = 16384;
const STEP: u32 = 16;
const MAX_PIXELS: u64 = (1 << 32) - TILE;
const WINDOW: u32 = 11;
const MAX_COLUMNS: u32 = 1 << 22;
const MAX_CLASSES: u32 = 1 << 24;

/** Rows of SSIM that are run at a time; other units are run one by one. */
const ROWS: u32 = 128;

/** Bytes of a LossCall, the job behind it included. */
export function lossCallBytes(): u32 {
  return offsetof<LossCall>() + JOB_BYTES;
}

/** Bytes that `computeLoss` works in, 16-aligned as the call is; 0 where the call asks for what there is not. */
export function lossWorkBytes(call: LossCall): u32 {
  if (!describe(call)) return 0;
  return <u32>areas(call, 0) + scratchBytes(call.job, unitsAtOnce(call.job));
}

/** Computes the value, and the gradient where `grad` is given. `work`: lossWorkBytes(call) bytes, of any content. */
export function computeLoss(call: LossCall, work: usize): Status {
  if (!describe(call)) return Status.BadCall;
  const job = call.job;
  const scratch = areas(call, work);
  clearGroups(job);
  for (let g: u32 = 0; g < job.groups; g++) {
    store<f64>(job.gradOutputs + g * 8, call.upstreams ? load<f64>(call.upstreams + g * 8) : call.upstream);
  }

  const wantsGrad = call.grad != 0;
  if (job.shape == Shape.Window) {
    // First what weights depend on, and the ranges that keep variances exact.
    const status = passAndCheck(call, scratch, Pass.Count);
    if (status) return status;
    weigh(job);
    coefficients(job, call.reduction);
    if (wantsGrad) runPass(call, scratch, Pass.Gradient, true, call.keep != 0);
    else runPass(call, scratch, Pass.Sums);
    finish(job);
  } else if (wantsGrad && !job.has(Trait.SumsFirst)) {
    const status = passAndCheck(call, scratch, Pass.Count);
    if (status) return status;
    weigh(job);
    coefficients(job, call.reduction);
    clearSums(job);
    runPass(call, scratch, Pass.Gradient, true, call.keep != 0);
    finishExactly(call, scratch);
  } else {
    const status = passAndCheck(call, scratch, Pass.Sums);
    if (status) return status;
    if (job.has(Trait.Residual) && needsResidual(job)) {
      clearSums(job);
      runPass(call, scratch, Pass.Residual);
    }
    weigh(job);
    finishExactly(call, scratch);
    if (wantsGrad) {
      coefficients(job, call.reduction);
      runPass(call, scratch, Pass.Gradient, false, call.keep != 0);
    }
  }
  answer(call);
  return Status.Done;
}

/** Writes the job of a call, without its memory. Returns whether there is such a call. */
function describe(call: LossCall): bool {
  const job = call.job;
  const plane = <u64>call.height * call.width;
  const image = plane * call.channels;
  if (call.loss < 0 || call.loss >= Loss.Custom || call.reduction > Reduction.None || call.groupBy > GroupBy.Band)
    return false;
  if (call.mask && call.maskType != Type.U8 && call.maskType != Type.F32) return false;
  if (plane > MAX_PIXELS || !call.samples || !image || (call.reduction == Reduction.None && !call.values)) return false;
  const acrossAll = call.loss == Loss.Sam && call.a == Infinity;
  setLoss(job, call.loss, call.scale, acrossAll ? call.channels : call.a, call.b);
  const across = call.isPerPixel;
  const isWindow = job.shape == Shape.Window;
  const isLabels = job.shape == Shape.Labels;
  const ofBatch = call.groupBy == GroupBy.Batch || call.groupBy == GroupBy.Band;
  const ofChannels = call.groupBy == GroupBy.Sample || call.groupBy == GroupBy.Batch;
  if (across && !ofChannels) return false;
  if (isLabels ? call.channels > MAX_CLASSES : call.targetType != Type.F32) return false;
  const hasSoftMask = call.mask != 0 && call.maskType == Type.F32;
  // Zeros in place of invalid pixels have no mass.
  if (isWindow && <Invalid>(<i32>call.b) == Invalid.Zero && (hasSoftMask || call.pixelWeights)) return false;
  if (isWindow && (call.width > MAX_COLUMNS || min(call.width, call.height) < WINDOW)) return false;

  const groupSamples: u32 = ofBatch ? call.samples : 1;
  const groupChannels: u32 = ofChannels ? call.channels : 1;
  const groups = (call.samples / groupSamples) * (call.channels / groupChannels);
  const total = <f64>groupSamples * (across ? 1 : groupChannels) * <f64>plane;
  const planesPerGroup: u32 = call.groupBy == GroupBy.Band ? 1 : groupSamples * groupChannels;
  // Samples whose channels are weighed together are seen as one plane.
  const whole = !across && !isWindow && ofChannels && image <= MAX_PIXELS;
  const pixels = <u32>(whole ? image : plane);
  const together: u32 = across ? call.channels : 1;
  const tile = isWindow ? call.width : max(STEP, (TILE / together / STEP) * STEP);
  const planes: u32 = whole || across ? 1 : call.channels;
  setGeometry(job, pixels, together, planes, tile, whole ? groupSamples : planesPerGroup, groups, total);
  setWeights(job, call.power, call.normalizer);

  const comparesAlone =
    (!call.mask || hasSoftMask) &&
    call.targetType == Type.F32 &&
    call.nodataCount == 0 &&
    call.max == Infinity &&
    !isNaN(call.min);
  setRule(job, comparesAlone, call.min, call.max, call.nodata, call.nodataCount);
  const channelPixels: usize = whole ? 0 : <usize>plane;
  const targetChannel: usize = isLabels ? 0 : channelPixels;
  const targetSample = <usize>(isLabels ? plane : image);
  place(job, Role.Pred, call.pred, Type.F32, <usize>image, channelPixels);
  place(job, Role.Target, call.target, call.targetType, targetSample, targetChannel);
  place(job, Role.Grad, call.grad, Type.F32, <usize>image, channelPixels);
  // A pixel whose channels are looked at together has one mass.
  const massSample = <usize>(across ? plane : image);
  const massChannel: usize = across ? 0 : channelPixels;
  if (call.mask) {
    if (hasSoftMask) place(job, Role.Mask, call.mask, Type.F32, massSample, massChannel);
    else place(job, Role.Mask, call.mask, Type.U8, targetSample, targetChannel);
    setMask(job, hasSoftMask, call.width, <usize>call.width * (hasSoftMask ? 4 : 1));
  }
  if (call.pixelWeights) {
    place(job, Role.Weights, call.pixelWeights, Type.F32, massSample, massChannel);
    setPixelWeights(job, call.width, call.width * 4);
  }
  return true;
}

function bytesOf(type: Type): usize {
  return type == Type.U8 ? 1 : type == Type.I16 || type == Type.U16 ? 2 : 4;
}

function place(job: Job, role: Role, base: usize, type: Type, sample: usize, channel: usize): void {
  const bytes = bytesOf(type);
  setOperand(job, role, base, type, 1, 0);
  setStrides(job, role, sample * bytes, channel * bytes, bytes);
}

function unitsOf(job: Job, samples: u32): u32 {
  return samples * job.planes * job.tilesPerPlane;
}

function unitsAtOnce(job: Job): u32 {
  return job.shape == Shape.Window ? ROWS : 1;
}

/** Lays out what the job works in from `work` on; where that ends, and scratch begins. */
function areas(call: LossCall, work: usize): usize {
  const job = call.job;
  const groups: usize = job.groups;
  const planes = call.samples * job.planes * job.channels;
  const groupSums = work + unitsAtOnce(job) * job.channels * SUMS_BYTES;
  const losses = groupSums + groups * SUMS_BYTES;
  const weights = losses + groups * 8;
  const gradOutputs = weights + groups * 8;
  const ends = gradOutputs + groups * 8;
  const ranges = (ends + groups * COEFFICIENTS * 8 + 15) & ~15;
  if (work) {
    setMemory(job, work, groupSums, losses, weights, gradOutputs, ends);
    setRanges(job, ranges, planes);
  }
  return ranges + planes * RANGES;
}

/** A pass over all units. */
function runPass(call: LossCall, scratch: usize, pass: Pass, adds: bool = true, keep: bool = false): void {
  const job = call.job;
  setPass(job, pass, keep, 0);
  const units = unitsOf(job, call.samples);
  const step = unitsAtOnce(job);
  for (let from: u32 = 0; from < units; from += step) {
    const to = min(from + step, units);
    setFirstUnit(job, from);
    run(job, scratch, from, to);
    if (adds) collect(job, from, to);
  }
}

/** The first pass, in which labels, weights and masks are looked at. */
function passAndCheck(call: LossCall, scratch: usize, first: Pass): Status {
  const job = call.job;
  runPass(call, scratch, first);
  if (job.badWeight) return Status.BadWeight;
  if (job.badMask) return Status.BadMask;
  return isNaN(job.badLabel) ? Status.Done : Status.BadLabel;
}

/** From sums to losses; the sums of an elementwise loss once more, in float64, where they cancel. */
function finishExactly(call: LossCall, scratch: usize): void {
  const job = call.job;
  const isElementwise = job.shape == Shape.Elementwise;
  if (isElementwise && cancelled(job)) sumInF64(call, scratch);
  finish(job);
  if (!isElementwise || !numeratorCancelled(job)) return;
  // What the groups cancel is repaired in their sum alone: each group's loss stays.
  const bytes = job.groups * 8;
  const kept = job.coefficients;
  sumInF64(call, scratch);
  memory.copy(kept, job.losses, bytes);
  finish(job);
  memory.copy(job.losses, kept, bytes);
}

function sumInF64(call: LossCall, scratch: usize): void {
  const job = call.job;
  setInF64(job);
  clearSums(job);
  runPass(call, scratch, Pass.Sums);
}

/** Writes the results of a call to where it wants them. */
function answer(call: LossCall): void {
  const job = call.job;
  const bytes = job.groups * 8;
  const isNone = call.reduction == Reduction.None;
  call.value = isNone ? NaN : value(job, call.reduction);
  call.numerator = job.numerator;
  call.weightSum = job.weightSum;
  if (isNone) weightedLosses(job, call.values);
  if (call.groupLosses) memory.copy(call.groupLosses, job.losses, bytes);
  if (call.groupWeights) memory.copy(call.groupWeights, job.weights, bytes);
  if (call.groupCounts) {
    for (let g: u32 = 0; g < job.groups; g++) store<f64>(call.groupCounts + g * 8, job.sumsOf(g).count);
  }
}
