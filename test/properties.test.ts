import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FlexibleWeightedLoss, mae } from "../src/index.ts";
import { memories, run, tensorsOf } from "./support/api.ts";
import { bitsError, bitsOf, gradError, valueError } from "./support/compare.ts";
import {
  everyBase,
  groupingsOf,
  inLayout,
  invalidOf,
  layouts,
  perPixel,
  problemOf,
  seeded,
  titleOf,
} from "./support/data.ts";
import { at, type Shape } from "../reference/layout.ts";
import { type Base, type Problem, reference, type Settings } from "../reference/losses.ts";

/** A base, a shape, a share of holes, settings: what a property holds for. */
const situation = fc
  .record({
    base: fc.constantFrom(...everyBase),
    shape: fc.tuple(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 2, max: 4 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 9 }),
    ),
    seed: fc.nat(1e6),
    invalid: fc.constantFrom(0, 0.1, 0.5, 0.9, 1),
    layout: fc.constantFrom(...layouts),
    weighting: fc.constantFrom("sqrt" as const, "linear" as const, "uniform" as const, 0, 0.5, 1, 2, 0.3),
    reduction: fc.constantFrom("mean" as const, "sum" as const, "none" as const),
    first: fc.boolean(),
  })
  .map(({ base, shape, seed, invalid, layout, weighting, reduction, first }) => {
    const [a, b] = groupingsOf(base);
    const settings = { layout, weighting, reduction, groupBy: (first ? a : b) ?? "sample" } as const;
    return {
      base,
      shape: shape as Shape,
      seed,
      invalid,
      settings,
      problem: inLayout(problemOf(base, shape as Shape, seed, invalid), layout),
    };
  });

/** The samples `from ≤ b < to` of a problem: in both layouts the samples follow one another. */
function samples(problem: Problem, from: number, to: number): Problem {
  const [B, C, H, W] = problem.shape;
  const cut = <T extends Problem["target"] | Problem["pred"]>(data: T) =>
    data.slice((from * data.length) / B, (to * data.length) / B) as T;
  return { ...problem, shape: [to - from, C, H, W], pred: cut(problem.pred), target: cut(problem.target) };
}

function join(parts: readonly Problem[]): Problem {
  const [, C, H, W] = (parts[0] as Problem).shape;
  const cat = <T extends Problem["target"] | Problem["pred"]>(arrays: T[]) =>
    new ((arrays[0] as T).constructor as new (numbers: number[]) => T)(arrays.flatMap((a) => Array.from(a)));
  return {
    shape: [parts.reduce((n, p) => n + p.shape[0], 0), C, H, W],
    pred: cat(parts.map((p) => p.pred)),
    target: cat(parts.map((p) => p.target)),
  };
}

// The same examples in every run; SEED and RUNS in the environment look further.
fc.configureGlobal({ seed: Number(process.env.SEED ?? 1) });
const runs = { numRuns: Number(process.env.RUNS ?? 150) };

