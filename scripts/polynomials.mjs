// Fits the polynomials of assembly/approx.ts: `node scripts/polynomials.mjs` prints, for each table, the coefficients that minimise the
// largest relative error of its function (Remez exchange), rounded to the table's type, and that error; then the coefficients that stand
// in approx.ts, and theirs. Those that stand there were fitted in the same way, on other points: they are kept, since results keep their
// bits with them, and test/polynomials.test.ts holds their error to the least.
//
// Numbers are BigInt in units of 2⁻³²⁰: the functions are summed from their power series, and no rounding of the host's shows.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const BITS = 320n;
const ONE = 1n << BITS;
const mul = (x, y) => (x * y) >> BITS;
const div = (x, y) => (x << BITS) / y;
const abs = (x) => (x < 0n ? -x : x);

/** A float64 as it is. */
function fixed(x) {
  const bits = new BigUint64Array(Float64Array.of(x).buffer)[0];
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & 0xfffffffffffffn) | (exponent === 0 ? 0n : 1n << 52n);
  const shift = BITS - 1075n + BigInt(Math.max(exponent, 1));
  const size = shift >= 0n ? mantissa << shift : mantissa >> -shift;
  return x < 0 ? -size : size;
}

/** The nearest float64, but for a last bit here and there: its first 53 bits are taken. */
function float(x) {
  const size = abs(x);
  const excess = BigInt(Math.max(0, size.toString(2).length - 64));
  const value = Number(size >> excess) * 2 ** (Number(excess) - Number(BITS));
  return x < 0n ? -value : value;
}

/** Σ c_k·x^k while terms count. */
function series(coefficient, x) {
  let [sum, power] = [0n, ONE];
  for (let k = 0; power !== 0n && k < 700; k++) {
    sum += mul(coefficient(k), power);
    power = mul(power, x);
  }
  return sum;
}

const factorials = [1n];
const factorial = (n) => {
  while (factorials.length <= n) factorials.push(factorials[factorials.length - 1] * BigInt(factorials.length));
  return factorials[n];
};

/** Coefficients of tanh d / d in z = d², from tanh′ = 1 − tanh². */
const tanhSeries = [ONE];
function tanhCoefficient(n) {
  while (tanhSeries.length <= n) {
    const k = tanhSeries.length;
    let sum = 0n;
    for (let i = 0; i < k; i++) sum += mul(tanhSeries[i], tanhSeries[k - 1 - i]);
    tanhSeries.push(-sum / BigInt(2 * k + 1));
  }
  return tanhSeries[n];
}

/** atan q / q by Euler's series, Σ 2²ⁿ (n!)² / (2n + 1)! · q²ⁿ / (1 + q²)ⁿ⁺¹, which converges up to q = 1. */
function atanOverQ(z) {
  const ratio = div(z, ONE + z);
  let term = div(ONE, ONE + z);
  let sum = 0n;
  for (let n = 1n; term !== 0n; n++) {
    sum += term;
    term = (mul(term, ratio) * 2n * n) / (2n * n + 1n);
  }
  return sum;
}

const LN2 = (2n * series((k) => ONE / BigInt(2 * k + 1), ONE / 9n)) / 3n;

/**
 * What each table holds. `kernel(x)` is what the polynomial stands for, `weight(x)` what its error counts in the relative error of the
 * function; both in the polynomial's own variable, from `from` to `to`. Entries of the table before `first` are something else.
 */
const polynomials = [
  {
    table: "expTable",
    // 2eʳ = 2 + 2r + r²·P(r)
    range: () => [-LN2 / 2n, LN2 / 2n],
    kernel: (r) => series((k) => (2n * ONE) / factorial(k + 2), r),
    weight: (r) => div(mul(r, r), 2n * series((k) => ONE / factorial(k), r)),
    f32: { first: 7, degree: 4 },
    f64: { first: 7, degree: 7 },
  },
  {
    table: "logTable",
    // 2·atanh s = 2s + s·z·R(z), z = s², s up to ⅓
    range: () => [0n, ONE / 9n],
    kernel: (z) => series((k) => (2n * ONE) / BigInt(2 * k + 3), z),
    weight: (z) => div(z, 2n * series((k) => ONE / BigInt(2 * k + 1), z)),
    f32: { first: 1, degree: 3 },
    f64: { first: 1, degree: 8 },
  },
  {
    table: "logCoshTable",
    // log cosh d = z·(½ + z·P(z)), z = d², the series being ∫ tanh
    range: (isF32) => [0n, isF32 ? ONE : ONE / 4n],
    kernel: (z) => series((k) => tanhCoefficient(k + 1) / BigInt(2 * k + 4), z),
    weight: (z) =>
      div(
        z,
        series((k) => tanhCoefficient(k) / BigInt(2 * k + 2), z),
      ),
    f32: { first: 2, degree: 5 },
    f64: { first: 2, degree: 7 },
  },
  {
    table: "tanhTable",
    // tanh d = d + d·z·P(z)
    range: (isF32) => [0n, isF32 ? ONE : ONE / 4n],
    kernel: (z) => series((k) => tanhCoefficient(k + 1), z),
    weight: (z) => div(z, series(tanhCoefficient, z)),
    f32: { first: 1, degree: 6 },
    f64: { first: 1, degree: 7 },
  },
  {
    table: "atanTable",
    // atan q = q + q·z·P(z)
    range: () => [0n, ONE],
    kernel: (z) => (z === 0n ? -ONE / 3n : div(atanOverQ(z) - ONE, z)),
    weight: (z) => div(z, atanOverQ(z)),
    f32: { first: 2, degree: 7 },
    f64: { first: 2, degree: 15 },
  },
];

const horner = (coefficients, x) => coefficients.reduceRight((sum, c) => mul(sum, x) + c, 0n);

