import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CombinedLoss,
  custom,
  FlexibleWeightedLoss,
  type Groups,
  HALO,
  LossAccumulator,
  mae,
  mse,
  poissonNLL,
  tensor,
  type Reduction,
  sam,
  ssim,
  type Tensor,
  type Term,
  vectorAngle,
} from "../src/index.ts";
import { criterionOf, tensorsOf } from "./support/api.ts";
import { valueError } from "./support/compare.ts";
import { bases, inLayout, layouts, perPixel, problemOf, seeded, titleOf } from "./support/data.ts";
import { at, type Layout, type Shape } from "../reference/layout.ts";
import type { Base, Problem, Settings } from "../reference/losses.ts";

type Criterion = ConstructorParameters<typeof LossAccumulator>[0];

const criterion = (base: Base, settings: Settings = {}) => criterionOf(base, settings) as FlexibleWeightedLoss;
const stored = (of: Criterion, loss: LossAccumulator) => LossAccumulator.fromJSON(of, JSON.parse(JSON.stringify(loss)));
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

const shuffled = <T>(list: readonly T[], random: () => number): T[] =>
  list
    .map((x) => ({ x, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ x }) => x);

/** Rows [top, bottom) and columns [left, right) of samples [first, last), NCHW; class labels have no channels. */
function pieceOf(problem: Problem, [first, last]: Span, [top, bottom]: Span, [left, right]: Span): Problem {
  const [, C, H, W] = problem.shape;
  const indices = (channels: number) =>
    range(first, last).flatMap((b) =>
      range(0, channels).flatMap((c) =>
        range(top, bottom).flatMap((y) => range(left, right).map((x) => ((b * channels + c) * H + y) * W + x)),
      ),
    );
  const { target } = problem;
  const labels = target instanceof Int32Array;
  return {
    shape: [last - first, C, bottom - top, right - left],
    pred: Float32Array.from(indices(C), (i) => at(problem.pred, i)),
    target: labels
      ? Int32Array.from(indices(1), (i) => at(target, i))
      : Float32Array.from(indices(C), (i) => at(target, i)),
  };
}

type Span = readonly [number, number];

/** Cuts [0, extent) at some places. */
function spans(cuts: readonly number[], extent: number): Span[] {
  const edges = [...new Set([0, ...cuts.map((cut) => cut % extent), extent])].sort((a, b) => a - b);
  return edges.slice(1).map((to, k) => [edges[k] as number, to]);
}

function feed(loss: LossAccumulator, problem: Problem, layout: Layout, more: object = {}): void {
  const { pred, target } = tensorsOf(inLayout(problem, layout), layout);
  loss.add(pred, target as Tensor, more);
}

const shapes = fc.tuple(
  fc.integer({ min: 1, max: 4 }),
  fc.constant(3),
  fc.integer({ min: 1, max: 9 }),
  fc.integer({ min: 1, max: 12 }),
);

const situation = fc.record({
  shape: shapes,
  seed: fc.nat(1e6),
  invalid: fc.constantFrom(0, 0.3, 0.9, 1),
  layout: fc.constantFrom(...layouts),
  weighting: fc.constantFrom("sqrt" as const, "linear" as const, "uniform" as const, 0.3),
  reduction: fc.constantFrom("mean" as const, "sum" as const),
  channels: fc.boolean(),
});

const cuts = fc.array(fc.nat(11), { maxLength: 3 });
const run = { seed: 20261123, numRuns: 15 };

