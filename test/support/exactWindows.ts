/**
 * SSIM and UQI in exact arithmetic, to judge the kernels by where float64 itself is in doubt: numbers are integers of 2⁻⁴⁰⁰, in
 * which every float32 and every square of one is exact, and quotients and the Gaussian have 400 binary places. A pixel whose target
 * is NaN does not count.
 */
import { at } from "../../reference/layout.ts";
import type { Plane } from "../../reference/ssim.ts";

const PLACES = 400n;
const ONE = 1n << PLACES;

/** The exact value of a finite float64 that is a multiple of 2⁻⁴⁰⁰. */
function exact(x: number): bigint {
  const [bits] = new BigUint64Array(Float64Array.of(x).buffer) as unknown as [bigint];
  const exponent = (bits >> 52n) & 0x7ffn;
  const mantissa = (bits & ((1n << 52n) - 1n)) | (exponent === 0n ? 0n : 1n << 52n);
  const shift = PLACES - 1075n + (exponent === 0n ? 1n : exponent);
  const size = shift < 0n ? mantissa >> -shift : mantissa << shift;
  return x < 0 ? -size : size;
}

/** The nearest float64, but for the last bit. */
export function numberOf(x: bigint): number {
  const size = x < 0n ? -x : x;
  const spare = BigInt(Math.max(0, size.toString(2).length - 64));
  return Math.sign(Number(x)) * Number(size >> spare) * 2 ** Number(spare - PLACES);
}

const times = (a: bigint, b: bigint): bigint => (a * b) >> PLACES;
const over = (a: bigint, b: bigint): bigint => (a << PLACES) / b;

/** e^−x for x ≥ 0 by its series at x / 2⁸, squared eight times. */
function expMinus(x: bigint): bigint {
  let sum = ONE;
  let term = ONE;
  for (let k = 1n; term !== 0n; k++) {
    term = -times(term, x >> 8n) / k;
    sum += term;
  }
  for (let k = 0; k < 8; k++) sum = times(sum, sum);
  return sum;
}

interface Tap {
  readonly x: bigint;
  readonly y: bigint;
  readonly weight: bigint;
  readonly i: number;
}

interface Moments {
  readonly weight: bigint;
  readonly muX: bigint;
  readonly muY: bigint;
  readonly varX: bigint;
  readonly varY: bigint;
  readonly covariance: bigint;
}

/** Means, variances and covariance of the pixels of a window. */
function momentsOf(taps: readonly Tap[]): Moments {
  const weight = taps.reduce((sum, tap) => sum + tap.weight, 0n);
  const mean = (f: (tap: Tap) => bigint) => taps.reduce((sum, tap) => sum + f(tap) * tap.weight, 0n) / weight;
  const [muX, muY] = [mean(({ x }) => x), mean(({ y }) => y)];
  return {
    weight,
    muX,
    muY,
    varX: mean(({ x }) => times(x - muX, x - muX)),
    varY: mean(({ y }) => times(y - muY, y - muY)),
    covariance: mean(({ x, y }) => times(x - muX, y - muY)),
  };
}

/** The valid pixels of the `size` × `size` window whose first row and column are given. */
function windowAt(plane: Plane, row: number, column: number, weights: readonly bigint[]): Tap[] {
  const taps: Tap[] = [];
  for (const [r, down] of weights.entries())
    for (const [c, along] of weights.entries()) {
      const i = (row + r) * plane.width + column + c;
      if (Number.isNaN(at(plane.target, i))) continue;
      taps.push({ x: exact(at(plane.pred, i)), y: exact(at(plane.target, i)), weight: times(down, along), i });
    }
  return taps;
}

const gaussian = Array.from({ length: 11 }, (_, k) => expMinus((BigInt((k - 5) ** 2) * ONE * 2n) / 9n));

/** 1 − SSIM of every centre that counts, and the gradient of its mean: invalid pixels normalised away. */
export function exactSsim(plane: Plane, dataRange: number): { losses: number[]; mean: number; grad: number[] } {
  const { pred, target, width, height } = plane;
  const range = exact(dataRange);
  const c1 = times(range, range) / 10_000n;
  const c2 = (times(range, range) * 9n) / 10_000n;
  const losses: bigint[] = [];
  const grad: bigint[] = Array.from(pred, () => 0n);
  for (let row = 5; row < height - 5; row++)
    for (let column = 5; column < width - 5; column++) {
      if (Number.isNaN(at(target, row * width + column))) continue;
      const taps = windowAt(plane, row - 5, column - 5, gaussian);
      const { weight, muX, muY, varX, varY, covariance } = momentsOf(taps);
      const [l1, l2] = [2n * times(muX, muY) + c1, times(muX, muX) + times(muY, muY) + c1];
      const [s1, s2] = [2n * covariance + c2, varX + varY + c2];
      const [luminance, structure] = [over(l1, l2), over(s1, s2)];
      losses.push(ONE - times(luminance, structure));
      const byMean = over(2n * times(structure, muY - times(luminance, muX)), l2);
      const byPixel = over(2n * luminance, s2);
      for (const tap of taps) {
        const slope = byMean + times(byPixel, tap.y - muY - times(structure, tap.x - muX));
        grad[tap.i] = (grad[tap.i] as bigint) - (slope * tap.weight) / weight;
      }
    }
  const count = BigInt(Math.max(1, losses.length));
  return {
    losses: losses.map(numberOf),
    mean: numberOf(losses.reduce((sum, loss) => sum + loss, 0n) / count),
    grad: grad.map((g) => numberOf(g / count)),
  };
}

/** UQI: the mean of Q over the 8×8 windows with at least 32 valid pixels. */
export function exactUqi(plane: Plane): number {
  let [sum, count] = [0n, 0n];
  const box: bigint[] = Array(8).fill(ONE);
  for (let row = 0; row + 8 <= plane.height; row++)
    for (let column = 0; column + 8 <= plane.width; column++) {
      const taps = windowAt(plane, row, column, box);
      if (taps.length < 32) continue;
      const { muX, muY, varX, varY, covariance } = momentsOf(taps);
      const means = times(muX, muX) + times(muY, muY);
      const luminance = means === 0n ? ONE : over(2n * times(muX, muY), means);
      const structure = varX + varY === 0n ? ONE : over(2n * covariance, varX + varY);
      sum += times(luminance, structure);
      count++;
    }
  return numberOf(sum / count);
}
