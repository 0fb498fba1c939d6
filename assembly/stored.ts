// Elements as they are stored, S being their type, and as float32.

import { Operand, Type } from "./job";

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

/** Four consecutive stored numbers to compare. */
export function stored4<S extends number>(from: usize): v128 {
  return isFloat<S>() ? v128.load(from) : v128.load_ext<u16>(from);
}

/** What numbers of an operand stand for. Its scale and offset are read each time: loops have few registers left. */
export function values<S extends number>(stored: v128, operand: Operand): v128 {
  if (isFloat<S>()) return stored;
  const scale = v128.load32_splat(changetype<usize>(operand), offsetof<Operand>("scale"));
  const offset = v128.load32_splat(changetype<usize>(operand), offsetof<Operand>("offset"));
  return f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(stored), scale), offset);
}

/** The least number that is valid in every lane, as `atLeast` takes it. */
export function leastOf<S extends number>(least: f32): v128 {
  return isFloat<S>() ? f32x4.splat(least) : i32x4.splat(<i32>least - 1);
}

/** Which of four stored numbers are at least that. */
export function atLeast<S extends number>(v: v128, least: v128): v128 {
  return isFloat<S>() ? f32x4.ge(v, least) : i32x4.gt_s(v, least);
}

/** scale · (P − T) of four stored integers of pred and T, exact but for the product. */
export function difference<S extends number>(pred: usize, t: v128, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(stored4<S>(pred), t)), scale);
}

/** The same of n float32 that hold stored numbers, in the place of pred; at `to` 0, NaN where target is not at least `least`. */
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

/** scale · v + offset of n consecutive elements. */
function calibrateAs<S extends number>(from: usize, to: usize, n: u32, scale0: f32, offset0: f32): void {
  const scale = f32x4.splat(scale0);
  const offset = f32x4.splat(offset0);
  const step: usize = 4 * sizeof<S>();
  const end = to + n * 4;
  do {
    v128.store(to, f32x4.add(f32x4.mul(read4<S>(from), scale), offset));
    v128.store(to, f32x4.add(f32x4.mul(read4<S>(from + step), scale), offset), 16);
    v128.store(to, f32x4.add(f32x4.mul(read4<S>(from + 2 * step), scale), offset), 32);
    v128.store(to, f32x4.add(f32x4.mul(read4<S>(from + 3 * step), scale), offset), 48);
    to += 64;
    from += 4 * step;
  } while (to < end);
}

/** The same, or all ones, which is NaN, where `valid` is not set. */
function calibrated(v: v128, valid: v128, scale: v128, offset: v128): v128 {
  return v128.or(v128.not(valid), f32x4.add(f32x4.mul(v, scale), offset));
}

function within(v: v128, lo: v128, hi: v128): v128 {
  return v128.and(f32x4.ge(v, lo), f32x4.le(v, hi));
}

/**
 * The same, and NaN where the rule does not hold: min ≤ v ≤ max on the stored number, v none of `nodata`, and the mask's byte ≠ 0
 * where there is a mask.
 */
function selectAs<S extends number>(
  from: usize,
  to: usize,
  n: u32,
  scale0: f32,
  offset0: f32,
  min: f32,
  max: f32,
  nodata: usize,
  nodataEnd: usize,
  mask: usize,
): void {
  const scale = f32x4.splat(scale0);
  const offset = f32x4.splat(offset0);
  const lo = f32x4.splat(min);
  const hi = f32x4.splat(max);
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
    v128.store(to, calibrated(v0, valid0, scale, offset));
    v128.store(to, calibrated(v1, valid1, scale, offset), 16);
    v128.store(to, calibrated(v2, valid2, scale, offset), 32);
    v128.store(to, calibrated(v3, valid3, scale, offset), 48);
    to += 64;
    from += 4 * step;
  } while (to < end);
}

/** Bytes of an element. */
export function sizeOf(type: Type): usize {
  return type == Type.U8 ? 1 : type == Type.I16 || type == Type.U16 ? 2 : 4;
}

/** Consecutive stored numbers from elements that lie `stride` bytes apart. */
export function gatherStored(from: usize, stride: usize, type: Type, to: usize, n: u32): void {
  if (type == Type.F32) gatherAs<f32>(from, stride, to, n);
  else if (type == Type.U8) gatherAs<u8>(from, stride, to, n);
  else if (type == Type.I16) gatherAs<i16>(from, stride, to, n);
  else if (type == Type.U16) gatherAs<u16>(from, stride, to, n);
  else gatherAs<i32>(from, stride, to, n);
}

/** Values of n consecutive stored numbers of `type`, n rounded up to a multiple of 16. */
export function calibrate(scale: f32, offset: f32, from: usize, type: Type, to: usize, n: u32): void {
  if (type == Type.F32) calibrateAs<f32>(from, to, n, scale, offset);
  else if (type == Type.U8) calibrateAs<u8>(from, to, n, scale, offset);
  else if (type == Type.I16) calibrateAs<i16>(from, to, n, scale, offset);
  else calibrateAs<u16>(from, to, n, scale, offset);
}

/** The same, NaN where the rule or the mask says that a pixel does not count. `mask` 0: there is none. */
export function select(
  scale: f32,
  offset: f32,
  from: usize,
  type: Type,
  to: usize,
  n: u32,
  min: f32,
  max: f32,
  nodata: usize,
  nodataCount: u32,
  mask: usize,
): void {
  const end = nodata + nodataCount * 4;
  if (type == Type.F32) selectAs<f32>(from, to, n, scale, offset, min, max, nodata, end, mask);
  else if (type == Type.U8) selectAs<u8>(from, to, n, scale, offset, min, max, nodata, end, mask);
  else if (type == Type.I16) selectAs<i16>(from, to, n, scale, offset, min, max, nodata, end, mask);
  else if (type == Type.U16) selectAs<u16>(from, to, n, scale, offset, min, max, nodata, end, mask);
  else selectAs<i32>(from, to, n, scale, offset, min, max, nodata, end, mask);
}