describe.each(bases.map((base) => ({ base, title: titleOf(base) })))("$title", ({ base }) => {
  const settle = ({ channels, layout, weighting, reduction }: Omit<Settings, "groupBy"> & { channels: boolean }) =>
    ({ groupBy: channels && !perPixel(base) ? "channel" : "sample", layout, weighting, reduction }) as Settings;

  /** Its terms, about 1 in size here, have either sign. */
  const cancels = base.name === "poissonNLL";

  test("whole samples in order give the bits of one call, stored between or not", () => {
    fc.assert(
      fc.property(situation, cuts, ({ shape, seed, invalid, ...more }, at) => {
        const settings = settle(more);
        const of = criterion(base, settings);
        const problem = problemOf(base, shape as Shape, seed, invalid);
        let loss = new LossAccumulator(of);
        for (const samples of spans(at, shape[0])) {
          feed(loss, pieceOf(problem, samples, [0, shape[2]], [0, shape[3]]), settings.layout ?? "NCHW");
          loss = stored(of, loss);
        }
        const { pred, target } = tensorsOf(inLayout(problem, more.layout), more.layout);
        const { value, numerator, weightSum } = of.forward(pred, target as Tensor);
        const got = loss.finish();
        // One call sees that groups cancel and sums once more in float64; batch by batch they are not seen together.
        if (cancels) expect(Math.abs(got.value - value)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(value)));
        else expect(got).toEqual({ value, terms: [{ value, numerator, weightSum }] });
      }),
      run,
    );
  });

  test("samples in pieces, in any order and over accumulators that merge, give the loss of one call", () => {
    fc.assert(
      fc.property(situation, cuts, cuts, fc.nat(1e6), ({ shape, seed, invalid, ...more }, ys, xs, order) => {
        const settings = settle(more);
        const of = criterion(base, settings);
        const problem = problemOf(base, shape as Shape, seed, invalid);
        const random = seeded(order);
        const parts = [0, 1, 2].map(() => new LossAccumulator(of));
        const pieces = range(0, shape[0]).flatMap((b) =>
          spans(ys, shape[2]).flatMap((rows) => spans(xs, shape[3]).map((columns) => ({ b, rows, columns }))),
        );
        for (const { b, rows, columns } of shuffled(pieces, random)) {
          const part = parts[Math.floor(3 * random())] as LossAccumulator;
          feed(part, pieceOf(problem, [b, b + 1], rows, columns), more.layout, { sample: `${b}` });
        }
        const total = shuffled(parts, random).reduce((all, part) => stored(of, all).merge(stored(of, part)));
        const { pred, target } = tensorsOf(inLayout(problem, more.layout), more.layout);
        const want = of.forward(pred, target as Tensor);
        const [got] = total.finish().terms;
        // Losses of float32 lanes round by the lanes that their pixels share.
        const floor = cancels ? 1e-6 : 0;
        if (!(Math.abs((got?.value ?? Number.NaN) - want.value) <= floor)) {
          expect(valueError(got?.value ?? Number.NaN, want.value, 1e-6)).toBe("");
        }
        expect(valueError(got?.weightSum ?? Number.NaN, want.weightSum, 1e-12)).toBe("");
        const groups = range(0, shape[0]).map((b) => total.groups(`${b}`)[0] as Groups);
        const all = (name: keyof Groups) => groups.flatMap((group) => [...group[name]]);
        for (const name of ["validCount", "totalCount"] as const) expect(all(name)).toEqual([...want.groups[name]]);
        expect(valueError(all("weight"), want.groups.weight, 1e-12)).toBe("");
        for (const [g, loss] of all("loss").entries()) {
          if (!(Math.abs(loss - at(want.groups.loss, g)) <= floor))
            expect(valueError(loss, at(want.groups.loss, g), 1e-6)).toBe("");
        }
      }),
      run,
    );
  });
});

describe("angles keep their digits in pieces", () => {
  test.each([1e-6, 1e-4, 0.1])("where vectors differ by %d", (spread) => {
    for (const scale of [1, 0.3, -2])
      for (const groupBy of ["sample", "channel"] as const) {
        const random = seeded(1);
        const target = Float32Array.from({ length: 2 * 64 * 64 }, () => 0.1 + random());
        const pred = target.map((t) => scale * t * (1 + spread * (random() - 0.5)));
        const problem: Problem = { shape: [1, 2, 64, 64], pred, target };
        const of = new FlexibleWeightedLoss(vectorAngle(), { groupBy });
        const loss = new LossAccumulator(of);
        for (const rows of spans([7, 8, 50], 64))
          feed(loss, pieceOf(problem, [0, 1], rows, [0, 64]), "NCHW", { sample: "a" });
        const { pred: p, target: t } = tensorsOf(problem);
        expect(valueError(loss.finish().value, of.forward(p, t).value, 1e-7)).toBe("");
      }
  });

  test("and vectors of zeros theirs", () => {
    const angle = (...pieces: [number, number][]) => {
      const loss = new LossAccumulator(new FlexibleWeightedLoss(vectorAngle()));
      for (const [p, t] of pieces) {
        const piece = { shape: [1, 1, 1, 1] as const, pred: Float32Array.of(p), target: Float32Array.of(t) };
        feed(loss, piece, "NCHW", { sample: "a" });
      }
      return loss.finish().value;
    };
    expect(angle([0, 0], [0, 0])).toBe(0);
    expect(angle([0, 1], [0, 0])).toBe(Math.PI / 2);
    expect(angle([1, 0], [0, 0])).toBe(Math.PI / 2);
    expect(angle([1, 0], [0, 1])).toBe(Math.PI / 2);
    expect(angle([1, 2], [2, 4])).toBe(0);
    expect(angle([-1, 2], [-2, 4])).toBe(Math.PI);
  });
});

