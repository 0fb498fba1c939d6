// Elements as they lie in memory, raw, S being their type, and as float32.

import { Job, Type } from "./job";
import { countLanes, high, low, narrow } from "./lanes";
import { Tile } from "./tile";

/** Four consecutive elements as float32; integers of 32 bits are rounded. */
export function read4<S extends number>(from: usize): v128 {
  if (isFloat<S>()) return v128.load(from);
  if (sizeof<S>() == 4) return f32x4.convert_i32x4_s(v128.load(from));
  if (sizeof<S>() == 2) {
    return f32x4.convert_i32x4_s(isSigned<S>() ? v128.load_ext<i16>(from) : v128.load_ext<u16>(from));
  }
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from))));
}

// The kernels' own view of what they read where it lies: float32, or uint16 in lanes of i32.

/** Four consecutive raw numbers to compare. */
export function raw4<S extends number>(from: usize): v128 {
  return isFloat<S>() ? v128.load(from) : v128.load_ext<u16>(from);
}

/** The first two of four raw numbers as f64x2. */
export function lowNumbers<S extends number>(v: v128): v128 {
  return isFloat<S>() ? low(v) : f64x2.convert_low_i32x4_s(v);
}

/** The last two of four raw numbers as f64x2. */
export function highNumbers<S extends number>(v: v128): v128 {
  return isFloat<S>() ? high(v) : f64x2.convert_low_i32x4_s(v128.shuffle<i64>(v, v, 1, 1));
}

/** The least number that is valid in every lane, as `atLeast` takes it. */
export function leastOf<S extends number>(least: f32): v128 {
  return isFloat<S>() ? f32x4.splat(least) : i32x4.splat(<i32>least - 1);
}

/** Which of four raw numbers are at least that. */
export function atLeast<S extends number>(v: v128, least: v128): v128 {
  return isFloat<S>() ? f32x4.ge(v, least) : i32x4.gt_s(v, least);
}

/** Adds the valid pixels of a tile to its count. */
export function countTile<S extends number>(tile: Tile): void {
  const lo = leastOf<S>(tile.least);
  const step: usize = 4 * sizeof<S>();
  let target = tile.target;
  const end = target + tile.n * sizeof<S>();
  let c0 = i32x4.splat(0);
  let c1 = i32x4.splat(0);
  do {
    const v0 = atLeast<S>(raw4<S>(target), lo);
    const v1 = atLeast<S>(raw4<S>(target + step), lo);
    const v2 = atLeast<S>(raw4<S>(target + 2 * step), lo);
    const v3 = atLeast<S>(raw4<S>(target + 3 * step), lo);
    c0 = i32x4.sub(c0, i32x4.add(v0, v1));
    c1 = i32x4.sub(c1, i32x4.add(v2, v3));
    target += 4 * step;
  } while (target < end);
  tile.sums.count += <f64>countLanes(i32x4.add(c0, c1));
}

/** p of ρ(p, t) as a loss of the difference has it: of uint16 scale · (P − T), exact but for the product. */
export function minuend<S extends number>(pred: usize, raw: v128, scale: v128): v128 {
  if (isFloat<S>()) return v128.load(pred);
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(raw4<S>(pred), raw)), scale);
}

/** t of ρ(p, t), from the raw target. */
export function subtrahend<S extends number>(raw: v128): v128 {
  return isFloat<S>() ? raw : f32x4.splat(0);
}

/**
 * Digital numbers become a difference in the place of pred, scale · (P − T), and 0 in that of target, at `to`, or NaN where target
 * is not at least `least`: the values of a loss of the difference.
 */
export function differences(pred: usize, target: usize, n: u32, least: f32, scale0: f32, to: usize): void {
  const scale = f32x4.splat(scale0);
  const lo = f32x4.splat(least);
  const end = pred + n * 4;
  do {
    const t = v128.load(target);
    v128.store(pred, f32x4.mul(f32x4.sub(v128.load(pred), t), scale));
    v128.store(to, v128.not(f32x4.ge(t, lo)));
    pred += 16;
    target += 16;
    to += 16;
  } while (pred < end);
}

/** n elements, `stride` bytes apart, as float32 at `to`. */
function gatherAs<S extends number>(from: usize, stride: usize, to: usize, n: u32): void {
  for (const end = to + n * 4; to < end; to += 4, from += stride) store<f32>(to, <f32>load<S>(from));
}

/** n consecutive elements as float32. */
function convertAs<S extends number>(from: usize, to: usize, n: u32): void {
  const step: usize = 4 * sizeof<S>();
  const end = to + n * 4;
  do {
    v128.store(to, read4<S>(from));
    v128.store(to, read4<S>(from + step), 16);
    v128.store(to, read4<S>(from + 2 * step), 32);
    v128.store(to, read4<S>(from + 3 * step), 48);
    to += 64;
    from += 4 * step;
  } while (to < end);
}

