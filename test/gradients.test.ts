import { describe, expect, test } from "vitest";
import { criterionOf, run, tensorsOf } from "./support/api.ts";
import { bitsError, bitsOf, gradError, positiveZeroError, valueError, zeroError } from "./support/compare.ts";
import {
  bases,
  groupingsOf,
  inLayout,
  invalidOf,
  layouts,
  problemOf,
  reductions,
  settingsOf,
  titleOf,
  upstreamOf,
} from "./support/data.ts";
import { centralDifferences } from "./support/differences.ts";
import { at, type Shape, sizeOf } from "../reference/layout.ts";
import { type Base, reference, type Settings } from "../reference/losses.ts";

describe.each(bases.map((base) => ({ base, title: titleOf(base) })))("$title", ({ base }) => {
  test("value, figures of the groups and gradient are those of the reference", () => {
    const shape: Shape = [2, 3, 7, 11];
    for (const settings of settingsOf(base)) {
      const problem = {
        ...inLayout(problemOf(base, shape, 5), settings.layout ?? "NCHW"),
        gradOutput: upstreamOf(shape, settings),
      };
      const want = reference(base, problem, settings);
      const got = run(base, problem, settings);
      const errors = [
        valueError(got.value, want.value),
        valueError(got.numerator, want.numerator),
        valueError(got.weightSum, want.weightSum, 1e-12),
        valueError(got.groups.loss, want.groups.loss),
        valueError(got.groups.weight, want.groups.weight, 1e-12),
        gradError(got.grad.data, want.grad),
      ];
      expect([settings, ...errors]).toEqual([settings, ...errors.map(() => "")]);
    }
  });

  test("the gradient is the slope of the value that is returned", () => {
    const shape: Shape = [2, 3, 2, 4];
    for (const layout of layouts)
      for (const groupBy of groupingsOf(base)) {
        const settings: Settings = { groupBy, layout };
        const problem = inLayout(problemOf(base, shape, 7), layout);
        const invalid = invalidOf(base, problem, layout);
        const { target } = tensorsOf(problem, layout);
        const criterion = criterionOf(base, settings);
        // Steps of 2^-10 are exact in float32; where the loss bends within one step, the reference's own differences say by how much.
        const h = 2 ** -10;
        const pred = Float64Array.from(problem.pred.map((x) => Math.round(x * 2 ** 12) / 2 ** 12));
        const api = (p: Float64Array) =>
          criterion.forward(tensorsOf({ ...problem, pred: Float32Array.from(p) }, layout).pred, target).value as number;
        const plain = (p: Float64Array) => reference(base, { ...problem, pred: p }, settings).value as number;
        const free = (i: number) => !invalid[i];
        const got = centralDifferences(api, pred, h, free);
        const want = centralDifferences(plain, pred, h, free);
        expect(gradError(got, want, 1e-6 / h)).toBe("");
        const { grad } = run(base, { ...problem, pred: Float32Array.from(pred) }, settings);
        const bend = Math.max(
          ...want.map((x, i) => Math.abs(x - at(reference(base, { ...problem, pred }, settings).grad, i))),
        );
        const size = Math.max(...want.map(Math.abs));
        expect(gradError(grad.data, got, 1e-6 / h + bend / size)).toBe("");
      }
  });
});

