import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

type Lanes = Float32Array | Float64Array;
type LaneType = typeof Float32Array | typeof Float64Array;

const ROOM = 1 << 23; // bytes for each array in the module's memory
const at = (i: number) => (i + 1) * ROOM; // arrays stand behind the module's own tables

let memory: WebAssembly.Memory;
let kernels: Record<string, (...pointers: number[]) => number>;

beforeAll(() => {
  const compiler = "node_modules/assemblyscript/bin/asc.js";
  execFileSync(process.execPath, [compiler, "test/assembly/approx.ts", "--target", "test"], { stdio: "pipe" });
  memory = new WebAssembly.Memory({ initial: (4 * ROOM) >> 16, maximum: 65536 });
  kernels = instantiateSync(readFileSync("build/approx.wasm"), { env: { memory } }).exports as typeof kernels;
});

/** The largest errors met, printed at the end: those stated in assembly/approx.ts come from here. */
const measured: Record<string, { "f32, ulp": number; "f64, relative": number }> = {};

afterAll(() => {
  console.table(measured);
});

const laneType = (xs: Lanes): LaneType => (xs instanceof Float32Array ? Float32Array : Float64Array);
const width = (Lane: LaneType): number => 8 * Lane.BYTES_PER_ELEMENT;

/** The function over its arguments; neighbours share a vector. */
function run(name: string, ...args: [Lanes, ...Lanes[]]): Lanes {
  const Lane = laneType(args[0]);
  args.forEach((arg, i) => {
    new Lane(memory.buffer, at(i), arg.length).set(arg);
  });
  const pointers = [...args, 0].map((_, i) => at(i));
  kernels[name + width(Lane)]?.(...pointers, Math.ceil(args[0].byteLength / 16) * 16);
  return new Lane(memory.buffer, at(args.length), args[0].length).slice();
}

/** Floats from `from` to `to`, both of one sign, evenly spread over their bit patterns: as many from each binade. */
function spread(Lane: LaneType, from: number, to: number, count = 100_000): Lanes {
  const Bits = Lane === Float32Array ? Uint32Array : BigUint64Array;
  const [first, last] = Array.from(new Bits(Lane.of(from, to).buffer), BigInt) as [bigint, bigint];
  const bits = Array.from({ length: count }, (_, i) => first + ((last - first) * BigInt(i)) / BigInt(count - 1));
  if (Lane === Float64Array) return new Float64Array(BigUint64Array.from(bits).buffer);
  return new Float32Array(Uint32Array.from(bits, Number).buffer);
}

