import { describe, expect, test } from "vitest";
import { CombinedLoss, FlexibleWeightedLoss, mse, ssim, type Tensor, tensor, zeros } from "../src/index.ts";
import { criterionOf, memories, place, run, tensorsOf } from "./support/api.ts";
import { bitsError, bitsOf, gradError, positiveZeroError, valueError } from "./support/compare.ts";
import { inLayout, layouts, reductions, seeded, settingsOf, upstreamOf } from "./support/data.ts";
import { at, type Layout, offsetOf, type Shape, sizeOf } from "../reference/layout.ts";
import { type Base, combinedReference, type Problem, reference, type Settings } from "../reference/losses.ts";

const ways = (["normalize", "erode", "zero"] as const).map((invalid) => ({
  invalid,
  base: { name: "ssim", params: { dataRange: 1, invalid } } satisfies Base,
}));
const plain: Base = { name: "ssim", params: { dataRange: 1 } };

type Hole = (plane: number, row: number, column: number) => boolean;
const none: Hole = () => false;
/** Holes that leave some windows whole: what lies left of a slanted edge. */
const swath: Hole = (plane, row, column) => column < 2 + plane + row / 4;
const scattered = (share: number, seed = 1): Hole => {
  const random = seeded(seed);
  return () => random() < share;
};

/** Images with structure, NCHW, NaN in the holes. `level` and `range` are those of the target. */
function scene(shape: Shape, hole: Hole, { seed = 1, level = 0.1, range = 0.8 } = {}): Problem {
  const random = seeded(seed);
  const [, , H, W] = shape;
  const pred = new Float32Array(sizeOf(shape));
  const target = pred.map((_, i) => {
    const [plane, row, column] = [Math.floor(i / (H * W)), Math.floor(i / W) % H, i % W];
    const wave = 0.5 + 0.3 * Math.sin(row / 3 + plane) * Math.cos(column / 4) + 0.2 * random();
    pred[i] = level + range * (wave + 0.3 * (random() - 0.5));
    return hole(plane, row, column) ? Number.NaN : level + range * wave;
  });
  return { shape, pred, target };
}

/** Value, figures and gradient of the reference, and the same bits from every kind of memory. */
function expectRight(base: Base, planar: Problem, settings: Settings = {}) {
  const problem = inLayout(planar, settings.layout ?? "NCHW");
  const want = reference(base, problem, settings);
  const [staged, ...others] = memories.map((memory) => run(base, problem, settings, memory));
  if (!staged) throw new Error("no memory");
  const errors = [
    valueError(staged.value, want.value),
    valueError([staged.numerator, staged.weightSum], [want.numerator, want.weightSum]),
    valueError(staged.groups.loss, want.groups.loss),
    valueError(staged.groups.weight, want.groups.weight, 1e-12),
    gradError(staged.grad.data, want.grad),
    ...others.map((other) => bitsError(bitsOf(other.value), bitsOf(staged.value))),
    ...others.map((other) => bitsError(other.grad.data, staged.grad.data)),
  ];
  expect([base, problem.shape, settings, ...errors]).toEqual([base, problem.shape, settings, ...errors.map(() => "")]);
  expect(Array.from(staged.groups.validCount)).toEqual(want.groups.validCount);
  expect(Array.from(staged.groups.totalCount)).toEqual(want.groups.totalCount);
  const { pred, target, given } = tensorsOf(problem, settings.layout, "in place");
  const { value } = criterionOf(base, settings).forward(pred, target, given);
  expect(bitsError(bitsOf(value), bitsOf(staged.value))).toBe("");
  return { got: staged, want };
}

