/** The SSIM kernels by themselves: planes of float32 in, sums per row and gradient rows out. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { beforeAll, describe, expect, test } from "vitest";
import { bitsError, gradError, valueError } from "./support/compare.ts";
import { seeded } from "./support/data.ts";
import { metricsCases } from "./support/golden.ts";
import { at } from "../reference/layout.ts";
import { type Plane, type Rule, ssim } from "../reference/ssim.ts";

const modes = ["normalize", "erode", "zero"] as const; // in the order of the kernels' enum
type Kernel = Record<string, (...args: number[]) => number>;

let memory: WebAssembly.Memory;
let kernel: Kernel;
let layout: { planeBytes: number; scratchBytes: number };

beforeAll(() => {
  const [compiler, wasm] = ["node_modules/assemblyscript/bin/asc.js", "build/ssim.wasm"];
  execFileSync(process.execPath, [compiler, "test/assembly/ssim.ts", "--target", "test", "-o", wasm], {
    stdio: "pipe",
  });
  memory = new WebAssembly.Memory({ initial: 512, maximum: 65536 });
  const { exports } = instantiateSync(readFileSync(wasm), { env: { memory } });
  const numberOf = (name: string): number => (exports[name] as unknown as WebAssembly.Global).value;
  layout = { planeBytes: numberOf("planeBytes"), scratchBytes: numberOf("scratchBytes") };
  kernel = exports as unknown as Kernel;
}, 120_000);

const call = (name: string, ...args: number[]): number => {
  const f = kernel[name];
  if (!f) throw new Error(`no kernel "${name}"`);
  return f(...args);
};

interface Settings {
  /** Where each band of rows ends; each is a call of its own that sees only the rows it may touch. */
  readonly bands?: readonly number[];
  readonly gradient?: boolean;
  readonly map?: boolean;
  readonly coef?: number;
  /** What is in the gradient before, to be added to. */
  readonly before?: Float32Array;
  /** Bytes by which the images miss the alignment of a vector, and by which their rows are longer than they need be. */
  readonly misalign?: number;
  readonly padding?: number;
  readonly shift?: number;
  /** The image that lies at the very end of memory, where reading on is a trap. */
  readonly last?: "pred" | "target" | "grad";
}

interface Result {
  readonly sums: Float64Array;
  readonly valid: Float64Array;
  readonly counted: Float64Array;
  readonly shift: number;
  readonly grad: Float32Array;
  readonly map: Float32Array;
}

