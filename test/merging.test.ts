/** What is kept of an archive adds up exactly: in any order, over any tree of machines, whatever is delivered twice. */
import { describe, expect, test } from "vitest";
import {
  BandMetrics,
  evaluate,
  FlexibleWeightedLoss,
  LossAccumulator,
  mse,
  Parts,
  poissonNLL,
  sam,
  type Tensor,
  tensor,
  vectorAngle,
} from "../src/index.ts";
import { ExactSum, quotient } from "../src/metrics/exact.ts";
import { Mean, Moments } from "../src/metrics/moments.ts";
import { at } from "../reference/layout.ts";
import { seeded } from "./support/data.ts";

const options = { bands: ["a", "b"], dataRange: 1 };
const terms = [mse(), vectorAngle(), sam(), poissonNLL()].map((base) => ({
  weight: 1,
  loss: new FlexibleWeightedLoss(base),
}));
const pooled = (["batch", "band"] as const).map((groupBy) => ({
  weight: 1,
  loss: new FlexibleWeightedLoss(mse(), { groupBy }),
}));

/** An image whose values span eight orders of magnitude, with holes, and weights. */
function imageOf(seed: number) {
  const random = seeded(seed);
  const [height, width] = [12 + (seed % 9), 11 + (seed % 5)];
  const n = 2 * height * width;
  const level = 10 ** (8 * random() - 4);
  const target = Float32Array.from({ length: n }, () => (random() < 0.2 ? -1 : level * random()));
  const pred = target.map((t) => t + level * 0.1 * (random() - 0.5));
  const weights = Float32Array.from({ length: height * width }, () => (seed % 3 === 0 ? 1 : random()));
  const shape = [1, 2, height, width];
  return {
    pred: tensor(pred, shape),
    target: tensor(target, shape) as Tensor,
    given: { weights: tensor(weights, [height, width]) },
  };
}

const images = Array.from({ length: 40 }, (_, k) => imageOf(k + 1));

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const all = [...list];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}

/** Every second image comes by its name, in two halves. */
function halves({ pred, target, given }: ReturnType<typeof imageOf>) {
  const [, , height = 0, width = 0] = pred.shape;
  return [0, 1].map((half) => {
    const [from, to] = half === 0 ? [0, 6] : [6, height];
    const rows = (data: ArrayLike<number>, planes: number) =>
      Float32Array.from(
        Array.from({ length: planes }, (_, c) =>
          Array.from({ length: (to - from) * width }, (_, i) => at(data, c * height * width + from * width + i)),
        ).flat(),
      );
    const shape = [1, 2, to - from, width];
    return {
      pred: tensor(rows(pred.data, 2), shape),
      target: tensor(rows(target.data, 2), shape) as Tensor,
      weights: tensor(rows(given.weights.data, 1), [to - from, width]),
    };
  });
}

const read = new Map<string, unknown>();

function cached<T>(text: string, make: () => T): T {
  if (!read.has(text)) read.set(text, make());
  return read.get(text) as T;
}

interface Kind {
  readonly name: string;
  readonly make: () => {
    of: (k: number) => string[];
    empty: () => string;
    join: (a: string, b: string) => string;
    /** The text of all, merged one after the other. */
    all: (parts: readonly string[]) => string;
  };
}

/** Each part as the text that a machine would send. */
const kinds: Kind[] = [
  {
    name: "BandMetrics",
    make: () => ({
      of: (k) => {
        const image = images[k] as (typeof images)[0];
        const whole = new BandMetrics(options);
        if (k % 2 === 0) {
          whole.update(image.pred, image.target, image.given);
          return [JSON.stringify(whole)];
        }
        return halves(image).map(({ pred, target, weights }) => {
          const part = new BandMetrics(options);
          part.update(pred, target, { weights, sample: String(k) });
          return JSON.stringify(part);
        });
      },
      empty: () => JSON.stringify(new BandMetrics(options)),
      join: (a, b) => JSON.stringify(BandMetrics.fromJSON(JSON.parse(a)).merge(BandMetrics.fromJSON(JSON.parse(b)))),
      all: (parts) => {
        const read = parts.map((text) => cached(text, () => BandMetrics.fromJSON(JSON.parse(text))));
        return JSON.stringify(read.reduce((sum, part) => sum.merge(part), new BandMetrics(options)));
      },
    }),
  },
  ...[terms, pooled].map((criterion, which) => ({
    name: `LossAccumulator ${which}`,
    make: () => ({
      of: (k: number) => {
        const image = images[k] as (typeof images)[0];
        if (k % 2 === 0) {
          return [JSON.stringify(new LossAccumulator(criterion).add(image.pred, image.target, image.given))];
        }
        return halves(image).map(({ pred, target, weights }) =>
          JSON.stringify(new LossAccumulator(criterion).add(pred, target, { weights, sample: String(k) })),
        );
      },
      empty: () => JSON.stringify(new LossAccumulator(criterion)),
      join: (a: string, b: string) => {
        const read = (text: string) => LossAccumulator.fromJSON(criterion, JSON.parse(text));
        return JSON.stringify(read(a).merge(read(b)));
      },
      all: (parts: readonly string[]) => {
        const read = parts.map((text) => cached(text, () => LossAccumulator.fromJSON(criterion, JSON.parse(text))));
        return JSON.stringify(read.reduce((sum, part) => sum.merge(part), new LossAccumulator(criterion)));
      },
    }),
  })),
];

