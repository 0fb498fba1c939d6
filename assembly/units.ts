// Runs a pass of a job over a range of its units: finds or stages each unit's tiles, hands them to the loss's kernel, and keeps
// the sums of each unit in a slot of its own until they are added up in order.

import { bandsScratchBytes, runStrip } from "./bands";
import { addRecord } from "./bandSums";
import { elementwise } from "./elementwise";
import { Job, Loss, Reading, RECORD, Record } from "./job";
import { gather, scatter } from "./gather";
import { STEP } from "./lanes";
import { momentGradient, momentSums } from "./moments";
import { crossEntropy, labelCount } from "./pixel/crossEntropy";
import { sam, samCount } from "./pixel/sam";
import { Pass } from "./pass";
import { mergeShift, rowsScratchBytes, runRows } from "./rows";
import { loadPred, loadTarget, padded, planar, storedPlanar, storeGrad } from "./stage";
import { countTile, differences } from "./stored";

/**
 * Bytes of scratch that `run` needs for tiles, pred, target, grad and mask of each plane; for SSIM a tile is a row, of which `units`
 * may be run at once.
 */
export function scratchBytes(job: Job, units: u32): u32 {
  if (job.loss == Loss.Ssim) return rowsScratchBytes(job.tile, units);
  if (job.loss == Loss.Bands) return bandsScratchBytes(job);
  return padded(job.tile) * (job.channels * 12 + 1);
}

function looksAcross(loss: Loss): bool {
  return loss == Loss.Sam || loss == Loss.CrossEntropy;
}

function isMoment(loss: Loss): bool {
  return loss == Loss.VectorAngle || loss == Loss.Dice;
}

/** Losses of the difference alone. */
function ofDifference(loss: Loss): bool {
  return loss <= Loss.Pinball;
}

/** Losses whose loops take uint16 as they lie. */
function takesUint16(loss: Loss): bool {
  return isMoment(loss) || (ofDifference(loss) && loss != Loss.LogCosh);
}

/** A loss of single pixels and channels, on one plane. Returns whether it is done: uint16 where they lie may have to be staged for it. */
function planeTile(
  job: Job,
  reading: Reading,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  least: f32,
  channel: u32,
  group: u32,
  record: Record,
): bool {
  const pass = job.pass;
  // What is gathered of a channel starts at its own place, after what an earlier part of the unit has put there.
  const at = (channel * job.tile + <u32>record.count) * (pass == Pass.Scatter || reading == Reading.Numbers ? 8 : 4);
  // Of sums that are done once more, the second coefficient says whether in float64.
  const a = job.coefficient(group, job.wide ? 1 : 0);
  if (pass == Pass.Count) {
    if (reading == Reading.Uint16) countTile<u16>(target, n, least, record);
    else countTile<f32>(target, n, least, record);
  } else if (pass == Pass.Gather) {
    const toPred = job.gatheredPred + at;
    const toTarget = job.gatheredTarget + at;
    const scale = job.pred.scale;
    const offset = job.pred.offset;
    if (reading == Reading.Numbers) gather<f64>(pred, target, n, least, scale, offset, toPred, toTarget, record);
    else gather<f32>(pred, target, n, least, 1, 0, toPred, toTarget, record);
  } else if (pass == Pass.Scatter) scatter(target, grad, n, least, job.gatheredPred + at, a, record);
  else if (!isMoment(job.loss)) return elementwise(job, reading, pred, target, grad, n, least, a, record);
  else if (pass == Pass.Gradient) {
    const b = job.coefficient(group, 1);
    momentGradient(reading, pred, target, grad, n, least, a, b, job.coefficient(group, 2));
  } else momentSums(job, reading, pred, target, n, least, a, record);
  return true;
}

/** A loss across the channels of a pixel, on all planes of a sample. */
function pixelTile(
  job: Job,
  reading: Reading,
  pred: usize,
  predStride: usize,
  target: usize,
  targetStride: usize,
  grad: usize,
  gradStride: usize,
  n: u32,
  least: f32,
  group: u32,
  record: Record,
): void {
  const channels = job.channels;
  const needed = <i32>job.a;
  const coef = job.coefficient(group, 0);
  if (job.loss == Loss.CrossEntropy) {
    if (job.pass == Pass.Count) labelCount(job, target, n, channels, record);
    else crossEntropy(job, pred, predStride, target, grad, gradStride, channels, n, coef, record);
  } else if (job.pass == Pass.Count) samCount(target, targetStride, channels, n, least, needed, record);
  else if (reading == Reading.Numbers) {
    sam<bool>(
      pred,
      predStride,
      target,
      targetStride,
      grad,
      gradStride,
      channels,
      n,
      least,
      needed,
      job.zero,
      coef,
      record,
    );
  } else
    sam<void>(pred, predStride, target, targetStride, grad, gradStride, channels, n, least, needed, 0, coef, record);
}

/**
 * n pixels of a unit plane from pixel i on: a multiple of STEP, or fewer than STEP, which are then padded in scratch. `inPlace`: its
 * loops take uint16 as they lie. Returns whether these could.
 */