describe("gradient where there is none", () => {
  const one = (base: Base, pred: number[], target: number[], settings: Settings = {}) =>
    run(
      base,
      { shape: [1, pred.length, 1, 1], pred: Float32Array.from(pred), target: Float32Array.from(target) },
      { groupBy: "sample", ...settings },
    );
  const all: Settings = { valid: {} };

  test("|d| at 0: mae, pinball, rmse of an exact match", () => {
    for (const base of [{ name: "mae" }, { name: "pinball", params: { q: 0.7 } }, { name: "rmse" }] satisfies Base[]) {
      const { value, grad } = one(base, [0, 0.5, 3], [0, 0.5, 3]);
      expect(value).toBe(0);
      expect(zeroError(grad.data, () => true)).toBe("");
    }
    expect(one({ name: "mae" }, [1, 2, 3], [1, 1, 4]).grad.data).toEqual(Float32Array.of(0, 1 / 3, -1 / 3));
    expect(one({ name: "pinball", params: { q: 0.75 } }, [1, 2, 3, 4], [1, 1, 4, 4]).grad.data).toEqual(
      Float32Array.of(0, 0.25 / 4, -0.75 / 4, 0),
    );
  });

  test("huber and smoothL1 where the parabola meets the line: the slope of both", () => {
    expect(one({ name: "huber", params: { delta: 0.5 } }, [1, 1, 2, 2], [0.5, 1.5, 1, 1]).grad.data).toEqual(
      Float32Array.of(0.125, -0.125, 0.125, 0.125),
    );
    expect(one({ name: "smoothL1", params: { beta: 0.5 } }, [1, 1, 2, 2], [0.5, 1.5, 1, 1]).grad.data).toEqual(
      Float32Array.of(0.25, -0.25, 0.25, 0.25),
    );
  });

  test.each(["vectorAngle", "sam"] as const)("%s: angles of exactly 0 and π, zero vectors", (name) => {
    const base: Base = { name };
    const cases: [pred: number[], target: number[], angle: number][] = [
      [[1, 2, 3], [1, 2, 3], 0],
      [[2, 4, 6], [1, 2, 3], 0],
      [[3, 6, 9], [1, 2, 3], 0],
      [[1, 2, 3], [7, 14, 21], 0],
      [[0.1, 0.2, 0.4].map(Math.fround), [0.1, 0.2, 0.4].map(Math.fround), 0],
      [[-1, -2, -3], [1, 2, 3], Math.PI],
      [[-5, -10, -15], [3, 6, 9], Math.PI],
      [[0, 0, 0], [0, 0, 0], 0],
      [[0, 0, 0], [1, 2, 3], Math.PI / 2],
      [[1, 2, 3], [0, 0, 0], Math.PI / 2],
      [[-0, 0, -0], [0, -0, 0], 0],
    ];
    for (const [pred, target, angle] of cases) {
      const { value, grad, groups } = one(base, pred, target, all);
      expect([pred, target, valueError(value, angle)]).toEqual([pred, target, ""]);
      expect([pred, target, zeroError(grad.data, () => true)]).toEqual([pred, target, ""]);
      expect(groups.weight[0]).toBe(1); // such pixels still count
    }
  });

  test.each(["vectorAngle", "sam"] as const)("%s: one channel has no angle but 0 and π", (name) => {
    for (const [p, t, angle] of [
      [0.7, 0.3, 0],
      [-0.7, 0.3, Math.PI],
      [1e-30, 1e30, 0],
    ] as const) {
      const { value, grad } = one({ name }, [p], [t]);
      expect([p, t, valueError(value, angle)]).toEqual([p, t, ""]);
      expect([p, t, zeroError(grad.data, () => true)]).toEqual([p, t, ""]);
    }
  });

  test("sam any does not count a pixel with one valid channel", () => {
    const { value, grad, groups } = one({ name: "sam", params: { pixels: "any" } }, [1, 2, 3], [1, -1, -1]);
    expect(value).toBe(0);
    expect(groups.validCount[0]).toBe(0);
    expect(zeroError(grad.data, () => true)).toBe("");
  });

  test("bce at p = t in {0, 1}", () => {
    const { value, grad } = one({ name: "bce" }, [0, 1, 0.25], [0, 1, 0.25]);
    expect(valueError(value, -(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75)) / 3)).toBe("");
    expect(zeroError(grad.data, () => true)).toBe("");
  });

  test("nothing valid: 0 and +0", () => {
    for (const base of bases) {
      const problem = problemOf(base, [2, 2, 3, 3], 9);
      for (const reduction of reductions) {
        const got = run(base, { ...problem, target: problem.target.map(() => -1) as Float32Array }, { reduction });
        expect(bitsError(bitsOf(got.value), bitsOf(reduction === "none" ? got.groups.loss.map(() => 0) : 0))).toBe("");
        expect([got.numerator, got.weightSum]).toEqual([0, 0]);
        expect(positiveZeroError(got.grad.data, () => true)).toBe("");
      }
    }
  });
});

describe("gradOutput and normalizer", () => {
  const shape: Shape = [3, 2, 5, 5];
  test.each(bases.map((base) => ({ base, title: titleOf(base) })))("$title", ({ base }) => {
    const problem = problemOf(base, shape, 15);
    for (const given of [
      { gradOutput: 3 },
      { gradOutput: 0 },
      { normalizer: 7.25 },
      { gradOutput: -1e-3, normalizer: 0.5 },
    ]) {
      const want = reference(base, { ...problem, ...given });
      const got = run(base, { ...problem, ...given });
      expect([given, valueError(got.value, want.value), gradError(got.grad.data, want.grad)]).toEqual([given, "", ""]);
      expect(valueError(got.weightSum, want.weightSum, 1e-12)).toBe("");
    }
  });

  test("the gradient of an upstream 0 is 0 at every size", () => {
    const got = run({ name: "mse" }, { ...problemOf({ name: "mse" }, shape, 16), gradOutput: 0 });
    expect(got.grad.data.every((g) => g === 0)).toBe(true);
    expect(got.grad.data.length).toBe(sizeOf(shape));
  });
});
