import { describe, expect, test } from "vitest";
import { evaluate, prepareTarget, type Tensor, tensor, zeros } from "../../src/index.ts";
import { memories, place, tensorsOf } from "../support/api.ts";
import { inLayout, layouts, problemOf, seeded } from "../support/data.ts";
import type { Shape } from "../../reference/layout.ts";
import type { Problem } from "../../reference/losses.ts";
import { valueError } from "../support/compare.ts";
import { evaluationError, figuresError } from "./compare.ts";
import { evaluation } from "../../reference/metrics.ts";

const names = (n: number) => Array.from({ length: n }, (_, c) => `B${c + 1}`);

/** An image with structure: what a random one lacks is correlation, and with it SSIM and UQI away from 0. */
function scene(shape: Shape, seed: number, invalid: number): Problem {
  const problem = problemOf({ name: "mse" }, shape, seed, invalid);
  const random = seeded(seed + 1);
  const width = shape[3];
  const target = problem.target as Float32Array;
  const pred = problem.pred.map((p, i) => {
    const wave = 0.5 + 0.3 * Math.sin((i % width) / 3) * Math.cos(Math.floor(i / width) / 4);
    if (!(target[i] !== undefined && target[i] >= 0)) return p;
    target[i] = Math.fround(wave);
    return Math.fround(0.9 * wave + 0.03 + 0.1 * (random() - 0.5));
  });
  return { shape, pred, target };
}

const problems: [string, Problem][] = [
  ["full", scene([2, 3, 20, 17], 1, 0)],
  ["a third of it holes", scene([3, 2, 16, 23], 2, 0.3)],
  ["two thirds of it holes: few windows count", scene([2, 2, 19, 12], 3, 0.6)],
  ["smaller than any window", scene([2, 3, 5, 7], 4, 0.2)],
  ["a single column of windows", scene([1, 2, 11, 8], 5, 0.1)],
  ["a single band", scene([2, 1, 14, 15], 6, 0.2)],
  ["noise", problemOf({ name: "mse" }, [2, 3, 13, 13], 7)],
];

describe.each(layouts)("figures against their textbook formulas in %s", (layout) => {
  test.each(problems)("%s", (_, problem) => {
    const bands = names(problem.shape[1]);
    const want = evaluation(problem, bands, 1.5, 0.25);
    const moved = inLayout(problem, layout);
    const results = memories.map((memory) => {
      const { pred, target } = tensorsOf(moved, layout, memory);
      return evaluate(pred, target as Tensor, { bands, dataRange: 1.5, layout, ratio: 0.25 });
    });
    for (const result of results) {
      expect(evaluationError(result, want)).toBe("");
      expect(result).toEqual(results[0]);
    }
  });

  test("a mask takes out what it takes out, whichever way it is broadcast", () => {
    const problem = scene([2, 3, 15, 14], 8, 0.2);
    const random = seeded(9);
    for (const mask of [
      [2, 3, 15, 14],
      [2, 1, 15, 14],
      [1, 3, 15, 14],
      [15, 14],
      [15, 1],
    ]) {
      const bytes = Uint8Array.from({ length: mask.reduce((a, b) => a * b) }, () => (random() < 0.3 ? 0 : 7));
      const size = [...Array(4 - mask.length).fill(1), ...mask] as [number, number, number, number];
      const full = new Uint8Array(2 * 3 * 15 * 14).map((_, i) => {
        const at = [Math.floor(i / 630), Math.floor(i / 210) % 3, Math.floor(i / 14) % 15, i % 14];
        return bytes[at.reduce((offset, x, k) => offset * (size[k] ?? 1) + (size[k] === 1 ? 0 : x), 0)] as number;
      });
      const masked = { ...problem, mask: { data: full, shape: [2, 3, 15, 14] } };
      const given = { ...problem, mask: { data: bytes, shape: layout === "NCHW" ? mask : size } };
      const { pred, target, given: options } = tensorsOf(inLayout(given, layout), layout);
      const got = evaluate(pred, target as Tensor, { dataRange: 1, layout, ...options });
      expect(evaluationError(got, evaluation(masked, names(3), 1))).toBe("");
    }
  });
});

