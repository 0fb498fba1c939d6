import { describe, expect, test } from "vitest";
import { evaluate, prepareTarget, type Tensor, tensor, zeros } from "../src/index.ts";
import { heap } from "../src/memory/kernels.ts";
import { criterionOf, run, tensorsOf } from "./support/api.ts";
import { bitsError, gradError, valueError } from "./support/compare.ts";
import { bases, groupingsOf, inLayout, layouts, problemOf, seeded, titleOf } from "./support/data.ts";
import { at } from "../reference/layout.ts";
import { type Base, type Problem, reference } from "../reference/losses.ts";

const largest = 3.4028234663852886e38;

/** Losses of reals, which any finite float32 may be given to. */
const ofReals = bases.filter(
  ({ name, params }) =>
    !["bce", "poissonNLL", "crossEntropy", "dice", "bceWithLogits"].includes(name) || (name === "dice" && !params),
);
const perBase = ofReals.map((base) => ({ base, title: titleOf(base) }));

/** Value right to 1e-6 and finite, gradient right wherever float32 can hold it. */
function expectRight(base: Base, problem: Problem, settings = {}) {
  const want = reference(base, problem, settings);
  const got = run(base, problem, settings);
  const where = [titleOf(base), Array.from(problem.pred.slice(0, 4)), Array.from(problem.target.slice(0, 4))];
  expect([...where, Number.isFinite(want.value), valueError(got.value, want.value)]).toEqual([...where, true, ""]);
  const fits = want.grad.every((g) => Math.abs(g) <= largest);
  if (fits) expect([...where, gradError(got.grad.data, want.grad)]).toEqual([...where, ""]);
  else {
    const finite = Array.from(want.grad.keys()).filter((i) => Math.abs(at(want.grad, i)) <= largest);
    for (const i of finite) expect([...where, i, Number.isFinite(at(got.grad.data, i))]).toEqual([...where, i, true]);
  }
}

describe("float32 from end to end", () => {
  const scales = [1e-45, 1e-42, 1.2e-38, 1e-30, 1e-25, 1e-20, 1e-10, 1e-3, 1e4, 1e10, 1e18, 1e20, 1e30, 1e38];

  test.each(perBase)("pred and target of one scale: $title", ({ base }) => {
    for (const scale of scales)
      for (const groupBy of groupingsOf(base)) {
        const problem = problemOf(base, [1, 2, 3, 5], 3, 0.2);
        const scaled = (x: number) => (x >= 0 || x < 0 ? Math.fround(x * scale) : x);
        expectRight(
          base,
          {
            ...problem,
            pred: problem.pred.map(scaled),
            target: (problem.target as Float32Array).map((t) => (t >= 0 ? scaled(t) : t)),
          },
          { groupBy },
        );
      }
  });

  test.each(perBase)("pred and target scales apart: $title", ({ base }) => {
    for (const [p, t] of [
      [1e-45, 3e38],
      [3e38, 1e-45],
      [1e-25, 1e20],
      [1e20, 1e-25],
      [1e-10, 1],
      [1, 1e-20],
      [1e30, 1],
    ] as const)
      for (const groupBy of groupingsOf(base)) {
        const problem = problemOf(base, [1, 2, 3, 5], 4, 0.2);
        expectRight(
          base,
          {
            ...problem,
            pred: problem.pred.map((x) => Math.fround(x * p)),
            target: (problem.target as Float32Array).map((x) => (x >= 0 ? x * t : x)),
          },
          { groupBy },
        );
      }
  });

  test.each(perBase)("every scale in one group: $title", ({ base }) => {
    const random = seeded(8);
    const number = () =>
      Math.fround((random() < 0.5 ? -1 : 1) * (1 + random()) * 2 ** Math.floor(250 * random() - 125));
    for (const layout of layouts)
      for (let round = 0; round < 8; round++) {
        const pred = Float32Array.from({ length: 2 * 3 * 4 * 5 }, number);
        const target = pred.map(() => Math.abs(number()));
        expectRight(base, inLayout({ shape: [2, 3, 4, 5], pred, target }, layout), { layout });
      }
  });

  test.each(perBase)("one large pixel among ordinary ones, anywhere: $title", ({ base }) => {
    for (const where of [0, 5, 130, 2047])
      for (const x of [1e20, -3e38, 1e-30]) {
        const problem = problemOf(base, [1, 2, 32, 32], 9, 0);
        const pred = problem.pred.slice();
        pred[where] = x;
        expectRight(base, { ...problem, pred });
      }
  });
});

