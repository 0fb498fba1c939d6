// Elementary functions in SIMD lanes: T = f32 takes a vector of four, T = f64 a vector of two.
//
// WebAssembly has no exp or log, and the host's differ from engine to engine. These are sums, products and quotients of
// lanes alone, so the same bits come out everywhere. Polynomials minimise the largest relative error (Remez exchange,
// coefficients rounded to T; scripts/polynomials.mjs fits them again and compares); the leading ones are exact, so that results
// keep their relative accuracy down to the smallest arguments. float32 is the fast way; float64 serves rare tiles and is kept
// short, at about 1e-14.
//
// Errors are bounds that the tests measure against: for f32 in ulp (units in the last place) of the exact result, for
// f64 relative to it. Costs are vector instructions in the usual case, f32 then f64, constants not counted.

// Constants live in tables in memory, the polynomials' coefficients from the constant term up. A vector of equal lanes is then one
// load wherever it is used; engines build it anew, in three or four instructions, where it stands in a loop as a constant.

/** Entry i of a table of T, in every lane. */
function entry<T extends number>(table: usize, i: usize): v128 {
  return sizeof<T>() == 4 ? v128.load32_splat(table + 4 * i) : v128.load64_splat(table + 8 * i);
}

function splat<T extends number>(c: f64): v128 {
  return v128.splat<T>(<T>c);
}

/** The sign bits of float32: with masks of the engines' own, abs and neg take three instructions each. */
function signs(): v128 {
  return entry<f32>(memory.data<f32>([-0.0]), 0);
}

/** |x| of four float32. */
export function size(x: v128): v128 {
  return v128.andnot(x, signs());
}

/** −|x| of four float32. */
export function minusSize(x: v128): v128 {
  return v128.or(x, signs());
}

function addBits<T extends number>(a: v128, b: v128): v128 {
  return sizeof<T>() == 4 ? i32x4.add(a, b) : i64x2.add(a, b);
}

function subBits<T extends number>(a: v128, b: v128): v128 {
  return sizeof<T>() == 4 ? i32x4.sub(a, b) : i64x2.sub(a, b);
}

/** All lanes of a mask are set: one instruction and a comparison, where `all_true` takes five. */
function everywhere(mask: v128): bool {
  return i32x4.bitmask(mask) == 0b1111;
}

function mulAdd<T extends number>(a: v128, b: v128, c: v128): v128 {
  return v128.add<T>(v128.mul<T>(a, b), c);
}

// Float32 polynomials are sums of pairs c₀ + c₁z in powers of z²: at equal cost, a chain half as long to wait for.

function linear(c: usize, z: v128): v128 {
  return mulAdd<f32>(entry<f32>(c, 1), z, entry<f32>(c, 0));
}

function cubic(c: usize, z: v128, square: v128): v128 {
  return mulAdd<f32>(linear(c + 8, z), square, linear(c, z));
}

function quintic(c: usize, z: v128, square: v128): v128 {
  return mulAdd<f32>(cubic(c + 8, z, square), square, linear(c, z));
}

function septic(c: usize, z: v128, square: v128): v128 {
  return mulAdd<f32>(quintic(c + 8, z, square), square, linear(c, z));
}

/** A float64 polynomial by Horner's rule. */
function horner(c: usize, degree: usize, z: v128): v128 {
  let p = entry<f64>(c, degree);
  while (degree > 0) p = mulAdd<f64>(p, z, entry<f64>(c, --degree));
  return p;
}

const LN2: f64 = 0.6931471805599453;

/** Bounds of x; log₂e; 1.5·2²³ (1.5·2⁵²) and the exponent's offset; ln 2 as a short part and a rest; 2; P. */
function expTable<T extends number>(): usize {
  return sizeof<T>() == 4
    ? memory.data<f32>([
        89, -87.3, 1.442695, 12583038, 0.693145751953125, 1.428606765330187e-6, 2, 0.9999999, 0.33333042, 0.08333678,
        0.016737433, 0.0027629212,
      ])
    : memory.data<f64>([
        709.9, -708.4, 1.4426950408889634, 6755399441056766, 0.6931471803691238, 1.9082149292705877e-10, 2,
        0.9999999999932865, 0.3333333333453039, 0.08333333392447644, 0.0166666661902329, 0.0027777622289958392,
        0.0003968307808252068, 4.976161961919872e-5, 5.498617679081378e-6,
      ]);
}