describe.each(kinds)("$name", ({ make }) => {
  const { of, empty, join, all } = make();
  const parts = images.flatMap((_, k) => of(k));
  const want = parts.reduce(join, empty());

  test("100 random orders", () => {
    for (let run = 0; run < 100; run++) {
      const got = all(shuffled(parts, seeded(run + 1)));
      if (got !== want) expect(got).toBe(want);
    }
  });

  test("50 random trees", () => {
    for (let run = 0; run < 50; run++) {
      const random = seeded(run + 1000);
      const left = shuffled(parts, random);
      while (left.length > 1) {
        const take = () => left.splice(Math.floor(random() * left.length), 1)[0] as string;
        left.push(join(take(), take()));
      }
      if (left[0] !== want) expect(left[0]).toBe(want);
    }
  });
});

describe("Parts", () => {
  const set = () => new Parts(() => new BandMetrics(options), BandMetrics.fromJSON);
  const metricsOf = (k: number) => {
    const { pred, target, given } = images[k] as (typeof images)[0];
    const metrics = new BandMetrics(options);
    metrics.update(pred, target, given);
    return metrics;
  };

  test("one that is delivered twice counts once, in any order and over any split", () => {
    const names = images.map((_, k) => `scene-${k}`);
    const all = new BandMetrics(options);
    for (const { pred, target, given } of images) all.update(pred, target, given);
    const texts = new Set<string>();
    for (let run = 0; run < 20; run++) {
      const random = seeded(run + 1);
      const machines = [set(), set(), set()];
      const deliveries = shuffled([...images.keys(), ...[...images.keys()].filter(() => random() < 0.3)], random);
      for (const k of deliveries) machines[Math.floor(3 * random())]?.add(`scene-${k}`, metricsOf(k));
      const read = machines.map((machine) =>
        Parts.fromJSON(() => new BandMetrics(options), BandMetrics.fromJSON, JSON.parse(JSON.stringify(machine))),
      );
      const total = shuffled(read, random).reduce((sum, machine) => sum.merge(machine), set());
      expect(total.size).toBe(40);
      expect(total.missing([...names, "scene-99"])).toEqual(["scene-99"]);
      texts.add(JSON.stringify(total.total()));
    }
    expect([...texts]).toEqual([JSON.stringify(all)]);
  });

  test("two parts of one name are told", () => {
    const parts = set().add("a", metricsOf(0));
    const before = JSON.stringify(parts);
    expect(() => parts.add("a", metricsOf(1))).toThrow('another by the name "a"');
    expect(() => parts.merge(set().add("b", metricsOf(1)).add("a", metricsOf(2)))).toThrow('another by the name "a"');
    expect(() => parts.add(7 as unknown as string, metricsOf(1))).toThrow('"name": expected a string, got a number');
    expect(() => parts.merge({} as typeof parts)).toThrow('"other": expected Parts, got an Object');
    expect(JSON.stringify(parts)).toBe(before);
  });

  test.each<[string, (state: { parts: { state: { version: number } }[] }) => void, string]>([
    ["another version", (s) => Object.assign(s, { version: 9 }), '"state.version": expected 1, got 9'],
    ["a part twice", (s) => s.parts.push(s.parts[0] as never), '"state.parts[1].name": expected each name once'],
    [
      "a part of version 1",
      (s) => ((s.parts[0] as never as { state: { version: number } }).state.version = 1),
      "got 1",
    ],
  ])("a state with %s is refused", (_, change, message) => {
    const state = JSON.parse(JSON.stringify(set().add("a", metricsOf(0))));
    change(state);
    expect(() => Parts.fromJSON(() => new BandMetrics(options), BandMetrics.fromJSON, state)).toThrow(message);
  });
});