describe("parameters and upstream gradients of any size", () => {
  test.each(bases.map((base) => ({ base, title: titleOf(base) })))("gradOutput, normalizer: $title", ({ base }) => {
    const problem = problemOf(base, [1, 3, 4, 5], 10);
    const small = problem.pred.map((p, i) => (i % 3 ? p : Math.fround(p * (1 + 1e-6))));
    for (const given of [
      { gradOutput: 1e-35 },
      { gradOutput: -1e-41 },
      { gradOutput: 1e35 },
      { gradOutput: 3e38 },
      { gradOutput: 1e300, normalizer: 1e280 },
      { gradOutput: 1e-300, normalizer: 1e-280 },
      { normalizer: 1e-30 },
    ])
      expectRight(base, { ...problem, ...given, pred: small });
  });

  test("huge slopes times a tiny upstream, tiny slopes times a huge one", () => {
    for (const [scale, gradOutput] of [
      [1e30, 1e-45],
      [1e-30, 1e45],
      [1e38, 1e-60],
      [1e-40, 1e70],
      // Float32 holds the squares, and their slopes' coefficient with a few digits.
      [1e14, 1e-40],
    ] as const)
      for (const base of ofReals.filter(({ name }) =>
        ["mse", "huber", "rmse", "charbonnier", "smoothL1", "logCosh"].includes(name),
      )) {
        const problem = problemOf(base, [1, 2, 3, 5], 12, 0);
        const [pred, target] = [problem.pred, problem.target as Float32Array].map((x) => x.map((y) => y * scale)) as [
          Float32Array,
          Float32Array,
        ];
        expectRight(base, { ...problem, pred, target, gradOutput });
      }
  });

  test("delta, beta, eps, smooth from 1e-300 to 1e38", () => {
    const sizes = [1e-300, 1e-45, 1e-38, 1e-25, 1e-20, 1e-10, 1e10, 1e20, 1e38];
    for (const [name, key] of [
      ["huber", "delta"],
      ["smoothL1", "beta"],
      ["charbonnier", "eps"],
      ["dice", "smooth"],
    ] as const)
      for (const size of sizes) {
        const base: Base = { name, params: { [key]: size } };
        expectRight(base, problemOf(base, [1, 2, 4, 5], 13, 0.2));
      }
    for (const size of [1e-300, 1e-45, 1e-38, 1e-25, 1e-10, 1e10, 1e30]) {
      const base: Base = { name: "poissonNLL", params: { logInput: false, eps: size } };
      expectRight(base, problemOf(base, [1, 2, 4, 5], 14, 0.2));
    }
    for (const q of [0, 1e-45, 1e-20, 1 - 2 ** -40, 1]) {
      const base: Base = { name: "pinball", params: { q } };
      expectRight(base, problemOf(base, [1, 2, 4, 5], 15, 0.2));
    }
  });

  test("tukey: every c, and all differences near it, where the slope is what is left of c − |d|", () => {
    for (const c of [1e-150, 1e-45, 1e-38, 1e-25, 1e-10, 4.685, 1e10, 1e20, 1e38, 1e150]) {
      const base: Base = { name: "tukey", params: { c } };
      expectRight(base, problemOf(base, [1, 2, 4, 5], 13, 0.2));
    }
    const random = seeded(17);
    for (const away of [0.5, 0.1, 0.01, 1e-4, 1e-5]) {
      const target = Float32Array.from({ length: 40 }, () => 10 * random());
      const pred = target.map((t, i) => t + (i % 2 ? 4.685 : -4.685) * (1 - away * (1 + 0.1 * random())));
      expectRight({ name: "tukey" }, { shape: [1, 1, 5, 8], pred, target });
    }
  });

  test("mape: every ε, and targets of 0", () => {
    for (const eps of [1e-150, 1e-45, 1e-38, 1e-25, 1e-8, 1, 1e10, 1e38, 1e150]) {
      const base: Base = { name: "mape", params: { eps } };
      const problem = problemOf(base, [1, 2, 4, 5], 13, 0.2);
      expectRight(base, problem);
      expectRight(base, { ...problem, target: problem.target.map((t, i) => (i % 4 ? t : 0)) as Float32Array });
    }
  });

  test("weights of any power", () => {
    for (const weighting of [16, -16, 1e-9, 7.5]) {
      const base: Base = { name: "mse" };
      const problem = problemOf(base, [2, 2, 6, 6], 16, 0.5);
      for (const reduction of ["mean", "sum"] as const) expectRight(base, problem, { weighting, reduction });
    }
  });
});