describe.each(ways)("ssim, invalid: $invalid", ({ base, invalid }) => {
  const shape: Shape = [2, 3, 14, 17];
  const hole = invalid === "erode" ? swath : scattered(0.3);

  test("value, figures and gradient in every grouping, reduction, weighting and layout", () => {
    for (const settings of settingsOf(base)) {
      const gradOutput = upstreamOf(shape, settings);
      const { want } = expectRight(base, { ...scene(shape, hole), gradOutput }, settings);
      expect(want.groups.loss.some((loss) => loss > 0.01)).toBe(true);
    }
  });

  test("a mask, full or broadcast, and every part of the rule", () => {
    for (const layout of layouts)
      for (const maskShape of [
        [2, 3, 14, 17],
        [2, 1, 14, 17],
        [1, 1, 14, 17],
        [1, 1, 14, 1],
        [1, 1, 1, 17],
        [2, 1, 1, 1],
        [1, 3, 1, 1],
      ]) {
        const [, , H, W] = maskShape as unknown as Shape;
        const data = Uint8Array.from({ length: sizeOf(maskShape) }, (_, i) => {
          const [plane, row, column] = [Math.floor(i / (H * W)), Math.floor(i / W) % H, i % W];
          if (H * W === 1) return plane;
          return (H > 1 && row < 2) || (W > 1 && column === 15 + (plane % 2)) ? 0 : 7;
        });
        const problem = { ...scene(shape, hole), mask: { data, shape: maskShape } };
        expectRight(base, problem, { layout, groupBy: "sample" });
        expectRight(base, problem, { layout, groupBy: "channel" });
      }
    const spiked = scene(shape, hole);
    spiked.target.set([0.125, 7, -3, 0.25], 40);
    for (const valid of [
      { min: 0.2 },
      { above: 0.125, below: 7 },
      { max: 0.85 },
      { nodata: [0.125, 7] },
      {},
      { min: 0.2, max: 0.8, nodata: [0.25] },
    ])
      expectRight(base, spiked, { valid });
  });

  test("what stands at invalid pixels changes no bit, and the gradient there is +0", () => {
    const clean = scene(shape, hole);
    const poisons = [Number.NaN, Number.POSITIVE_INFINITY, -1e38, 3.4e38, 1e-45];
    const bad = (i: number) => Number.isNaN(at(clean.target, i));
    const poisoned = {
      ...clean,
      pred: clean.pred.map((x, i) => (bad(i) ? at(poisons, i % 5) : x)),
      target: (clean.target as Float32Array).map((t, i) => (bad(i) ? at([-1, -1e38, -1 / 0, Number.NaN], i % 4) : t)),
    };
    for (const layout of layouts)
      for (const memory of memories) {
        const want = run(base, inLayout(clean, layout), { layout }, memory);
        const got = run(base, inLayout(poisoned, layout), { layout }, memory);
        expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
        expect(bitsError(got.grad.data, want.grad.data)).toBe("");
        const laid = inLayout(clean, layout).target;
        expect(positiveZeroError(got.grad.data, (i) => Number.isNaN(at(laid, i)))).toBe("");
      }
  });

  test.each([0, 0.1, 0.5, 0.9])("the gradient is the slope of the number that is returned: %s invalid", (share) => {
    const edge: Hole = (plane, row, column) => row < 2 || column > 17 || (row > 6 && column < plane + 2);
    const holes: Hole[] =
      invalid === "erode"
        ? [swath, (_, row, column) => row * 19 + column < share * 64, edge]
        : [scattered(share), edge];
    for (const hole of holes)
      for (const layout of layouts) {
        const problem = inLayout(scene([1, 2, 16, 19], hole, { seed: 5 }), layout);
        // Steps of 2^-14 are exact in float32.
        const pred = problem.pred.map((x) => Math.round(x * 2 ** 14) / 2 ** 14) as Float32Array;
        const criterion = criterionOf(base, { layout, groupBy: "sample" });
        const { target } = tensorsOf(problem, layout);
        const shape = layout === "NCHW" ? [1, 2, 16, 19] : [1, 16, 19, 2];
        const value = (i: number, step: number) =>
          criterion.forward(tensor(pred.with(i, at(pred, i) + step), shape), target).value as number;
        const slope = (i: number, h: number) => (value(i, h) - value(i, -h)) / (2 * h);
        const { grad } = criterion.valueAndGrad(tensor(pred, shape), target);
        const picked = Array.from({ length: 60 }, (_, k) => (k * 97) % pred.length);
        // Two steps, and what is left of the error is of fourth order.
        const slopes = picked.map((i) => {
          if (!(at(problem.target, i) >= 0)) return 0;
          return (4 * slope(i, 2 ** -12) - slope(i, 2 ** -11)) / 3;
        });
        expect(slopes.some((s) => Math.abs(s) > 1e-5)).toBe(true);
        expect(
          gradError(
            picked.map((i) => at(grad.data, i)),
            slopes,
            1e-5,
          ),
        ).toBe("");
      }
  });
});