describe("for every base, shape, layout and setting", () => {
  test("value, figures and gradient are those of the f64 reference", () => {
    fc.assert(
      fc.property(situation, ({ base, problem, settings }) => {
        const gradOutput =
          settings.reduction === "none" ? reference(base, problem, settings).groups.loss.map((_, g) => g - 1.5) : 1.5;
        const want = reference(base, { ...problem, gradOutput }, settings);
        const got = run(base, { ...problem, gradOutput }, settings);
        expect(valueError(got.value, want.value)).toBe("");
        expect(valueError(got.groups.loss, want.groups.loss)).toBe("");
        expect(valueError(got.groups.weight, want.groups.weight, 1e-12)).toBe("");
        expect(Array.from(got.groups.validCount)).toEqual(want.groups.validCount);
        expect(Array.from(got.groups.totalCount)).toEqual(want.groups.totalCount);
        expect(gradError(got.grad.data, want.grad)).toBe("");
      }),
      runs,
    );
  });

  test("NaN in every invalid pixel changes no bit", () => {
    fc.assert(
      fc.property(situation, ({ base, problem, settings }) => {
        const invalid = invalidOf(base, problem, settings.layout);
        const pred = problem.pred.map((x, i) => (invalid[i] ? Number.NaN : x));
        const target =
          problem.target instanceof Float32Array
            ? problem.target.map((t) => (t >= 0 ? t : Number.NaN))
            : problem.target;
        const gradOutput =
          settings.reduction === "none" ? reference(base, problem, settings).groups.loss.map(() => 1) : 1;
        const want = run(base, { ...problem, gradOutput }, settings);
        const got = run(base, { ...problem, pred, target, gradOutput }, settings);
        expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
        expect(bitsError(got.grad.data, want.grad.data)).toBe("");
      }),
      runs,
    );
  });

  test("permuting samples permutes groups, and with them the gradient", () => {
    fc.assert(
      fc.property(situation, fc.nat(), ({ base, problem, settings }, seed) => {
        const B = problem.shape[0];
        const random = seeded(seed);
        const order = Array.from({ length: B }, (_, b) => ({ b, key: random() }))
          .sort((x, y) => x.key - y.key)
          .map(({ b }) => b);
        const permuted = join(order.map((b) => samples(problem, b, b + 1)));
        const sum: Settings = { ...settings, reduction: "sum" };
        const [want, got] = [run(base, problem, sum), run(base, permuted, sum)];
        const perSample = want.groups.loss.length / B;
        for (const figure of ["loss", "weight", "validCount"] as const) {
          const expected = order.flatMap((b) =>
            Array.from(want.groups[figure]).slice(b * perSample, (b + 1) * perSample),
          );
          expect(Array.from(got.groups[figure])).toEqual(expected);
        }
        const n = want.grad.data.length / B;
        const grad = order.flatMap((b) => Array.from(want.grad.data.slice(b * n, (b + 1) * n)));
        expect(Array.from(got.grad.data)).toEqual(grad);
      }),
      runs,
    );
  });

  test("micro-batches merge into the whole: Σ numerator / Σ weightSum, and gradients by the common normalizer", () => {
    fc.assert(
      fc.property(situation, fc.nat(3), ({ base, problem, settings }, cut) => {
        const B = problem.shape[0];
        const at = cut % (B + 1);
        const mean: Settings = { ...settings, reduction: "mean" };
        const whole = run(base, problem, mean);
        const ranges = [[0, at] as const, [at, B] as const].filter(([from, to]) => to > from);
        const parts = ranges.map(([from, to]) => samples(problem, from, to));
        const forward = parts.map((part) => run(base, part, mean));
        const numerator = forward.reduce((total, r) => total + r.numerator, 0);
        const normalizer = forward.reduce((total, r) => total + r.weightSum, 0);
        expect(valueError(normalizer, whole.weightSum, 1e-14)).toBe("");
        expect(valueError(numerator, whole.numerator, 1e-12)).toBe("");
        if (normalizer === 0) return;
        expect(valueError(numerator / normalizer, whole.value, 1e-12)).toBe("");
        const results = parts.map((part) => run(base, { ...part, normalizer }, mean));
        expect(
          valueError(
            results.reduce((total, r) => total + (r.value as number), 0),
            whole.value,
            1e-12,
          ),
        ).toBe("");
        const grad = Float32Array.from(results.flatMap((r) => Array.from(r.grad.data)));
        expect(gradError(grad, whole.grad.data, 2 ** -23)).toBe("");
      }),
      runs,
    );
  });

  test("gradient and value are linear in what comes from above", () => {
    fc.assert(
      fc.property(situation, fc.constantFrom(2, -4, 0.5, 1024), ({ base, problem, settings }, factor) => {
        const mean: Settings = { ...settings, reduction: "mean" };
        const [one, scaled] = [run(base, problem, mean), run(base, { ...problem, gradOutput: factor }, mean)];
        expect(scaled.value).toBe(one.value);
        // A slope of 0 times a factor below 0 is −0.
        expect(Array.from(scaled.grad.data, (g) => g + 0)).toEqual(Array.from(one.grad.data, (g) => g * factor + 0));
      }),
      runs,
    );
  });

  test("both layouts answer alike", () => {
    fc.assert(
      fc.property(situation, ({ base, shape, seed, invalid, settings }) => {
        const planar = problemOf(base, shape, seed, invalid);
        const sum: Settings = { ...settings, reduction: "sum" };
        const [a, b] = layouts.map((layout) => run(base, inLayout(planar, layout), { ...sum, layout }));
        expect(valueError(b?.value ?? Number.NaN, a?.value ?? 0, 1e-6)).toBe("");
        expect(Array.from(b?.groups.validCount ?? [])).toEqual(Array.from(a?.groups.validCount ?? []));
      }),
      runs,
    );
  });
});

