import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BandMetrics, evaluate, HALO, type Halo, type MetricsOptions, type Tensor, tensor } from "../../src/index.ts";
import { place, tensorsOf } from "../support/api.ts";
import { inLayout, layouts, problemOf, seeded } from "../support/data.ts";
import { metricsCases } from "../support/golden.ts";
import { at, type Layout, type Shape, shapeIn } from "../../reference/layout.ts";
import type { Problem } from "../../reference/losses.ts";
import { figuresError } from "./compare.ts";

const bands = ["red", "green", "blue"];
const options: MetricsOptions = { bands, dataRange: 1 };

/** Through text and back, as a state that was stored. */
const stored = (metrics: BandMetrics): BandMetrics => BandMetrics.fromJSON(JSON.parse(JSON.stringify(metrics)));

/** The part of a problem that a larger one's elements `indices` make, in its own shape. */
function part({ pred, target, mask }: Problem, shape: Shape, indices: number[]): Problem {
  return {
    shape,
    pred: Float32Array.from(indices, (i) => at(pred, i)),
    target: Float32Array.from(indices, (i) => at(target, i)),
    ...(mask && { mask: { data: Uint8Array.from(indices, (i) => at(mask.data, i)), shape } }),
  };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Samples [first, last). */
function batchOf(problem: Problem, first: number, last: number): Problem {
  const [, C, H, W] = problem.shape;
  return part(problem, [last - first, C, H, W], range(first * C * H * W, last * C * H * W));
}

/** A window of a one-sample problem: rows [top, bottom) and columns [left, right). */
function windowOf(problem: Problem, top: number, bottom: number, left: number, right: number): Problem {
  const [, C, H, W] = problem.shape;
  const rows = range(0, C).flatMap((c) => range(top, bottom).map((y) => (c * H + y) * W));
  const indices = rows.flatMap((row) => range(row + left, row + right));
  return part(problem, [1, C, bottom - top, right - left], indices);
}

function feed(metrics: BandMetrics, problem: Problem, layout: Layout = "NCHW", more: object = {}): void {
  const { pred, target, given } = tensorsOf(inLayout(problem, layout), layout);
  metrics.update(pred, target as Tensor, { ...given, ...more });
}

/** A problem of which some samples may have no valid pixel, with or without a mask. */
const problems = (shape: fc.Arbitrary<Shape>) =>
  fc
    .record({
      shape,
      seed: fc.nat(1e6),
      invalid: fc.constantFrom(0, 0.1, 0.5, 0.9),
      masked: fc.boolean(),
      empty: fc.nat(9),
    })
    .map(({ shape, seed, invalid, masked, empty }): Problem => {
      const problem = problemOf({ name: "mse" }, shape, seed, invalid);
      const [B, C, H, W] = shape;
      if (empty < B) (problem.target as Float32Array).fill(-1, empty * C * H * W, (empty + 1) * C * H * W);
      const random = seeded(seed);
      const bytes = () => Uint8Array.from(problem.pred, () => (random() < 0.2 ? 0 : 1));
      return masked ? { ...problem, mask: { data: bytes(), shape } } : problem;
    });

const batches = problems(
  fc.tuple(
    fc.integer({ min: 1, max: 6 }),
    fc.constant(3),
    fc.integer({ min: 1, max: 16 }),
    fc.integer({ min: 1, max: 16 }),
  ),
);

const shuffled = <T>(list: readonly T[], random: () => number): T[] =>
  list
    .map((x) => ({ x, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ x }) => x);

const run = { seed: 20261123, numRuns: 60 };

function whole(problem: Problem, layout: Layout = "NCHW") {
  const { pred, target, given } = tensorsOf(inLayout(problem, layout), layout);
  return evaluate(pred, target as Tensor, { ...options, layout, ...given });
}

/** Rounding alone may differ: of 1e-12, and of figures near 0 by that of the values they are differences of. */
const differ = (got: BandMetrics, want: object) => figuresError(got.compute(), want, 1e-12, 1e-13);

describe("batch by batch", () => {
  test("in the same order: the same bits, stored and read between batches or not", () => {
    fc.assert(
      fc.property(batches, fc.array(fc.nat(6), { maxLength: 4 }), (problem, cuts) => {
        const edges = [0, ...cuts.map((cut) => Math.min(cut, problem.shape[0])), problem.shape[0]].sort(
          (a, b) => a - b,
        );
        let metrics = new BandMetrics(options);
        for (const [k, edge] of edges.slice(1).entries()) {
          feed(metrics, batchOf(problem, edges[k] as number, edge));
          metrics = stored(metrics);
        }
        expect(metrics.compute()).toEqual(whole(problem));
      }),
      run,
    );
  });

  test("also where angles are float64 and their sums round: of dark pixels", () => {
    const { shape, pred, target } = problemOf({ name: "mse" }, [5, 3, 12, 12], 7);
    const dark = (values: ArrayLike<number>) => Float32Array.from(values, (x) => 1e-5 * x);
    const problem: Problem = { shape, pred: dark(pred), target: dark(target) };
    for (let split = 1; split < 5; split++) {
      const metrics = new BandMetrics(options);
      feed(metrics, batchOf(problem, 0, split));
      feed(metrics, batchOf(problem, split, 5));
      expect(metrics.compute()).toEqual(whole(problem));
    }
  });

  test("in any order, over any number of accumulators, merged in any order: the same figures", () => {
    const splits = fc.record({ owner: fc.array(fc.nat(3), { minLength: 6, maxLength: 6 }), order: fc.nat(1e6) });
    fc.assert(
      fc.property(batches, splits, fc.constantFrom(...layouts), (problem, { owner, order }, layout) => {
        const random = seeded(order);
        const parts = Array.from({ length: 4 }, () => new BandMetrics({ ...options, layout }));
        for (const b of shuffled(range(0, problem.shape[0]), random)) {
          const part = parts[owner[b] as number] as BandMetrics;
          feed(part, batchOf(problem, b, b + 1), layout);
          feed(part, batchOf(problem, b, b), layout);
        }
        const total = shuffled(parts, random).reduce((merged, part) => stored(merged).merge(stored(part)));
        expect(differ(total, whole(problem, layout))).toBe("");
      }),
      run,
    );
  });

  test("merging leaves the other as it was, and is associative", () => {
    const parts = [1, 2, 3].map((seed) => {
      const metrics = new BandMetrics(options);
      feed(metrics, problemOf({ name: "mse" }, [2, 3, 12, 13], seed));
      return metrics;
    }) as [BandMetrics, BandMetrics, BandMetrics];
    const before = JSON.stringify(parts[1]);
    const left = stored(parts[0]).merge(parts[1]).merge(parts[2]);
    const right = stored(parts[0]).merge(stored(parts[1]).merge(parts[2]));
    expect(JSON.stringify(parts[1])).toBe(before);
    expect(differ(left, right.compute())).toBe("");
  });

  test("memory does not grow with the archive", () => {
    const metrics = new BandMetrics(options);
    const sizes = [1, 2, 3, 4].map((seed) => {
      feed(metrics, problemOf({ name: "mse" }, [5, 3, 12, 12], seed));
      return Object.keys(JSON.parse(JSON.stringify(metrics)).open).length;
    });
    expect(sizes).toEqual([0, 0, 0, 0]);
  });
});

/** Cuts an extent into cores, each with the halo that it may have. */
function cores(cuts: number[], extent: number): { from: number; to: number; before: number; after: number }[] {
  const edges = [...new Set([0, ...cuts.map((cut) => cut % extent), extent])].sort((a, b) => a - b);
  return edges.slice(1).map((to, k) => {
    const from = edges[k] as number;
    return { from, to, before: Math.min(HALO, from), after: Math.min(HALO, extent - to) };
  });
}

describe("window by window", () => {
  const images = problems(
    fc.tuple(fc.constant(1), fc.constant(3), fc.integer({ min: 1, max: 34 }), fc.integer({ min: 1, max: 34 })),
  );
  const cuts = fc.array(fc.nat(33), { maxLength: 3 });

  test("an image comes out as if it had been whole, whatever its windows, their order and owners", () => {
    fc.assert(
      fc.property(
        images,
        images,
        cuts,
        cuts,
        fc.nat(1e6),
        fc.constantFrom(...layouts),
        (a, b, xs, ys, seed, layout) => {
          const random = seeded(seed);
          const parts = [0, 1].map(() => new BandMetrics({ ...options, layout })) as [BandMetrics, BandMetrics];
          const windows = [a, b].flatMap((image, k) =>
            cores(ys, image.shape[2]).flatMap((y) =>
              cores(xs, image.shape[3]).map((x) => ({ image, name: `image ${k}`, x, y })),
            ),
          );
          for (const { image, name, x, y } of shuffled(windows, random)) {
            const halo: Halo = { left: x.before, right: x.after, top: y.before, bottom: y.after };
            const window = windowOf(image, y.from - y.before, y.to + y.after, x.from - x.before, x.to + x.after);
            feed(parts[random() < 0.5 ? 0 : 1], window, layout, { sample: name, halo });
          }
          const total = stored(parts[0]).merge(stored(parts[1]));
          const want = new BandMetrics({ ...options, layout });
          for (const image of [a, b]) feed(want, image, layout);
          // A pixel's spectral angle has float32 quotients, whose last bits depend on which pixels share its vector.
          const { bands, scene } = want.compute();
          const got = total.compute();
          expect(figuresError({ sam: got.scene.sam }, { sam: scene.sam }, 1e-8)).toBe("");
          const exact = { bands: got.bands, scene: { ...got.scene, sam: scene.sam } };
          expect(figuresError(exact, { bands, scene }, 1e-12, 1e-13)).toBe("");
        },
      ),
      { ...run, numRuns: 100 },
    );
  });

  test("windows without a halo join to one sample too, but for what reaches over their edges", () => {
    const image = problemOf({ name: "mse" }, [1, 3, 24, 24], 3);
    const metrics = new BandMetrics(options);
    for (const left of [0, 12]) feed(metrics, windowOf(image, 0, 24, left, left + 12), "NCHW", { sample: "a" });
    const [got, want] = [metrics.compute(), whole(image)];
    for (const band of bands) {
      const { ssim: _, ...rest } = want.bands[band] ?? {};
      const { ssim: __, ...figures } = got.bands[band] ?? {};
      expect(figuresError(figures, rest, 1e-12, 1e-13)).toBe("");
    }
  });

  test("closing a sample leaves nothing of it but its share of the means", () => {
    const images = [1, 2].map((seed) => problemOf({ name: "mse" }, [1, 3, 16, 16], seed));
    const metrics = new BandMetrics(options);
    for (const [k, image] of images.entries()) feed(metrics, image, "NCHW", { sample: `${k}` });
    const open = metrics.compute();
    metrics.close("0");
    expect(JSON.parse(JSON.stringify(metrics)).open.map(({ name }: { name: string }) => name)).toEqual(["1"]);
    metrics.close();
    expect(JSON.parse(JSON.stringify(metrics)).open).toEqual([]);
    expect(metrics.compute()).toEqual(open);
    expect(() => metrics.close("0")).toThrow('"sample": expected the name of an open sample, got "0"');
  });

  test.each(["__proto__", "constructor", "7", "", "NaN"])("a sample and a band may be called %j", (name) => {
    const image = problemOf({ name: "mse" }, [1, 1, 12, 12], 3, 0.1);
    const metrics = new BandMetrics({ bands: [name], dataRange: 1 });
    feed(metrics, image, "NCHW", { sample: name });
    expect(Object.entries(stored(metrics).compute().bands)).toEqual(Object.entries(metrics.compute().bands));
    expect(Object.keys(metrics.compute().bands)).toEqual([name]);
  });
});

test.each(metricsCases)(
  "golden: $title, sample by sample, stored between",
  ({ problem, valid, dataRange, bands, pooled }) => {
    let metrics = new BandMetrics({ bands, dataRange, valid });
    for (let b = 0; b < problem.shape[0]; b++) {
      feed(metrics, batchOf(problem, b, b + 1));
      metrics = stored(metrics);
    }
    const got = metrics.compute().bands;
    for (const band of bands) {
      const { count, rmse, mae, psnr } = pooled[band] as (typeof pooled)[string];
      const number = (x: number | string | null) => (x === null ? Number.NaN : Number(x));
      const want = { validCount: count, rmse: number(rmse), mae: number(mae), psnr: number(psnr) };
      const { validCount, ...rest } = got[band] as (typeof got)[string];
      expect(figuresError({ validCount, rmse: rest.rmse, mae: rest.mae, psnr: rest.psnr }, want, 1e-9)).toBe("");
    }
  },
);

test.each([[["ssim"]], [["uqi"]], [["uqi", "ssim", "uqi"]]] as const)(
  "without %j: NaN there, and not a bit of the others changes",
  (without) => {
    const image = problemOf({ name: "mse" }, [2, 3, 40, 33], 3);
    const [all, some] = [new BandMetrics(options), new BandMetrics({ ...options, without })];
    for (const metrics of [all, some]) feed(metrics, image);
    const left = (stats: object): object =>
      Object.fromEntries(
        Object.entries(stats).map(([k, x]) => [k, without.some((name) => name === k) ? Number.NaN : x]),
      );
    const want = all.compute();
    expect(stored(some).compute().scene).toEqual(left(want.scene));
    expect(some.compute().bands).toEqual(
      Object.fromEntries(Object.entries(want.bands).map(([name, stats]) => [name, left(stats)])),
    );
  },
);

describe("the state", () => {
  const filled = () => {
    const metrics = new BandMetrics({
      ...options,
      valid: { above: -Infinity, nodata: [7] },
      layout: "NHWC",
      ratio: 0.5,
    });
    feed(metrics, problemOf({ name: "mse" }, [2, 3, 12, 12], 1), "NHWC");
    feed(metrics, problemOf({ name: "mse" }, [1, 3, 12, 12], 2), "NHWC", { sample: "scene-7" });
    return metrics;
  };

  test("goes through JSON to the last bit, options and all", () => {
    const text = JSON.stringify(filled());
    expect(JSON.stringify(BandMetrics.fromJSON(JSON.parse(text)))).toBe(text);
    expect(text).not.toContain("null");
    const [read, original] = [BandMetrics.fromJSON(JSON.parse(text)), filled()];
    for (const metrics of [read, original]) feed(metrics, problemOf({ name: "mse" }, [1, 3, 9, 12], 3), "NHWC");
    expect(JSON.stringify(read)).toBe(JSON.stringify(original));
  });

  test("holds what pred's NaN has done, too", () => {
    const problem = problemOf({ name: "mse" }, [1, 3, 12, 12], 1, 0);
    problem.pred[0] = Number.NaN;
    problem.pred[144] = Infinity;
    const metrics = new BandMetrics(options);
    feed(metrics, problem);
    expect(stored(metrics).compute()).toEqual(metrics.compute());
    expect(metrics.compute().bands.red?.rmse).toBeNaN();
  });

  // biome-ignore lint/suspicious/noExplicitAny: the point is that it may be anything
  type State = any;
  test.each<[string, (state: State) => unknown, string]>([
    ["nothing", () => undefined, '"state": expected an object, got undefined'],
    ["a number", () => 3, '"state": expected an object, got a number'],
    [
      "another format",
      (s) => ({ ...s, format: "x" }),
      '"state.format": expected "valid-pixel-loss/BandMetrics", got "x"',
    ],
    ["a later version", (s) => ({ ...s, version: 3 }), '"state.version": expected 2, got 3'],
    ["no options", ({ options: _, ...s }) => s, '"state.options": expected an object, got undefined'],
    ["no data range", (s) => ({ ...s, options: {} }), '"state.options": "dataRange": expected a number, got undefined'],
    ["an unknown option", (s) => ({ ...s, options: { ...s.options, x: 1 } }), '"state.options": expected dataRange, '],
    ["bands among the options", (s) => ({ ...s, options: { ...s.options, bands: ["x"] } }), 'got "bands" among them'],
    [
      "a wrong option",
      (s) => ({ ...s, options: { ...s.options, dataRange: -1 } }),
      '"state.options": "dataRange": expected',
    ],
    ["no scene", ({ scene: _, ...s }) => s, '"state.scene": expected an object, got undefined'],
    ["bands that are none", (s) => ({ ...s, bands: {} }), '"state.bands": expected an array, got an Object'],
    [
      "half a count",
      (s) => ({ ...s, scene: { ...s.scene, total: 0.5 } }),
      '"state.scene.total": expected a whole number',
    ],
    ...["error", "target"].map((of): [string, (s: State) => unknown, string] => [
      `pixels of ${of} less than none`,
      (s) => ({ ...s, bands: s.bands.map((b: State) => ({ ...b, [of]: { ...b[of], weight: "-0x3p0" } })) }),
      `"state.bands[0].${of}.weight": expected a sum from 0 on, got -0x3p0`,
    ]),
    [
      "text for a number",
      (s) => ({ ...s, bands: s.bands.map((b: object) => ({ ...b, absError: "1" })) }),
      '"state.bands[0].absError": expected a sum such as "0x1a5p-12", got "1"',
    ],
    [
      "a sample of fewer bands",
      (s) => ({ ...s, open: [{ name: "a", bands: [] }] }),
      '"state.open[0].bands": expected 3 entries, got 0',
    ],
    ...(
      [
        ["state", (s) => s],
        ["state.scene", (s) => s.scene],
        ["state.scene.sam", (s) => s.scene.sam],
        ["state.bands[1]", (s) => s.bands[1]],
        ["state.bands[1].target", (s) => s.bands[1].target],
        ["state.bands[0].ssim", (s) => s.bands[0].ssim],
        ["state.open[0]", (s) => s.open[0]],
        ["state.open[0].bands[2]", (s) => s.open[0].bands[2]],
        ["state.open[0].bands[2].angle", (s) => s.open[0].bands[2].angle],
      ] as [string, (s: State) => State][]
    ).flatMap(([place, at]): [string, (s: State) => unknown, string][] => {
      const extra = (s: State) => {
        at(s).extra = 1;
        return s;
      };
      const missing = (s: State) => {
        delete at(s)[Object.keys(at(s)).at(-1) as string];
        return s;
      };
      return [
        [`more in ${place} than there is`, extra, `"${place}": expected `],
        [`less in ${place} than there is`, missing, `"${place}.`],
      ];
    }),
    ...(
      [
        ["state.bands[1].absError", (s) => [s.bands[1], "absError"]],
        ["state.bands[1].error.square", (s) => [s.bands[1].error, "square"]],
        ["state.bands[0].target.square", (s) => [s.bands[0].target, "square"]],
        ["state.bands[0].sam.count", (s) => [s.bands[0].sam, "count"]],
        ["state.scene.sam.count", (s) => [s.scene.sam, "count"]],
        ["state.open[0].bands[0].angle.weight", (s) => [s.open[0].bands[0].angle, "weight"]],
        ["state.open[0].bands[0].angle.square", (s) => [s.open[0].bands[0].angle, "square"]],
        ["state.open[0].bands[0].uqi.count", (s) => [s.open[0].bands[0].uqi, "count"]],
      ] as [string, (s: State) => [State, string]][]
    ).map(([place, at]): [string, (s: State) => unknown, string] => [
      `${place} below 0`,
      (s) => {
        const [of, key] = at(s);
        of[key] = "-0x1p0";
        return s;
      },
      `"${place}": expected a`,
    ]),
    [
      "more valid pixels than there are",
      (s) => ({ ...s, scene: { ...s.scene, total: 5 } }),
      '"state.bands[0].valid": expected a whole number from 0 to 5, got ',
    ],
    ["no bands", (s) => ({ ...s, bands: [] }), '"state.bands": expected at least one, got none'],
    [
      "bands of one name",
      (s) => ({ ...s, bands: [s.bands[0], s.bands[0], s.bands[2]] }),
      '"state.bands[1].name": expected each name once, got "red" again',
    ],
    [
      "a sample without one of the bands",
      (s) => ({ ...s, open: [{ ...s.open[0], bands: s.open[0].bands.slice(1) }] }),
      '"state.open[0].bands": expected 3 entries, got 2',
    ],
    [
      "a sample twice",
      (s) => ({ ...s, open: [s.open[0], s.open[0]] }),
      '"state.open[1].name": expected each name once, got',
    ],
  ])("is checked: %s", (_, change, message) => {
    const state = change(JSON.parse(JSON.stringify(filled())));
    expect(() => BandMetrics.fromJSON(state)).toThrow(message);
  });

  test("is empty again after reset", () => {
    const metrics = filled();
    metrics.reset();
    const { layout, ratio, valid } = { layout: "NHWC", ratio: 0.5, valid: { above: -Infinity, nodata: [7] } } as const;
    expect(JSON.stringify(metrics)).toBe(JSON.stringify(new BandMetrics({ ...options, layout, ratio, valid })));
  });
});

describe("errors", () => {
  const image = problemOf({ name: "mse" }, [1, 3, 14, 16], 1);

  test.each<[string, MetricsOptions, string]>([
    [
      "bands",
      { ...options, bands: ["red", "green", "nir"] },
      'bands, ["red","green","blue"], got ["red","green","nir"]',
    ],
    ["number of bands", { ...options, bands: ["red\ngreen", "blue"] }, "bands"],
    ["dataRange", { ...options, dataRange: 2 }, "dataRange, 1, got 2"],
    ["ratio", { ...options, ratio: 0.25 }, "ratio, 1, got 0.25"],
    ["without", { ...options, without: ["uqi"] }, 'without, [], got ["uqi"]'],
    ["rule", { ...options, valid: { above: 0 } }, 'valid rule, {"min":0}, got {"above":0}'],
    ["absence of a rule", { ...options, valid: {} }, 'valid rule, {"min":0}, got {}'],
  ])("accumulators of different %s do not merge", (_, other, message) => {
    expect(() => new BandMetrics(options).merge(new BandMetrics(other))).toThrow(
      `"other": expected the same ${message}`,
    );
  });

  test("what gives the same figures merges: rules written differently, another layout", () => {
    const same = new BandMetrics({ ...options, valid: { min: 0 }, layout: "NHWC", ratio: 1 });
    expect(() => new BandMetrics(options).merge(same)).not.toThrow();
    // JSON knows no -0.
    const fromZero = new BandMetrics({ ...options, valid: { min: -0 } });
    expect(() => stored(fromZero).merge(fromZero)).not.toThrow();
  });

  test("an accumulator does not merge with itself, or with what is none", () => {
    const metrics = new BandMetrics(options);
    expect(() => metrics.merge(metrics)).toThrow(RangeError);
    expect(() => metrics.merge({} as BandMetrics)).toThrow('"other": expected a BandMetrics, got an Object');
  });

  test.each<[string, object, string]>([
    ["an unknown option", { name: "a" }, 'got "name"'],
    ["a name that is none", { sample: 7 }, '"sample": expected a name, got a number'],
    ["a halo without a name", { halo: { left: 5 } }, '"sample": expected a name with "halo"'],
    ["a halo of more pixels", { sample: "a", halo: { left: 6 } }, '"halo.left": expected 0 to 5 pixels, got 6'],
    ["half a pixel", { sample: "a", halo: { top: 0.5 } }, '"halo.top": expected 0 to 5 pixels, got 0.5'],
    ["a side that is none", { sample: "a", halo: { front: 1 } }, 'got "front"'],
    ["a mask of another shape", { mask: tensor(new Uint8Array(4), [2, 2]) }, '"mask": expected shape'],
  ])("%s changes nothing", (_, given, message) => {
    const metrics = new BandMetrics(options);
    feed(metrics, image);
    const before = JSON.stringify(metrics);
    const { pred, target } = tensorsOf(image);
    expect(() => metrics.update(pred, target as Tensor, given)).toThrow(message);
    expect(JSON.stringify(metrics)).toBe(before);
    feed(metrics, image);
    expect(metrics.compute().bands.red?.validCount).toBe(2 * (whole(image).bands.red?.validCount ?? 0));
  });

  test.each<[string, object, string]>([
    ["a band without a name", { bands: ["red", undefined] }, '"bands": expected names, got undefined among them'],
    ["a gap among the bands", { bands: new Array(3) }, '"bands": expected names, got undefined among them'],
    [
      "a range that SSIM cannot do with",
      { dataRange: 1e-70 },
      '"dataRange": expected a finite number, of at least 1e-60',
    ],
    ["a figure that cannot be left out", { without: ["sam"] }, '"without": expected "ssim" or "uqi", got "sam"'],
    ["a word for figures", { without: "ssim" }, '"without": expected an array of figures, got a string'],
    ["a function for a rule", { valid: () => true }, '"valid": expected an object of options, got a function'],
    ["a function for a bound", { valid: { min: () => 0 } }, '"valid.min": expected a number, got a function'],
  ])("%s is refused at once", (_, wrong, message) => {
    expect(() => new BandMetrics({ ...options, ...wrong })).toThrow(message);
  });

  test("a window is one image, with a core", () => {
    const metrics = new BandMetrics({ bands: ["a"], dataRange: 1 });
    const batch = place(new Float32Array(8), shapeIn([2, 1, 2, 2], "NCHW"));
    expect(() => metrics.update(batch, batch, { sample: "a" })).toThrow(
      'expected one window of "sample", got a batch of 2',
    );
    const window = place(new Float32Array(16), [4, 4]);
    expect(() => metrics.update(window, window, { sample: "a", halo: { left: 2, right: 2 } })).toThrow(
      '"halo": expected a core',
    );
  });
});