describe("planes of every extent", () => {
  test.each([
    [11, 11],
    [11, 12],
    [12, 11],
    [11, 40],
    [40, 11],
    [13, 27],
    [11, 255],
    [11, 257],
    [12, 266],
    [11, 531],
    [128, 12],
    [133, 12],
    [149, 11],
    [300, 12],
  ])("%s × %s", (H, W) => {
    for (const hole of [none, scattered(0.2)]) expectRight(plain, scene([1, 2, H, W], hole));
  });

  test.each([
    [2047, 11],
    [2059, 12],
    [5000, 12],
    [12, 6000],
  ])("%s × %s: more than is held at a time", (H, W) => {
    for (const hole of [none, scattered(0.02)]) expectRight(plain, scene([1, 1, H, W], hole));
  });

  test("planes by the thousand", () => {
    for (const [layout, shape] of [
      ["NCHW", [2, 700, 11, 11]],
      ["NHWC", [1, 600, 11, 12]],
    ] satisfies [Layout, Shape][])
      for (const groupBy of ["sample", "channel"] as const)
        expectRight(plain, scene(shape, scattered(0.01)), { layout, groupBy });
  });

  test("rows of more than a million pixels, with nothing overwritten around them", () => {
    const W = 1_200_010;
    // The same 1000 columns again and again, and so are the windows.
    const level = (row: number, column: number) => (((column % 1000) * 7919 * (1 + row)) % 1009) / 1009;
    const fill = ({ data }: Tensor, width: number, f: (row: number, column: number) => number) => {
      for (let row = 0; row < 11; row++)
        for (let column = 0; column < width; column++) data[row * width + column] = f(row, column);
    };
    const criterion = new FlexibleWeightedLoss(ssim({ dataRange: 1 }), { valid: { min: 0, max: 2 } });
    const value = (width: number) => {
      using pred = zeros([11, width]);
      using target = zeros([11, width]);
      using behind = zeros([1, 1 << 20]);
      fill(target, width, level);
      fill(pred, width, (row, column) => level(row, column) + (column % 10) / 100);
      const copies = [pred.data.slice(), target.data.slice()] as const;
      const { value } = criterion.forward(pred, target);
      expect(bitsError(pred.data, copies[0])).toBe("");
      expect(bitsError(target.data, copies[1])).toBe("");
      expect(behind.data.every((x) => x === 0)).toBe(true);
      return value;
    };
    expect(valueError(value(W), value(2010), 1e-9)).toBe("");
  });

  test("smaller than a window: an error that says so, and the next call works", () => {
    const criterion = criterionOf(plain);
    const good = tensorsOf(scene([1, 2, 12, 13], none));
    const want = criterion.valueAndGrad(good.pred, good.target);
    for (const [H, W] of [
      [10, 11],
      [11, 10],
      [1, 1],
      [0, 20],
    ] as const) {
      const small = tensor(new Float32Array(H * W), [H, W]);
      const out = tensor(new Float32Array(H * W).fill(7), [H, W]);
      expect(() => criterion.forward(small, small)).toThrow(
        new RangeError(`"pred": expected planes of at least 11×11 pixels for ssim, got ${H}×${W}`),
      );
      expect(() => criterion.valueAndGrad(small, small, { out })).toThrow(RangeError);
      expect(out.data.every((x) => x === 7)).toBe(true);
      expect(bitsError(criterion.valueAndGrad(good.pred, good.target).grad.data, want.grad.data)).toBe("");
    }
  });
});