describe("weighting", () => {
  const means: Base[] = everyBase.filter(({ name }) => !["rmse", "vectorAngle", "dice", "ssim"].includes(name));

  test("linear weights over groups of one size make the pooled mean over all valid pixels", () => {
    fc.assert(
      fc.property(situation, ({ base, problem, settings }) => {
        if (!means.includes(base)) return;
        const linear: Settings = { ...settings, weighting: 1, reduction: "mean" };
        const { shape } = problem;
        // One group that holds everything: the samples one below the other.
        const pooled = reference(base, problem, { ...linear, weighting: "linear" });
        const count = pooled.groups.validCount.reduce((n, c) => n + c, 0);
        const total = pooled.groups.loss.reduce((sum, loss, g) => sum + loss * at(pooled.groups.validCount, g), 0);
        const got = run(base, problem, linear);
        expect(valueError(got.value, count ? total / count : 0)).toBe("");
        if (settings.layout === "NHWC" && !perPixel(base)) {
          const [B, C, H, W] = shape;
          const stacked: Problem = { ...problem, shape: [1, C, B * H, W] };
          const one = run(base, stacked, { ...linear, groupBy: "sample" });
          expect(valueError(got.value, one.value)).toBe("");
        }
      }),
      runs,
    );
  });

  test("sqrt is 0.5, linear is 1, uniform is 0, to the bit", () => {
    fc.assert(
      fc.property(situation, ({ base, problem, settings }) => {
        for (const [name, p] of [
          ["sqrt", 0.5],
          ["linear", 1],
          ["uniform", 0],
        ] as const) {
          const [named, power] = [name, p].map((weighting) =>
            run(base, problem, { ...settings, reduction: "sum", weighting }),
          );
          expect(bitsError(bitsOf(named?.value ?? 0), bitsOf(power?.value ?? 1))).toBe("");
          expect(bitsError(named?.grad.data ?? new Float32Array(), power?.grad.data ?? new Float32Array(1))).toBe("");
        }
      }),
      { numRuns: Math.ceil(runs.numRuns / 3) },
    );
  });

  test("r^p within 1e-12 of Math.pow", () => {
    const problem = problemOf({ name: "mse" }, [3, 2, 6, 7], 2, 0.6);
    for (const p of [0, 1e-3, 0.25, 1 / 3, 0.5, 0.75, 1, 1.5, 2, 3, 10, -0.5, -1]) {
      const { groups } = run({ name: "mse" }, problem, { weighting: p });
      const want = Array.from(groups.validCount, (n, g) => (n ? (n / at(groups.totalCount, g)) ** p : 0));
      expect([p, valueError(groups.weight, want, 1e-12)]).toEqual([p, ""]);
    }
  });
});