/** The kernels over a plane, band by band. What lies around the rows of a band in memory is NaN, and stays as it is. */
function run(
  { pred, target, width, height }: Plane,
  { lo, invalid, dataRange }: Rule,
  settings: Settings = {},
): Result {
  const {
    bands = [height],
    gradient = true,
    map = false,
    coef = 1,
    before,
    misalign = 0,
    padding = 0,
    last,
  } = settings;
  const stride = 4 * width + padding;
  let free = 1024;
  const allocate = (bytes: number): number => {
    const address = free;
    free += Math.ceil(bytes / 16) * 16 + 64;
    if (free > memory.buffer.byteLength) memory.grow(Math.ceil((free - memory.buffer.byteLength) / 65536));
    return address;
  };
  const room = stride * height + misalign;
  const plane = allocate(layout.planeBytes);
  const scratch = allocate(layout.scratchBytes);
  const place = (image: Settings["last"]): number =>
    image && image === last ? memory.buffer.byteLength - 4 * width * height : allocate(room) + misalign;
  const [predAt, targetAt, gradAt, mapAt] = [place("pred"), place("target"), place("grad"), place(undefined)];
  const [sumsAt, countsAt] = [allocate(8 * height), allocate(16 * height)];
  const words = new Uint32Array(memory.buffer);

  const poison = 0x7fc0dead;
  const wipe = (from: number, to: number): void => void words.fill(poison, from / 4, to / 4);
  const wipeImage = (base: number): void => wipe(base - misalign - 16, base + stride * height);
  const rowOf = (base: number, row: number): Float32Array =>
    new Float32Array(memory.buffer, base + row * stride, width);
  call("setImages", plane, predAt, stride, targetAt, stride);
  call("setOutputs", plane, sumsAt, countsAt, map ? mapAt : 0, stride);
  call("setGrad", plane, gradAt, stride, before ? -1 : 0);
  call("setRule", plane, width, height, lo, modes.indexOf(invalid), dataRange);

  const fill = (first: number, end: number): void => {
    wipeImage(predAt);
    wipeImage(targetAt);
    for (let row = Math.max(first, 0); row < Math.min(end, height); row++) {
      rowOf(predAt, row).set(Array.from({ length: width }, (_, i) => at(pred, row * width + i)));
      rowOf(targetAt, row).set(Array.from({ length: width }, (_, i) => at(target, row * width + i)));
    }
  };
  fill(0, height);
  const shift = settings.shift ?? call("survey", plane, 0, height);
  call("setWork", plane, shift, scratch);

  wipe(sumsAt, countsAt + 16 * height);
  wipeImage(gradAt);
  wipeImage(mapAt);
  for (let row = 0; before && row < height; row++)
    rowOf(gradAt, row).set(before.subarray(row * width, (row + 1) * width));
  const outside = (): number[] => {
    const found: number[] = [];
    for (const base of [gradAt, mapAt])
      for (let row = -1; row < height; row++)
        for (
          let address = Math.max(base + row * stride + 4 * width, base - misalign);
          address < base + (row + 1) * stride;
          address += 4
        )
          if (words[address / 4] !== poison) found.push(address - base);
    return found;
  };
  let start = 0;
  for (const end of bands) {
    const reach = invalid === "erode" ? 5 : 0;
    if (start < end) {
      fill(start - reach, end + reach);
      const ownShift = call("survey", plane, start, end);
      if (settings.shift === undefined)
        expect(Number.isNaN(ownShift) || Math.abs(ownShift) >= Math.abs(shift), "the shift of a band").toBe(true);
      // The survey leaves the ranges of its rows in the plane.
      call("setWork", plane, shift, scratch);
    }
    fill(start - (gradient ? 10 : 5), end + (gradient ? 10 : 5));
    // Scratch memory may hold anything.
    wipe(scratch, scratch + layout.scratchBytes);
    if (gradient) call("valueAndGrad", plane, start, end, coef);
    else call("value", plane, start, end);
    start = end;
  }
  expect(outside(), "bytes written between the rows").toEqual([]);

  const rows = (base: number): Float32Array => {
    const all = new Float32Array(width * height);
    for (let row = 0; row < height; row++) all.set(rowOf(base, row), row * width);
    return all;
  };
  const counts = new Float64Array(memory.buffer, countsAt, 2 * height);
  return {
    sums: new Float64Array(memory.buffer, sumsAt, height).slice(),
    valid: counts.filter((_, i) => i % 2 === 0),
    counted: counts.filter((_, i) => i % 2 === 1),
    shift,
    grad: rows(gradAt),
    map: rows(mapAt),
  };
}

/** A scene: waves and noise, and a prediction that is blurred and noisy; 0 to 1 times `scale`, plus `offset`. */
function scene(width: number, height: number, seed = 1, scale = 1, offset = 0): Plane {
  const random = seeded(seed);
  const target = Float32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const wave = Math.sin(x / 5) * Math.cos(y / 7) + 0.5 * Math.sin((x + 2 * y) / 23);
    return offset + scale * (0.5 + 0.2 * wave + 0.15 * (random() - 0.5));
  });
  const pred = target.map((t) => offset + (t - offset) * 0.9 + scale * (0.03 + 0.1 * (random() - 0.5)));
  return { pred, target, width, height };
}

type Hole = (x: number, y: number, size: { readonly width: number; readonly height: number }) => boolean;

/** The plane with `nothing` wherever there is a hole. */
function punch(plane: Plane, hole: Hole, nothing: [pred: number, target: number] = [Number.NaN, Number.NaN]): Plane {
  const holed = (image: ArrayLike<number>, value: number): Float32Array =>
    Float32Array.from(image, (v, i) => (hole(i % plane.width, Math.floor(i / plane.width), plane) ? value : v));
  return { ...plane, pred: holed(plane.pred, nothing[0]), target: holed(plane.target, nothing[1]) };
}