/*
 * The same image in NumPy, its figures by other routes (scipy's box filter, ddof = 0 statistics):
 *
 *   i = np.arange(40 * 30); y = ((i * 7919) % 256).astype(np.float32) / np.float32(255)
 *   x = ((y.astype(float) * 200 + (i * 104729) % 56) / 255).astype(np.float32)
 *   X, Y = (z.astype(float).reshape(40, 30) for z in (x, y)); d = X - Y
 *   box = lambda z: scipy.ndimage.uniform_filter(z, 8, origin=0)[4:-3, 4:-3]
 *   mx, my = box(X), box(Y); cov = box(X * Y) - mx * my; var = box(X * X) + box(Y * Y) - mx**2 - my**2
 *   uqi = np.mean(4 * cov * mx * my / (var * (mx**2 + my**2)))
 *   r2 = 1 - np.sum(d * d) / (np.var(Y) * Y.size); cpsnr = -20 * np.log10(np.std(d))
 *   ergas = 25 * np.sqrt(np.mean(d * d)) / np.mean(Y)
 */
test("figures of NumPy and SciPy", () => {
  const n = 40 * 30;
  const target = Float32Array.from({ length: n }, (_, i) => Math.fround((i * 7919) % 256) / Math.fround(255));
  const pred = target.map((y, i) => (y * 200 + ((i * 104729) % 56)) / 255);
  const { bands, scene } = evaluate(tensor(pred, [40, 30]), tensor(target, [40, 30]), { dataRange: 1, ratio: 0.25 });
  expect(
    figuresError({ uqi: scene.uqi, ergas: scene.ergas }, { uqi: 0.9083953648657254, ergas: 4.457126750146971 }, 1e-12),
  ).toBe("");
  expect(
    figuresError(
      { r2: bands.B1?.r2, cpsnr: bands.B1?.cpsnr },
      { r2: 0.90538141764666, cpsnr: 21.00284331816024 },
      1e-12,
    ),
  ).toBe("");
});

