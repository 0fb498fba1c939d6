// The metrics of all bands of a sample, strip by strip: what is gathered of a strip comes from rows that are staged once, with the
// rows around them that the windows of SSIM and UQI reach. A unit is a strip; an image may be a window of a larger one, whose
// outer pixels, beside its core, are seen by those windows alone.

import { addRow, Sum } from "./bandSums";
import { Job, SUMS_BYTES, Sums } from "./job";
import { addTotal, loadMasses } from "./masses";
import { spectralAngles } from "./pixel/sam";
import { setShifts, SSIM_SCRATCH, ssimSurvey, ssimValue } from "./ssim";
import { planeBytes, setPlaneOf, SsimPlane } from "./ssimPlane";
import { loadPred, loadTarget, padded, planar } from "./stage";
import { Reading, Tile, TILE_BYTES } from "./tile";
import { COST, Shape } from "./traits";
import { ANCHOR, SIDE, uqi, UQI_SCRATCH } from "./uqi";
import { RADIUS } from "./window";

export const BANDS: u32 = Shape.Bands | (32 * COST);

/** What is gathered besides the moments of each band: bits of the job's parameter `b`. */
export enum Figures {
  Angle = 1,
  Ssim = 2,
  Uqi = 4,
}

/** Pixels of each plane that are staged for a strip of `tile` pixels. */
function stagedPixels(job: Job): u32 {
  return padded(job.tile + 2 * RADIUS * job.width);
}

/** Bytes that one of the kernels works in: SSIM or UQI with the counts and sums of its rows, or the padded end of a row of spectra. */
function workBytes(job: Job): u32 {
  const windowBytes = planeBytes(job.tile / max(1, job.width)) + max(<u32>SSIM_SCRATCH, UQI_SCRATCH);
  const spectraBytes = TILE_BYTES + SUMS_BYTES + job.channels * 32;
  return (max(windowBytes, spectraBytes) + 63) & ~63;
}

/** Bytes of scratch for a strip: pred and target, a mask of bytes, and masses with what they are made of. */
export function bandsScratchBytes(job: Job): u32 {
  const massBytes = job.isWeighted ? 4 * (job.channels + 1) : 0;
  return workBytes(job) + stagedPixels(job) * (job.channels * 8 + massBytes + 1);
}

/** Gathers the sums of a strip, band by band. */
export function runStrip(job: Job, scratch: usize, unit: u32): void {
  const width = job.width;
  const height = job.pixels / width;
  const rows = job.tile / width;
  const channels = job.channels;
  const b = unit / job.tilesPerPlane;
  const row0 = (unit % job.tilesPerPlane) * rows;
  const row1 = min(row0 + rows, height);
  const top = row0 > <u32>RADIUS ? row0 - RADIUS : 0;
  const bottom = min(row1 + RADIUS, height);
  const partials = job.partialSums + (unit - job.firstUnit) * channels * SUMS_BYTES;
  memory.fill(partials, 0, channels * SUMS_BYTES);

  // Where row 0 of the first band stands, or would have to.
  let pred = job.pred.at(b, 0, 0);
  let target = job.target.at(b, 0, 0);
  let predStride = job.pred.channelStride;
  let targetStride = job.target.channelStride;
  const stride: usize = width * 4;
  const area = scratch + workBytes(job);
  const plane: usize = stagedPixels(job) * 4;
  const massArea = area + <usize>(2 * channels) * plane;
  const room = massArea + <usize>channels * plane;
  const tile = changetype<Tile>(scratch);
  if (job.isWeighted || !(job.simpleRule && planar(job.pred) && planar(job.target))) {
    const mask = job.isWeighted ? room + plane : massArea;
    for (let c: u32 = 0; c < channels; c++) {
      const n = (bottom - top) * width;
      loadPred(job, b, c, top * width, n, area + <usize>c * plane);
      loadTarget(job, b, c, top * width, n, area + <usize>(channels + c) * plane, mask);
      if (!job.isWeighted) continue;
      tile.target = area + <usize>(channels + c) * plane;
      tile.targetStride = 0;
      tile.least = job.tileMin;
      tile.planes = 1;
      tile.needed = 1;
      tile.mass = massArea + <usize>c * plane;
      tile.sums = changetype<Sums>(partials + c * SUMS_BYTES);
      loadMasses(job, tile, b, c, top * width, n, room);
    }
    pred = area - <usize>top * stride;
    target = pred + <usize>channels * plane;
    predStride = plane;
    targetStride = plane;
  }

  const first = max(row0, job.coreTop);
  const last = min(row1, job.coreBottom);
  const columns = job.coreRight - job.coreLeft;
  const core = <usize>first * stride + <usize>job.coreLeft * 4;
  for (let c: u32 = 0; c < channels; c++) {
    const sums = changetype<Sums>(partials + c * SUMS_BYTES);
    const p = pred + <usize>c * predStride;
    const t = target + <usize>c * targetStride;
    const mass: usize = job.isWeighted ? massArea + <usize>c * plane - <usize>top * stride : 0;
    for (let row = first, at = core; row < last; row++, at += stride) {
      addRow(job, p + at, t + at, mass ? mass + at : 0, columns, scratch, sums);
      if (mass) addTotal(job, b, c, row * width + job.coreLeft, columns, room, sums);
    }
    if (<u32>job.b & (Figures.Ssim | Figures.Uqi)) {
      const image = survey(job, scratch, p, t, mass, row0, row1);
      if (<u32>job.b & Figures.Ssim) addSsim(image, row0, row1, sums);
      if (<u32>job.b & Figures.Uqi) addUqi(job, image, first, last, sums);
    }
  }
  if (<u32>job.b & Figures.Angle) {
    const sums = changetype<Sums>(partials);
    for (let row = first, at = core; row < last; row++, at += stride) {
      tile.pred = pred + at;
      tile.target = target + at;
      tile.predStride = predStride;
      tile.targetStride = targetStride;
      tile.grad = 0;
      tile.mass = 0;
      tile.least = job.tileMin;
      if (job.isWeighted) {
        // Masses of the pixels whose bands are all valid take the place of those of each band, which are done with.
        tile.planes = channels;
        tile.needed = channels;
        tile.mass = massArea;
        tile.sums = sums;
        loadMasses(job, tile, b, 0, row * width + job.coreLeft, columns, room);
        sums.add(Sum.Spectra, tile.massSum);
      }
      addAngles(job, tile, columns, sums);
    }
  }
}