/** The 201 floats nearest to each of the points, 0 not being one of them. */
function around(Lane: LaneType, points: Iterable<number>): Lanes {
  const Bits = Lane === Float32Array ? Uint32Array : BigUint64Array;
  const near = Array.from(new Bits(Lane.from(points).buffer), BigInt).flatMap((bits) =>
    Array.from({ length: 201 }, (_, i) => bits + BigInt(i - 100)),
  );
  if (Lane === Float64Array) return new Float64Array(BigUint64Array.from(near).buffer);
  return new Float32Array(Uint32Array.from(near, Number).buffer);
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** The distance from one float32 of the size of x to the next, at least that of denormals. */
function ulp(x: number): number {
  float[0] = Math.abs(x);
  return 2 ** (Math.max(1, (floatBits[0] as number) >>> 23) - 150);
}

/** The error of a result: for f32 lanes in ulp of the exact one, for f64 relative to it (to the least normal, if denormal). */
function errorOf(got: number, exact: number, Lane: LaneType): number {
  if (Object.is(got, exact)) return 0; // infinities among them
  return Math.abs(got - exact) / (Lane === Float32Array ? ulp(exact) : Math.max(2 ** -1022, Math.abs(exact)));
}

/** The largest error over the arguments, and where it is. NaN counts as largest. */
function worst(name: string, exact: (...xs: number[]) => number, ...args: [Lanes, ...Lanes[]]) {
  const got = run(name, ...args);
  const result = { error: 0, at: [] as number[] };
  got.forEach((value, i) => {
    const at = args.map((arg) => arg[i] as number);
    const error = errorOf(value, exact(...at), laneType(got));
    if (!(error <= result.error)) Object.assign(result, { error, at });
  });
  const row = measured[name] ?? { "f32, ulp": 0, "f64, relative": 0 };
  const column = got instanceof Float32Array ? "f32, ulp" : "f64, relative";
  row[column] = Math.max(row[column], result.error);
  measured[name] = row;
  return result;
}

/** log cosh d to a few f64 ulp: cosh d − 1 = 2 sinh²(d/2) keeps what is small. */
function logCosh(d: number): number {
  const size = Math.abs(d);
  return size < 1.5 ? Math.log1p(2 * Math.sinh(size / 2) ** 2) : size - Math.LN2 + Math.log1p(Math.exp(-2 * size));
}

interface Claim {
  name: string;
  exact: (x: number) => number;
  /** Largest error, as stated above the function: ulp in f32, relative in f64. */
  f32: number;
  f64: number;
  /** Intervals of one sign, covered evenly; and points of special interest. */
  f32Intervals: [number, number][];
  f64Intervals: [number, number][];
  points: number[];
}

const least = 2 ** -149;
const most = (2 - 2 ** -23) * 2 ** 127;
const halves = range(-125, 128).map((k) => (k + 0.5) * Math.LN2);
const roots = range(-140, 120).map((k) => 2 ** (k + 0.5));

const claims: Claim[] = [
  {
    name: "exp",
    exact: Math.exp,
    f32: 1.1,
    f64: 2e-14,
    f32Intervals: [
      [least, 88.7228317],
      [-least, -86.98],
    ],
    f64Intervals: [
      [5e-324, 709.78],
      [-5e-324, -707.7],
    ],
    points: [...halves.filter((x) => x > -86.9 && x < 88.7), 1, -1, 88.7],
  },
  {
    name: "log",
    exact: Math.log,
    f32: 1.2,
    f64: 5e-16,
    f32Intervals: [
      [least, most],
      [0.5, 2],
    ],
    f64Intervals: [
      [5e-324, Number.MAX_VALUE],
      [0.5, 2],
    ],
    points: [...roots, 2 ** -126, 1],
  },
  {
    name: "log1p",
    exact: Math.log1p,
    f32: 1.6,
    f64: 5e-16,
    f32Intervals: [
      [least, most],
      [-least, -1 + 2 ** -24],
      [0.25, 2],
    ],
    f64Intervals: [
      [5e-324, Number.MAX_VALUE],
      [-5e-324, -1 + 2 ** -53],
      [0.25, 2],
    ],
    points: [...range(-20, 60).map((k) => 2 ** (k + 0.5) - 1), 2 ** 120],
  },
  {
    name: "log1pUnit",
    exact: Math.log1p,
    f32: 1.4,
    f64: 5e-16,
    f32Intervals: [
      [least, 1],
      [-least, -0.5],
      [0.1, 1],
    ],
    f64Intervals: [
      [5e-324, 1],
      [-5e-324, -0.5],
    ],
    points: [0.5],
  },
  {
    name: "logCosh",
    exact: logCosh,
    f32: 2.2,
    f64: 5e-14,
    f32Intervals: [
      [least, most],
      [-0.1, -10],
      [0.5, 2],
    ],
    f64Intervals: [
      [1e-150, Number.MAX_VALUE],
      [-0.1, -10],
    ],
    points: [0.5, -0.5, 1, -1],
  },
  {
    name: "tanh",
    exact: Math.tanh,
    f32: 1.2,
    f64: 2e-14,
    f32Intervals: [
      [least, most],
      [-0.1, -10],
      [0.5, 2],
    ],
    f64Intervals: [
      [5e-324, Number.MAX_VALUE],
      [-0.1, -10],
    ],
    points: [0.5, -0.5, 1, -1],
  },
];

/** A fixed permutation of the samples, so that two arguments meet in all combinations of sizes. */
function shuffled<L extends Lanes>(xs: L): L {
  return xs.map((_, i) => xs[(i * 7919) % xs.length] as number) as L;
}

describe.each(claims)("$name", ({ name, exact, points, ...claim }) => {
  test.each([
    { lanes: "f32", Lane: Float32Array, bound: claim.f32, intervals: claim.f32Intervals },
    { lanes: "f64", Lane: Float64Array, bound: claim.f64, intervals: claim.f64Intervals },
  ] as const)("stays within its stated error in $lanes lanes", ({ Lane, bound, intervals }) => {
    for (const xs of [...intervals.map(([from, to]) => spread(Lane, from, to)), around(Lane, points)]) {
      const { error, at } = worst(name, exact, xs);
      expect(error, `at ${at}`).toBeLessThanOrEqual(bound);
    }
  });
});

describe("exp", () => {
  test("falls to 0 below its smallest result and rises to Infinity above its largest", () => {
    const all = (xs: Lanes, is: (y: number) => boolean) => expect(Array.from(run("exp", xs)).every(is)).toBe(true);
    all(spread(Float32Array, -87.7, -Infinity), (y) => y === 0);
    all(spread(Float64Array, -708.1, -Infinity), (y) => y === 0);
    all(spread(Float32Array, 88.73, Infinity), (y) => y === Infinity);
    all(spread(Float64Array, 709.79, Infinity), (y) => y === Infinity);
    all(spread(Float32Array, -86.98, -87.7), (y) => y === 0 || y > 2 ** -126);
  });
});

describe("atan2", () => {
  const atan2 = (y: number, x: number) => (x === 0 && y === 0 ? 0 : Math.atan2(y, x)); // −0 is 0 here
  const fractions = (Lane: LaneType): Lanes => new Lane(100_000).map((_: number, i: number) => (3 * i) / 100_000);

  test.each([
    { lanes: "f32", Lane: Float32Array, bound: 2.4, largest: most },
    { lanes: "f64", Lane: Float64Array, bound: 1e-14, largest: Number.MAX_VALUE },
  ] as const)("stays within its stated error in $lanes lanes", ({ Lane, bound, largest }) => {
    const sizes = spread(Lane, 2 ** -149, largest);
    const slopes = fractions(Lane);
    for (const sign of [1, -1]) {
      for (const [y, x] of [
        [shuffled(sizes), sizes],
        [slopes, slopes.map(() => 1)],
        [slopes, shuffled(slopes)],
        [around(Lane, [1]), around(Lane, [1]).fill(1)],
      ] as [Lanes, Lanes][]) {
        const { error, at } = worst("atan2", atan2, y, x.map((size) => sign * size) as Lanes);
        expect(error, `at ${at}`).toBeLessThanOrEqual(bound);
      }
    }
  });

  test.each([Float32Array, Float64Array])("is right on the axes, at the origin and with NaN: %o", (Lane) => {
    const quarter = new Lane([Math.PI / 2, Math.PI]);
    const y = [0, 0, 0, 0, 1, 1, Number.NaN, 1, Number.NaN, Infinity, 1, 1];
    const x = [0, -0, 1, -1, 0, -0, 1, Number.NaN, 0, 1, Infinity, -Infinity];
    const [right, straight] = quarter as unknown as [number, number];
    const want = [0, 0, 0, straight, right, right, Number.NaN, Number.NaN, Number.NaN, right, 0, straight];
    expect([...run("atan2", new Lane(y), new Lane(x))]).toEqual(want);
  });
});

describe("limits", () => {
  const nan = Number.NaN;
  const table: [string, number[], number[]][] = [
    ["exp", [0, -0, Infinity, -Infinity, nan], [1, 1, Infinity, 0, nan]],
    ["log", [1, 0, -0, Infinity, -1, -1e-45, -Infinity, nan], [0, -Infinity, -Infinity, Infinity, nan, nan, nan, nan]],
    ["log1p", [0, -1, Infinity, -1.5, -Infinity, nan], [0, -Infinity, Infinity, nan, nan, nan]],
    ["log1pUnit", [0, nan], [0, nan]],
    ["logCosh", [0, -0, Infinity, -Infinity, nan], [0, 0, Infinity, Infinity, nan]],
    ["tanh", [0, -0, Infinity, -Infinity, 40, -40, nan], [0, 0, 1, -1, 1, -1, nan]],
  ];
  describe.each([Float32Array, Float64Array])("%o", (Lane) => {
    test.each(table)("of %s at %j", (name, xs, want) => {
      expect([...run(name, new Lane(xs))]).toEqual(want);
    });

    test.each(table)("%s gives each lane the bits it has alone, whatever its neighbours", (name, xs) => {
      const mixed = new Lane([...xs, 0.25, ...xs, 3, 1e-42, 1e37, 0.5, 0.75, 1e-42, 0.3, 0.6, 3, ...xs.toReversed()]);
      const alone = [...mixed].map((x) => run(name, new Lane(width(Lane) === 32 ? [x, x, x, x] : [x, x]))[0]);
      expect([...run(name, mixed)]).toEqual(alone);
    });
  });
});

describe("pow", () => {
  const pow = (r: number, p: number) => kernels.pow?.(r, p) as number;
  const ratios = spread(Float64Array, 1e-12, 1 - 2 ** -53, 20_000);

  test("is exact for p = 0, 1, ½ and for r = 1", () => {
    for (const r of ratios) expect([pow(r, 0), pow(r, 1), pow(r, 0.5)]).toEqual([1, r, Math.sqrt(r)]);
    for (const p of [-3, 0.1, 2, 1e9]) expect(pow(1, p)).toBe(1);
  });

  test("is right to 1e-13 while |p ln r| ≤ 50", () => {
    ratios.forEach((r, i) => {
      const p = (((i * 7919) % 20_000) / 10_000 - 1) * (50 / -Math.log(r));
      expect(Math.abs(pow(r, p) / r ** p - 1), `${r} ** ${p}`).toBeLessThanOrEqual(1e-13);
      expect(Math.abs(pow(r, 3) / (r * r * r) - 1)).toBeLessThanOrEqual(1e-13);
    });
  });
});