describe("figures that are easily lost", () => {
  const constant = (x: number, n = 256) => tensor(new Float32Array(n).fill(x), [16, n / 16]);

  test("no valid pixel: NaN, and 0 of them", () => {
    const { bands, scene } = evaluate(constant(0.5), constant(-1), { bands: ["a"], dataRange: 1 });
    const { validCount, validRatio, ...undefinedOnes } = bands.a ?? {};
    expect([validCount, validRatio, scene.validRatio]).toEqual([0, 0, 0]);
    expect(new Set(Object.values(undefinedOnes))).toEqual(new Set([Number.NaN]));
    const { validRatio: _, ...others } = scene;
    expect(new Set(Object.values(others))).toEqual(new Set([Number.NaN]));
  });

  test("a band without a valid pixel leaves the others and the scene alone", () => {
    const problem = scene([1, 3, 14, 14], 1, 0.1);
    (problem.target as Float32Array).fill(Number.NaN, 2 * 196);
    const { pred, target } = tensorsOf(problem);
    const got = evaluate(pred, target as Tensor, { dataRange: 1 });
    expect(got.bands.B3?.validCount).toBe(0);
    expect(evaluationError(got, evaluation(problem, names(3), 1))).toBe("");
  });

  test("a perfect match: PSNR is Infinity, all quality is 1", () => {
    const { pred } = tensorsOf(scene([1, 2, 16, 16], 3, 0));
    const result = evaluate(pred, pred, { bands: ["a", "b"], dataRange: 1 });
    const perfect = { psnr: Infinity, rmse: 0, mae: 0, bias: 0, ssim: 1, sam: 0, r2: 1, cpsnr: Infinity };
    expect(result.bands.a).toEqual({ ...perfect, validCount: 256, validRatio: 1 });
    expect(result.scene).toEqual({ sam: 0, ergas: 0, uqi: 1, psnr: Infinity, rmse: 0, validRatio: 1 });
    expect(JSON.parse(JSON.stringify(result)).bands.a).toEqual({
      ...perfect,
      psnr: "Infinity",
      cpsnr: "Infinity",
      validCount: 256,
      validRatio: 1,
    });
  });

  test("a constant offset: cPSNR does not see it", () => {
    for (const [p, t] of [
      [0.75, 0.5],
      [0.3, 0.1],
      [3000.1, 0.7],
    ] as const) {
      const { a } = evaluate(constant(p), constant(t), { bands: ["a"], dataRange: 1 }).bands;
      expect([a?.cpsnr, a?.r2, a?.sam]).toEqual([Infinity, Number.NaN, 0]);
    }
  });

  test("over many strips, too, where means are rounded: no spread comes of that", () => {
    const image = (value: number) => tensor(new Float32Array(300 * 1000).fill(value), [1, 1, 300, 1000]);
    for (const [p, t] of [
      [1000.1, 0.001234],
      [-77777.7, 0.0333],
    ] as const) {
      const { a } = evaluate(image(p), image(t), { bands: ["a"], dataRange: 1 }).bands;
      expect([a?.cpsnr, a?.r2]).toEqual([Infinity, Number.NaN]);
    }
  });

  test("bands that are multiples of one another have no angle", () => {
    const random = seeded(12);
    for (const k of [3, 7, 2442, 3911]) {
      const p = Float32Array.from({ length: 64 * 64 }, () => 1 + Math.floor(4095 * random()));
      const image = (data: Float32Array) => tensor(data, [1, 1, 64, 64]);
      const { a } = evaluate(image(p), image(p.map((x) => k * x)), { bands: ["a"], dataRange: 1 }).bands;
      expect([k, a?.sam]).toEqual([k, 0]);
    }
  });

  test("null in JSON for what is undefined", () => {
    const { bands, scene } = JSON.parse(JSON.stringify(evaluate(constant(1), constant(-1), { dataRange: 1 })));
    expect([bands.B1.psnr, bands.B1.ssim, bands.B1.validCount, scene.uqi]).toEqual([null, null, 0, null]);
  });

  test.each([
    ["3000 ± 50", 3000, 50],
    ["1e6 ± 1", 1e6, 1],
    ["300 ± 0.01", 300, 0.01],
  ])("r2 and cPSNR keep their digits at %s", (_, level, spread) => {
    const random = seeded(4);
    const target = Float32Array.from({ length: 40_000 }, () => level + spread * random());
    const pred = target.map((t) => t + level / 7 + spread * 0.1 * random());
    const problem: Problem = { shape: [1, 1, 200, 200], pred, target };
    const got = evaluate(...pairOf(problem), { dataRange: spread }).bands.B1;
    const d = Array.from(pred, (p, i) => p - (target[i] as number));
    const mean = d.reduce((sum, x) => sum + x, 0) / d.length;
    const std = Math.sqrt(d.reduce((sum, x) => sum + (x - mean) ** 2, 0) / d.length);
    const meanT = target.reduce((sum, x) => sum + x, 0) / target.length;
    const total = target.reduce((sum, x) => sum + (x - meanT) ** 2, 0);
    const r2 = 1 - d.reduce((sum, x) => sum + x * x, 0) / total;
    expect(figuresError({ r2: got?.r2, cpsnr: got?.cpsnr }, { r2, cpsnr: 20 * Math.log10(spread / std) }, 1e-11)).toBe(
      "",
    );
  });

  test("zero vectors and orthogonal ones have their angles", () => {
    const angle = (p: number[], t: number[]) =>
      evaluate(tensor(Float32Array.from(p), [1, p.length]), tensor(Float32Array.from(t), [1, p.length]), {
        dataRange: 1,
      }).bands.B1?.sam;
    expect(angle([0, 0], [0, 0])).toBe(0);
    expect(angle([0, 0], [0, 1])).toBe(Math.PI / 2);
    expect(angle([0, 1], [0, 0])).toBe(Math.PI / 2);
    expect(angle([0, 1], [1, 0])).toBe(Math.PI / 2);
    expect(angle([-2, -4], [1, 2])).toBe(Math.PI);
  });

  test("windows of UQI that are constant, or zero, are judged by what is left", () => {
    const uqi = (p: number, t: number) => evaluate(constant(p), constant(t), { dataRange: 1 }).scene.uqi;
    expect(uqi(0, 0)).toBe(1);
    expect(uqi(0.1, 0.1)).toBe(1);
    expect(uqi(0.2, 0.1)).toBeCloseTo((2 * 0.2 * 0.1) / (0.04 + 0.01), 6);
    expect(uqi(0, 0.1)).toBe(0);
  });
});