/** Whether a pixel is missing by chance; the same answer every time. */
const scattered =
  (share: number, seed = 3) =>
  (x: number, y: number): boolean =>
    seeded(seed + x * 7919 + y * 104729)() < share;

const holes: Record<string, Hole> = {
  none: () => false,
  "10 % scattered": scattered(0.1),
  "50 % scattered": scattered(0.5),
  "90 % scattered": scattered(0.9),
  "a block in the middle": (x, y, { width, height }) => Math.abs(x - width / 2) < 4 && Math.abs(y - height / 2) < 3,
  "the left and upper border": (x, y) => x < 3 || y < 2,
  "the right and lower border": (x, y, { width, height }) => x > width - 4 || y > height - 3,
  "beyond a swath edge": (x, y) => x + 0.7 * y > 30,
  "all but one pixel": (x, y) => x !== 9 || y !== 8,
  all: () => true,
};

const unit: Rule = { lo: 0, invalid: "normalize", dataRange: 1 };

/** Value, counts and gradient of a plane against the reference. */
function check(plane: Plane, rule: Rule, settings: Settings = {}): void {
  const want = ssim(plane, rule);
  const { coef = 1 } = settings;
  const got = run(plane, rule, { ...settings, coef });
  expect(Array.from(got.counted)).toEqual(want.counted);
  expect(Array.from(got.valid)).toEqual(want.valid);
  const sum = (rows: Float64Array): number => rows.reduce((total, row) => total + row, 0);
  // The textbook formula loses digits of 1 − SSIM where SSIM is near 1.
  const slack = (1e-14 * want.counted.reduce((n, c) => n + c, 0)) / Math.max(sum(want.sums), 1e-300);
  expect(valueError(sum(got.sums), sum(want.sums), 1e-9 + slack)).toBe("");
  expect(
    gradError(
      got.grad,
      want.grad.map((g) => g * coef),
      2e-7,
    ),
  ).toBe("");
  const value = run(plane, rule, { ...settings, gradient: false });
  expect(bitsError(value.sums, got.sums)).toBe("");
}

describe.each(modes)("invalid pixels: %s", (invalid) => {
  test.each(Object.keys(holes))("value, counts and gradient with holes: %s", (name) => {
    check(punch(scene(37, 29), holes[name] as Hole), { ...unit, invalid });
  });

  test("the map is SSIM per centre, NaN elsewhere", () => {
    const plane = punch(scene(33, 24), holes["beyond a swath edge"] as Hole);
    const want = ssim(plane, { ...unit, invalid }).map;
    for (const bands of [[24], [7, 8, 20, 24]]) {
      const { map } = run(plane, { ...unit, invalid }, { gradient: false, map: true, bands });
      for (const [i, s] of want.entries())
        expect(Math.abs(at(map, i) - s) <= 1e-7 || Object.is(at(map, i), s)).toBe(true);
    }
  });
});

describe("sizes", () => {
  test.each([11, 12, 13, 14, 15, 16, 17, 127, 128, 129, 130, 257, 263])("a width of %d", (width) => {
    check(scene(width, 15, width), unit);
    check(punch(scene(width, 13, width), scattered(0.2)), unit);
  });

  test.each([11, 12, 13, 21, 22, 42, 43, 44, 53, 54, 75])("a height of %d", (height) => {
    check(scene(14, height, height), unit);
    check(punch(scene(14, height, height), scattered(0.2)), unit);
  });

  test("planes smaller than the window have no centre, and no gradient", () => {
    for (const [width, height] of [
      [1, 1],
      [10, 30],
      [30, 10],
      [2, 300],
    ] as const)
      for (const invalid of modes) {
        const plane = scene(width, height);
        const { counted, valid, sums, grad } = run(plane, { ...unit, invalid });
        expect([...counted, ...sums].every((x) => Object.is(x, 0))).toBe(true);
        expect(Array.from(grad).every((g) => g === 0)).toBe(true);
        expect(Array.from(valid)).toEqual(ssim(plane, unit).valid);
      }
  });
});

