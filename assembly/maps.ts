// Maps: a number per pixel, NaN where it does not count. Images are planar, n pixels, a multiple of 4; target is NaN where a pixel
// does not count.

import { Record, RECORD } from "./job";
import { sam } from "./pixel/sam";

/** |pred − target| over pred. */
export function errorMap(pred: usize, target: usize, n: u32): void {
  const end = pred + n * 4;
  for (; pred < end; pred += 16, target += 16) {
    const t = v128.load(target);
    const d = f32x4.abs(f32x4.sub(v128.load(pred), t));
    v128.store(pred, v128.bitselect(d, f32x4.splat(NaN), f32x4.eq(t, t)));
  }
}

/** Bytes of scratch of `angleMap`. */
export function angleMapScratchBytes(channels: u32): u32 {
  return channels * 32 + RECORD;
}

/**
 * The spectral angle of each pixel, at `map`, over `channels` planes that are `stride` bytes apart. The loss's kernel sums over
 * pixels: it is given one at a time, in all of its four lanes.
 */
export function angleMap(
  pred: usize,
  target: usize,
  stride: usize,
  channels: u32,
  n: u32,
  map: usize,
  scratch: usize,
): void {
  const targets = scratch + channels * 16;
  const record = changetype<Record>(targets + channels * 16);
  for (let i: usize = 0; i < n * 4; i += 4) {
    for (let c: usize = 0; c < channels; c++) {
      v128.store(scratch + c * 16, v128.load32_splat(pred + c * stride + i));
      v128.store(targets + c * 16, v128.load32_splat(target + c * stride + i));
    }
    memory.fill(changetype<usize>(record), 0, RECORD);
    sam(scratch, 16, targets, 16, 0, 0, channels, 4, -Infinity, channels, 0, record);
    store<f32>(map + i, <f32>(record.count > 0 ? record.sum(0) / 4 : NaN));
  }
}