const pairOf = (problem: Problem): [Tensor, Tensor] => {
  const { pred, target } = tensorsOf(problem);
  return [pred, target as Tensor];
};

test("what stands at invalid pixels changes no bit", () => {
  const problem = scene([2, 3, 18, 16], 5, 0.3);
  const want = evaluate(...pairOf(problem), { dataRange: 1 });
  for (const poison of [Number.NaN, Infinity, -Infinity, 1e38, -1e38]) {
    const pred = problem.pred.map((p, i) => ((problem.target[i] as number) >= 0 ? p : poison));
    const holes = (problem.target as Float32Array).map((t) => (t >= 0 ? t : poison > 0 ? -7 : poison));
    const got = evaluate(...pairOf({ ...problem, pred, target: holes }), { dataRange: 1 });
    expect(got).toEqual(want);
  }
});

test("NaN of pred at a valid pixel is not hidden", () => {
  const problem = scene([1, 1, 12, 12], 6, 0);
  problem.pred[70] = Number.NaN;
  const { bands, scene: all } = evaluate(...pairOf(problem), { dataRange: 1 });
  for (const x of [bands.B1?.psnr, bands.B1?.ssim, bands.B1?.sam, bands.B1?.r2, all.uqi, all.ergas])
    expect(x).toBeNaN();
});

test("integers and prepared targets are taken as they are", () => {
  const random = seeded(7);
  const numbers = (n: number) => Uint16Array.from({ length: n }, () => 1000 + 3000 * random());
  const scale = { scale: 1e-4, offset: -0.1 };
  const [pred, target] = [tensor(numbers(288), [2, 12, 12], scale), tensor(numbers(288), [2, 12, 12], scale)];
  const value = (v: number) => 1e-4 * v - 0.1;
  const floats = [pred, target].map(({ data }) => tensor(Float32Array.from(data, value), [2, 12, 12])) as [
    Tensor,
    Tensor,
  ];
  const want = evaluate(...floats, { dataRange: 1, valid: { max: 0.25 } });
  expect(want.bands.B1?.validCount).toBeLessThan(144);
  const got = evaluate(pred, target, { dataRange: 1, valid: { max: 3500 } });
  for (const [of, like] of [
    [got.scene, want.scene],
    [got.bands.B1, want.bands.B1],
  ] as [object, object][]) {
    expect(Object.keys(of)).toEqual(Object.keys(like));
    expect(valueError(Object.values(of), Object.values(like))).toBe("");
  }
  using ready = prepareTarget(floats[1], { valid: { max: 0.25 } });
  expect(evaluate(floats[0], ready, { dataRange: 1 })).toEqual(want);
});

test("arrays in the kernels' memory and empty batches", () => {
  using pred = zeros([0, 2, 16, 16]);
  expect(evaluate(pred, pred, { dataRange: 1 }).bands.B2?.validCount).toBe(0);
  const none = place([], [2, 0, 16]);
  expect(evaluate(none, none, { dataRange: 1 }).scene.rmse).toBeNaN();
});