test("nothing is read or written past the last row", () => {
  for (const [width, height] of [
    [1, 1],
    [2, 9],
    [11, 11],
    [12, 12],
    [13, 17],
    [9, 40],
    [40, 3],
    [259, 30],
  ] as const)
    for (const invalid of modes)
      for (const last of ["pred", "target", "grad"] as const)
        for (const gradient of [true, false]) {
          const plane = punch(scene(width, height), scattered(0.1));
          const bands = [Math.ceil(height / 3), height];
          expect(() => run(plane, { ...unit, invalid }, { last, gradient, bands })).not.toThrow();
        }
});

describe("ranges of values", () => {
  test("digital numbers, 0 to 10000", () => {
    check(punch(scene(40, 31, 5, 10000), scattered(0.1)), { ...unit, dataRange: 10000 });
  });

  test.each([
    [3000, 100],
    [-3000, 100],
    [4_500_000, 300],
  ])("an offset of %d against a range of %d", (offset, dataRange) => {
    const rule: Rule = { ...unit, lo: Number.NEGATIVE_INFINITY, dataRange };
    check(scene(40, 31, 6, dataRange, offset - dataRange / 2), rule);
    check(punch(scene(40, 31, 6, dataRange, offset - dataRange / 2), scattered(0.3)), rule);
  });

  test("values whose squares overflow or vanish in float32", () => {
    for (const scale of [1e20, 3e37, 1e-20, 1e-30]) {
      check(scene(24, 23, 7, scale), { ...unit, dataRange: scale });
      check(punch(scene(24, 23, 7, scale), scattered(0.3)), { ...unit, dataRange: scale });
    }
  });

  describe("finite values give finite results, and SSIM from −1 to 1", () => {
    const [width, height] = [27, 25];
    const bounded = (pred: Float32Array, target: Float32Array, dataRange: number): void => {
      const { sums, counted, grad } = run({ pred, target, width, height }, { ...unit, lo: -3.4e38, dataRange });
      for (const [row, s] of sums.entries()) expect(s >= 0 && s <= 2 * at(counted, row)).toBe(true);
      expect(grad.some(Number.isNaN)).toBe(false);
    };

    test("of every magnitude side by side", () => {
      const extremes = [3.4e38, -3.4e38, 1e20, 1, 1e-45, 0, -0, 1e-20];
      const random = seeded(1);
      const draw = (): Float32Array =>
        Float32Array.from({ length: width * height }, () => at(extremes, Math.floor(random() * extremes.length)));
      for (let k = 0; k < 5; k++) for (const dataRange of [1e-6, 1, 1e20]) bounded(draw(), draw(), dataRange);
    });

    test("where rounding outweighs the variance and the constants", () => {
      const flat = (level: number): Float32Array => new Float32Array(width * height).fill(level);
      for (let k = 0; k < 60; k++) {
        const target = flat(7e19);
        target[0] = 5e19; // the shift is far from the rest
        bounded(flat(1e20 + k * 1e18), target, 1e20 * 10 ** (-5 - k / 10));
      }
    });
  });

  test("constant planes have no variance, however large they are", () => {
    for (const level of [0.3, 1e5, 1e20]) {
      const width = 20;
      const target = new Float32Array(width * 20).fill(level);
      const pred = target.map((t) => t * 0.75);
      check({ pred, target, width, height: 20 }, { ...unit, dataRange: level });
    }
  });

  test("identical images: a loss of 0 and a gradient of 0, to the bit", () => {
    for (const hole of [holes.none as Hole, scattered(0.4)]) {
      const { target, ...plane } = punch(scene(30, 30), hole);
      const { sums, grad } = run({ ...plane, target, pred: target }, unit);
      expect(Array.from(sums).every((s) => s === 0)).toBe(true);
      expect(Array.from(grad).every((g) => g === 0)).toBe(true);
    }
  });

  test("images that hardly differ keep the digits of their difference", () => {
    const { target, ...plane } = scene(30, 30);
    const pred = Float32Array.from(target, (t, i) => t + (i % 3) * 2 ** -22);
    const sum = (image: ArrayLike<number>): number =>
      run({ ...plane, target, pred: image }, unit).sums.reduce((total, s) => total + s, 0);
    // The loss is quadratic in a small difference.
    const doubled = Float32Array.from(target, (t, i) => t + 2 * (at(pred, i) - t));
    expect(sum(pred) / 400).toBeLessThan(1e-11);
    expect(valueError(sum(doubled), 4 * sum(pred), 1e-4)).toBe("");
  });
});

