// Runs a pass of a job over a range of its units: finds or stages each unit's tiles, hands them to the loss's kernel, and keeps
// the sums of each unit in a place of its own until they are added up in order.

import { bandsScratchBytes, runStrip } from "./bands";
import { addBandSums } from "./bandSums";
import { Job, SUMS_BYTES, MassSum, Sums } from "./job";
import { STEP } from "./lanes";
import { runTile } from "./losses";
import { addTotal, keepPlaces, loadMasses, takeWeights, weightsInPlace } from "./masses";
import { Pass } from "./pass";
import { mergeRanges, rowsScratchBytes, runRows } from "./rows";
import { loadPred, loadTarget, padded, planar, uint16Planar, storeGrad } from "./stage";
import { countTile, differences } from "./storage";
import { Reading, Tile, TILE_BYTES } from "./tile";
import { Shape, Trait } from "./traits";

/**
 * Bytes of scratch that `run` needs for tiles: pred, target and grad of each plane, a mask, masses, and what these are made of. For SSIM
 * a tile is a row, of which `units` may be run at once.
 */
export function scratchBytes(job: Job, units: u32): u32 {
  if (job.shape == Shape.Window) return rowsScratchBytes(job, units);
  if (job.shape == Shape.Bands) return bandsScratchBytes(job);
  return TILE_BYTES + padded(job.tile) * (job.channels * 12 + 1 + (job.isWeighted ? 8 : 0));
}

/**
 * n pixels of a unit plane from pixel i on: a multiple of STEP, or fewer than STEP, which are then padded in scratch. `inPlace`: its
 * loops take uint16 as they lie. Returns whether these could.
 */
function stretch(job: Job, scratch: usize, plane: u32, i: u32, n: u32, partial: usize, inPlace: bool): bool {
  const tile = changetype<Tile>(scratch);
  const area = scratch + TILE_BYTES;
  const pass = job.pass;
  const b = plane / job.planes;
  const c = plane % job.planes;
  const channels = job.channels;
  const size = padded(n);
  const stride: usize = size * 4;
  const room: usize = padded(job.tile) * channels * 4;
  const maskArea = area + 3 * room;
  const isTail = size != n;
  tile.n = size;
  tile.mass = 0;
  tile.massSum = 0;
  tile.leastMass = 1;
  tile.mostMass = 1;
  tile.planes = job.shape == Shape.Pixel && pass != Pass.Prepare ? channels : 1;
  tile.needed = job.shape == Shape.Pixel ? <u32>job.a : 1;

  if (pass == Pass.Prepare) {
    tile.target = area;
    tile.least = job.tileMin;
    for (let k: u32 = 0; k < channels; k++) {
      loadTarget(job, b, c + k, i, n, area, maskArea);
      tile.sums = changetype<Sums>(partial + k * SUMS_BYTES);
      if (job.isWeighted) weighTile(job, tile, b, c + k, i, n);
      storeGrad(job, b, c + k, i, n, area);
    }
    return true;
  }

  tile.target = job.target.at(b, c, i);
  tile.targetStride = job.target.channelStride;
  if (!inPlace && (isTail || !job.simpleRule || job.isWeighted || !planar(job.target))) {
    tile.target = area + room;
    tile.targetStride = stride;
    // Where weights are used in place, the target is read as they are.
    const targetChannels: u32 = job.shape == Shape.Labels ? 1 : readsWithWeights(job, tile, n) ? 0 : channels;
    for (let k: u32 = 0; k < targetChannels; k++) {
      loadTarget(job, b, c + k, i, n, tile.target + <usize>k * stride, maskArea);
    }
  }

  tile.pred = job.pred.at(b, c, i);
  tile.predStride = job.pred.channelStride;
  if (!inPlace && pass != Pass.Count && pass != Pass.Scatter && (isTail || !planar(job.pred))) {
    tile.pred = area;
    tile.predStride = stride;
    for (let k: u32 = 0; k < channels; k++) loadPred(job, b, c + k, i, n, area + <usize>k * stride);
  }

  tile.reading = inPlace ? Reading.Uint16 : job.isCalibrated ? Reading.Numbers : Reading.Values;
  tile.least = inPlace ? job.min : job.tileMin;
  if (job.dn && !inPlace && job.has(Trait.Difference) && pass != Pass.Count) {
    const to = area + room;
    for (let k: u32 = 0; k < channels; k++) {
      const at: usize = k;
      const target = tile.target + at * tile.targetStride;
      differences(tile.pred + at * tile.predStride, target, size, tile.least, <f32>job.unit, to + at * stride);
    }
    tile.target = to;
    tile.targetStride = stride;
    tile.least = -Infinity;
    tile.reading = Reading.Values;
  }

  const writes = pass == Pass.Gradient || pass == Pass.Scatter;
  const gradStaged = isTail || job.keep || !planar(job.grad);
  const grad: usize = !writes ? 0 : gradStaged ? area + 2 * room : job.grad.at(b, c, i);
  tile.grad = grad;
  tile.gradStride = !writes ? 0 : gradStaged ? stride : job.grad.channelStride;

  if (job.shape == Shape.Pixel || job.shape == Shape.Labels) {
    tile.coefficients = job.coefficientsOf(job.groupOf(plane * channels));
    tile.sums = changetype<Sums>(partial);
    if (job.isWeighted) weighTile(job, tile, b, c, i, n);
    runTile(job, tile, 0);
  } else {
    for (let k: u32 = 0; k < channels; k++) {
      tile.coefficients = job.coefficientsOf(job.groupOf(plane * channels + k));
      tile.sums = changetype<Sums>(partial + k * SUMS_BYTES);
      if (job.isWeighted) weighTile(job, tile, b, c + k, i, n);
      if (pass == Pass.Count) {
        if (inPlace) countTile<u16>(tile);
        else countTile<f32>(tile);
      } else if (!runTile(job, tile, k)) return false;
      tile.pred += tile.predStride;
      tile.target += tile.targetStride;
      tile.grad += tile.gradStride;
    }
  }

  if (writes && gradStaged) {
    for (let k: u32 = 0; k < channels; k++) storeGrad(job, b, c + k, i, n, grad + <usize>k * stride);
  }
  return true;
}