test("errors name the argument, what was expected and what came", () => {
  const image = place(new Float32Array(32), [2, 4, 4]);
  const run = (options: object) => () => evaluate(image, image, options as { dataRange: number });
  expect(run({})).toThrow('"dataRange": expected a number, got undefined');
  expect(run({ dataRange: 0 })).toThrow(
    '"dataRange": expected a finite number, of at least 1e-60, of at most 1e+60, got 0',
  );
  expect(run({ dataRange: 1, bands: ["a"] })).toThrow('"pred": expected 1 channels, one per band, got 2');
  expect(run({ dataRange: 1, bands: ["a", "a"] })).toThrow('"bands": expected different names, got a, a');
  expect(run({ dataRange: 1, bands: "ab" })).toThrow('"bands": expected an array of names, got a string');
  expect(run({ dataRange: 1, bands: ["a", 2] })).toThrow('"bands": expected names, got a number among them');
  expect(run({ dataRange: 1, ratio: -1 })).toThrow('"ratio": expected a finite number, above 0, got -1');
  expect(run({ dataRange: 1, range: 1 })).toThrow('got "range"');
  expect(run({ dataRange: 1, bands: ["a", "b"] })).not.toThrow();
});

test("rows too long to be told in 32 bits of bytes are refused", () => {
  const row = tensor(new Uint8Array(2 ** 24 + 1), [1, 2 ** 24 + 1]);
  expect(() => evaluate(row, row, { dataRange: 255 })).toThrow(
    '"pred": expected rows of at most 16777216 numbers, all bands together, for evaluate, got 16777217×1',
  );
});

test("three averages of the samples: pooled, by √(valid / total), and each alike", () => {
  const random = seeded(8);
  const [samples, pixels] = [4, 30];
  const n = samples * 2 * pixels;
  const target = Float32Array.from({ length: n }, (_, i) =>
    random() < 0.2 * Math.floor(i / (2 * pixels)) ? -1 : random(),
  );
  const pred = target.map((t, i) => t + (1 + Math.floor(i / (2 * pixels))) * 0.1 * (random() - 0.5));
  const shape = [samples, 2, 5, 6];
  const got = evaluate(tensor(pred, shape), tensor(target, shape), { dataRange: 1, without: ["ssim", "uqi"] });
  const own = Array.from({ length: samples }, (_, b) => {
    const at = Array.from({ length: 2 * pixels }, (_, i) => b * 2 * pixels + i).filter(
      (i) => (target[i] as number) >= 0,
    );
    const d = at.map((i) => (pred[i] as number) - (target[i] as number));
    const mse = d.reduce((sum, x) => sum + x * x, 0) / d.length;
    const mae = d.reduce((sum, x) => sum + Math.abs(x), 0) / d.length;
    return { rmse: Math.sqrt(mse), mae, psnr: -10 * Math.log10(mse), weight: Math.sqrt(d.length / (2 * pixels)) };
  });
  for (const name of ["psnr", "rmse", "mae"] as const) {
    const mean = (weight: (sample: (typeof own)[0]) => number) =>
      own.reduce((sum, sample) => sum + weight(sample) * sample[name], 0) /
      own.reduce((sum, sample) => sum + weight(sample), 0);
    expect(got.averages[name].samples).toBeCloseTo(
      mean(() => 1),
      10,
    );
    expect(got.averages[name].sqrt).toBeCloseTo(
      mean(({ weight }) => weight),
      10,
    );
  }
  expect(got.averages.rmse.pooled).toBe(got.scene.rmse);
  expect(got.averages.psnr.pooled).toBe(got.scene.psnr);
  const one = evaluate(tensor(pred.slice(0, 2 * pixels), [2, 5, 6]), tensor(target.slice(0, 2 * pixels), [2, 5, 6]), {
    dataRange: 1,
  });
  for (const { pooled, sqrt, samples: alike } of Object.values(one.averages))
    expect([sqrt, alike]).toEqual([pooled, pooled]);
});
