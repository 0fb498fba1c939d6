import { describe, expect, test } from "vitest";
import { prepareTarget, type Tensor, tensor, zeros } from "../src/index.ts";
import { criterionOf, misaligned, place, run, tensorsOf } from "./support/api.ts";
import { bitsError, bitsOf, gradError, valueError } from "./support/compare.ts";
import { everyBase, groupingsOf, inLayout, layouts, problemOf, seeded, titleOf } from "./support/data.ts";
import { type Layout, type Shape, shapeIn, sizeOf } from "../reference/layout.ts";
import { type Base, type Problem, reference, type Settings } from "../reference/losses.ts";

const perBase = everyBase.map((base) => ({ base, title: titleOf(base) }));

/** The lengths of vectors, blocks and staging tiles, and one less and one more. */
const edges = [16, 64, 128, 256, 1024, 4096, 16384, 32768].flatMap((n) => [n - 1, n, n + 1]);

function expectRight(base: Base, problem: Problem, settings: Settings) {
  const want = reference(base, problem, settings);
  const staged = run(base, problem, settings);
  const where = [titleOf(base), settings, problem.shape];
  expect([...where, valueError(staged.value, want.value), gradError(staged.grad.data, want.grad)]).toEqual([
    ...where,
    "",
    "",
  ]);
  for (const memory of ["in place", "misaligned"] as const) {
    const other = run(base, problem, settings, memory);
    expect([...where, memory, bitsError(bitsOf(other.value), bitsOf(staged.value))]).toEqual([...where, memory, ""]);
    expect([...where, memory, bitsError(other.grad.data, staged.grad.data)]).toEqual([...where, memory, ""]);
  }
}