/**
 * eˣ for every x. Overflows to Infinity; 0 where the result is below 1.7e-38 (f32), 3.2e-308 (f64).
 *
 * Error: 1.1 ulp (f32), 2e-14 (f64). Cost: 24, 30.
 */
export function exp<T extends number>(x: v128): v128 {
  // Beyond this bound the result is Infinity anyway; in this order of operands NaN passes.
  return expBelow<T>(v128.pmin<T>(x, entry<T>(expTable<T>(), 0)));
}

/** eˣ for x that does not exceed the bound of `exp`: one of two instructions saved where x ≤ 0. */
export function expBelow<T extends number>(x: v128): v128 {
  const c = expTable<T>();
  x = v128.pmax<T>(x, entry<T>(c, 1));

  // x = k·ln 2 + r. At 1.5·2^23 (1.5·2^52) numbers are whole, so the addition rounds, and the sum's low bits hold k.
  // They are offset to be the exponent field of 2^(k − 1): for k from −126 to 128 it runs from 0 to its largest.
  const whole = entry<T>(c, 3);
  const rounded = mulAdd<T>(x, entry<T>(c, 2), whole);
  const k = v128.sub<T>(rounded, whole);
  const half = sizeof<T>() == 4 ? i32x4.shl(rounded, 23) : i64x2.shl(rounded, 52);

  // The first part of ln 2 is short enough that its product with k is exact.
  let r = v128.sub<T>(x, v128.mul<T>(k, entry<T>(c, 4)));
  r = v128.sub<T>(r, v128.mul<T>(k, entry<T>(c, 5)));

  // 2eʳ = 2 + 2r + r²·P(r), relative error 4e-9 (f32), 2e-14 (f64).
  const square = v128.mul<T>(r, r);
  const p =
    sizeof<T>() == 4
      ? mulAdd<T>(mulAdd<T>(entry<T>(c, 11), square, linear(c + 36, r)), square, linear(c + 28, r))
      : horner(c + 56, 7, r);
  return v128.mul<T>(v128.add<T>(mulAdd<T>(p, square, v128.add<T>(r, r)), entry<T>(c, 6)), half);
}

/** 2; R. */
function logTable<T extends number>(): usize {
  return sizeof<T>() == 4
    ? memory.data<f32>([2, 0.6666642, 0.40021437, 0.28003025, 0.2800678])
    : memory.data<f64>([
        2, 0.666666666666777, 0.3999999999604848, 0.28571429058125314, 0.22222192898145002, 0.18182814255075755,
        0.15364292547203043, 0.13586342369689047, 0.09902678417166459, 0.17740058996419963,
      ]);
}

/**
 * log(1 + f) for f in [−½, 1], relatively accurate near 0: log(1 + e^−|x|) of logistic losses, and the core of
 * every logarithm here.
 *
 * With s = f / (2 + f) it is 2 atanh s = 2s + s·z·R(z), z = s². As 2s = f − s·f, it starts from f, which is exact, and
 * only a correction carries the rounding of the quotient.
 *
 * Error: 1.4 ulp (f32), 5e-16 (f64). Cost: 14, 23, a division among them.
 */
export function log1pUnit<T extends number>(f: v128): v128 {
  const c = logTable<T>();
  const s = v128.div<T>(f, v128.add<T>(f, entry<T>(c, 0)));
  const z = v128.mul<T>(s, s);
  const p = sizeof<T>() == 4 ? cubic(c + 4, z, v128.mul<T>(z, z)) : horner(c + 8, 8, z);
  return v128.sub<T>(f, v128.mul<T>(s, v128.sub<T>(f, v128.mul<T>(p, z))));
}

/** Bits: 1 − √½, of the fields; the fraction; √½; the exponent; 2²³ (2⁵²); the greatest exponent but one; the least normal. */
function bitsTable<T extends number>(): usize {
  return sizeof<T>() == 4
    ? memory.data<u32>([0x004afb0d, 0x007fffff, 0x3f3504f3, 0x7f800000, 0x4b000000, 0x7f000000, 0x00800000])
    : memory.data<u64>([
        0x00095f619980c433, 0x000fffffffffffff, 0x3fe6a09e667f3bcd, 0x7ff0000000000000, 0x4330000000000000,
        0x7fe0000000000000, 0x0010000000000000,
      ]);
}

