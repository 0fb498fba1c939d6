// Exact sums of float64 as they are kept and merged: integers in units of 2⁻¹⁰⁷⁴, the smallest float64. The kernels add numbers up
// in assembly/exact.ts; what is read from there comes here.
//
// BigInt has neither rounding nor overflow, so that merging is commutative and associative to the bit. Figures are quotients of such
// integers, and are rounded once.

/** What a sum of finite numbers is a multiple of: 2⁻¹⁰⁷⁴. */
export const UNIT_EXPONENT = -1074;

/** A sum of float64, none of whose bits is lost. */
export class ExactSum {
  static readonly ZERO = new ExactSum(0n, 0);

  /** The sum of what is finite, in units of 2⁻¹⁰⁷⁴. */
  readonly units: bigint;
  /** The sum of what is not: 0, ±Infinity or NaN. */
  readonly others: number;

  private constructor(units: bigint, others: number) {
    this.units = units;
    this.others = others;
  }

  /** The sum of one number. */
  static of(x: number): ExactSum {
    if (x === 0) return ExactSum.ZERO;
    if (!Number.isFinite(x)) return new ExactSum(0n, x);
    const { mantissa, exponent } = parts(x);
    const units = mantissa << BigInt(exponent - UNIT_EXPONENT);
    return new ExactSum(x < 0 ? -units : units, 0);
  }

  /** A sum as the kernels carried it: what is not finite, then limbs of 32 bits from the lowest on, the last with the sign. */
  static read(others: number, limbs: BigInt64Array): ExactSum {
    let units = 0n;
    for (let k = limbs.length - 1; k >= 0; k--) {
      if (units !== 0n) units <<= 32n;
      units += limbs[k] as bigint;
    }
    return new ExactSum(units, others);
  }

  /** x² / y, cut after 192 bits. */
  static squareOver(x: number, y: number): ExactSum {
    const size = (x / y) * x;
    if (x === 0 || !Number.isFinite(x) || !Number.isFinite(y) || y === 0)
      return ExactSum.of(Number.isNaN(size) ? 0 : size);
    const [a, b] = [parts(x), parts(y)];
    const square = a.mantissa * a.mantissa;
    // As many bits as that before the point, at least.
    const digits = (square << 192n) / b.mantissa;
    const shift = 2 * a.exponent - b.exponent - 192 - UNIT_EXPONENT;
    const units = shift >= 0 ? digits << BigInt(shift) : digits >> BigInt(-shift);
    return new ExactSum(y < 0 ? -units : units, 0);
  }

  get isZero(): boolean {
    return this.units === 0n && this.others === 0;
  }

  plus(other: ExactSum): ExactSum {
    return new ExactSum(this.units + other.units, this.others + other.others);
  }

  /** The float64 nearest to it. */
  get value(): number {
    return this.others !== 0 ? this.others : quotient(this.units, 1n << BigInt(-UNIT_EXPONENT));
  }

  /**
   * As C writes float constants in hexadecimal, with as many digits as it takes and none more: "-0x1a5p-12". Sums that are equal have
   * the same text. What is not finite is "Infinity", "-Infinity" or "NaN".
   */
  toJSON(): string {
    if (this.others !== 0) return String(this.others);
    if (this.units === 0n) return "0x0p0";
    let digits = this.units < 0n ? -this.units : this.units;
    const zeros = trailingZeros(digits);
    digits >>= BigInt(zeros);
    return `${this.units < 0n ? "-" : ""}0x${digits.toString(16)}p${zeros + UNIT_EXPONENT}`;
  }

  /** The sum that `toJSON` wrote; `undefined` for any other text. */
  static parse(text: string): ExactSum | undefined {
    if (text === "NaN" || text === "Infinity" || text === "-Infinity") return new ExactSum(0n, Number(text));
    const parts = /^(-?)0x([0-9a-f]{1,600})p(-?\d{1,4})$/.exec(text);
    if (!parts) return undefined;
    const [, sign, digits, exponent] = parts;
    const shift = Number(exponent) - UNIT_EXPONENT;
    if (shift < 0 || shift > MOST_BITS) return undefined;
    const units = BigInt(`0x${digits}`) << BigInt(shift);
    const sum = new ExactSum(sign ? -units : units, 0);
    return sum.toJSON() === text ? sum : undefined;
  }
}

const VIEW = new DataView(new ArrayBuffer(8));

/** |x| of a finite number, not 0, as mantissa · 2^exponent. */
function parts(x: number): { mantissa: bigint; exponent: number } {
  VIEW.setFloat64(0, x);
  const bits = VIEW.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & 0xfffffffffffffn) | (biased > 0 ? 1n << 52n : 0n);
  return { mantissa, exponent: Math.max(biased, 1) - 1 + UNIT_EXPONENT };
}

/** a / b, rounded once. */
export function ratio(a: ExactSum, b: ExactSum): number {
  return a.others !== 0 || b.others !== 0 ? a.value / b.value : quotient(a.units, b.units);
}

/** square − sum² / weight, rounded once: of Σw·x², Σw·x and Σw; what cuts have left below 0 is 0. */
export function variation(square: ExactSum, sum: ExactSum, weight: ExactSum): number {
  if (square.others !== 0 || sum.others !== 0 || weight.others !== 0) return Number.NaN;
  if (weight.units === 0n) return square.value;
  const difference = square.units * weight.units - sum.units * sum.units;
  return difference <= 0n ? 0 : quotient(difference, weight.units << BigInt(-UNIT_EXPONENT));
}

/** Bits of the largest sum that limbs hold. */
const MOST_BITS = 67 * 32;

function trailingZeros(x: bigint): number {
  let zeros = 0;
  while ((x & 0xffffffffn) === 0n) {
    x >>= 32n;
    zeros += 32;
  }
  return zeros + 31 - Math.clz32(Number(BigInt.asIntN(32, x & -x)));
}

function bitLength(x: bigint): number {
  const hex = x.toString(16);
  return (hex.length - 1) * 4 + 32 - Math.clz32(Number.parseInt(hex[0] as string, 16));
}

/** The float64 nearest to numerator / denominator, ties to even: ±Infinity and NaN for a denominator of 0. */
export function quotient(numerator: bigint, denominator: bigint): number {
  if (denominator === 0n) return numerator === 0n ? Number.NaN : numerator > 0n ? Infinity : -Infinity;
  if (numerator === 0n) return 0;
  const n = numerator < 0n ? -numerator : numerator;
  const d = denominator < 0n ? -denominator : denominator;
  // A whole number of 64 bits at least, whose last one says whether there is more: no tie is taken for another.
  const exponent = bitLength(n) - bitLength(d) - 64;
  const [top, bottom] = exponent < 0 ? [n << BigInt(-exponent), d] : [n, d << BigInt(exponent)];
  const whole = top / bottom;
  const rounded = Number(whole * bottom === top ? whole : whole | 1n);
  // In two steps, the first of which stays within range.
  const half = exponent >> 1;
  const size = rounded * powerOfTwo(half) * powerOfTwo(exponent - half);
  return numerator < 0n !== denominator < 0n ? -size : size;
}

/** 2^exponent, 0 or Infinity far beyond float64's range. */
function powerOfTwo(exponent: number): number {
  VIEW.setBigUint64(0, BigInt(Math.min(Math.max(exponent + 1023, 0), 2047)) << 52n);
  return VIEW.getFloat64(0);
}