describe("every length, staged, in place and misaligned", () => {
  test.each(perBase)("1 to 9 pixels: $title", ({ base }) => {
    for (const layout of layouts)
      for (const groupBy of groupingsOf(base))
        for (let n = 1; n <= 9; n++)
          for (const channels of [1, 3]) {
            const problem = inLayout(problemOf(base, [2, channels, 1, n], n, n > 4 ? 0.3 : 0), layout);
            expectRight(base, problem, { layout, groupBy });
          }
  });

  // One loss of each way through the kernels at all edges; the tails of the others are those of the short lengths.
  const ways: Base[] = [
    { name: "mse" },
    { name: "rmse" },
    { name: "logCosh" },
    { name: "sam" },
    { name: "crossEntropy" },
  ];
  test.each(ways.map((base) => ({ base, title: titleOf(base) })))("block edges: $title", ({ base }) => {
    for (const n of edges) expectRight(base, problemOf(base, [1, 2, 1, n], n), {});
    for (const n of edges.filter((n) => n < 5000))
      expectRight(base, inLayout(problemOf(base, [1, 3, 1, n], n), "NHWC"), { layout: "NHWC" });
  });

  test.each([
    { base: { name: "mse" }, title: "mse" },
    { base: { name: "sam" }, title: "sam" },
  ] satisfies { base: Base; title: string }[])(
    "masks of every shape that broadcasts, over many tiles: $title",
    ({ base }) => {
      const shape: Shape = [2, 2, 65, 260];
      for (const layout of layouts)
        for (const maskShape of [
          [2, 2, 65, 260],
          [2, 1, 65, 260],
          [1, 2, 65, 260],
          [1, 1, 65, 260],
          [1, 1, 1, 260],
          [2, 1, 65, 1],
          [1, 2, 1, 1],
        ] as const) {
          const random = seeded(maskShape.join().length);
          const data = Uint8Array.from({ length: sizeOf(maskShape) }, () => (random() < 0.3 ? 0 : 255));
          const problem = inLayout({ ...problemOf(base, shape, 17, 0.1), mask: { data, shape: maskShape } }, layout);
          for (const groupBy of groupingsOf(base)) expectRight(base, problem, { layout, groupBy });
        }
    },
  );

  test("bands, classes and samples by the thousand", () => {
    for (const base of [{ name: "sam" }, { name: "crossEntropy" }, { name: "mse" }, { name: "rmse" }] satisfies Base[])
      for (const shape of [
        [2, 13, 40, 41],
        [1, 1201, 3, 3],
        [1, 2100, 1, 3],
        [5000, 3, 1, 2],
      ] as Shape[])
        for (const layout of layouts) {
          const problem = inLayout(problemOf(base, shape, 18, base.name === "sam" ? 0 : 0.2), layout);
          for (const groupBy of groupingsOf(base)) expectRight(base, problem, { layout, groupBy });
        }
  });

  test("bands by the thousand, in place, with nothing overwritten around them", () => {
    for (const base of [{ name: "mse" }, { name: "rmse" }, { name: "vectorAngle" }, { name: "sam" }] satisfies Base[])
      for (const C of [2049, 5000])
        for (const layout of layouts)
          for (const groupBy of groupingsOf(base)) {
            const problem = inLayout(problemOf(base, [2, C, 1, 2], 19, base.name === "sam" ? 0 : 0.2), layout);
            const want = reference(base, problem, { layout, groupBy });
            const { pred, target } = tensorsOf(problem, layout, "in place");
            const behind = Array.from({ length: 4 }, () => zeros([1, 1 << 18]));
            const got = criterionOf(base, { layout, groupBy }).valueAndGrad(pred, target as Tensor);
            const where = [titleOf(base), C, layout, groupBy];
            expect([...where, valueError(got.value, want.value), gradError(got.grad.data, want.grad)]).toEqual([
              ...where,
              "",
              "",
            ]);
            expect(bitsError(pred.data, problem.pred as Float32Array)).toBe("");
            for (const tensor of behind) expect(tensor.data.every((x) => x === 0)).toBe(true);
            for (const tensor of [pred, target, ...behind]) tensor.dispose();
          }
  });

  test("groups by the ten thousand", () => {
    for (const layout of layouts) {
      const problem = inLayout(problemOf({ name: "mse" }, [35000, 2, 1, 2], 20), layout);
      for (const groupBy of ["sample", "channel"] as const) expectRight({ name: "mse" }, problem, { layout, groupBy });
    }
  });

  test.each(everyBase.filter(({ name }) => name !== "ssim").map((base) => ({ base, title: titleOf(base) })))(
    "any extent may be 0: $title",
    ({ base }) => {
      for (const [B, C, H, W] of [
        [0, 3, 4, 5],
        [2, 0, 4, 5],
        [2, 3, 0, 5],
        [2, 3, 4, 0],
        [0, 0, 0, 0],
      ] as const)
        for (const layout of layouts)
          for (const groupBy of groupingsOf(base)) {
            if (base.name === "crossEntropy" && C === 0) continue; // An error: see errors.test.ts.
            const pred = tensor(new Float32Array(0), shapeIn([B, C, H, W], layout));
            const target = base.name === "crossEntropy" ? tensor(new Int32Array(0), [B, H, W]) : pred;
            const { value, grad, groups } = criterionOf(base, { layout, groupBy }).valueAndGrad(pred, target);
            expect([value, grad.data.length, groups.loss.length]).toEqual([0, 0, groupBy === "sample" ? B : B * C]);
          }
    },
  );

  test("an image with no pixels at all is one with none valid", () => {
    const empty = tensor(new Float32Array(0), [2, 3, 0, 5]);
    const { value, grad, groups } = criterionOf({ name: "mse" }).valueAndGrad(empty, empty);
    expect(value).toBe(0);
    expect(grad.data.length).toBe(0);
    expect(Array.from(groups.totalCount)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe("the same bits", () => {
  const shape: Shape = [2, 3, 31, 37];

  test.each(perBase)("wherever arrays start in memory: $title", ({ base }) => {
    for (const layout of layouts) {
      const problem = inLayout(problemOf(base, shape, 3), layout);
      const { pred, target } = tensorsOf(problem, layout);
      const criterion = criterionOf(base, { layout });
      const want = criterion.valueAndGrad(pred, target);
      for (const [skipPred, skipTarget] of [
        [1, 2],
        [2, 1],
        [3, 3],
        [4, 0],
        [0, 7],
      ] as const) {
        const got = criterion.valueAndGrad(
          tensor(misaligned(problem.pred as Float32Array, skipPred), pred.shape as number[]),
          tensor(misaligned(problem.target, skipTarget), target.shape as number[]),
        );
        expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
        expect(bitsError(got.grad.data, want.grad.data)).toBe("");
      }
    }
  });

  test.each(perBase)("on every repetition, and for the value alone: $title", ({ base }) => {
    const problem = problemOf(base, shape, 4);
    const { pred, target } = tensorsOf(problem, "NCHW", "in place");
    const criterion = criterionOf(base);
    const want = criterion.valueAndGrad(pred, target);
    for (let round = 0; round < 3; round++) {
      expect(bitsError(bitsOf(criterion.forward(pred, target).value), bitsOf(want.value))).toBe("");
      const got = criterion.valueAndGrad(pred, target);
      expect(bitsError(got.grad.data, want.grad.data)).toBe("");
      expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
    }
  });

  test("of each sample, whatever stands around it in the batch", () => {
    for (const base of everyBase) {
      const problem = problemOf(base, shape, 5);
      const [B, C, H, W] = problem.shape;
      const whole = run(base, problem, { groupBy: "sample", reduction: "none" });
      for (let b = 0; b < B; b++) {
        const part = <T extends Problem["target"]>(data: T) =>
          data.slice((b * data.length) / B, ((b + 1) * data.length) / B) as T;
        const alone = run(
          base,
          { shape: [1, C, H, W], pred: part(problem.pred as Float32Array), target: part(problem.target) },
          { groupBy: "sample", reduction: "none" },
        );
        expect(alone.groups.loss[0]).toBe(whole.groups.loss[b]);
        expect(bitsError(alone.grad.data, part(whole.grad.data))).toBe("");
      }
    }
  });

  test("of each sample of poissonNLL, whether or not the terms of another one cancel", () => {
    const base: Base = { name: "poissonNLL" };
    // In 5, 18 and 30 it is the groups that cancel one another in Σ w·L: all are summed once more, and keep the losses they had.
    for (const seed of [2171, 1, 5, 18, 30]) {
      const { shape, pred, target } = problemOf(base, [2, 3, 2, 1], seed, 0.5);
      const whole = run(base, { shape, pred, target });
      for (const b of [0, 1]) {
        const part = <T extends Problem["target"]>(data: T) => data.slice(6 * b, 6 * b + 6) as T;
        const alone = run(base, { shape: [1, 3, 2, 1], pred: part(pred as Float32Array), target: part(target) });
        expect(bitsError(alone.groups.loss, whole.groups.loss.slice(3 * b, 3 * b + 3))).toBe("");
      }
    }
  });

  test.each(perBase.filter(({ base }) => base.name !== "crossEntropy"))(
    "under a mask of ones, a rule that all pass, and prepared, also of zeros of either sign: $title",
    ({ base }) => {
      const random = seeded(5);
      const drawn = (n: number) =>
        Float32Array.from({ length: n }, () => [0, -0, 0.5, 1][Math.floor(4 * random())] ?? 0);
      for (const layout of layouts) {
        const shape: Shape = [2, 3, 11, 13];
        const of = shapeIn(shape, layout);
        const [pred, target] = [drawn(sizeOf(of)), drawn(sizeOf(of))];
        const mask = tensor(new Uint8Array(sizeOf(of)).fill(1), of);
        for (const groupBy of groupingsOf(base))
          for (const memory of ["staged", "in place"] as const) {
            const [p, t] = [place(pred, of, memory), place(target, of, memory)];
            const settings = { layout, groupBy };
            const want = criterionOf(base, settings).valueAndGrad(p, t);
            const ruled = criterionOf(base, { ...settings, valid: { min: 0, max: 9, nodata: [7] } });
            using prepared = prepareTarget(t, { layout });
            const where = [layout, groupBy, memory];
            for (const [which, got] of Object.entries({
              mask: criterionOf(base, settings).valueAndGrad(p, t, { mask }),
              rule: ruled.valueAndGrad(p, t),
              prepared: criterionOf(base, settings).valueAndGrad(p, prepared),
            })) {
              const errors = [
                bitsError(bitsOf(got.value), bitsOf(want.value)),
                bitsError(got.grad.data, want.grad.data),
              ];
              expect([...where, which, ...errors]).toEqual([...where, which, "", ""]);
            }
          }
      }
    },
  );

  test("with two criteria interleaved", () => {
    const problems = everyBase.map((base, i) => problemOf(base, shape, 50 + i));
    const alone = everyBase.map((base, i) => run(base, problems[i] as Problem));
    const criteria = everyBase.map((base) => criterionOf(base));
    const tensors = problems.map((problem, i) => tensorsOf(problem, "NCHW", i % 2 ? "in place" : "staged"));
    const first = criteria.map((criterion, i) => {
      const { pred, target } = tensors[i] as (typeof tensors)[0];
      return criterion.valueAndGrad(pred, target);
    });
    // The results of earlier calls must not have been overwritten by later ones.
    for (const [i, got] of first.entries()) {
      expect(bitsError(got.grad.data, alone[i]?.grad.data ?? new Float32Array())).toBe("");
      expect(bitsError(bitsOf(got.value), bitsOf(alone[i]?.value ?? []))).toBe("");
      expect(Array.from(got.groups.loss)).toEqual(Array.from(alone[i]?.groups.loss ?? []));
    }
  });

  test("while memory grows between calls", () => {
    const problem = problemOf({ name: "mse" }, [2, 3, 31, 37], 6);
    const { pred, target } = tensorsOf(problem, "NCHW", "in place");
    const criterion = criterionOf({ name: "mse" });
    const want = criterion.valueAndGrad(pred, target);
    for (let mebibytes = 8; mebibytes <= 128; mebibytes *= 2) {
      const grown = zeros([mebibytes, 512, 512]);
      const got = criterion.valueAndGrad(pred, target);
      expect(bitsError(got.grad.data, want.grad.data)).toBe("");
      expect(bitsError(pred.data, problem.pred as Float32Array)).toBe("");
      grown.dispose();
    }
    expect(gradError(want.grad.data, reference({ name: "mse" }, problem).grad)).toBe("");
  });

  test("pred and target may be one and the same array", () => {
    for (const layout of ["NCHW", "NHWC"] as Layout[]) {
      const same = tensor(
        Float32Array.from({ length: 60 }, (_, i) => i / 60),
        shapeIn([1, 3, 4, 5], layout),
      );
      const { value, grad } = criterionOf({ name: "mse" }, { layout }).valueAndGrad(same, same);
      expect(value).toBe(0);
      expect(grad.data.every((g) => Object.is(g, 0))).toBe(true);
    }
  });
});

describe("sums are carried in f64", () => {
  test("a million equal terms, and one large among small", () => {
    const n = 1 << 20;
    const target = new Float32Array(n).fill(1);
    const pred = new Float32Array(n).fill(1.1);
    const problem: Problem = { shape: [1, 1, 1024, 1024], pred, target };
    const d = Math.fround(1.1) - 1;
    expect(valueError(run({ name: "mse" }, problem).value, d * d, 1e-7)).toBe("");
    expect(valueError(run({ name: "mae" }, problem).value, d, 1e-7)).toBe("");
    const uneven = pred.map((x, i) => (i === 12345 ? 4097 : x));
    expect(
      valueError(run({ name: "mse" }, { ...problem, pred: uneven }).value, (4096 ** 2 + (n - 1) * d * d) / n, 1e-7),
    ).toBe("");
  });

  test("16 megapixels, staged through the small area, against f64", () => {
    const n = 1 << 24;
    const pred = new Float32Array(n);
    const target = new Float32Array(n);
    let state = 1;
    let total = 0;
    let count = 0;
    for (let i = 0; i < n; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const t = Math.fround((state >>> 8) / 2 ** 24 - 0.3);
      const p = Math.fround(t + (state & 255) / 1024);
      target[i] = t;
      pred[i] = p;
      if (t < 0) continue;
      total += (p - t) ** 2;
      count++;
    }
    const { value, groups, grad } = run({ name: "mse" }, { shape: [1, 1, 4096, 4096], pred, target });
    expect(groups.validCount[0]).toBe(count);
    expect(valueError(value, total / count, 1e-7)).toBe("");
    const g = [0, 1, 777777, n - 1].map((i) =>
      (target[i] ?? 0) >= 0 ? (2 * ((pred[i] ?? 0) - (target[i] ?? 0))) / count : 0,
    );
    expect(
      gradError(
        [0, 1, 777777, n - 1].map((i) => grad.data[i] ?? Number.NaN),
        g,
      ),
    ).toBe("");
  });
});