/** 1; ln 2; 2²³ (2⁵²) and the exponent's offset; Infinity; −1; 2¹²⁰: beyond, log(1 + x) = log x, also after division by SCALE. */
function scaleTable<T extends number>(): usize {
  return sizeof<T>() == 4
    ? memory.data<f32>([1, 0.6931472, 8388735, Infinity, -1, 1.329228e36])
    : memory.data<f64>([1, 0.6931471805599453, 4503599627371519, Infinity, -1, 1.329227995784916e36]);
}

// A positive normal number is 2ᵏ·m with m in [√½, √2). Moving its bits up by 1 − √½ makes the exponent field turn over
// at √2.
function turned<T extends number>(x: v128): v128 {
  return addBits<T>(x, entry<T>(bitsTable<T>(), 0));
}

/** k as a number, of a `turned` 2ᵏ·m: the exponent field becomes the last digits of a float that counts in ones. */
function exponent<T extends number>(t: v128): v128 {
  const field = sizeof<T>() == 4 ? i32x4.shr_u(t, 23) : i64x2.shr_u(t, 52);
  return v128.sub<T>(v128.or(field, entry<T>(bitsTable<T>(), 4)), entry<T>(scaleTable<T>(), 2));
}

/** log(2ᵏ·(1 + f)) for f in [√½ − 1, √2 − 1]. */
function logScaled<T extends number>(k: v128, f: v128): v128 {
  return mulAdd<T>(k, entry<T>(scaleTable<T>(), 1), log1pUnit<T>(f));
}

/** `y` where 0 < x < Infinity, the limits of log x elsewhere: −Infinity at 0, Infinity at Infinity, else NaN. */
function withLimits<T extends number>(y: v128, x: v128): v128 {
  const zero = splat<T>(0);
  const infinity = splat<T>(Infinity);
  // √x is NaN and Infinity where log x is.
  const limit = v128.sub<T>(v128.sqrt<T>(x), v128.and(infinity, v128.eq<T>(x, zero)));
  return v128.bitselect(y, limit, v128.and(v128.gt<T>(x, zero), v128.lt<T>(x, infinity)));
}

const SCALE: f64 = 18446744073709551616.0; // 2^64 lifts every denormal to a normal number
const LOG_SCALE: f64 = 44.3614195558365; // 64 ln 2

/**
 * log x for every x, denormals included: −Infinity at 0, NaN below.
 *
 * Error: 1.2 ulp (f32), 5e-16 (f64). Cost: 27, 36, a division among them, and a dozen more in vectors with a lane
 * that is not a positive normal number.
 */
export function log<T extends number>(x: v128): v128 {
  const c = scaleTable<T>();
  const leastNormal = entry<T>(bitsTable<T>(), 6);
  const plain = everywhere(v128.and(v128.ge<T>(x, leastNormal), v128.lt<T>(x, entry<T>(c, 3))));
  const tiny = v128.lt<T>(x, leastNormal);
  let m = x;
  if (!plain) m = v128.bitselect(v128.mul<T>(x, splat<T>(SCALE)), x, tiny);

  let y = logPlain<T>(m);
  if (!plain) y = withLimits<T>(v128.sub<T>(y, v128.and(tiny, splat<T>(LOG_SCALE))), x);
  return y;
}

/** log x for positive normal x: `log` without a branch. */
export function logPlain<T extends number>(x: v128): v128 {
  const bits = bitsTable<T>();
  const t = turned<T>(x);
  const m = addBits<T>(v128.and(t, entry<T>(bits, 1)), entry<T>(bits, 2));
  return logScaled<T>(exponent<T>(t), v128.sub<T>(m, entry<T>(scaleTable<T>(), 0)));
}

/**
 * log(1 + x) for every x ≥ −1, relatively accurate near 0; −Infinity at −1, NaN below.
 *
 * Error: 1.6 ulp (f32), 5e-16 (f64). Cost: 30, 39, a division among them.
 */