describe("groups", () => {
  test("of valid pixels but no centre among them are skipped", () => {
    // Plane 1 is valid near the border alone.
    const frame: Hole = (plane, row, column) => plane === 1 && row >= 5 && row < 9 && column >= 5 && column < 10;
    const problem = scene([1, 3, 14, 15], frame);
    for (const reduction of reductions) {
      const { got } = expectRight(plain, problem, { reduction });
      expect([got.groups.loss[1], got.groups.weight[1]]).toEqual([0, 0]);
      expect(positiveZeroError(got.grad.data, (i) => Math.floor(i / 210) === 1)).toBe("");
    }
    expectRight(plain, problem, { groupBy: "sample" });
    const cut = (data: Problem["target"]) => data.slice(210, 420) as Float32Array;
    const alone: Problem = {
      shape: [1, 1, 14, 15],
      pred: cut(problem.pred as Float32Array),
      target: cut(problem.target),
    };
    const { got } = expectRight(plain, alone);
    expect([got.value, got.weightSum]).toEqual([0, 0]);
  });

  test("that hold no window without a hole are skipped under erode", () => {
    const base: Base = { name: "ssim", params: { dataRange: 1, invalid: "erode" } };
    const { got } = expectRight(
      base,
      scene([1, 2, 15, 15], (plane, row, column) => plane === 0 && row === 7 && column === 7),
    );
    expect([got.groups.weight[0], at(got.groups.weight, 1) > 0]).toEqual([0, true]);
  });

  test("merge from micro-batches", () => {
    for (const settings of [{ groupBy: "sample" }, { groupBy: "channel", weighting: "linear" }] satisfies Settings[]) {
      const problem = scene([3, 2, 13, 14], scattered(0.3));
      const whole = run(plain, problem, settings);
      const size = problem.pred.length / 3;
      const parts = [0, 1, 2].map(
        (b): Problem => ({
          shape: [1, 2, 13, 14],
          pred: problem.pred.slice(b * size, (b + 1) * size),
          target: problem.target.slice(b * size, (b + 1) * size) as Float32Array,
        }),
      );
      const normalizer = parts.reduce((sum, part) => sum + run(plain, part, settings).weightSum, 0);
      const results = parts.map((part) => run(plain, { ...part, normalizer, gradOutput: -3 }, settings));
      const value = results.reduce((sum, r) => sum + (r.value as number), 0);
      expect(valueError(value, whole.value, 1e-12)).toBe("");
      const grad = results.flatMap((r) => Array.from(r.grad.data));
      expect(
        gradError(
          grad,
          whole.grad.data.map((g) => -3 * g),
          2 ** -22,
        ),
      ).toBe("");
    }
  });
});

describe("numbers", () => {
  test.each([
    [3000, 100, 100],
    [-1e5, 10, 10],
    [0, 1e20, 1e20],
    [0, 1e-20, 1e-20],
    [0.5, 1e-4, 1],
  ])("level %s, range %s, dataRange %s", (level, range, dataRange) => {
    for (const hole of [none, scattered(0.3)])
      expectRight({ name: "ssim", params: { dataRange } }, scene([1, 2, 17, 19], hole, { level, range }), {
        valid: {},
      });
  });

  test("rows far from the others take no digits from their variances", () => {
    // Under an upper bound rows are staged, the last ones apart from the first.
    const [H, W] = [160, 13];
    for (const far of [3e9, -3e9]) {
      const problem = scene([1, 2, H, W], none, { level: 3000, range: 100 });
      for (const plane of [1, 2])
        for (const image of [problem.pred, problem.target]) image.fill(far, (plane * H - 32) * W, plane * H * W);
      for (const groupBy of ["sample", "channel"] as const)
        for (const valid of [{}, { max: 1e20 }])
          expectRight({ name: "ssim", params: { dataRange: 100 } }, problem, { valid, groupBy });
    }
  });

  test("nor do channels far from each other in one group", () => {
    const shape: Shape = [2, 2, 17, 19];
    for (const hole of [none, scattered(0.3)]) {
      const [near, far] = [scene(shape, hole), scene(shape, hole, { level: 1e6, range: 2 })];
      const plane = 17 * 19;
      const mixed = (a: ArrayLike<number>, b: ArrayLike<number>) =>
        Float32Array.from(a, (x, i) => (Math.floor(i / plane) % 2 === 0 ? x : at(b, i)));
      const problem = { shape, pred: mixed(near.pred, far.pred), target: mixed(near.target, far.target) };
      for (const groupBy of ["sample", "channel"] as const)
        for (const layout of layouts) expectRight(plain, problem, { valid: {}, groupBy, layout });
    }
  });

  test("an image like itself: 0, and a gradient of 0", () => {
    for (const hole of [none, scattered(0.3)]) {
      const { shape, target } = scene([2, 2, 15, 16], hole);
      const got = run(plain, { shape, pred: target as Float32Array, target });
      expect(got.value).toBe(0);
      expect(positiveZeroError(got.grad.data, () => true)).toBe("");
    }
  });

  test("an image of one value everywhere, against another", () => {
    const flat = (x: number) => tensor(new Float32Array(12 * 13).fill(x), [12, 13]);
    // Luminance alone: 1 − (2ab + C1) / (a² + b² + C1).
    const want = 1 - (2 * 0.25 * 0.5 + 1e-4) / (0.25 ** 2 + 0.5 ** 2 + 1e-4);
    expect(valueError(criterionOf(plain).forward(flat(0.25), flat(0.5)).value, want, 1e-12)).toBe("");
    expect(criterionOf(plain).forward(flat(0), flat(0)).value).toBe(0);
  });
});