/** The plane of a band, in `scratch`, with the shifts of the strip, and how many centres count in each of its rows [row0, row1). */
function survey(job: Job, scratch: usize, pred: usize, target: usize, mass: usize, row0: u32, row1: u32): SsimPlane {
  const plane = setPlaneOf(job, scratch, job.width, row0, row1);
  plane.pred = pred;
  plane.target = target;
  plane.mass = mass;
  ssimSurvey(plane, row0, row1);
  setShifts(plane);
  return plane;
}

/** Adds the loss of the centres in rows [row0, row1). All that lie far enough from the borders are of the core. */
function addSsim(plane: SsimPlane, row0: u32, row1: u32, sums: Sums): void {
  let centres: f64 = 0;
  for (let row = row0; row < row1; row++) centres += load<f64>(plane.counts + row * 16, 8);
  if (centres == 0) return;
  ssimValue(plane, row0, row1);
  for (let row = row0; row < row1; row++) sums.add(Sum.Dssim, load<f64>(plane.sums + row * 8));
  sums.add(Sum.Centres, centres);
}

/** Adds the windows that belong to rows [first, last): to the pixel that stands ANCHOR behind their first row and column. */
function addUqi(job: Job, plane: SsimPlane, first: i32, last: i32, sums: Sums): void {
  const row0 = max(first - ANCHOR, 0);
  const row1 = min(last - ANCHOR, plane.height - SIDE + 1);
  const column0 = max(<i32>job.coreLeft - ANCHOR, 0);
  const column1 = min(<i32>job.coreRight - ANCHOR, plane.width - SIDE + 1);
  uqi(plane, row0, row1, column0, column1, sums);
}

/** Adds the spectral angles of a row of n pixels, which a tile at the start of scratch describes. */
function addAngles(job: Job, tile: Tile, n: u32, sums: Sums): void {
  const channels = job.channels;
  const angles = changetype<Sums>(changetype<usize>(tile) + TILE_BYTES);
  memory.fill(changetype<usize>(angles), 0, SUMS_BYTES);
  const whole = n & ~3;
  tile.n = whole;
  tile.reading = job.isCalibrated ? Reading.Numbers : Reading.Values;
  tile.coefficients = job.coefficients;
  tile.sums = angles;
  if (whole > 0) spectralAngles(tile, channels, channels, job.zero);
  if (whole < n) {
    const preds = changetype<usize>(angles) + SUMS_BYTES;
    const targets = preds + channels * 16;
    for (let c: usize = 0; c < channels; c++) {
      v128.store(preds + c * 16, i32x4.splat(0));
      v128.store(targets + c * 16, f32x4.splat(NaN));
      memory.copy(preds + c * 16, tile.pred + c * tile.predStride + whole * 4, (n - whole) * 4);
      memory.copy(targets + c * 16, tile.target + c * tile.targetStride + whole * 4, (n - whole) * 4);
    }
    tile.pred = preds;
    tile.target = targets;
    tile.predStride = 16;
    tile.targetStride = 16;
    if (tile.mass) tile.mass += whole * 4;
    tile.n = 4;
    spectralAngles(tile, channels, channels, job.zero);
  }
  sums.add(Sum.Angle, angles.sum(0));
  if (!tile.mass) sums.add(Sum.Spectra, angles.count);
}