export function log1p<T extends number>(x: v128): v128 {
  const c = scaleTable<T>();
  const limit = entry<T>(c, 5);
  const plain = everywhere(v128.and(v128.gt<T>(x, entry<T>(c, 4)), v128.lt<T>(x, limit)));
  const huge = v128.ge<T>(x, limit);
  let m = x;
  if (!plain) m = v128.bitselect(v128.mul<T>(x, splat<T>(1 / SCALE)), x, huge);
  let y = log1pPlain<T>(m);
  if (!plain) y = withLimits<T>(v128.add<T>(y, v128.and(huge, splat<T>(LOG_SCALE))), v128.add<T>(x, splat<T>(1)));
  return y;
}

/** log(1 + x) for −1 < x < 2¹²⁰: `log1p` without a branch. */
export function log1pPlain<T extends number>(x: v128): v128 {
  // 1 + x = 2ᵏ·(1 + f). The sum gives k alone; its rounding stays behind, as f = 2⁻ᵏ·x + (2⁻ᵏ − 1) starts from x again.
  const bits = bitsTable<T>();
  const one = entry<T>(scaleTable<T>(), 0);
  const t = turned<T>(v128.add<T>(x, one));
  const scale = subBits<T>(entry<T>(bits, 5), v128.and(t, entry<T>(bits, 3)));
  return logScaled<T>(exponent<T>(t), mulAdd<T>(x, scale, v128.sub<T>(scale, one)));
}

/** From where on a function of d leaves its power series; which is a polynomial in z = d². */
function logCoshTable<T extends number>(): usize {
  return sizeof<T>() == 4
    ? memory.data<f32>([1, 0.5, -0.0833331, 0.022217449, -0.0067135002, 0.0020825213, -0.00056040427, 8.7865534e-5])
    : memory.data<f64>([
        0.5, 0.5, -0.08333333333323212, 0.02222222220900881, -0.006746031155351999, 0.002186936047822508,
        -0.000738448666762515, 0.00025548844966777166, -8.643220577500568e-5, 2.213743285637536e-5,
      ]);
}

/**
 * log cosh d for every d, relatively accurate near 0: d²·(½ − d²/12 + …) for |d| < 1 (f32), ½ (f64), and
 * |d| − log 2 + log(1 + e^−2|d|) beyond.
 *
 * Error: 2.2 ulp (f32), 5e-14 (f64, where d² does not underflow). Cost: 18, 21, and 42, 57 more with a lane beyond.
 */
export function logCosh<T extends number>(d: v128): v128 {
  const size = v128.abs<T>(d);
  const small = v128.lt<T>(size, entry<T>(logCoshTable<T>(), 0));
  const near = nearLogCosh<T>(d);
  return everywhere(small) ? near : v128.bitselect(near, farLogCosh<T>(size), small);
}

/** log cosh d for the smaller d alone: `logCosh` without a branch. */
export function nearLogCosh<T extends number>(d: v128): v128 {
  const c = logCoshTable<T>();
  const z = v128.mul<T>(d, d);
  const p = sizeof<T>() == 4 ? mulAdd<T>(quintic(c + 8, z, v128.mul<T>(z, z)), z, entry<T>(c, 1)) : horner(c + 8, 8, z);
  return v128.mul<T>(p, z);
}

/** log cosh of sizes that are not small, out of the way of those that are. */
function farLogCosh<T extends number>(size: v128): v128 {
  const rest = log1pUnit<T>(expBelow<T>(v128.mul<T>(size, splat<T>(-2))));
  return v128.add<T>(v128.sub<T>(size, splat<T>(LN2)), rest);
}

function tanhTable<T extends number>(): usize {
  return sizeof<T>() == 4
    ? memory.data<f32>([
        1, -0.33333296, 0.13332346, -0.053879846, 0.021486675, -0.0079460135, 0.0023012438, -0.0003584126,
      ])
    : memory.data<f64>([
        0.5, -0.3333333333313639, 0.13333333307681114, -0.05396824251823234, 0.0218692405005765, -0.008860247003785817,
        0.0035709513260967565, -0.0013671982007070205, 0.0003815530858078545,
      ]);
}

/**
 * tanh d for every d, relatively accurate near 0: d·(1 − d²/3 + …) for |d| < 1 (f32), ½ (f64), and
 * ±(1 − 2 / (e^2|d| + 1)) beyond.
 *
 * Error: 1.2 ulp (f32), 2e-14 (f64). Cost: 20, 21, and 31, 37 more with a lane beyond.
 */