describe("charbonnier without an ε that counts", () => {
  test.each([0, 1e-200, 1e-25])("eps %d", (eps) => {
    const base: Base = { name: "charbonnier", params: { eps } };
    const target = new Float32Array(32);
    for (const size of [1e-45, 1e-30, 1e-23, 1e-22, 1e-20]) {
      const pred = target.map((_, i) => (i % 3 ? size : -size));
      expectRight(base, { shape: [1, 1, 4, 8], pred, target });
      pred[7] = 1;
      expectRight(base, { shape: [1, 1, 4, 8], pred, target });
    }
    const exact = run(base, { shape: [1, 1, 4, 8], pred: target, target });
    expect(valueError(exact.value, eps)).toBe("");
    expect(exact.grad.data.every((g) => Object.is(g, 0))).toBe(true);
  });
});

describe("probabilities, logits, rates and classes at their ends", () => {
  test("bce: a probability of 1e-45, of 1 − 2⁻²⁴, logarithms clamped at −100", () => {
    const pred = Float32Array.of(1e-45, 1e-38, 1e-30, 1 - 2 ** -24, 0.5, 1, 0, 0);
    for (const t of [0, 1e-20, 0.25, 1]) {
      const target = pred.map((_, i) => (i === 5 ? 1 : i > 5 ? 0 : t));
      const want = reference({ name: "bce" }, { shape: [1, 1, 1, 8], pred, target }).value;
      expect(valueError(run({ name: "bce" }, { shape: [1, 1, 1, 8], pred, target }).value, want)).toBe("");
    }
    const saturated: Problem = {
      shape: [1, 1, 1, 4],
      pred: Float32Array.of(0, 1, 0, 1),
      target: Float32Array.of(1, 0, 0.5, 0.75),
    };
    expect(valueError(run({ name: "bce" }, saturated).value, (100 + 100 + 50 + 25) / 4)).toBe("");
  });

  test("bce near certainty, where log p is all but p − 1", () => {
    const pred = Float32Array.from({ length: 24 }, (_, i) => 1 - 2 ** -(i + 1));
    const small = Float32Array.from({ length: 24 }, (_, i) => 2 ** -(i + 1) / 3);
    expectRight({ name: "bce" }, { shape: [1, 1, 4, 6], pred, target: pred.map(() => 1) });
    expectRight({ name: "bce" }, { shape: [1, 1, 4, 6], pred: small, target: pred.map(() => 0) });
  });

  test("bceWithLogits: logits of any size", () => {
    for (const scale of [1e-40, 1e-10, 1, 30, 88, 104, 1e4, 1e20, 3e38])
      for (const t of [0, 1, 0.5]) {
        const pred = Float32Array.of(1, -1, 0.5, -0.5, 0, 0.75, 0.9, -0.3).map((x) => x * scale);
        expectRight({ name: "bceWithLogits" }, { shape: [1, 1, 2, 4], pred, target: pred.map(() => t) });
      }
  });

  test("bceWithLogits: a logit of −0, which is as good as 0", () => {
    for (const scale of [1, 1e35]) {
      const pred = Float32Array.of(-0, 0, -0, 1e-45, -1e-45, -0);
      const target = Float32Array.of(0, 0, 1, 0.25, 0.25, 0.25);
      expectRight({ name: "bceWithLogits" }, { shape: [1, 1, 2, 3], pred, target, gradOutput: scale });
    }
  });

  test("bceWithLogits: logits that are right, value and gradient both e^−|p|", () => {
    for (const p of [5, 15, 30, 60, 80])
      for (const t of [0, 1]) {
        const pred = new Float32Array(6).fill(t ? p : -p);
        expectRight({ name: "bceWithLogits" }, { shape: [1, 1, 2, 3], pred, target: pred.map(() => t) });
      }
  });

  test("poissonNLL: rates from e^−80 to e^700", () => {
    for (const p of [-80, -20, 0, 20, 80, 88, 100, 300, 700]) {
      const pred = new Float32Array(6).fill(p);
      expectRight(
        { name: "poissonNLL" },
        { shape: [1, 1, 2, 3], pred, target: Float32Array.of(0, 1, 2, 3, 1e6, 1e20) },
      );
    }
    for (const p of [0, 1e-40, 1e-8, 1e-3, 1, 1e10, 1e30]) {
      const pred = new Float32Array(6).fill(p);
      const base: Base = { name: "poissonNLL", params: { logInput: false } };
      expectRight(base, { shape: [1, 1, 2, 3], pred, target: Float32Array.of(0, 1, 2, 3, 1e6, 1e10) });
    }
  });

  test("poissonNLL: terms, groups and tiles of either sign that all but cancel", () => {
    const base: Base = { name: "poissonNLL", params: { logInput: false } };
    expectRight(base, problemOf(base, [1, 2, 3, 3], 15, 0.5), { groupBy: "channel" });
    expectRight(base, problemOf(base, [4, 3, 3, 1], 509041, 0.9), { groupBy: "channel", weighting: "linear" });
    expectRight(base, problemOf(base, [3, 4, 1, 7], 999982, 0.9), { groupBy: "sample", reduction: "sum" });
    // One half of the image has the loss p − log p, the other half the opposite within a few parts in a thousand.
    const [W, H] = [200, 200];
    const target = new Float32Array(W * H).fill(1);
    const pred = target.map((_, i) => (i < (W * H) / 2 ? 1.5 : 0));
    const opposite = (p: number) => p - 4 * Math.log(p + 1e-8) + (1.5 - Math.log(1.5)) * 1.003;
    let [low, high] = [1, 4];
    for (let step = 0; step < 40; step++) {
      const middle = (low + high) / 2;
      if (opposite(middle) > 0) low = middle;
      else high = middle;
    }
    for (let i = (W * H) / 2; i < W * H; i++) {
      target[i] = 4;
      pred[i] = low;
    }
    expectRight(base, { shape: [1, 1, H, W], pred, target });
    // Beside a band that does not cancel the value has digits enough: the band's own loss must have them, too.
    const beside = (band: Float32Array, n: number) => Float32Array.from([...band, ...target.map(() => n)]);
    const problem: Problem = { shape: [1, 2, H, W], pred: beside(pred, 1.5), target: beside(target, 1) };
    const want = reference(base, problem, { groupBy: "channel" });
    const got = run(base, problem, { groupBy: "channel" });
    for (const band of [0, 1]) expect(valueError(at(got.groups.loss, band), at(want.groups.loss, band))).toBe("");
  });

  test("poissonNLL: logarithms of rates of either sign, whose parts t·p cancel", () => {
    const random = seeded(31);
    const pred = Float32Array.from({ length: 64 }, (_, i) => (i % 2 ? 1 : -1) * (1 + 0.01 * random()));
    expectRight({ name: "poissonNLL" }, { shape: [1, 1, 8, 8], pred, target: pred.map(() => 1e4 + random()) });
  });

  test("poissonNLL: rates next to −eps, to 0 without eps, and to where the logarithm is 0", () => {
    const base: Base = { name: "poissonNLL", params: { logInput: false } };
    const target = Float32Array.of(1, 2, 3, 1, 2, 3);
    const around = (x: number, steps: number) => {
      const bits = new Int32Array(Float32Array.of(x).buffer);
      bits[0] = at(bits, 0) + steps;
      return new Float32Array(6).fill(at(new Float32Array(bits.buffer), 0));
    };
    for (const steps of [0, 1, 2, 10, 1000]) {
      const problem: Problem = { shape: [1, 1, 2, 3], pred: around(-1e-8, -steps), target };
      expect([steps, valueError(run(base, problem).value, reference(base, problem).value)]).toEqual([steps, ""]);
    }
    for (const size of [1e-45, 1e-40, 1e-38, 1e-31])
      expectRight(
        { name: "poissonNLL", params: { logInput: false, eps: 0 } },
        {
          shape: [1, 1, 2, 3],
          pred: new Float32Array(6).fill(size),
          target,
        },
      );
    for (const p of [1 - 1e-3, 1 + 1e-3]) {
      const pred = new Float32Array(6).fill(p);
      expectRight(base, { shape: [1, 1, 2, 3], pred, target: pred.map((x) => (x / Math.log(x)) * (1 + 0.01 * x)) });
    }
  });

  test("poissonNLL: a gradient that is all that is left of eps", () => {
    const base: Base = { name: "poissonNLL", params: { logInput: false, eps: 0.3 } };
    const target = Float32Array.from({ length: 40 }, (_, i) => 1 + Math.abs(Math.sin(i)));
    expectRight(base, { shape: [1, 1, 5, 8], pred: target.map((t) => t - 0.3), target });
  });

  test("labels beyond 0 and 1: terms, halves and groups of either sign that all but cancel", () => {
    const random = seeded(32);
    for (const name of ["bce", "bceWithLogits"] as const)
      for (const [n, samples] of [
        [60, 1],
        [60, 2],
        [40000, 1],
      ] as const) {
        const shape: Problem["shape"] = [samples, 1, 1, n];
        const half = (samples * n) / 2;
        const pred = Float32Array.from({ length: samples * n }, () => (name === "bce" ? random() : 4 * random() - 1));
        // The loss is linear in the label: the second half's are stretched until they balance the first's.
        const labels = pred.map((_, i) => (i < half ? random() : 1 + random()));
        const sumOf = (stretch: number) => {
          const target = labels.map((t, i) => (i < half ? t : stretch * t));
          return Number(reference({ name }, { shape, pred, target }, { reduction: "sum", groupBy: "sample" }).value);
        };
        const [flat, unit] = [sumOf(0), sumOf(1)];
        const target = labels.map((t, i) => (i < half ? t : (1.003 * flat * t) / (flat - unit)));
        expectRight({ name }, { shape, pred, target }, { reduction: "sum", groupBy: "sample" });
      }
  });

  test("the value is the same with a gradient as without, also where the gradient has to be done again", () => {
    const random = seeded(33);
    const pred = Float32Array.from({ length: 48 }, () => 6 * random() - 3);
    const met = [
      { base: { name: "bceWithLogits" }, target: pred.map((p) => 1 / (1 + Math.exp(-p))) },
      { base: { name: "poissonNLL" }, target: pred.map((p) => Math.exp(p)) },
      { base: { name: "crossEntropy" }, target: new Int32Array(12) },
    ] as const;
    for (const { base, target } of met) {
      const { pred: p, target: t } = tensorsOf({ shape: [1, 4, 3, 4], pred, target });
      const criterion = criterionOf(base, { reduction: "sum" });
      const { value } = criterion.forward(p, t);
      for (const gradOutput of [1, 1e-35, 1e33]) expect(criterion.valueAndGrad(p, t, { gradOutput }).value).toBe(value);
    }
  });

  test("crossEntropy: gaps that float32 rounds, where the loss is their power", () => {
    const random = seeded(34);
    for (const gap of [10, 17, 30, 65])
      for (let round = 0; round < 10; round++) {
        const low = -gap * random();
        const pred = Float32Array.of(low + gap, low + gap, low, low);
        expectRight({ name: "crossEntropy" }, { shape: [1, 2, 1, 2], pred, target: Int32Array.of(0, 0) });
      }
  });

  test("bceWithLogits: labels beyond 1 that all but cancel the logarithm", () => {
    for (const [p, t] of [
      [2.593024492263794, 1.0243027210235596],
      [2.0565493106842041, 1.0518444776535034],
    ] as const) {
      const pred = new Float32Array(16).fill(p);
      expectRight({ name: "bceWithLogits" }, { shape: [1, 1, 4, 4], pred, target: pred.map(() => t) });
    }
  });

  test("crossEntropy: classes whose roundings pile up", () => {
    for (const [classes, step] of [
      [50, 0.01],
      [200, 0.01],
      [200, 0],
      [1000, 0],
    ] as const)
      for (const height of [0.3, 0.7, 1.1, 1.9, 2.3]) {
        const pred = Float32Array.from({ length: classes * 4 }, (_, i) =>
          i < 4 ? height : step * Math.floor(i / 4) - (step ? 0 : height),
        );
        expectRight({ name: "crossEntropy" }, { shape: [1, classes, 2, 2], pred, target: new Int32Array(4) });
      }
  });

  test("crossEntropy: logits of any size, certain and wrong", () => {
    for (const scale of [1e-40, 1, 20, 100, 1e4, 1e20, 3e38])
      for (const k of [0, 1, 2]) {
        const pred = Float32Array.of(1, -0.5, 0.25, 1, 0, -1, 0.5, 0.5, -1, 1, 0.25, 1).map((x) => x * scale);
        expectRight({ name: "crossEntropy" }, { shape: [1, 3, 2, 2], pred, target: new Int32Array(4).fill(k) });
      }
  });

  test("crossEntropy: logits that are right, value and gradient both e^−gap", () => {
    for (const gap of [5, 12, 20, 40, 80]) {
      const pred = Float32Array.of(gap, gap, 0, 0);
      expectRight({ name: "crossEntropy" }, { shape: [1, 2, 1, 2], pred, target: Int32Array.of(0, 0) });
    }
  });

  test("dice of all but certain probabilities", () => {
    for (const rest of [1e-3, 1e-12, 1e-20, 1e-38]) {
      const target = Float32Array.from({ length: 32 }, (_, i) => i % 2);
      const pred = target.map((t) => t || rest);
      const sum = 16 * Math.fround(rest);
      expect(valueError(run({ name: "dice" }, { shape: [1, 1, 4, 8], pred, target }).value, sum / (33 + sum))).toBe("");
    }
  });

  test("dice of nothing but zeros is finite", () => {
    const zero: Problem = { shape: [1, 1, 2, 3], pred: new Float32Array(6), target: new Float32Array(6) };
    expect(run({ name: "dice" }, zero).value).toBe(0);
    const bare = run({ name: "dice", params: { smooth: 0 } }, zero);
    expect(Number.isFinite(bare.value)).toBe(true);
    expect(bare.grad.data.every(Number.isFinite)).toBe(true);
  });
});