/** Solves a system of linear equations, rows of coefficients with the right side at their end. */
function solve(rows) {
  const n = rows.length;
  for (let k = 0; k < n; k++) {
    let best = k;
    for (let i = k + 1; i < n; i++) if (abs(rows[i][k]) > abs(rows[best][k])) best = i;
    [rows[k], rows[best]] = [rows[best], rows[k]];
    for (let i = k + 1; i < n; i++) {
      const factor = div(rows[i][k], rows[k][k]);
      for (let j = k; j <= n; j++) rows[i][j] -= mul(factor, rows[k][j]);
    }
  }
  const x = [];
  for (let k = n - 1; k >= 0; k--) {
    let rest = rows[k][n];
    for (let j = k + 1; j < n; j++) rest -= mul(rows[k][j], x[j]);
    x[k] = div(rest, rows[k][k]);
  }
  return x;
}

const GRID = 600;

/** Points of [from, to], denser at its ends, with kernel and weight there. */
function gridOf({ range, kernel, weight }, isF32) {
  const [from, to] = range(isF32);
  return Array.from({ length: GRID + 1 }, (_, i) => {
    const x = from + mul(to - from, fixed((1 - Math.cos((Math.PI * i) / GRID)) / 2));
    return { x, f: kernel(x), w: weight(x) };
  });
}

const errorAt = (coefficients, { x, f, w }) => mul(w, horner(coefficients, x) - f);

/** The largest relative error of a polynomial on a grid. */
function errorOf(coefficients, grid) {
  let most = 0n;
  for (const point of grid) {
    const error = abs(errorAt(coefficients, point));
    if (error > most) most = error;
  }
  return float(most);
}

/** Remez exchange on a grid: the polynomial whose largest weighted error is least. */
function remez(degree, grid) {
  // A point whose weight is 0 says nothing.
  const points = grid.filter(({ w }) => w !== 0n);
  let chosen = Array.from(
    { length: degree + 2 },
    (_, i) => points[Math.round((i * (points.length - 1)) / (degree + 1))],
  );
  let coefficients = [];
  for (let round = 0; round < 30; round++) {
    const rows = chosen.map(({ x, f, w }, i) => {
      const row = [w];
      for (let k = 1; k <= degree; k++) row.push(mul(row[k - 1], x));
      row.push(i % 2 === 0 ? ONE : -ONE, mul(w, f));
      return row;
    });
    coefficients = solve(rows).slice(0, degree + 1);
    // The largest error between each two changes of sign.
    const peaks = [];
    for (const point of points) {
      const error = errorAt(coefficients, point);
      const last = peaks[peaks.length - 1];
      if (!last || last.error < 0n !== error < 0n) peaks.push({ point, error });
      else if (abs(error) > abs(last.error)) Object.assign(last, { point, error });
    }
    while (peaks.length > degree + 2) {
      // The lesser of the two ends goes.
      if (abs(peaks[0].error) < abs(peaks[peaks.length - 1].error)) peaks.shift();
      else peaks.pop();
    }
    if (peaks.length < degree + 2) break;
    const next = peaks.map(({ point }) => point);
    if (next.every((point, i) => point === chosen[i])) break;
    chosen = next;
  }
  return coefficients;
}

/** The numbers of a table as they stand in approx.ts. */
function tableOf(source, name, type) {
  const body = source.slice(source.indexOf(`function ${name}<`));
  const [, numbers] = body.match(new RegExp(`memory\\.data<${type}>\\(\\[([^\\]]*)\\]`));
  return numbers
    .split(",")
    .map((number) => number.trim())
    .filter(Boolean)
    .map(Number);
}

/**
 * The same with coefficients of type f32 or f64, one by one: the first is rounded, then the others are fitted anew beside it, and so on. What one
 * coefficient loses the later ones make good.
 */
function rounded(degree, grid, round) {
  const coefficients = [];
  let points = grid;
  for (let left = degree; left >= 0; left--) {
    const c = fixed(round(float(remez(left, points)[0])));
    coefficients.push(c);
    // (f − c) / x is what the others stand for, and x·weight what their error counts.
    points = points.filter(({ x }) => x !== 0n).map(({ x, f, w }) => ({ x, f: div(f - c, x), w: mul(w, x) }));
  }
  return coefficients;
}

/** Of each polynomial: what a fit gives, what stands in approx.ts, and the largest relative errors of both, and of a fit that is not rounded. */
export function* compare(source) {
  for (const polynomial of polynomials)
    for (const type of ["f32", "f64"]) {
      const { first, degree } = polynomial[type];
      const isF32 = type === "f32";
      const round = isF32 ? Math.fround : (x) => x;
      const grid = gridOf(polynomial, isF32);
      const exact = remez(degree, grid);
      const atOnce = exact.map((c) => fixed(round(float(c))));
      const inTurn = rounded(degree, grid, round);
      const fitted = errorOf(inTurn, grid) < errorOf(atOnce, grid) ? inTurn : atOnce;
      const standing = tableOf(source, polynomial.table, type).slice(first);
      yield {
        table: `${polynomial.table}<${type}>`,
        fitted: fitted.map(float),
        standing,
        least: errorOf(exact, grid),
        fittedError: errorOf(fitted, grid),
        standingError: errorOf(standing.map(round).map(fixed), grid),
      };
    }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const source = readFileSync("assembly/approx.ts", "utf8");
  for (const { table, fitted, standing, least, fittedError, standingError } of compare(source)) {
    console.log(`${table}: least error ${least.toExponential(3)}`);
    console.log(`  fitted    ${fittedError.toExponential(3)}  ${fitted.join(", ")}`);
    console.log(`  approx.ts ${standingError.toExponential(3)}  ${standing.join(", ")}`);
  }
}