/** Whether a tile's target is read together with its weights, and not staged before. */
function readsWithWeights(job: Job, tile: Tile, n: u32): bool {
  const isPlain =
    job.simpleRule && !job.dn && planar(job.target) && job.pass != Pass.Prepare && job.shape != Shape.Labels;
  return isPlain && tile.planes == 1 && weightsInPlace(job, n);
}

/**
 * Gives the pixels of a tile their masses, in scratch behind all else, before what they are made of; adds them, and all weights, to its
 * sums.
 */
function weighTile(job: Job, tile: Tile, b: u32, c: u32, i: u32, n: u32): void {
  const mass = changetype<usize>(tile) + TILE_BYTES + padded(job.tile) * (job.channels * 12 + 1);
  const room = mass + padded(job.tile) * 4;
  const from = readsWithWeights(job, tile, n) ? job.target.at(b, c, i) : tile.target;
  const isTaken =
    tile.planes == 1 && weightsInPlace(job, n) && takeWeights(tile, job.pixelWeights.at(b, c, i), from, tile.sums);
  if (!isTaken) {
    tile.mass = mass;
    addTotal(job, b, c, i, n, room, tile.sums);
    loadMasses(job, tile, b, c, i, n, room);
  }
  tile.sums.add(MassSum.Mass, tile.massSum);
  // Masses of 1 are those of a mask of bytes: the same loops give the same bits. A custom loss gets them all the same.
  if (tile.leastMass == 1 && tile.mostMass == 1 && job.shape != Shape.Custom) tile.mass = 0;
}

function runUnit(job: Job, scratch: usize, unit: u32): void {
  const partialBytes = job.channels * SUMS_BYTES;
  const plane = unit / job.tilesPerPlane;
  const start = (unit % job.tilesPerPlane) * job.tile;
  const n = min(job.tile, job.pixels - start);
  const whole = n & ~(STEP - 1);
  const partial = job.partialSums + (unit - job.firstUnit) * partialBytes;
  memory.fill(partial, 0, partialBytes);
  if (whole > 0) {
    const takesUint16 = job.has(Trait.Difference) || job.shape == Shape.Moments;
    const isPlain = job.dn && job.simpleRule && !job.isWeighted;
    const inPlace = takesUint16 && isPlain && uint16Planar(job.pred) && uint16Planar(job.target);
    if (!stretch(job, scratch, plane, start, whole, partial, inPlace)) {
      memory.fill(partial, 0, partialBytes);
      stretch(job, scratch, plane, start, whole, partial, false);
    }
  }
  if (whole < n) stretch(job, scratch, plane, start + whole, n - whole, partial, false);
}

/** Runs the passes of a job and of those after it, which share its arrays and tiles, over units [first, last). */
export function run(job: Job, scratch: usize, first: u32, last: u32): void {
  if (job.shape == Shape.Window && job.pass != Pass.Prepare) {
    const partialBytes = job.channels * SUMS_BYTES;
    memory.fill(job.partialSums + (first - job.firstUnit) * partialBytes, 0, (last - first) * partialBytes);
    return runRows(job, scratch, first, last);
  }
  if (job.shape == Shape.Bands) {
    for (let unit = first; unit < last; unit++) runStrip(job, scratch, unit);
    return;
  }
  for (let unit = first; unit < last; unit++) {
    for (let each = changetype<usize>(job); each; each = changetype<Job>(each).next) {
      runUnit(changetype<Job>(each), scratch, unit);
    }
  }
}

function addSums(group: usize, partial: usize): void {
  for (let at: usize = 0; at < SUMS_BYTES; at += 8) {
    store<f64>(group + at, load<f64>(group + at) + load<f64>(partial + at));
  }
}

/** Adds the partial sums of units [first, last) to the sums of their groups, in order. */
export function collect(job: Job, first: u32, last: u32): void {
  let partial = job.partialSums + (first - job.firstUnit) * job.channels * SUMS_BYTES;
  for (let unit = first; unit < last; unit++) {
    const plane = unit / job.tilesPerPlane;
    for (let k: u32 = 0; k < job.channels; k++) {
      const channelPlane = plane * job.channels + k;
      const group = job.groupSums + job.groupOf(channelPlane) * SUMS_BYTES;
      keepPlaces(job, changetype<Sums>(partial));
      if (job.shape == Shape.Window) mergeRanges(job, channelPlane, changetype<Sums>(partial));
      if (job.shape == Shape.Bands) addBandSums(job, changetype<Sums>(group), changetype<Sums>(partial));
      else addSums(group, partial);
      partial += SUMS_BYTES;
    }
  }
}