/** v where `valid` is set, all ones, which is NaN, elsewhere. */
function selected(v: v128, valid: v128): v128 {
  return v128.or(v128.not(valid), v);
}

function within(v: v128, lo: v128, hi: v128): v128 {
  return v128.and(f32x4.ge(v, lo), f32x4.le(v, hi));
}

/**
 * n consecutive elements as float32, NaN where the rule does not hold: min ≤ v ≤ max on the raw number, v none of `nodata`, and the
 * mask's byte ≠ 0 where there is a mask.
 */
function selectAs<S extends number>(job: Job, from: usize, to: usize, n: u32, mask: usize): void {
  const lo = f32x4.splat(job.min);
  const hi = f32x4.splat(job.max);
  const nodata = job.nodata;
  const nodataEnd = nodata + job.nodataCount * 4;
  const step: usize = 4 * sizeof<S>();
  const end = to + n * 4;
  do {
    const v0 = read4<S>(from);
    const v1 = read4<S>(from + step);
    const v2 = read4<S>(from + 2 * step);
    const v3 = read4<S>(from + 3 * step);
    let valid0 = within(v0, lo, hi);
    let valid1 = within(v1, lo, hi);
    let valid2 = within(v2, lo, hi);
    let valid3 = within(v3, lo, hi);
    for (let at = nodata; at < nodataEnd; at += 4) {
      const none = v128.load32_splat(at);
      valid0 = v128.and(valid0, f32x4.ne(v0, none));
      valid1 = v128.and(valid1, f32x4.ne(v1, none));
      valid2 = v128.and(valid2, f32x4.ne(v2, none));
      valid3 = v128.and(valid3, f32x4.ne(v3, none));
    }
    if (mask) {
      const masked = i8x16.ne(v128.load(mask), i8x16.splat(0));
      const first = i16x8.extend_low_i8x16_s(masked);
      const last = i16x8.extend_high_i8x16_s(masked);
      valid0 = v128.and(valid0, i32x4.extend_low_i16x8_s(first));
      valid1 = v128.and(valid1, i32x4.extend_high_i16x8_s(first));
      valid2 = v128.and(valid2, i32x4.extend_low_i16x8_s(last));
      valid3 = v128.and(valid3, i32x4.extend_high_i16x8_s(last));
      mask += 16;
    }
    v128.store(to, selected(v0, valid0));
    v128.store(to, selected(v1, valid1), 16);
    v128.store(to, selected(v2, valid2), 32);
    v128.store(to, selected(v3, valid3), 48);
    to += 64;
    from += 4 * step;
  } while (to < end);
}

/** Bytes of an element. */
export function sizeOf(type: Type): usize {
  return type == Type.U8 ? 1 : type == Type.I16 || type == Type.U16 ? 2 : 4;
}

/** Consecutive raw numbers from elements that lie `stride` bytes apart. */
export function gather(from: usize, stride: usize, type: Type, to: usize, n: u32): void {
  if (type == Type.F32) gatherAs<f32>(from, stride, to, n);
  else if (type == Type.U8) gatherAs<u8>(from, stride, to, n);
  else if (type == Type.I16) gatherAs<i16>(from, stride, to, n);
  else if (type == Type.U16) gatherAs<u16>(from, stride, to, n);
  else gatherAs<i32>(from, stride, to, n);
}

/** n consecutive elements of `type` as float32, n rounded up to a multiple of 16. */
export function convert(from: usize, type: Type, to: usize, n: u32): void {
  if (type == Type.F32) memory.copy(to, from, n * 4);
  else if (type == Type.U8) convertAs<u8>(from, to, n);
  else if (type == Type.I16) convertAs<i16>(from, to, n);
  else convertAs<u16>(from, to, n);
}

/** scale · v + offset of n numbers at `at`, in their place: computed in float64, rounded once. */
export function calibrate(at: usize, n: u32, scale0: f64, offset0: f64): void {
  if (scale0 == 1 && offset0 == 0) return;
  const scale = f64x2.splat(scale0);
  const offset = f64x2.splat(offset0);
  const end = at + n * 4;
  do {
    const v = v128.load(at);
    const first = f64x2.add(f64x2.mul(low(v), scale), offset);
    v128.store(at, narrow(first, f64x2.add(f64x2.mul(high(v), scale), offset)));
    at += 16;
  } while (at < end);
}

/**
 * n consecutive elements of `type` as float32, NaN where the job's rule or the mask says that a pixel is not valid. `mask` is 0 where
 * there is none.
 */
export function select(job: Job, from: usize, type: Type, to: usize, n: u32, mask: usize): void {
  if (type == Type.F32) selectAs<f32>(job, from, to, n, mask);
  else if (type == Type.U8) selectAs<u8>(job, from, to, n, mask);
  else if (type == Type.I16) selectAs<i16>(job, from, to, n, mask);
  else if (type == Type.U16) selectAs<u16>(job, from, to, n, mask);
  else selectAs<i32>(job, from, to, n, mask);
}
