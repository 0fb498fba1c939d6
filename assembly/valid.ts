// Which pixels count, where more than `target ≥ min` on the stored float32 has to be asked: the target tile is then copied
// with NaN written wherever the rule does not hold. NaN is never valid, so every kernel goes on with its one comparison.

import { Job } from "./job";

/** Writes NaN over the elements of a tile that the rule excludes. n is a multiple of 4; `mask` 0: there is none. */
export function exclude(job: Job, tile: usize, mask: usize, n: u32): void {
  const lo = f32x4.splat(job.min);
  const hi = f32x4.splat(job.max);
  const nan = f32x4.splat(NaN);
  const nodata = job.nodata;
  const nodataEnd = nodata + job.nodataCount * 4;
  const end = tile + n * 4;
  for (; tile < end; tile += 16) {
    const t = v128.load(tile);
    let valid = v128.and(f32x4.ge(t, lo), f32x4.le(t, hi));
    for (let value = nodata; value < nodataEnd; value += 4)
      valid = v128.and(valid, f32x4.ne(t, v128.load32_splat(value)));
    if (mask) {
      const bytes = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(mask)));
      valid = v128.and(valid, i32x4.ne(bytes, i32x4.splat(0)));
      mask += 4;
    }
    v128.store(tile, v128.bitselect(t, nan, valid));
  }
}