function part(job: Job, scratch: usize, plane: u32, i: u32, n: u32, slot: usize, inPlace: bool): bool {
  const pass = job.pass;
  const b = plane / job.planes;
  const c = plane % job.planes;
  const channels = job.channels;
  const size = padded(n);
  const stride: usize = size * 4;
  const room: usize = padded(job.tile) * channels * 4;
  const isTail = size != n;

  if (pass == Pass.Prepare) {
    for (let k: u32 = 0; k < channels; k++) {
      loadTarget(job, b, c + k, i, n, scratch, scratch + 3 * room);
      storeGrad(job, b, c + k, i, n, scratch);
    }
    return true;
  }

  let target = job.target.at(b, c, i);
  let targetStride = job.target.channelStride;
  if (!inPlace && (isTail || !job.simpleRule || !planar(job.target))) {
    target = scratch + room;
    targetStride = stride;
    const targetChannels: u32 = job.loss == Loss.CrossEntropy ? 1 : channels;
    for (let k: u32 = 0; k < targetChannels; k++) {
      loadTarget(job, b, c + k, i, n, target + <usize>k * stride, scratch + 3 * room);
    }
  }

  let pred = job.pred.at(b, c, i);
  let predStride = job.pred.channelStride;
  if (!inPlace && pass != Pass.Count && pass != Pass.Scatter && (isTail || !planar(job.pred))) {
    pred = scratch;
    predStride = stride;
    for (let k: u32 = 0; k < channels; k++) loadPred(job, b, c + k, i, n, pred + <usize>k * stride);
  }

  let reading = inPlace ? Reading.Uint16 : job.isCalibrated ? Reading.Numbers : Reading.Values;
  let least = inPlace ? job.min : job.tileMin;
  if (job.dn && !inPlace && ofDifference(job.loss) && (pass == Pass.Sums || pass == Pass.Gradient)) {
    const to = scratch + room;
    for (let k: u32 = 0; k < channels; k++) {
      const at: usize = k;
      differences(pred + at * predStride, target + at * targetStride, size, least, <f32>job.unit, to + at * stride);
    }
    target = to;
    targetStride = stride;
    least = -Infinity;
    reading = Reading.Values;
  }

  let grad: usize = 0;
  let gradStride: usize = 0;
  const gradStaged = isTail || job.keep || !planar(job.grad);
  if (pass == Pass.Gradient || pass == Pass.Scatter) {
    grad = gradStaged ? scratch + 2 * room : job.grad.at(b, c, i);
    gradStride = gradStaged ? stride : job.grad.channelStride;
  }

  if (looksAcross(job.loss)) {
    const group = (plane * channels) / job.planesPerGroup;
    pixelTile(
      job,
      reading,
      pred,
      predStride,
      target,
      targetStride,
      grad,
      gradStride,
      size,
      least,
      group,
      changetype<Record>(slot),
    );
  } else {
    for (let k: u32 = 0; k < channels; k++) {
      const at: usize = k;
      const group = (plane * channels + k) / job.planesPerGroup;
      const record = changetype<Record>(slot + k * RECORD);
      const isDone = planeTile(
        job,
        reading,
        pred + at * predStride,
        target + at * targetStride,
        grad + at * gradStride,
        size,
        least,
        k,
        group,
        record,
      );
      if (!isDone) return false;
    }
  }

  if (grad && gradStaged) {
    for (let k: u32 = 0; k < channels; k++) storeGrad(job, b, c + k, i, n, grad + <usize>k * stride);
  }
  return true;
}

function runUnit(job: Job, scratch: usize, unit: u32): void {
  const slotBytes = job.channels * RECORD;
  const plane = unit / job.tilesPerPlane;
  const start = (unit % job.tilesPerPlane) * job.tile;
  const n = min(job.tile, job.pixels - start);
  const whole = n & ~(STEP - 1);
  const slot = job.slots + (unit - job.firstUnit) * slotBytes;
  memory.fill(slot, 0, slotBytes);
  if (whole > 0) {
    const inPlace =
      job.dn && job.simpleRule && takesUint16(job.loss) && storedPlanar(job.pred) && storedPlanar(job.target);
    if (!part(job, scratch, plane, start, whole, slot, inPlace)) {
      memory.fill(slot, 0, slotBytes);
      part(job, scratch, plane, start, whole, slot, false);
    }
  }
  if (whole < n) part(job, scratch, plane, start + whole, n - whole, slot, false);
}

/** Runs the passes of a job and of those after it, which share its arrays and tiles, over units [first, last). */
export function run(job: Job, scratch: usize, first: u32, last: u32): void {
  if (job.loss == Loss.Ssim && job.pass != Pass.Prepare) {
    const slotBytes = job.channels * RECORD;
    memory.fill(job.slots + (first - job.firstUnit) * slotBytes, 0, (last - first) * slotBytes);
    return runRows(job, scratch, first, last);
  }
  if (job.loss == Loss.Bands) {
    for (let unit = first; unit < last; unit++) runStrip(job, scratch, unit);
    return;
  }
  for (let unit = first; unit < last; unit++) {
    for (let each = changetype<usize>(job); each; each = changetype<Job>(each).next) {
      runUnit(changetype<Job>(each), scratch, unit);
    }
  }
}

function addSums(record: usize, slot: usize): void {
  for (let at: usize = 0; at < RECORD; at += 8) {
    store<f64>(record + at, load<f64>(record + at) + load<f64>(slot + at));
  }
}

/** Adds the slots of units [first, last) to the records of their groups, in order. */
export function collect(job: Job, first: u32, last: u32): void {
  let slot = job.slots + (first - job.firstUnit) * job.channels * RECORD;
  for (let unit = first; unit < last; unit++) {
    const plane = unit / job.tilesPerPlane;
    for (let k: u32 = 0; k < job.channels; k++) {
      const channelPlane = plane * job.channels + k;
      const record = job.records + (channelPlane / job.planesPerGroup) * RECORD;
      if (job.loss == Loss.Ssim) mergeShift(job, channelPlane, changetype<Record>(slot));
      if (job.loss == Loss.Bands) addRecord(changetype<Record>(record), changetype<Record>(slot));
      else addSums(record, slot);
      slot += RECORD;
    }
  }
}