describe("among others", () => {
  test("in a combination, its gradient added to theirs", () => {
    for (const layout of layouts) {
      const terms = [
        { weight: 0.5, base: plain, settings: { layout } },
        { weight: 2, base: { name: "mse" }, settings: { layout, groupBy: "sample" } },
        { weight: -0.25, base: { ...plain, params: { dataRange: 2, invalid: "zero" } }, settings: { layout } },
        { weight: 1, base: { name: "sam" }, settings: { layout, weighting: "linear" } },
      ] satisfies { weight: number; base: Base; settings: Settings }[];
      for (const ordered of [terms, terms.toReversed()]) {
        const criterion = new CombinedLoss(
          ordered.map(({ weight, base, settings }) => ({ weight, loss: criterionOf(base, settings) })),
        );
        const problem = inLayout(scene([2, 3, 150, 13], scattered(0.3)), layout);
        const want = combinedReference(ordered, { ...problem, gradOutput: 1.5 });
        const results = memories.map((memory) => {
          const { pred, target } = tensorsOf(problem, layout, memory);
          const out = place(new Float32Array(pred.data.length).fill(Number.NaN), pred.shape, memory);
          return criterion.valueAndGrad(pred, target, { gradOutput: 1.5, out });
        });
        for (const got of results) {
          expect(valueError(got.value as number, want.value)).toBe("");
          expect(gradError(got.grad.data, want.grad)).toBe("");
          expect(bitsError(got.grad.data, results[0]?.grad.data ?? new Float32Array())).toBe("");
        }
      }
    }
  });

  test("interleaved with other losses in one workspace", () => {
    const { pred, target } = tensorsOf(scene([1, 2, 20, 21], scattered(0.2)), "NCHW", "in place");
    const [similarity, squares] = [criterionOf(plain), new FlexibleWeightedLoss(mse())];
    const first = [similarity.valueAndGrad(pred, target), squares.valueAndGrad(pred, target)] as const;
    for (let round = 0; round < 2; round++) {
      expect(bitsError(similarity.valueAndGrad(pred, target).grad.data, first[0].grad.data)).toBe("");
      expect(bitsError(squares.valueAndGrad(pred, target).grad.data, first[1].grad.data)).toBe("");
    }
  });

  test("NaN at a valid pixel reaches the windows around it, and no other group", () => {
    const problem = scene([1, 2, 13, 14], none);
    const pred = problem.pred.slice();
    pred[offsetOf(problem.shape, "NCHW", 0, 1, 6 * 14 + 7)] = Number.NaN;
    const { groups } = run(plain, { ...problem, pred });
    expect(Array.from(groups.loss, Number.isNaN)).toEqual([false, true]);
  });
});
