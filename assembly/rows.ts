// SSIM among the other losses: its units are the rows of a plane, taken in bands. A row's sums do not depend on the band that it
// is computed in, so bands follow from what is at hand: all rows where images are used as they lie, a band of them where they have
// to be staged, with the rows around them that the windows reach.
//
//     sums of a row    count          sum 0             sum 1      sums 2 to 5                       sum 6
//     Pass.Count       valid pixels                     Σm of centres   least and most of pred, target    1 where there are such
//     other passes                    Σ (1 − SSIM)

import { Job, RANGES, SUMS_BYTES, MassSum, Sums } from "./job";
import { addTotal, loadMasses } from "./masses";
import { Pass } from "./pass";
import { setShifts, SSIM_SCRATCH, ssimSurvey, ssimValue, ssimValueAndGrad } from "./ssim";
import { Invalid, planeBytes, setPlaneOf } from "./ssimPlane";
import { loadPred, loadTarget, padded, planar, storeGrad } from "./stage";
import { Tile, TILE_BYTES } from "./tile";
import { COST, Shape } from "./traits";
import { RADIUS } from "./window";

export const SSIM: u32 = Shape.Window | (16 * COST);

/** Pixels, and rows at most, that are staged at a time. */
const BAND_PIXELS: u32 = 1 << 21;
const BAND_ROWS: u32 = 128;

/** Rows around a band that a gradient reaches. */
const REACH: u32 = 4 * RADIUS;

/** Bytes of scratch for rows of `width` pixels: the kernel's own, sums and counts of a wave of rows, and staged rows. */
export function rowsScratchBytes(job: Job, rows: u32): u32 {
  const pixelBytes: u32 = job.isWeighted ? 21 : 13;
  return planeBytes(rows) + SSIM_SCRATCH + TILE_BYTES + 63 + stagedPixels(job.tile) * pixelBytes;
}

/** Rows that are staged at a time. */
function bandRows(width: u32): u32 {
  return max(1, min(BAND_ROWS, BAND_PIXELS / max(1, width)));
}

function stagedPixels(width: u32): u32 {
  return padded((bandRows(width) + REACH) * width);
}

/** Runs a job's pass over the rows that units [first, last) stand for. */
export function runRows(job: Job, scratch: usize, first: u32, last: u32): void {
  const height = job.tilesPerPlane;
  while (first < last) {
    const plane = first / height;
    const row0 = first % height;
    const row1 = min(height, row0 + (last - first));
    for (let channel: u32 = 0; channel < job.channels; channel++) runBands(job, scratch, plane, channel, row0, row1);
    first += row1 - row0;
  }
}

function runBands(job: Job, scratch: usize, unitPlane: u32, channel: u32, row0: u32, row1: u32): void {
  const pass = job.pass;
  const inPlace = job.simpleRule && !job.isWeighted && planar(job.target) && planar(job.pred);
  const gradInPlace = pass != Pass.Gradient || planar(job.grad);
  const step = inPlace && gradInPlace ? row1 - row0 : bandRows(job.tile);
  for (let row = row0; row < row1; row += step) {
    band(job, scratch, unitPlane, channel, row, min(row + step, row1), inPlace, gradInPlace);
  }
}