describe("ssim", () => {
  test("windows with a halo give the loss of the whole image", () => {
    const sizes = fc.tuple(fc.integer({ min: 11, max: 30 }), fc.integer({ min: 11, max: 30 }));
    fc.assert(
      fc.property(
        sizes,
        cuts,
        cuts,
        fc.constantFrom(...layouts),
        fc.boolean(),
        fc.nat(99),
        ([H, W], ys, xs, layout, channels, seed) => {
          const problem = problemOf({ name: "mse" }, [1, 3, H, W], seed, 0.3);
          const of = new FlexibleWeightedLoss(ssim({ dataRange: 1 }), {
            layout,
            groupBy: channels ? "channel" : "sample",
          });
          const loss = new LossAccumulator(of);
          for (const [top, bottom] of spans(ys, H))
            for (const [left, right] of spans(xs, W)) {
              const halo = {
                top: Math.min(HALO, top),
                bottom: Math.min(HALO, H - bottom),
                left: Math.min(HALO, left),
                right: Math.min(HALO, W - right),
              };
              const rows = [top - halo.top, bottom + halo.bottom] as const;
              const columns = [left - halo.left, right + halo.right] as const;
              feed(loss, pieceOf(problem, [0, 1], rows, columns), layout, { sample: "a", halo });
            }
          const { pred, target } = tensorsOf(inLayout(problem, layout), layout);
          const want = of.forward(pred, target as Tensor);
          const [got] = loss.finish().terms;
          expect(valueError(got?.value ?? Number.NaN, want.value, 1e-12)).toBe("");
          expect(valueError(got?.weightSum ?? Number.NaN, want.weightSum, 1e-12)).toBe("");
        },
      ),
      { ...run, numRuns: 40 },
    );
  });
});

describe("the terms of a CombinedLoss", () => {
  const terms: Term<"mean">[] = [
    { weight: 0.7, loss: new FlexibleWeightedLoss(sam()) },
    { weight: 0.3, loss: new FlexibleWeightedLoss(mse(), { groupBy: "channel", weighting: "linear" }) },
  ];
  const problem = problemOf({ name: "mse" }, [3, 3, 10, 8], 1);
  const { pred, target } = tensorsOf(problem);
  const want = new CombinedLoss(terms).forward(pred, target as Tensor);

  test("give its value and its terms", () => {
    const loss = new LossAccumulator(terms);
    for (const b of range(0, 2)) feed(loss, pieceOf(problem, [b, b + 1], [0, 10], [0, 8]), "NCHW");
    for (const rows of spans([3, 7], 10))
      feed(loss, pieceOf(problem, [2, 3], rows, [0, 8]), "NCHW", { sample: "last" });
    const got = stored(terms, loss).finish();
    expect(valueError(got.value, want.value, 1e-8)).toBe("");
    for (const [k, { value }] of want.terms.entries())
      expect(valueError(got.terms[k]?.value ?? 0, value, 1e-8)).toBe("");
  });

  test("are checked as it checks them", () => {
    expect(() => new LossAccumulator([])).toThrow('"terms": expected at least one');
    expect(() => new LossAccumulator([{ weight: 1, loss: mse() }] as unknown as Term<"mean">[])).toThrow(
      '"terms[0].loss"',
    );
  });
});

test("nothing has come: 0, and merging it changes nothing", () => {
  const of = new FlexibleWeightedLoss(mse());
  expect(new LossAccumulator(of).finish()).toEqual({ value: 0, terms: [{ value: 0, numerator: 0, weightSum: 0 }] });
  const loss = new LossAccumulator(of);
  feed(loss, problemOf({ name: "mse" }, [2, 3, 5, 5], 1), "NCHW");
  const before = JSON.stringify(loss);
  expect(JSON.stringify(loss.merge(new LossAccumulator(of)))).toBe(before);
});

