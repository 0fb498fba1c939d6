// Exact sums of float64. A sum is an integer of 2144 bits in units of 2⁻¹⁰⁷⁴, the smallest float64: nothing is rounded before it is
// read, so the order in which numbers come, and how they are split over threads, calls and machines, cannot change a bit.
//
//     sum   [ others: f64 | limb 0 | limb 1 | … | limb 66 ]      limb k: i64, counts 2^(32k − 1074)
//
// A number falls on three neighbouring limbs, 32 bits on each. Limbs have 31 bits to spare: carries wait until a sum is read.
// `others` adds up what is not finite.

const LIMBS: u32 = 67;

/** Bytes of an exact sum; all zero is the sum of nothing. */
export const EXACT_BYTES: u32 = 8 + LIMBS * 8;

const LIMB_BITS: u64 = 0xffffffff;

/** Adds x to a sum: at most 2³⁰ times before `carry`. */
export function addExact(sum: usize, x: f64): void {
  const bits = reinterpret<u64>(x);
  const exponent = <u32>(bits >>> 52) & 0x7ff;
  if (exponent == 0x7ff) {
    store<f64>(sum, load<f64>(sum) + x);
    return;
  }
  // Numbers below 2⁻¹⁰²² have no leading one, and the place of those just above.
  const mantissa = (bits & 0xfffffffffffff) | ((<u64>u32(exponent != 0)) << 52);
  const place = exponent - u32(exponent != 0);
  const shift = place & 31;
  const low = mantissa << shift;
  const high = (mantissa >>> 32) << shift;
  const sign = <i64>bits >> 63;
  const at = sum + 8 + ((place >>> 5) << 3);
  addSigned(at, low & LIMB_BITS, sign);
  addSigned(at + 8, (low >>> 32) & LIMB_BITS, sign);
  addSigned(at + 16, high >>> 32, sign);
}

/** Adds `digits` to a limb, or subtracts them where `sign` is −1. */
function addSigned(limb: usize, digits: u64, sign: i64): void {
  store<i64>(limb, load<i64>(limb) + ((<i64>digits ^ sign) - sign));
}

/** Adds all that `other` has to a sum. Both have been carried, or have room. */
export function joinExact(sum: usize, other: usize): void {
  store<f64>(sum, load<f64>(sum) + load<f64>(other));
  for (let at: usize = 8; at < EXACT_BYTES; at += 8) store<i64>(sum + at, load<i64>(sum + at) + load<i64>(other + at));
}

/** Brings every limb but the last to 32 bits without a sign; the last has the sign of the whole. */
export function carryExact(sum: usize): void {
  let carry: i64 = 0;
  let at = sum + 8;
  for (const last = sum + EXACT_BYTES - 8; at < last; at += 8) {
    carry += load<i64>(at);
    store<i64>(at, carry & LIMB_BITS);
    carry >>= 32;
  }
  store<i64>(at, load<i64>(at) + carry);
}

function negate(sum: usize): void {
  for (let at: usize = 8; at < EXACT_BYTES; at += 8) store<i64>(sum + at, -load<i64>(sum + at));
}

/** The float64 nearest to a sum, ties to even. */
export function exactValue(sum: usize): f64 {
  const others = load<f64>(sum);
  if (others != 0) return others;
  carryExact(sum);
  const negative = load<i64>(sum + EXACT_BYTES - 8) < 0;
  if (!negative) return magnitude(sum);
  negate(sum);
  carryExact(sum);
  const size = magnitude(sum);
  negate(sum);
  carryExact(sum);
  return -size;
}

/** The float64 nearest to a carried sum that is not negative. */
function magnitude(sum: usize): f64 {
  const limb0 = sum + 8;
  let at = sum + EXACT_BYTES - 8;
  while (at > limb0 && load<u64>(at) == 0) at -= 8;
  const below = at > limb0 ? load<u64>(at - 8) : 0;
  const lowest: u64 = at > limb0 + 8 ? load<u64>(at - 16) : 0;
  const two = (load<u64>(at) << 32) | below;
  if (two == 0) return 0;
  // The first 64 bits, from the leading one on.
  const shift = clz(two);
  const bits = (two << shift) | ((lowest << shift) >>> 32);
  let isMore = ((lowest << shift) & LIMB_BITS) != 0;
  for (let rest = limb0; rest < at - 16; rest += 8) isMore = isMore || load<u64>(rest) != 0;
  // 53 bits are kept. Of a sum below 2⁻¹⁰²² the others are 0.
  let kept = bits >>> 11;
  const cut = bits & 0x7ff;
  if (cut > 0x400 || (cut == 0x400 && (isMore || (kept & 1) != 0))) kept++;
  const exponent = <i32>((at - limb0) << 2) - 32 - 1074 - <i32>shift + 11;
  // In two steps, neither of which leaves the range: the smallest power is below it.
  const half = exponent >> 1;
  return <f64>kept * powerOfTwo(half) * powerOfTwo(exponent - half);
}

function powerOfTwo(exponent: i32): f64 {
  return reinterpret<f64>((<u64>(exponent + 1023)) << 52);
}