describe("angles keep their digits", () => {
  const vector = (n: number, seed: number) => {
    const random = seeded(seed);
    return Float32Array.from({ length: n }, () => 0.1 + 0.9 * random());
  };

  test.each(["vectorAngle", "sam"] as const)("%s from 1e-7 to π − 1e-6", (name) => {
    for (const spread of [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1])
      for (const sign of [1, -1])
        for (const scale of [1, 1e4, 1e-3, 1e15]) {
          const target = vector(2 * 3 * 16, 1);
          const noise = seeded(2);
          const pred = target.map((t) => Math.fround(sign * scale * t * (1 + spread * (noise() - 0.5))));
          expectRight({ name }, { shape: [2, 3, 4, 4], pred, target });
        }
  });

  test("of a band, in evaluate: parallel up to any factor", () => {
    for (const spread of [1e-6, 1e-4, 1e-2])
      for (const scale of [1, 2, 0.3, -1, 1e4]) {
        const target = vector(2 * 3 * 64, 4);
        const noise = seeded(5);
        const pred = target.map((t) => Math.fround(scale * t * (1 + spread * (noise() - 0.5))));
        const problem: Problem = { shape: [2, 3, 8, 8], pred, target };
        const { pred: p, target: t } = tensorsOf(problem);
        const { bands } = evaluate(p, t as Tensor, { bands: ["a", "b", "c"], dataRange: 1 });
        const angles = reference({ name: "vectorAngle" }, problem).groups.loss;
        for (const [c, band] of ["a", "b", "c"].entries()) {
          const want = (at(angles, c) + at(angles, c + 3)) / 2;
          expect([spread, scale, valueError(bands[band]?.sam ?? 0, want)]).toEqual([spread, scale, ""]);
        }
      }
  });

  test("one element that differs by one float32 step", () => {
    for (const n of [2, 3, 13]) {
      const target = vector(n, 3);
      for (let i = 0; i < n; i++) {
        const pred = target.slice();
        pred[i] = Math.fround(at(pred, i) * (1 + 2 ** -23));
        for (const name of ["vectorAngle", "sam"] as const)
          expectRight({ name }, { shape: [1, n, 1, 1], pred, target }, { groupBy: "sample" });
      }
    }
  });

  // p is parallel to t where float32 holds each k·t: for every k that is a power of two, and for others where k and t have 24 bits
  // between them. A product that is rounded is off by up to 2^-25, and then the angle, of that size, is what the rest of this file
  // looks at.
  describe.each(["vectorAngle", "sam"] as const)(
    "%s of p = k·t that float32 holds: angle and gradient exactly 0",
    (name) => {
      const expectParallel = (k: number, target: Float32Array, channels: number) => {
        const pred = target.map((t) => k * t);
        expect(pred.every((p, i) => p === k * at(target, i))).toBe(true);
        const shape = [1, channels, 1, target.length / channels] as const;
        for (const sign of [1, -1]) {
          const problem = { shape, pred: pred.map((p) => sign * p), target };
          const { value, grad } = run({ name }, problem, { groupBy: "sample" });
          const where = [k, target.length, channels, sign];
          const moved = grad.data.findIndex((g) => g !== 0);
          expect([...where, valueError(value as number, sign > 0 ? 0 : Math.PI), moved]).toEqual([...where, "", -1]);
        }
      };

      test("k a power of two", () => {
        for (const exponent of [-60, -20, -2, -1, 0, 1, 5, 40])
          for (const [n, channels] of [
            [2, 2],
            [39, 13],
            [60000, 4],
          ] as const)
            expectParallel(2 ** exponent, vector(n, exponent + 70), channels);
      });

      test("k and t of twelve bits each, of many pixels and channels, alike and not", () => {
        const random = seeded(8);
        const twelve = () => 1 + Math.floor(4095 * random());
        for (const [n, channels] of [
          [3, 3],
          [16384, 4],
          [16384, 4096],
          [60000, 1],
        ] as const) {
          const constant = new Float32Array(n).fill(twelve());
          const drawn = constant.map(twelve);
          // In float64 of these, sums of thousands of terms are off to one side.
          for (const k of [2442, 2347, 3911, ...Array.from({ length: 10 }, twelve)])
            for (const target of [constant, drawn]) expectParallel(k, target, channels);
        }
      });
    },
  );

  test.each(["vectorAngle", "sam"] as const)("%s: values from 1e-10 rad on, gradients from 1e-9", (name) => {
    const random = seeded(9);
    for (const n of [2, 3, 13])
      for (let round = 0; round < 300; round++) {
        // Every other number is what the vectors differ by; the rest of them is parallel.
        const theta = 10 ** (-6 - 4 * random());
        const k = 1 + Math.floor(4095 * random());
        const target = Float32Array.from(
          { length: n },
          (_, i) => (i % 2 ? theta : 1) * (1 + Math.floor(4095 * random())),
        );
        const pred = target.map((t, i) => k * (i % 2 ? t * (1 + random()) : t));
        const problem: Problem = { shape: [1, n, 1, 1], pred, target };
        const want = reference({ name }, problem, { groupBy: "sample" });
        if ((want.value as number) < 1e-10) continue;
        const { value, grad } = run({ name }, problem, { groupBy: "sample" });
        const where = [n, k, want.value];
        expect([...where, valueError(value as number, want.value)]).toEqual([...where, ""]);
        if ((want.value as number) >= 1e-9) expect([...where, gradError(grad.data, want.grad)]).toEqual([...where, ""]);
      }
  });

  test.each(["vectorAngle", "sam"] as const)("%s of 1e-14: digits are lost, but it is not taken for 0", (name) => {
    for (let k = 1; k < 300; k += 2) {
      const pred = Float32Array.of(k, k * 1e-14);
      const { value } = run(
        { name },
        { shape: [1, 2, 1, 1], pred, target: Float32Array.of(1, 0) },
        { groupBy: "sample" },
      );
      expect([k, valueError(value as number, 1e-14, 0.2)]).toEqual([k, ""]);
    }
  });

  test("vectors at a right angle", () => {
    const problem: Problem = {
      shape: [1, 4, 1, 1],
      pred: Float32Array.of(1, 1, 0, 0),
      target: Float32Array.of(0, 0, 2, 3),
    };
    for (const name of ["vectorAngle", "sam"] as const) expectRight({ name }, problem, { groupBy: "sample" });
  });

  test("DN of 1e4, where the offset is large against the difference", () => {
    for (const base of ofReals) {
      const problem = problemOf(base, [2, 3, 6, 7], 5);
      const random = seeded(6);
      const target = (problem.target as Float32Array).map((t) => (t >= 0 ? Math.fround(3000 + 50 * random()) : t));
      const pred = target.map((t) => Math.fround((t >= 0 ? t : 3000) + 5 * (random() - 0.5)));
      expectRight(base, { ...problem, pred, target });
    }
  });
});