describe("the valid rule", () => {
  const rule = fc.record(
    {
      min: fc.constantFrom(-1, 0, 0.1, 0.25, Number.NEGATIVE_INFINITY),
      above: fc.constantFrom(-1, 0, 0.1, 0.25),
      max: fc.constantFrom(0.75, 0.9, 2, Number.POSITIVE_INFINITY),
      below: fc.constantFrom(0.75, 0.9, 2),
      nodata: fc.subarray([0.1, 0.25, 0.5, 0.75, -9999, 0]),
    },
    { requiredKeys: [] },
  );
  const grid = [0.1, 0.25, 0.5, 0.75, 0.9, -1, 0, -0, 2, -9999, Number.NaN, -0.5].map(Math.fround);

  test("every combination of parts, mask and broadcast", () => {
    fc.assert(
      fc.property(
        rule,
        fc.constantFrom({ name: "mse" } as Base, { name: "sam" } as Base, { name: "rmse" } as Base),
        fc.constantFrom(...layouts),
        fc.option(fc.constantFrom("full", "plane", "row", "channel", "sample")),
        fc.nat(1e6),
        (valid, base, layout, masking, seed) => {
          const random = seeded(seed);
          const target = Float32Array.from({ length: 2 * 3 * 4 * 5 }, () =>
            at(grid, Math.floor(grid.length * random())),
          );
          const pred = target.map(() => random());
          const maskShapes = {
            full: layout === "NCHW" ? [2, 3, 4, 5] : [2, 4, 5, 3],
            plane: layout === "NCHW" ? [4, 5] : [4, 5, 1],
            row: layout === "NCHW" ? [1, 1, 1, 5] : [1, 1, 5, 1],
            channel: layout === "NCHW" ? [1, 3, 1, 1] : [1, 1, 1, 3],
            sample: [2, 1, 1, 1],
          };
          const shape = masking ? maskShapes[masking as keyof typeof maskShapes] : [];
          const bytes = Uint8Array.from({ length: shape.reduce((n, x) => n * x, 1) }, () =>
            random() < 0.4 ? 0 : 255 * random() + 1,
          );
          const problem: Problem = {
            shape: [2, 3, 4, 5],
            pred,
            target,
            ...(masking ? { mask: { data: bytes, shape } } : {}),
          };
          const settings: Settings = { valid, layout, groupBy: "sample" };
          const want = reference(base, problem, settings);
          for (const memory of ["staged", "in place", "misaligned"] as const) {
            const got = run(base, problem, settings, memory);
            expect(Array.from(got.groups.validCount)).toEqual(want.groups.validCount);
            expect(valueError(got.value, want.value)).toBe("");
            expect(gradError(got.grad.data, want.grad)).toBe("");
          }
        },
      ),
      { numRuns: 2 * runs.numRuns },
    );
  });

  test("threshold: x is valid: { above: x }", () => {
    const problem = problemOf({ name: "mae" }, [2, 3, 5, 6], 4);
    const { pred, target } = tensorsOf(problem);
    for (const x of [-1, 0, 0.1, 0.5, Number.NEGATIVE_INFINITY]) {
      const short = new FlexibleWeightedLoss(mae(), { threshold: x }).valueAndGrad(pred, target);
      const long = run({ name: "mae" }, problem, { valid: { above: x } });
      expect(bitsError(bitsOf(short.value), bitsOf(long.value))).toBe("");
      expect(bitsError(short.grad.data, long.grad.data)).toBe("");
    }
  });

  test("classes are the same numbers as Int32Array, Uint8Array and Float32Array", () => {
    const base: Base = { name: "crossEntropy", params: { ignoreIndex: 255 } };
    const problem = problemOf(base, [2, 5, 6, 7], 5);
    const target = (problem.target as Int32Array).map((k) => (k < 0 ? 255 : k));
    for (const layout of layouts) {
      const laid = inLayout({ ...problem, target }, layout);
      const want = run(base, laid, { layout });
      expect(gradError(want.grad.data, reference(base, laid, { layout }).grad)).toBe("");
      for (const same of [Uint8Array.from(target), Float32Array.from(target)])
        for (const memory of memories) {
          const got = run(base, { ...laid, target: same }, { layout }, memory);
          expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
          expect(bitsError(got.grad.data, want.grad.data)).toBe("");
        }
    }
  });

  test("compares in float32: 0.1 is the float32 next to 0.1", () => {
    const stored = Math.fround(0.1); // a little more than 0.1
    const problem: Problem = { shape: [1, 1, 1, 2], pred: Float32Array.of(1, 1), target: Float32Array.of(stored, 0.5) };
    const count = (valid: Settings["valid"]) =>
      run({ name: "mse" }, problem, valid ? { valid } : {}).groups.validCount[0];
    expect(count({ min: 0.1 })).toBe(2);
    expect(count({ above: 0.1 })).toBe(1);
    expect(count({ max: 0.1 })).toBe(1);
    expect(count({ below: 0.1 })).toBe(0);
    expect(count({ nodata: [0.1] })).toBe(1);
    expect(count({ nodata: [] })).toBe(2);
    expect(count({ nodata: [0.1, 0.5, 7] })).toBe(0);
  });

  test("{} leaves NaN and the mask to decide; Infinity is valid there", () => {
    const target = Float32Array.of(Number.NaN, -1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
    const problem: Problem = { shape: [1, 1, 1, 4], pred: new Float32Array(4), target };
    expect(run({ name: "mae" }, problem, { valid: {} }).groups.validCount[0]).toBe(3);
    const mask = { data: Uint8Array.of(1, 1, 0, 0), shape: [1, 4] };
    const got = run({ name: "mae" }, { ...problem, mask }, { valid: {} });
    expect([got.groups.validCount[0], got.value]).toEqual([1, 1]);
  });

  test.each(everyBase.map((base) => titleOf(base)))("all masked: %s", (title) => {
    const base = everyBase.find((b) => titleOf(b) === title) as Base;
    const problem = problemOf(base, [2, 2, 5, 5], 1, 0);
    const [, , H, W] = problem.shape;
    const mask = { data: new Uint8Array(H * W), shape: [H, W] };
    const got = run(base, { ...problem, mask });
    expect([got.value, got.numerator, got.weightSum]).toEqual([0, 0, 0]);
    expect(got.grad.data.every((g) => Object.is(g, 0))).toBe(true);
  });
});