test("figures are those of rational arithmetic, rounded once", () => {
  // x in units of 2⁻¹⁰⁷⁴.
  const units = (x: number) => ExactSum.of(x).units;
  for (let run = 0; run < 200; run++) {
    const random = seeded(run + 1);
    const level = 10 ** (12 * random());
    const sets = Array.from({ length: 5 }, () => Array.from({ length: 4 }, () => level + random() - 0.5));
    const moments = sets.map((xs) => {
      const mean = xs.reduce((sum, x) => sum + x, 0) / 4;
      return { weight: 4, sum: xs.reduce((sum, x) => sum + x, 0), m2: xs.reduce((sum, x) => sum + (x - mean) ** 2, 0) };
    });
    const joined = shuffled(moments, random).reduce((all, each) => all.plus(Moments.of(each)), Moments.NONE);
    // Σ m2 + Σ sum²/4 − (Σ sum)²/20, times 20 and 2^1074 twice.
    const one = units(1);
    const total = moments.reduce((sum, { sum: own }) => sum + units(own), 0n);
    const within = moments.reduce((sum, { m2 }) => sum + units(m2), 0n);
    const squares = moments.reduce((sum, { sum: own }) => sum + units(own) ** 2n, 0n);
    const want = quotient(20n * within * one + 5n * squares - total ** 2n, 20n * one * one);
    expect(joined.m2).toBe(want);
    expect(new Mean(joined.sum, joined.weight).value).toBe(quotient(total, 20n * one));
  }
});

test("one image in 30 random tilings: the counts to the bit, the other figures to 1e-12", () => {
  const [height, width] = [777, 1234];
  const random = seeded(5);
  const target = Float32Array.from({ length: height * width }, () => (random() < 0.1 ? -1 : random()));
  const pred = target.map((t) => t + 0.2 * (random() - 0.5));
  const image = (data: Float32Array, x0: number, x1: number, y0: number, y1: number) =>
    tensor(
      Float32Array.from({ length: (x1 - x0) * (y1 - y0) }, (_, i) =>
        at(data, (y0 + Math.floor(i / (x1 - x0))) * width + x0 + (i % (x1 - x0))),
      ),
      [1, 1, y1 - y0, x1 - x0],
    );
  const settings = { bands: ["a"], dataRange: 1, without: ["uqi"] as const };
  const whole = evaluate(image(pred, 0, width, 0, height), image(target, 0, width, 0, height), settings);
  const cuts = (size: number) => {
    const inner = [0.2, 0.7].map((share) => Math.floor(size * (share + 0.2 * random())));
    return [0, ...inner, size];
  };
  for (let run = 0; run < 30; run++) {
    const [xs, ys] = [cuts(width), cuts(height)];
    const windows = ys
      .slice(1)
      .flatMap((y1, r) => xs.slice(1).map((x1, c) => ({ x1, y1, x0: xs[c] ?? 0, y0: ys[r] ?? 0 })));
    const states = (run < 3 ? [0, 1] : [0]).map(() => {
      const metrics = new BandMetrics(settings);
      for (const { x0, x1, y0, y1 } of shuffled(windows, random)) {
        const halo = {
          left: Math.min(5, x0),
          right: Math.min(5, width - x1),
          top: Math.min(5, y0),
          bottom: Math.min(5, height - y1),
        };
        const cut = (data: Float32Array) =>
          image(data, x0 - halo.left, x1 + halo.right, y0 - halo.top, y1 + halo.bottom);
        metrics.update(cut(pred), cut(target), { sample: "scene", halo });
      }
      return metrics;
    });
    const [first, second] = states.map((metrics) => JSON.stringify(metrics));
    if (second !== undefined) expect(second).toBe(first);
    const got = (states[0] as BandMetrics).compute();
    const [ours, theirs] = [got.bands.a, whole.bands.a] as unknown as Record<string, number>[];
    expect(ours?.validCount).toBe(theirs?.validCount);
    expect(ours?.validRatio).toBe(theirs?.validRatio);
    for (const [name, figure] of Object.entries(theirs ?? {})) {
      const error = Math.abs((ours?.[name] as number) - figure);
      expect([run, name, error <= 1e-12 * Math.max(1, Math.abs(figure))]).toEqual([run, name, true]);
    }
  }
}, 120_000);