test("custom losses take whole samples, and say why not pieces", () => {
  const of = new FlexibleWeightedLoss(custom((p, t) => p.length + t.length));
  const problem = problemOf({ name: "mse" }, [2, 3, 5, 5], 1);
  const loss = new LossAccumulator(of);
  feed(loss, problem, "NCHW");
  const { pred, target } = tensorsOf(problem);
  expect(loss.finish().value).toBe(of.forward(pred, target as Tensor).value);
  expect(() => loss.add(pred, target as Tensor, { sample: "a" })).toThrow("needs all pixels of a group at once");
});

describe("errors", () => {
  const of = new FlexibleWeightedLoss(mse());
  const { pred, target } = tensorsOf(problemOf({ name: "mse" }, [2, 3, 5, 5], 1));
  const image = tensorsOf(problemOf({ name: "mse" }, [1, 3, 5, 5], 1));
  const other = tensorsOf(problemOf({ name: "mse" }, [1, 2, 5, 5], 1));

  test.each<[string, (loss: LossAccumulator) => unknown, string]>([
    [
      "a batch as a piece",
      (l) => l.add(pred, target as Tensor, { sample: "a" }),
      "expected a piece of one sample, got a batch of 2",
    ],
    [
      "a halo without a name",
      (l) => l.add(pred, target as Tensor, { halo: {} }),
      '"sample": expected a name with "halo"',
    ],
    [
      "a name that is none",
      (l) => l.add(pred, target as Tensor, { sample: 1 } as object),
      '"sample": expected a name, got a number',
    ],
    ["an unknown option", (l) => l.add(pred, target as Tensor, { name: "a" } as object), 'got "name"'],
    ["what is no accumulator", (l) => l.merge({} as LossAccumulator), '"other": expected a LossAccumulator'],
    ["itself", (l) => l.merge(l), "would count twice"],
    ["groups of no piece", (l) => l.groups("whole"), 'a sample that comes in pieces, got "whole"'],
    [
      "another criterion",
      (l) => l.merge(new LossAccumulator(new FlexibleWeightedLoss(mse(), { threshold: 0 }))),
      '"other": expected the criterion',
    ],
    [
      "pieces of other channels",
      (l) => l.add(other.pred, other.target as Tensor, { sample: "open" }),
      '"sample": expected 3 channels, as the pieces of "open" before, got 2',
    ],
  ])("%s changes nothing", (_, change, message) => {
    const loss = new LossAccumulator(of).add(image.pred, image.target as Tensor, { sample: "open" });
    const before = JSON.stringify(loss);
    expect(() => change(loss)).toThrow(message);
    expect(JSON.stringify(loss)).toBe(before);
  });

  test("criteria that cannot be accumulated", () => {
    expect(() => new LossAccumulator(mse() as unknown as FlexibleWeightedLoss)).toThrow('"criterion": expected');
    const vector = new FlexibleWeightedLoss<Reduction>(mse(), { reduction: "none" }) as unknown as FlexibleWeightedLoss;
    expect(() => new LossAccumulator(vector)).toThrow('"criterion": expected reduction "mean" or "sum", got "none"');
  });

  test("states that are none, or of another criterion", () => {
    const state = JSON.parse(JSON.stringify(new LossAccumulator(of)));
    expect(() => LossAccumulator.fromJSON(of, { ...state, format: 1 })).toThrow('"state.format"');
    expect(() => LossAccumulator.fromJSON(of, { ...state, version: 0 })).toThrow('"state.version": expected 2, got 0');
    expect(() => LossAccumulator.fromJSON(of, { ...state, whole: [] })).toThrow(
      '"state.whole": expected 1 entries, got 0',
    );
    expect(() => LossAccumulator.fromJSON(new FlexibleWeightedLoss(sam()), state)).toThrow('"state.criterion"');
  });

  /** A state of three losses with a sample in pieces, changed by `change`. */
  // biome-ignore lint/suspicious/noExplicitAny: the point is that it may be anything
  type State = any;
  test.each<[string, (state: State) => void, string]>([
    ["more than there is", (s) => (s.extra = 1), '"state": expected format, version, '],
    ["more in a sum", (s) => (s.whole[1].extra = 1), '"state.whole[1]": expected numerator, weightSum, got "extra"'],
    ["less in a sum", (s) => delete s.whole[1].weightSum, '"state.whole[1].weightSum": expected a sum such as'],
    [
      "a weight below 0",
      (s) => (s.whole[0].weightSum = "-0x1p0"),
      '"state.whole[0].weightSum": expected a sum from 0 on',
    ],
    ["a number for a sum", (s) => (s.whole[0].weightSum = 1), '"state.whole[0].weightSum": expected a sum such as'],
    [
      "squares below 0",
      (s) => (s.whole[0].numerator = "-0x1p0"),
      '"state.whole[0].numerator": expected a sum from 0 on',
    ],
    ["more in a sample", (s) => (s.open[0].extra = 1), '"state.open[0]": expected name, terms, got "extra"'],
    ["a term less", (s) => s.open[0].terms.pop(), '"state.open[0].terms": expected 3 entries, got 2'],
    ["more in a group", (s) => (s.open[0].terms[1][2].extra = 1), '"state.open[0].terms[1][2]": expected valid, '],
    ["counts below 0", (s) => (s.open[0].terms[0][0].valid = -1), '"state.open[0].terms[0][0].valid": expected'],
    [
      "more valid pixels than there are",
      (s) => (s.open[0].terms[0][1].valid = 26),
      '"state.open[0].terms[0][1].valid": expected a whole number from 0 to 25, got 26',
    ],
    ["a sum less", (s) => s.open[0].terms[0][0].sums.pop(), '"state.open[0].terms[0][0].sums": expected 3 entries'],
    [
      "squares of a group below 0",
      (s) => (s.open[0].terms[0][0].sums[0] = "-0x1p0"),
      '"state.open[0].terms[0][0].sums[0]": expected a sum from 0 on, got -0x1p0',
    ],
    [
      "squares of an angle below 0",
      (s) => (s.open[0].terms[1][0].sums[2] = "-0x1p0"),
      '"state.open[0].terms[1][0].sums[2]": expected a sum from 0 on, got -0x1p0',
    ],
    [
      "a sample twice",
      (s) => s.open.push(s.open[0]),
      '"state.open[1].name": expected each name once, got "open" again',
    ],
  ])("a state with %s is refused, with the place", (_, change, message) => {
    const terms = [mse(), vectorAngle(), poissonNLL()].map((base) => ({
      weight: 1,
      loss: new FlexibleWeightedLoss(base),
    }));
    const loss = new LossAccumulator(terms).add(image.pred, image.target as Tensor, { sample: "open" });
    const state = JSON.parse(JSON.stringify(loss));
    expect(JSON.stringify(LossAccumulator.fromJSON(terms, state))).toBe(JSON.stringify(loss));
    change(state);
    expect(() => LossAccumulator.fromJSON(terms, state)).toThrow(message);
  });

  test("what may be below 0 is read: an angle's products, a loss that is", () => {
    const terms = [vectorAngle(), poissonNLL()].map((base) => ({ weight: 1, loss: new FlexibleWeightedLoss(base) }));
    const pred = tensor(Float32Array.of(-3, -1, -2, -4), [2, 2]);
    const target = tensor(Float32Array.of(0.1, 0.2, 0.3, 0.9), [2, 2]);
    const [opposite, counts] = [pred, tensor(Float32Array.of(3, 4, 5, 6), [2, 2])];
    for (const [p, t] of [
      [opposite, target],
      [counts, tensor(Float32Array.of(100, 200, 300, 400), [2, 2])],
    ] as const) {
      const loss = new LossAccumulator(terms).add(p, t).add(p, t, { sample: "a" });
      expect(JSON.stringify(stored(terms, loss))).toBe(JSON.stringify(loss));
    }
  });

  test("the same criterion written differently is the same, whatever the layout", () => {
    const same = new FlexibleWeightedLoss(mse(), { valid: { min: 0 }, weighting: 0.5, layout: "NHWC" });
    expect(() => new LossAccumulator(of).merge(new LossAccumulator(same))).not.toThrow();
  });
});

test("a CombinedLoss is taken as its terms are", () => {
  const terms = [
    { weight: 0.5, loss: new FlexibleWeightedLoss(mse()) },
    { weight: 2, loss: new FlexibleWeightedLoss(mae()) },
  ];
  const pred = tensor(Float32Array.of(1, 2, 3, 4), [2, 2]);
  const target = tensor(Float32Array.of(1, 1, 5, -1), [2, 2]);
  const whole = new LossAccumulator(new CombinedLoss(terms)).add(pred, target);
  expect(whole.finish().value).toBe(new LossAccumulator(terms).add(pred, target).finish().value);
  expect(whole.finish().value).toBe(new CombinedLoss(terms).forward(pred, target).value);
});
