// Elementary functions in SIMD lanes: T = f32 takes a vector of four, T = f64 a vector of two.
//
// WebAssembly has no exp or log, and the host's differ from engine to engine. These are sums, products and quotients of
// lanes alone, so the same bits come out everywhere. Polynomials minimise the largest relative error (Remez exchange,
// coefficients rounded to T); the leading ones are exact, so that results keep their relative accuracy down to the
// smallest arguments. float32 is the fast way; float64 serves rare tiles and is kept short, at about 1e-14.
//
// Errors are bounds that the tests measure against: for f32 in ulp (units in the last place) of the exact result, for
// f64 relative to it. Costs are vector instructions in the usual case, f32 then f64, constants not counted.

function splat<T extends number>(c: f64): v128 {
  return v128.splat<T>(<T>c);
}

/** Every lane holds these bits, read as T. */
function splatBits<T extends number>(bits32: u32, bits64: u64): v128 {
  return sizeof<T>() == 4 ? i32x4.splat(bits32) : i64x2.splat(bits64);
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

/** One step of Horner's rule: p·z + c. */
function horner<T extends number>(p: v128, z: v128, c: f64): v128 {
  return mulAdd<T>(p, z, splat<T>(c));
}

/** a·z + b. Float32 polynomials are sums of such pairs: at equal cost, a chain half as long to wait for. */
function pair<T extends number>(a: f64, z: v128, b: f64): v128 {
  return horner<T>(splat<T>(a), z, b);
}

const LOG2E: f64 = 1.4426950408889634;
const LN2: f64 = 0.6931471805599453;
const PI: f64 = 3.141592653589793;

/**
 * eˣ for every x. Overflows to Infinity; 0 where the result is below 1.7e-38 (f32), 3.2e-308 (f64).
 *
 * Error: 1.1 ulp (f32), 2e-14 (f64). Cost: 24, 30.
 */
export function exp<T extends number>(x: v128): v128 {
  // Bounds beyond which the result is Infinity or 0 anyway; in this order of operands NaN passes.
  x = v128.pmin<T>(x, splat<T>(sizeof<T>() == 4 ? 89 : 709.9));
  x = v128.pmax<T>(x, splat<T>(sizeof<T>() == 4 ? -87.3 : -708.4));

  // x = k·ln 2 + r. At 1.5·2^23 (1.5·2^52) numbers are whole, so the addition rounds, and the sum's low bits hold k.
  // They are offset to be the exponent field of 2^(k − 1): for k from −126 to 128 it runs from 0 to its largest.
  const whole = splat<T>(sizeof<T>() == 4 ? 12582912 + 126 : 6755399441055744 + 1022);
  const rounded = v128.add<T>(v128.mul<T>(x, splat<T>(LOG2E)), whole);
  const k = v128.sub<T>(rounded, whole);
  const half = sizeof<T>() == 4 ? i32x4.shl(rounded, 23) : i64x2.shl(rounded, 52);

  // ln 2 in two parts, the first short enough that its product with k is exact.
  const high: f64 = sizeof<T>() == 4 ? 0.693145751953125 : 0.6931471803691238;
  const low: f64 = sizeof<T>() == 4 ? 1.428606765330187e-6 : 1.9082149292705877e-10;
  let r = v128.sub<T>(x, v128.mul<T>(k, splat<T>(high)));
  r = v128.sub<T>(r, v128.mul<T>(k, splat<T>(low)));

  // 2eʳ = 2 + 2r + r²·P(r), relative error 4e-9 (f32), 2e-14 (f64).
  const square = v128.mul<T>(r, r);
  let p: v128;
  if (sizeof<T>() == 4) {
    p = mulAdd<T>(splat<T>(0.0027629212), square, pair<T>(0.016737433, r, 0.08333678));
    p = mulAdd<T>(p, square, pair<T>(0.33333042, r, 0.9999999));
  } else {
    p = pair<T>(5.498617679081378e-6, r, 4.976161961919872e-5);
    p = horner<T>(p, r, 0.0003968307808252068);
    p = horner<T>(p, r, 0.0027777622289958392);
    p = horner<T>(p, r, 0.0166666661902329);
    p = horner<T>(p, r, 0.08333333392447644);
    p = horner<T>(p, r, 0.3333333333453039);
    p = horner<T>(p, r, 0.9999999999932865);
  }
  p = v128.add<T>(mulAdd<T>(p, square, v128.add<T>(r, r)), splat<T>(2));
  return v128.mul<T>(p, half);
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
  const s = v128.div<T>(f, v128.add<T>(f, splat<T>(2)));
  const z = v128.mul<T>(s, s);
  let p: v128;
  if (sizeof<T>() == 4) {
    p = mulAdd<T>(pair<T>(0.2800678, z, 0.28003025), v128.mul<T>(z, z), pair<T>(0.40021437, z, 0.6666642));
  } else {
    p = pair<T>(0.17740058996419963, z, 0.09902678417166459);
    p = horner<T>(p, z, 0.13586342369689047);
    p = horner<T>(p, z, 0.15364292547203043);
    p = horner<T>(p, z, 0.18182814255075755);
    p = horner<T>(p, z, 0.22222192898145002);
    p = horner<T>(p, z, 0.28571429058125314);
    p = horner<T>(p, z, 0.3999999999604848);
    p = horner<T>(p, z, 0.666666666666777);
  }
  return v128.sub<T>(f, v128.mul<T>(s, v128.sub<T>(f, v128.mul<T>(p, z))));
}

// A positive normal number is 2ᵏ·m with m in [√½, √2). Moving its bits up by 1 − √½ makes the exponent field turn over
// at √2.
function turned<T extends number>(x: v128): v128 {
  return addBits<T>(x, splatBits<T>(0x3f800000 - 0x3f3504f3, 0x3ff0000000000000 - 0x3fe6a09e667f3bcd));
}

/** k as a number, of a `turned` 2ᵏ·m: the exponent field becomes the last digits of a float that counts in ones. */
function exponent<T extends number>(t: v128): v128 {
  const field = sizeof<T>() == 4 ? i32x4.shr_u(t, 23) : i64x2.shr_u(t, 52);
  const offset: f64 = sizeof<T>() == 4 ? 8388608 + 127 : 4503599627370496 + 1023;
  return v128.sub<T>(v128.or(field, splatBits<T>(0x4b000000, 0x4330000000000000)), splat<T>(offset));
}

/** log(2ᵏ·(1 + f)) for f in [√½ − 1, √2 − 1]. */
function logScaled<T extends number>(k: v128, f: v128): v128 {
  return mulAdd<T>(k, splat<T>(LN2), log1pUnit<T>(f));
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
const HUGE: f64 = 1.329227995784916e36; // 2^120: beyond, log(1 + x) = log x, also after division by SCALE
const LOG_SCALE: f64 = 44.3614195558365; // 64 ln 2

/**
 * log x for every x, denormals included: −Infinity at 0, NaN below.
 *
 * Error: 1.2 ulp (f32), 5e-16 (f64). Cost: 27, 36, a division among them, and a dozen more in vectors with a lane
 * that is not a positive normal number.
 */
export function log<T extends number>(x: v128): v128 {
  const leastNormal = splatBits<T>(0x00800000, 0x0010000000000000);
  const tiny = v128.lt<T>(x, leastNormal);
  const plain = everywhere(v128.and(v128.ge<T>(x, leastNormal), v128.lt<T>(x, splat<T>(Infinity))));
  let m = x;
  if (!plain) m = v128.bitselect(v128.mul<T>(x, splat<T>(SCALE)), x, tiny);

  const t = turned<T>(m);
  m = addBits<T>(
    v128.and(t, splatBits<T>(0x007fffff, 0x000fffffffffffff)),
    splatBits<T>(0x3f3504f3, 0x3fe6a09e667f3bcd),
  );
  let y = logScaled<T>(exponent<T>(t), v128.sub<T>(m, splat<T>(1)));

  if (!plain) y = withLimits<T>(v128.sub<T>(y, v128.and(tiny, splat<T>(LOG_SCALE))), x);
  return y;
}

/**
 * log(1 + x) for every x ≥ −1, relatively accurate near 0; −Infinity at −1, NaN below.
 *
 * Error: 1.6 ulp (f32), 5e-16 (f64). Cost: 30, 39, a division among them.
 */
export function log1p<T extends number>(x: v128): v128 {
  const one = splat<T>(1);
  const huge = v128.ge<T>(x, splat<T>(HUGE));
  const plain = everywhere(v128.and(v128.gt<T>(x, splat<T>(-1)), v128.lt<T>(x, splat<T>(HUGE))));
  let m = x;
  if (!plain) m = v128.bitselect(v128.mul<T>(x, splat<T>(1 / SCALE)), x, huge);

  // 1 + x = 2ᵏ·(1 + f). The sum gives k alone; its rounding stays behind, as f = 2⁻ᵏ·x + (2⁻ᵏ − 1) starts from x again.
  const t = turned<T>(v128.add<T>(m, one));
  const scale = subBits<T>(
    splatBits<T>(254 << 23, 2046 << 52),
    v128.and(t, splatBits<T>(0x7f800000, 0x7ff0000000000000)),
  );
  const f = v128.add<T>(v128.mul<T>(m, scale), v128.sub<T>(scale, one));
  let y = logScaled<T>(exponent<T>(t), f);

  if (!plain) y = withLimits<T>(v128.add<T>(y, v128.and(huge, splat<T>(LOG_SCALE))), v128.add<T>(x, one));
  return y;
}

/**
 * log cosh d for every d, relatively accurate near 0: d²·(½ − d²/12 + …) for |d| < 1 (f32), ½ (f64), and
 * |d| − log 2 + log(1 + e^−2|d|) beyond.
 *
 * Error: 2.2 ulp (f32), 5e-14 (f64, where d² does not underflow). Cost: 18, 21, and 42, 57 more with a lane beyond.
 */
export function logCosh<T extends number>(d: v128): v128 {
  const size = v128.abs<T>(d);
  const small = v128.lt<T>(size, splat<T>(sizeof<T>() == 4 ? 1 : 0.5));
  const z = v128.mul<T>(d, d);
  let p: v128;
  if (sizeof<T>() == 4) {
    const square = v128.mul<T>(z, z);
    p = mulAdd<T>(pair<T>(8.7865534e-5, z, -0.00056040427), square, pair<T>(0.0020825213, z, -0.0067135002));
    p = mulAdd<T>(p, square, pair<T>(0.022217449, z, -0.0833331));
  } else {
    p = pair<T>(2.213743285637536e-5, z, -8.643220577500568e-5);
    p = horner<T>(p, z, 0.00025548844966777166);
    p = horner<T>(p, z, -0.000738448666762515);
    p = horner<T>(p, z, 0.002186936047822508);
    p = horner<T>(p, z, -0.006746031155351999);
    p = horner<T>(p, z, 0.02222222220900881);
    p = horner<T>(p, z, -0.08333333333323212);
  }
  const near = v128.mul<T>(horner<T>(p, z, 0.5), z);
  return everywhere(small) ? near : v128.bitselect(near, farLogCosh<T>(size), small);
}

/** log cosh of sizes that are not small, out of the way of those that are. */
function farLogCosh<T extends number>(size: v128): v128 {
  const rest = log1pUnit<T>(exp<T>(v128.mul<T>(size, splat<T>(-2))));
  return v128.add<T>(v128.sub<T>(size, splat<T>(LN2)), rest);
}

/**
 * tanh d for every d, relatively accurate near 0: d·(1 − d²/3 + …) for |d| < 1 (f32), ½ (f64), and
 * ±(1 − 2 / (e^2|d| + 1)) beyond.
 *
 * Error: 1.2 ulp (f32), 2e-14 (f64). Cost: 20, 21, and 31, 37 more with a lane beyond.
 */
export function tanh<T extends number>(d: v128): v128 {
  const size = v128.abs<T>(d);
  const small = v128.lt<T>(size, splat<T>(sizeof<T>() == 4 ? 1 : 0.5));
  const z = v128.mul<T>(d, d);
  let p: v128;
  if (sizeof<T>() == 4) {
    const square = v128.mul<T>(z, z);
    p = mulAdd<T>(pair<T>(-0.0003584126, z, 0.0023012438), square, pair<T>(-0.0079460135, z, 0.021486675));
    p = mulAdd<T>(p, square, pair<T>(-0.053879846, z, 0.13332346));
    p = horner<T>(p, z, -0.33333296);
  } else {
    p = pair<T>(0.0003815530858078545, z, -0.0013671982007070205);
    p = horner<T>(p, z, 0.0035709513260967565);
    p = horner<T>(p, z, -0.008860247003785817);
    p = horner<T>(p, z, 0.0218692405005765);
    p = horner<T>(p, z, -0.05396824251823234);
    p = horner<T>(p, z, 0.13333333307681114);
    p = horner<T>(p, z, -0.3333333333313639);
  }
  const near = mulAdd<T>(v128.mul<T>(p, z), d, d);
  return everywhere(small) ? near : v128.bitselect(near, farTanh<T>(d), small);
}

/** tanh of arguments that are not small, out of the way of those that are. */
function farTanh<T extends number>(d: v128): v128 {
  const one = splat<T>(1);
  const size = v128.abs<T>(d);
  const power = exp<T>(v128.add<T>(size, size));
  const far = v128.sub<T>(one, v128.div<T>(splat<T>(2), v128.add<T>(power, one)));
  return v128.or(far, v128.and(d, splat<T>(-0.0)));
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
  const greater = v128.pmax<T>(v128.pmax<T>(width, y), splatBits<T>(1, 1));
  const q = v128.div<T>(v128.pmin<T>(y, width), greater);
  const z = v128.mul<T>(q, q);
  let p: v128;
  if (sizeof<T>() == 4) {
    const square = v128.mul<T>(z, z);
    p = mulAdd<T>(pair<T>(0.0029192658, z, -0.016362809), square, pair<T>(0.043204423, z, -0.07551652));
    p = mulAdd<T>(p, square, pair<T>(0.10665769, z, -0.14211002));
    p = mulAdd<T>(p, square, pair<T>(0.19993767, z, -0.33333153));
  } else {
    p = pair<T>(7.406927782108444e-5, z, -0.0007052371990679503);
    p = horner<T>(p, z, 0.0031681826275270645);
    p = horner<T>(p, z, -0.009017654149962908);
    p = horner<T>(p, z, 0.018530671684753006);
    p = horner<T>(p, z, -0.02993476983588002);
    p = horner<T>(p, z, 0.04077920003300387);
    p = horner<T>(p, z, -0.04992535397852482);
    p = horner<T>(p, z, 0.05800152080320705);
    p = horner<T>(p, z, -0.0664793291203538);
    p = horner<T>(p, z, 0.07689196926505316);
    p = horner<T>(p, z, -0.09090547635142174);
    p = horner<T>(p, z, 0.11111083406111832);
    p = horner<T>(p, z, -0.1428571300885328);
    p = horner<T>(p, z, 0.1999999996995541);
    p = horner<T>(p, z, -0.3333333333308402);
  }
  const flat = mulAdd<T>(v128.mul<T>(p, z), q, q);
  const angle = v128.bitselect(v128.sub<T>(splat<T>(PI / 2), flat), flat, steep);
  return v128.bitselect(v128.sub<T>(splat<T>(PI), angle), angle, v128.lt<T>(x, splat<T>(0)));
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