test("the gradient is that of the returned number", () => {
  const step = 2 ** -9;
  for (const invalid of modes)
    for (const hole of [
      holes.none,
      holes["10 % scattered"],
      holes["50 % scattered"],
      holes["90 % scattered"],
    ] as Hole[]) {
      const plane = punch(scene(25, 23, 9), hole);
      const rule: Rule = { ...unit, invalid };
      const loss = (pixel: number, change: number): number => {
        const pred = Float32Array.from(plane.pred);
        // Steps that float32 holds exactly.
        pred[pixel] = Math.round(at(pred, pixel) * 2 ** 20) / 2 ** 20 + change;
        return run({ ...plane, pred }, rule, { gradient: false }).sums.reduce((sum, s) => sum + s, 0);
      };
      const central = (pixel: number, h: number): number => (loss(pixel, h) - loss(pixel, -h)) / (2 * h);
      const grad = run(plane, rule).grad;
      const largest = grad.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
      const random = seeded(11);
      for (let k = 0; k < 12; k++) {
        const pixel = Math.floor(random() * grad.length);
        if (!(at(plane.target, pixel) >= 0)) continue;
        // Two steps, so that the third derivative drops out.
        const difference = (4 * central(pixel, step / 2) - central(pixel, step)) / 3;
        expect(Math.abs(difference - at(grad, pixel))).toBeLessThanOrEqual(2e-5 * largest);
      }
    }
});

