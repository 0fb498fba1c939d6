// The v128 idioms that every kernel shares.
//
// Pixels are float32 in memory. Where float32 arithmetic is good enough, a vector of four is used as it is (T = f32); where it
// is not, its halves are widened to two vectors of two (T = f64):
//
//     v        [ x0 | x1 | x2 | x3 ]   f32x4
//     low(v)   [    x0   |    x1   ]   f64x2
//     high(v)  [    x2   |    x3   ]   f64x2
//
// Loops over pixels test at their end: V8 moves what does not change, splats of parameters among it, out of those alone, and there is
// no tile without a pixel.

/** Tiles that kernels get are a multiple of this many elements: four vectors, which run side by side. */
export const STEP: u32 = 16;

/** Elements whose sum may stay in float32 lanes, with four vectors at a time: eight additions per lane, then on to float64. */
export const BLOCK: u32 = 128;

/** The first two lanes of an f32x4, as f64x2. */
export function low(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

/** The last two lanes of an f32x4, as f64x2. */
export function high(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
}

/** Two f64x2 rounded and joined to one f32x4: the way back from `low` and `high`. */
export function narrow(first: v128, last: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(first), f32x4.demote_f64x2_zero(last), 0, 2);
}

/** A lane mask of four, as the mask of `low`. */
export function lowMask(mask: v128): v128 {
  return i64x2.extend_low_i32x4_s(mask);
}

/** A lane mask of four, as the mask of `high`. */
export function highMask(mask: v128): v128 {
  return i64x2.extend_high_i32x4_s(mask);
}

/** The four float32 lanes added pairwise into two float64 lanes. */
export function widen(sum: v128): v128 {
  return f64x2.add(low(sum), high(sum));
}

export function sumLanes(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

export function maxLanes(v: v128): f64 {
  return Math.max(
    Math.max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    Math.max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

export function minLanes(v: v128): f64 {
  return -maxLanes(f32x4.neg(v));
}

/** How many lanes of a counter are set: `counter` is the sum of 0 / −1 lane masks, negated. */
export function countLanes(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}

/** Rounding to float64 changes a number by at most this share of it. */
export const HALF_EPSILON: f64 = 1.1102230246251565e-16;

/** A difference of float32 terms has digits enough from this share of their magnitude on: it has lost three bits then. */
export const MIN_CANCELLATION_RATIO: f64 = 0.125;

/** The smallest mean of a loss that float32 squares are reliable with: below, terms may have vanished. */
const MIN_RELIABLE_MEAN: f64 = 7.9e-31;

/** Whether a sum over `count` pixels, each term float32, has neither overflowed nor lost terms to underflow. */
export function sumIsReliable(sum: f64, count: f64): bool {
  const size = Math.abs(sum);
  return count == 0 || (size >= MIN_RELIABLE_MEAN * count && size < Infinity);
}

/**
 * Whether float32 can carry `x` with full precision and room for a product on either side. A parameter or coefficient out of this
 * range sends the tile the float64 way.
 */
export function inF32Range(x: f64): bool {
  const size = Math.abs(x);
  return size == 0 || (size > 7.9e-31 && size < 1.2e30);
}
