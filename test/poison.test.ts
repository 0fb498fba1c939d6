import { describe, expect, test } from "vitest";
import { run } from "./support/api.ts";
import { bitsError, bitsOf, positiveZeroError } from "./support/compare.ts";
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
import { at } from "../reference/layout.ts";
import type { Base, Problem, Settings } from "../reference/losses.ts";

const poisons = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e38, -1e38, 3.4e38, 1e-45];
const pick = (random: () => number) => at(poisons, Math.floor(poisons.length * random()));

const variants = everyBase.flatMap((base) =>
  groupingsOf(base).flatMap((groupBy) =>
    layouts.map((layout) => ({ title: `${titleOf(base)}, ${groupBy}, ${layout}`, base, groupBy, layout })),
  ),
);
const shape = [2, 3, 7, 9] as const;

/** The mask [B, C, H, W] (or [B, H, W] for classes) with a third of its bytes 0. */
function masked(problem: Problem, base: Base, seed: number): Problem {
  const random = seeded(seed);
  const [B, C, H, W] = problem.shape;
  const maskShape = base.name === "crossEntropy" ? [B, H, W] : [B, C, H, W];
  const data = Uint8Array.from({ length: problem.target.length }, () =>
    random() < 0.3 ? 0 : 1 + Math.floor(255 * random()),
  );
  return { ...problem, mask: { data, shape: maskShape } };
}

function expectSame(base: Base, clean: Problem, poisoned: Problem, settings: Settings) {
  const want = run(base, clean, settings);
  expect(want.groups.validCount.some((n) => n > 0)).toBe(true);
  for (const memory of ["staged", "in place"] as const) {
    const got = run(base, poisoned, settings, memory);
    expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
    expect(bitsError(bitsOf([got.numerator, got.weightSum]), bitsOf([want.numerator, want.weightSum]))).toBe("");
    for (const figure of ["loss", "weight", "validCount"] as const)
      expect(bitsError(bitsOf(got.groups[figure]), bitsOf(want.groups[figure]))).toBe("");
    expect(bitsError(got.grad.data, want.grad.data)).toBe("");
  }
  return want.grad.data;
}

describe("what stands at invalid pixels changes no bit", () => {
  test.each(variants)("pred: $title", ({ base, groupBy, layout }) => {
    const problem = inLayout(masked(problemOf(base, shape, 11), base, 12), layout);
    const invalid = invalidOf(base, problem, layout);
    const random = seeded(13);
    const pred = problem.pred.map((x, i) => (invalid[i] ? pick(random) : x));
    const clean = { ...problem, pred: problem.pred.map((x, i) => (invalid[i] ? 0.5 : x)) };
    for (const reduction of ["mean", "sum", "none"] as const) {
      const grad = expectSame(base, clean, { ...problem, pred }, { groupBy, layout, reduction });
      expect(positiveZeroError(grad, (i) => invalid[i] === true)).toBe("");
    }
  });

  test.each(variants.filter(({ base }) => base.name !== "crossEntropy"))(
    "target under the mask: $title",
    ({ base, groupBy, layout }) => {
      const problem = inLayout(masked(problemOf(base, shape, 21), base, 22), layout);
      const random = seeded(23);
      const target = (problem.target as Float32Array).map((x, i) => (problem.mask?.data[i] === 0 ? pick(random) : x));
      expectSame(base, problem, { ...problem, target }, { groupBy, layout });
    },
  );

  test.each(variants.filter(({ base }) => base.name !== "crossEntropy"))(
    "target outside the rule: $title",
    ({ base, groupBy, layout }) => {
      const problem = inLayout(problemOf(base, shape, 31), layout);
      const random = seeded(33);
      const out = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e38, -1e38, 77, -0.25];
      const target = (problem.target as Float32Array).map((x) =>
        x >= 0 ? x : at(out, Math.floor(out.length * random())),
      );
      expectSame(
        base,
        problem,
        { ...problem, target },
        { groupBy, layout, valid: { min: 0, below: 70, nodata: [77] } },
      );
    },
  );

  test("classes under the mask and classes that are ignored", () => {
    const base: Base = { name: "crossEntropy", params: { ignoreIndex: 255 } };
    const problem = masked(problemOf(base, [2, 3, 7, 9], 41), base, 42);
    const target = (problem.target as Int32Array).map((k, i) => (problem.mask?.data[i] === 0 ? 1000 : k < 0 ? 255 : k));
    expectSame(base, problem, { ...problem, target }, {});
  });
});

describe("what stands at a valid pixel is not hidden", () => {
  test.each(variants)("$title", ({ base, groupBy, layout }) => {
    const problem = inLayout(problemOf(base, shape, 51), layout);
    const invalid = invalidOf(base, problem, layout);
    const positions = [invalid.indexOf(false), invalid.lastIndexOf(false)];
    for (const i of positions)
      for (const x of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const pred = problem.pred.slice();
        pred[i] = x;
        const { value } = run(base, { ...problem, pred }, { groupBy, layout });
        expect([x, i, Number.isFinite(value as number)]).toEqual([x, i, false]);
      }
  });

  test.each(everyBase)("$name: nor where the target is all zeros", (base) => {
    const problem = problemOf(base, shape, 55, 0);
    const target = problem.target.map(() => 0);
    for (const x of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const pred = problem.pred.slice();
      pred[0] = x;
      expect([x, Number.isFinite(run(base, { ...problem, pred, target }, {}).value as number)]).toEqual([x, false]);
    }
  });

  test("one NaN stays in its group", () => {
    for (const base of everyBase.filter((b) => !perPixel(b))) {
      const problem = problemOf(base, shape, 61, 0);
      const plane = problem.shape[2] * problem.shape[3];
      const pred = problem.pred.slice();
      pred[plane + 7] = Number.NaN; // sample 0, channel 1
      const { groups } = run(base, { ...problem, pred }, { groupBy: "channel" });
      expect(Array.from(groups.loss, Number.isNaN)).toEqual([false, true, false, false, false, false]);
    }
  });
});