function band(
  job: Job,
  scratch: usize,
  unitPlane: u32,
  channel: u32,
  row0: u32,
  row1: u32,
  inPlace: bool,
  gradInPlace: bool,
): void {
  const pass = job.pass;
  const width = job.tile;
  const height = job.tilesPerPlane;
  const b = unitPlane / job.planes;
  const c = (unitPlane % job.planes) + channel;
  const channelPlane = unitPlane * job.channels + channel;
  const group = job.groupOf(channelPlane);
  const rowBytes: usize = width * 4;
  const size = stagedPixels(width) * 4;

  const plane = setPlaneOf(job, scratch, width, row0, row1);
  const tile = changetype<Tile>(plane.scratch + SSIM_SCRATCH);
  const staged = (changetype<usize>(tile) + TILE_BYTES + 63) & ~63;
  // Behind pred, target and grad, masses and what they are made of; the bytes of a mask come last.
  const masses = staged + 3 * size;
  plane.invalid = <Invalid>(<i32>job.b);
  plane.keep = job.keep && gradInPlace ? -1 : 0;

  if (inPlace) {
    plane.pred = job.pred.at(b, c, 0);
    plane.target = job.target.at(b, c, 0);
  } else {
    const reach: u32 = pass == Pass.Gradient ? 2 * RADIUS : RADIUS;
    const top = row0 > reach ? row0 - reach : 0;
    const n = (min(row1 + reach, height) - top) * width;
    loadTarget(job, b, c, top * width, n, staged + size, job.isWeighted ? masses + 2 * size : masses);
    loadPred(job, b, c, top * width, n, staged);
    plane.pred = staged - <usize>top * rowBytes;
    plane.target = staged + size - <usize>top * rowBytes;
    if (job.isWeighted) {
      tile.target = staged + size;
      tile.targetStride = 0;
      tile.least = job.tileMin;
      tile.mass = masses;
      tile.planes = 1;
      tile.needed = 1;
      tile.sums = partialOf(job, unitPlane, channel, row0);
      loadMasses(job, tile, b, c, top * width, n, masses + size);
      plane.mass = masses - <usize>top * rowBytes;
    }
  }

  if (pass == Pass.Count) {
    ssimSurvey(plane, row0, row1);
    for (let row = row0; row < row1; row++) {
      const partial = partialOf(job, unitPlane, channel, row);
      partial.count = load<f64>(plane.counts + row * 16);
      partial.add(1, load<f64>(plane.counts + row * 16, 8));
      if (plane.mass) {
        addTotal(job, b, c, row * width, width, masses + size, partial);
        partial.add(MassSum.Mass, sumOf(plane.mass + <usize>row * rowBytes, width));
      }
    }
    const partial = partialOf(job, unitPlane, channel, row0);
    partial.set(2, plane.predLeast);
    partial.set(3, plane.predMost);
    partial.set(4, plane.targetLeast);
    partial.set(5, plane.targetMost);
    partial.set(6, 1);
    return;
  }

  const ranges = job.ranges + channelPlane * RANGES;
  plane.predLeast = load<f64>(ranges);
  plane.predMost = load<f64>(ranges, 8);
  plane.targetLeast = load<f64>(ranges, 16);
  plane.targetMost = load<f64>(ranges, 24);
  setShifts(plane);
  if (pass == Pass.Gradient) {
    const area = staged + 2 * size;
    plane.grad = gradInPlace ? job.grad.at(b, c, 0) : area - <usize>row0 * rowBytes;
    ssimValueAndGrad(plane, row0, row1, job.coefficient(group, 0) / job.unit);
    if (!gradInPlace) storeGrad(job, b, c, row0 * width, (row1 - row0) * width, area);
  } else ssimValue(plane, row0, row1);
  for (let row = row0; row < row1; row++)
    partialOf(job, unitPlane, channel, row).add(0, load<f64>(plane.sums + row * 8));
}

/** Σ of n float32, one after the other. */
function sumOf(at: usize, n: u32): f64 {
  let sum: f64 = 0;
  for (const end = at + n * 4; at < end; at += 4) sum += load<f32>(at);
  return sum;
}

function partialOf(job: Job, unitPlane: u32, channel: u32, row: u32): Sums {
  const unit = unitPlane * job.tilesPerPlane + row - job.firstUnit;
  return changetype<Sums>(job.partialSums + (unit * job.channels + channel) * SUMS_BYTES);
}

/** Moves the ranges of a row into those of its plane. Each plane has its own, since those of a group may lie far apart. */
export function mergeRanges(job: Job, plane: u32, partial: Sums): void {
  if (partial.sum(6) == 0) return;
  const ranges = job.ranges + plane * RANGES;
  for (let k: u32 = 0; k < 4; k += 2) {
    const at = ranges + k * 8;
    store<f64>(at, Math.min(load<f64>(at), partial.sum(2 + k)));
    store<f64>(at, Math.max(load<f64>(at, 8), partial.sum(3 + k)), 8);
  }
  for (let k: u32 = 2; k < 7; k++) partial.set(k, 0);
}