export function tanh<T extends number>(d: v128): v128 {
  const small = v128.lt<T>(v128.abs<T>(d), entry<T>(tanhTable<T>(), 0));
  const near = nearTanh<T>(d);
  return everywhere(small) ? near : v128.bitselect(near, farTanh<T>(d), small);
}

/** tanh d for the smaller d alone: `tanh` without a branch. */
export function nearTanh<T extends number>(d: v128): v128 {
  const c = tanhTable<T>();
  const z = v128.mul<T>(d, d);
  const p = sizeof<T>() == 4 ? mulAdd<T>(quintic(c + 8, z, v128.mul<T>(z, z)), z, entry<T>(c, 1)) : horner(c + 8, 7, z);
  return mulAdd<T>(v128.mul<T>(p, z), d, d);
}

/** tanh of arguments that are not small, out of the way of those that are. */
function farTanh<T extends number>(d: v128): v128 {
  const one = splat<T>(1);
  const size = v128.abs<T>(d);
  const power = exp<T>(v128.add<T>(size, size));
  const far = v128.sub<T>(one, v128.div<T>(splat<T>(2), v128.add<T>(power, one)));
  return v128.or(far, v128.and(d, splat<T>(-0.0)));
}

/** π/2; π; the polynomial in z = q². */
function atanTable<T extends number>(): usize {
  return sizeof<T>() == 4
    ? memory.data<f32>([
        1.5707964, 3.1415927, -0.33333153, 0.19993767, -0.14211002, 0.10665769, -0.07551652, 0.043204423, -0.016362809,
        0.0029192658,
      ])
    : memory.data<f64>([
        1.5707963267948966, 3.141592653589793, -0.3333333333308402, 0.1999999996995541, -0.1428571300885328,
        0.11111083406111832, -0.09090547635142174, 0.07689196926505316, -0.0664793291203538, 0.05800152080320705,
        -0.04992535397852482, 0.04077920003300387, -0.02993476983588002, 0.018530671684753006, -0.009017654149962908,
        0.0031681826275270645, -0.0007052371990679503, 7.406927782108444e-5,
      ]);
}

/**
 * The angle of the point (x, y), y ≥ 0, in radians, in [0, π]: relatively accurate for small y / x. 0 at the origin,
 * whatever the sign of x there; NaN where both are infinite.
 *
 * Error: 2.4 ulp (f32), 1e-14 (f64). Cost: 30, 45, a division among them.
 */
export function atan2<T extends number>(y: v128, x: v128): v128 {
  const width = v128.abs<T>(x);
  const steep = v128.lt<T>(width, y);
  // The lesser by the greater; the least denormal stands for 0, so that 0/0 is 0. In this order of operands NaN passes.
  const least = sizeof<T>() == 4 ? i32x4.splat(1) : i64x2.splat(1);
  const greater = v128.pmax<T>(v128.pmax<T>(width, y), least);
  const q = v128.div<T>(v128.pmin<T>(y, width), greater);
  const z = v128.mul<T>(q, q);
  const c = atanTable<T>();
  const p = sizeof<T>() == 4 ? septic(c + 8, z, v128.mul<T>(z, z)) : horner(c + 16, 15, z);
  const flat = mulAdd<T>(v128.mul<T>(p, z), q, q);
  const angle = v128.bitselect(v128.sub<T>(entry<T>(c, 0), flat), flat, steep);
  return v128.bitselect(v128.sub<T>(entry<T>(c, 1), angle), angle, v128.lt<T>(x, splat<T>(0)));
}

/**
 * rᵖ for r in (0, 1] and finite p, as the weights of groups need it. Exact for p = 0 and 1, correctly rounded for ½.
 *
 * Error: 1e-13 relative while |p ln r| ≤ 50.
 */
export function pow(r: f64, p: f64): f64 {
  if (p == 0) return 1;
  if (p == 1) return r;
  if (p == 0.5) return sqrt<f64>(r);
  const logarithm = log<f64>(f64x2.splat(r));
  return f64x2.extract_lane(exp<f64>(f64x2.mul(logarithm, f64x2.splat(p))), 0);
}