describe("to the bit", () => {
  const plane = punch(scene(141, 90, 12), (x, y) => scattered(0.02)(x, y) || (x > 60 && y > 40));
  const same = (got: Result, want: Result): void => {
    expect(bitsError(got.sums, want.sums)).toBe("");
    expect(bitsError(got.grad, want.grad)).toBe("");
    expect(Array.from(got.counted)).toEqual(Array.from(want.counted));
  };

  test("what stands at invalid pixels changes nothing, and their gradient is +0", () => {
    const hole = (x: number, y: number): boolean => scattered(0.15)(x, y) || x < 2 || y === 29;
    for (const invalid of modes) {
      const want = run(punch(scene(35, 30), hole, [0, -1]), { ...unit, invalid });
      for (const nothing of [
        [Number.NaN, Number.NaN],
        [Number.NaN, -9999],
        [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
        [1e38, -1e38],
        [-1e38, Number.NaN],
      ] as const) {
        const poisoned = punch(scene(35, 30), hole, [...nothing]);
        same(run(poisoned, { ...unit, invalid }), want);
      }
      const bits = new Uint32Array(want.grad.buffer);
      expect(Array.from(bits).every((b, i) => !hole(i % 35, Math.floor(i / 35)) || b === 0)).toBe(true);
    }
  });

  test("bands change nothing, and touch ten rows to either side at most", () => {
    for (const invalid of modes) {
      const rule: Rule = { ...unit, invalid };
      const want = run(plane, rule);
      for (const bands of [
        [1, 2, 3, 90],
        [5, 6, 45, 80, 85, 90],
        [32, 64, 90],
        [37, 37, 74, 89, 90],
      ])
        for (const gradient of [true, false]) {
          const got = run(plane, rule, { bands, gradient });
          same(gradient ? got : { ...got, grad: want.grad }, want);
        }
    }
  });

  test("alignment and strides change nothing", () => {
    const want = run(plane, unit);
    for (const misalign of [4, 8, 12])
      for (const padding of [0, 4, 20]) same(run(plane, unit, { misalign, padding }), want);
  });

  test("a hole that no window of a row touches changes nothing in it", () => {
    const whole = scene(70, 60, 13);
    const want = run(whole, unit, { shift: 0.25 });
    const got = run(
      punch(whole, (x, y) => y === 30 && x === 40),
      unit,
      { shift: 0.25 },
    );
    const far = [...Array(60).keys()].filter((row) => Math.abs(row - 30) > 10);
    for (const row of far) {
      const pixels = [row * 70, (row + 1) * 70] as const;
      expect(bitsError(got.sums.slice(row, row + 1), want.sums.slice(row, row + 1))).toBe("");
      expect(bitsError(got.grad.slice(...pixels), want.grad.slice(...pixels))).toBe("");
    }
    expect(got.sums[30]).not.toBe(want.sums[30]);
  });

  test("the gradient is added to what is there, where that is kept", () => {
    const alone = run(plane, unit, { coef: -0.125 }).grad;
    const before = alone.map((_, i) => (i % 5) / 4 - 0.5);
    const both = run(plane, unit, { coef: -0.125, before }).grad;
    expect(
      bitsError(
        both,
        alone.map((g, i) => g + at(before, i)),
      ),
    ).toBe("");
  });
});

test("NaN of pred at a valid pixel reaches the value and the gradient around it", () => {
  const plane = scene(30, 30);
  const pred = Float32Array.from(plane.pred);
  pred[15 * 30 + 15] = Number.NaN;
  const { sums, grad } = run({ ...plane, pred }, unit);
  expect(sums[15]).toBeNaN();
  expect(sums[5]).not.toBeNaN();
  expect(grad[14 * 30 + 15]).toBeNaN();
});

test("the shift is the number nearest to 0 in the range of the valid pixels", () => {
  const shiftOf = (low: number, high: number, lo = Number.NEGATIVE_INFINITY): number => {
    const plane = scene(21, 13, 4);
    const target = Float32Array.from(plane.target, (_, i) => (i === 100 ? low : i === 200 ? high : (low + high) / 2));
    return run({ ...plane, target }, { ...unit, lo }).shift;
  };
  expect(shiftOf(2950, 3050)).toBe(2950);
  expect(shiftOf(-3050, -2950)).toBe(-2950);
  expect(shiftOf(-1, 3)).toBe(0);
  expect(shiftOf(-1, 3, 0)).toBe(1);
  expect(shiftOf(1, 2, 5)).toBeNaN();
});

describe("golden vectors", () => {
  test.each(metricsCases)("$title", ({ problem, valid, dataRange, bands, pooled, perSample }) => {
    const [samples, channels, height, width] = problem.shape;
    const size = width * height;
    const lo = valid.min;
    if (lo === undefined) throw new Error("the kernels' rule is target >= lo");
    const loss = bands.map(() => ({ sum: 0, count: 0 }));
    for (let b = 0; b < samples; b++)
      for (let c = 0; c < channels; c++) {
        const plane = b * channels + c;
        const pred = problem.pred.slice(plane * size, (plane + 1) * size);
        const target = Float32Array.from(problem.target.slice(plane * size, (plane + 1) * size));
        if (problem.mask) {
          const [, maskChannels] = problem.mask.shape as number[];
          const first = (b * at([maskChannels ?? 1], 0) + (maskChannels === 1 ? 0 : c)) * size;
          for (let i = 0; i < size; i++) if (problem.mask.data[first + i] === 0) target[i] = Number.NaN;
        }
        const { sums, counted } = run({ pred, target, width, height }, { lo, invalid: "normalize", dataRange });
        const sum = sums.reduce((total, s) => total + s, 0);
        const count = counted.reduce((total, n) => total + n, 0);
        const want = perSample[b]?.[bands[c] as string];
        expect(count).toBe(want?.ssim_count);
        if (count > 0) expect(valueError(1 - sum / count, want?.ssim as number, 1e-9)).toBe("");
        else expect(want?.ssim).toBeNull();
        const total = loss[c] as { sum: number; count: number };
        total.sum += sum;
        total.count += count;
      }
    for (const [c, { sum, count }] of loss.entries()) {
      const want = pooled[bands[c] as string];
      expect(count).toBe(want?.ssim_count);
      if (count > 0) expect(valueError(1 - sum / count, want?.ssim as number, 1e-9)).toBe("");
    }
  });
});