describe("at the end of memory", () => {
  const { allocator } = heap();
  const n = 64 * 64;
  const shape = [1, 1, 64, 64];
  const criteria = (
    [{ name: "mse" }, { name: "rmse" }, { name: "vectorAngle" }, { name: "sam" }, { name: "ssim" }] as const
  ).map(({ name }) =>
    criterionOf(name === "ssim" ? { name, params: { dataRange: 1 } } : { name }, { groupBy: "sample" }),
  );
  const fill = ({ data }: Tensor, seed: number) => {
    const random = seeded(seed);
    for (let i = 0; i < data.length; i++) data[i] = random();
  };

  /** Takes all memory that can be had, block by block, without touching it. */
  function exhaust(): number[] {
    const blocks: number[] = [];
    for (let bytes = 2 ** 31; bytes >= 64; ) {
      try {
        blocks.push(allocator.allocate(bytes));
      } catch {
        bytes /= 2;
      }
    }
    return blocks.sort((a, b) => b - a);
  }

  test("the last tensors that fit are as good as any", () => {
    const [pred, target] = [1, 2].map((seed) => {
      const here = zeros(shape);
      fill(here, seed);
      return here;
    }) as [Tensor, Tensor];
    const want = criteria.map((criterion) => criterion.valueAndGrad(pred, target, { out: zeros(shape) }));
    const room = allocator.allocate(2 ** 22);
    const blocks = exhaust();
    const [top] = blocks;
    // Room for three tensors at the very top.
    let freed = 0;
    while (freed < 4) {
      const block = blocks.shift();
      if (block === undefined) break;
      allocator.free(block);
      freed = ((top as number) - block) / (4 * n);
    }
    const high: Tensor[] = [];
    try {
      for (;;) high.push(zeros(shape));
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
    }
    const last = high.sort((a, b) => a.data.byteOffset - b.data.byteOffset).slice(-3) as [Tensor, Tensor, Tensor];
    // For what the calls work in.
    allocator.free(room);
    expect(last[2].data.byteOffset).toBeGreaterThan(2 ** 32 - 8 * n);
    for (const [p, t, o] of [
      [0, 1, 2],
      [1, 2, 0],
      [2, 0, 1],
    ] as const) {
      fill(last[p], 1);
      fill(last[t], 2);
      for (const [i, criterion] of criteria.entries()) {
        const got = criterion.valueAndGrad(last[p], last[t], { out: last[o] });
        expect(got.value).toBe(want[i]?.value);
        expect(bitsError(got.grad.data, want[i]?.grad.data ?? new Float32Array())).toBe("");
        expect(criterion.forward(last[p], last[t]).value).toBe(want[i]?.value);
      }
    }
    for (const tensor of high) tensor.dispose();
    for (const block of blocks) allocator.free(block);
  });

  test("full: an error that says so, and once there is room again calls work", () => {
    const big = [1, 40, 64, 64];
    const [pred, target] = [zeros(big), zeros(big)];
    fill(pred, 3);
    fill(target, 4);
    const mask = tensor(new Uint8Array(n).fill(1), [64, 64]);
    const criterion = criterionOf({ name: "sam" });
    const blocks = exhaust();
    const full = /memory is full.*dispose/;
    expect(() => zeros(shape)).toThrow(full);
    expect(() => prepareTarget(target)).toThrow(full);
    // Needs scratch memory for 40 planes that no call has needed so far.
    expect(() => criterion.valueAndGrad(pred, target, { mask })).toThrow(full);
    // Ordinary arrays have a memory of their own.
    const [p, t] = [tensor(pred.data.slice(), big), tensor(target.data.slice(), big)];
    const want = criterion.valueAndGrad(p, t, { mask });
    for (const block of blocks) allocator.free(block);
    const got = criterion.valueAndGrad(pred, target, { mask });
    expect(got.value).toBe(want.value);
    expect(bitsError(got.grad.data, want.grad.data)).toBe("");
    pred.dispose();
    target.dispose();
  });
});
