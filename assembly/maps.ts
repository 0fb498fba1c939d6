// Maps: a number per pixel, NaN where it does not count. Images are planar, target is NaN where a pixel does not count.

import { SUMS_BYTES, Sums } from "./job";
import { spectralAngles } from "./pixel/sam";
import { setShifts, SSIM_SCRATCH, ssimSurvey, ssimValue } from "./ssim";
import { Invalid, planeBytes, setPlane, SsimPlane } from "./ssimPlane";
import { Tile, TILE_BYTES } from "./tile";

/** |pred − target| of n pixels, a multiple of 4, at `map`. */
export function errorMap(pred: usize, target: usize, n: u32, map: usize): void {
  const end = pred + n * 4;
  for (; pred < end; pred += 16, target += 16, map += 16) {
    const t = v128.load(target);
    const error = f32x4.abs(f32x4.sub(v128.load(pred), t));
    v128.store(map, v128.bitselect(error, f32x4.splat(NaN), f32x4.eq(t, t)));
  }
}

/** Bytes of scratch of `angleMap`. */
export function angleMapScratchBytes(channels: u32): u32 {
  return TILE_BYTES + channels * 32 + SUMS_BYTES;
}

/**
 * The spectral angle of each of n pixels, at `map`, over `channels` planes that are `stride` bytes apart, of which `needed` have to
 * be valid. The loss's kernel sums over pixels: it is given one at a time, in all of its four lanes.
 */
export function angleMap(
  pred: usize,
  target: usize,
  stride: usize,
  channels: u32,
  needed: i32,
  n: u32,
  map: usize,
  scratch: usize,
): void {
  const preds = scratch + TILE_BYTES;
  const targets = preds + channels * 16;
  const sums = changetype<Sums>(targets + channels * 16);
  const tile = changetype<Tile>(scratch);
  memory.fill(scratch, 0, TILE_BYTES);
  tile.pred = preds;
  tile.target = targets;
  tile.predStride = 16;
  tile.targetStride = 16;
  tile.n = 4;
  tile.least = -Infinity;
  tile.sums = sums;
  for (let i: usize = 0; i < n * 4; i += 4) {
    for (let c: usize = 0; c < channels; c++) {
      v128.store(preds + c * 16, v128.load32_splat(pred + c * stride + i));
      v128.store(targets + c * 16, v128.load32_splat(target + c * stride + i));
    }
    memory.fill(changetype<usize>(sums), 0, SUMS_BYTES);
    spectralAngles(tile, channels, needed, 0);
    store<f32>(map + i, <f32>(sums.count > 0 ? sums.sum(0) / 4 : NaN));
  }
}

/** Bytes of scratch of `ssimMap` for `rows` rows, those around included. */
export function ssimMapScratchBytes(rows: u32): u32 {
  return planeBytes(rows) + SSIM_SCRATCH;
}

/** Begins a map of SSIM: `ssimMap` gets rows [top, bottom) of a plane of `width` × `height` pixels. */
export function setMapPlane(scratch: usize, width: u32, height: u32, top: u32, bottom: u32, dataRange: f64): void {
  setPlane(scratch, width, height, top, bottom).dataRange = dataRange;
}

/** Where row `top` of pred and target stands, and that of the masses, 0 where pixels have none. */
export function setMapImages(scratch: usize, top: u32, pred: usize, target: usize, mass: usize): void {
  const plane = changetype<SsimPlane>(scratch);
  const before = <usize>top * plane.predStride;
  plane.pred = pred - before;
  plane.target = target - before;
  plane.mass = mass ? mass - before : 0;
}

/**
 * SSIM of the centres in rows [row0, row1) of the plane that has been set, at `map`. Rows [top, bottom) include five around these as far as
 * there are any.
 */
export function ssimMap(
  scratch: usize,
  top: u32,
  bottom: u32,
  row0: u32,
  row1: u32,
  invalid: Invalid,
  map: usize,
): void {
  const plane = changetype<SsimPlane>(scratch);
  plane.map = map - <usize>row0 * plane.mapStride;
  // What counts is of no interest here, so erosion needs no rows around.
  plane.invalid = Invalid.Normalize;
  ssimSurvey(plane, top, bottom);
  setShifts(plane);
  plane.invalid = invalid;
  ssimValue(plane, row0, row1);
}
