/** Soft masks and weights: the facts that follow from their definition, on other data than the golden vectors'. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BandMetrics,
  CombinedLoss,
  custom,
  evaluate,
  FlexibleWeightedLoss,
  LossAccumulator,
  mae,
  mse,
  prepareTarget,
  sam,
  ssim,
  ssimMap,
  type Tensor,
  tensor,
  validPixelWeightedLoss,
} from "../src/index.ts";
import { criterionOf, memories, run, tensorsOf } from "./support/api.ts";
import { bitsError, bitsOf, gradError, positiveZeroError, valueError } from "./support/compare.ts";
import { everyBase, inLayout, layouts, perPixel, problemOf, seeded } from "./support/data.ts";
import { at, type Shape } from "../reference/layout.ts";
import { type Base, type PixelValues, type Problem, reference, type Settings } from "../reference/losses.ts";

fc.configureGlobal({ seed: Number(process.env.SEED ?? 1) });
const runs = { numRuns: Number(process.env.RUNS ?? 120) };

/** Bases that have masses: the zeros of one way of SSIM have none. */
const weighable = everyBase.filter(({ params }) => params?.invalid !== "zero");
const eroding: Base = { name: "ssim", params: { dataRange: 1, invalid: "erode" } };

const groupings = ["sample", "channel", "batch", "band"] as const;
const groupingsOf = (base: Base) => (perPixel(base) ? (["sample", "batch"] as const) : groupings);

/** Shapes of what is broadcast to [B, C, H, W]. */
const broadcasts = [
  (s: Shape) => [...s],
  ([B, , H, W]: Shape) => [B, 1, H, W],
  ([, , H, W]: Shape) => [H, W],
  ([, , H]: Shape) => [H, 1],
  ([, , , W]: Shape) => [W],
  ([, C]: Shape) => [C, 1, 1],
  ([B]: Shape) => [B, 1, 1, 1],
] as const;

function valuesOf(shape: readonly number[], draw: () => number): PixelValues<Float32Array> {
  return { shape, data: Float32Array.from({ length: shape.reduce((n, size) => n * size, 1) }, draw) };
}

/** The shape that a base lets be broadcast: one number per pixel for `sam`, that of the classes for `crossEntropy`. */
function shapeFor(base: Base, [B, C, H, W]: Shape, which: number): number[] {
  if (base.name === "crossEntropy") return [B, H, W];
  const shape = (broadcasts[which % broadcasts.length] as (typeof broadcasts)[0])([B, C, H, W]);
  return base.name === "sam" ? shape.map((size, i) => (i === shape.length - 3 ? 1 : size)) : shape;
}

/** A problem with a soft mask, weights or both: a third of their numbers are 0, of either sign. */
function weighed(base: Base, problem: Problem, seed: number, what: string, which: number): Problem {
  const random = seeded(seed);
  const draw = (most: number) => () => (random() < 0.3 ? (random() < 0.5 ? 0 : -0) : most * random());
  return {
    ...problem,
    ...(what === "weights" ? {} : { mask: valuesOf(shapeFor(base, problem.shape, which), draw(1)) }),
    ...(what === "mask" ? {} : { weights: valuesOf(shapeFor(base, problem.shape, which + 3), draw(50)) }),
  };
}

const situation = fc.record({
  base: fc.constantFrom(...weighable, eroding),
  shape: fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 2, max: 4 }),
    fc.integer({ min: 1, max: 5 }),
    fc.integer({ min: 1, max: 9 }),
  ),
  seed: fc.nat(1e6),
  what: fc.constantFrom("mask", "weights", "both"),
  which: fc.nat(6),
  layout: fc.constantFrom(...layouts),
  memory: fc.constantFrom(...memories),
  group: fc.nat(3),
  reduction: fc.constantFrom("mean" as const, "sum" as const),
});

function settingsOf(base: Base, group: number, rest: Settings): Settings {
  const choices = groupingsOf(base);
  return { ...rest, groupBy: choices[group % choices.length] ?? "sample" };
}

describe("for every base, shape of masses, layout and grouping", () => {
  test("value, figures and gradient are those of the f64 reference", () => {
    fc.assert(
      fc.property(situation, ({ base, shape, seed, what, which, layout, memory, group, reduction }) => {
        const settings = settingsOf(base, group, { layout, reduction });
        const plain = problemOf(base, shape as Shape, seed);
        const problem = inLayout(weighed(base, plain, seed + 1, what, which), layout);
        const want = reference(base, problem, settings);
        const got = run(base, problem, settings, memory);
        expect(valueError(got.value, want.value)).toBe("");
        expect(valueError(got.groups.loss, want.groups.loss)).toBe("");
        expect(valueError(got.groups.weight, want.groups.weight)).toBe("");
        expect(Array.from(got.groups.validCount)).toEqual(want.groups.validCount);
        expect(valueError(got.groups.validWeight, want.groups.validWeight)).toBe("");
        expect(valueError(got.groups.totalWeight, want.groups.totalWeight)).toBe("");
        expect(gradError(got.grad.data, want.grad)).toBe("");
      }),
      runs,
    );
  });

  test("a soft mask of 0 and 1 gives the bits of bytes", () => {
    fc.assert(
      fc.property(situation, ({ base, shape, seed, which, layout, memory, group, reduction }) => {
        const settings = settingsOf(base, group, { layout, reduction });
        const plain = problemOf(base, shape as Shape, seed);
        const random = seeded(seed + 1);
        const soft = valuesOf(shapeFor(base, plain.shape, which), () => (random() < 0.3 ? 0 : 1));
        const bytes = { shape: soft.shape, data: Uint8Array.from(soft.data, (x) => x * 255) };
        const got = run(base, inLayout({ ...plain, mask: soft }, layout), settings, memory);
        const want = run(base, inLayout({ ...plain, mask: bytes }, layout), settings, memory);
        expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
        for (const figure of ["loss", "weight", "validCount", "validWeight", "totalWeight"] as const) {
          expect(bitsError(got.groups[figure], want.groups[figure])).toBe("");
        }
        expect(bitsError(got.grad.data, want.grad.data)).toBe("");
      }),
      runs,
    );
  });

  test("what stands at pixels without mass changes no bit, and has the gradient +0", () => {
    const poisons = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e38, -1e38];
    fc.assert(
      fc.property(situation, ({ base, shape, seed, what, which, layout, memory, group, reduction }) => {
        const settings = settingsOf(base, group, { layout, reduction });
        const clean = weighed(base, problemOf(base, shape as Shape, seed), seed + 1, what, which);
        const [B, C, H, W] = clean.shape;
        const empty = Array.from({ length: B * C * H * W }, (_, i) => {
          const place = [Math.floor(i / (C * H * W)), Math.floor(i / (H * W)) % C, Math.floor(i / W) % H, i % W];
          const classes = [place[0], place[2], place[3]] as number[];
          const own = base.name === "crossEntropy" ? classes : (place as number[]);
          return [clean.mask, clean.weights].some((values) => values !== undefined && readAt(values, own) === 0);
        });
        const random = seeded(seed + 2);
        const poison = (x: number, i: number) => (empty[i] ? at(poisons, Math.floor(5 * random())) : x);
        const poisoned = { ...clean, pred: Float32Array.from(clean.pred, poison) };
        if (base.name !== "crossEntropy") {
          poisoned.target = Float32Array.from(clean.target, (x, i) => (empty[i] ? Math.abs(poison(x, i)) : x));
        }
        const want = run(base, inLayout(clean, layout), settings, memory);
        const got = run(base, inLayout(poisoned, layout), settings, memory);
        expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
        for (const figure of ["loss", "weight", "validCount", "validWeight", "totalWeight"] as const) {
          expect(bitsError(got.groups[figure], want.groups[figure])).toBe("");
        }
        expect(bitsError(got.grad.data, want.grad.data)).toBe("");
        const inOrder = run(base, poisoned, settingsOf(base, group, { reduction }), memory);
        expect(positiveZeroError(inOrder.grad.data, (i) => empty[i] as boolean)).toBe("");
      }),
      runs,
    );
  });

  test("the scale of the weights is of no account, but to the smoothing of dice", () => {
    fc.assert(
      fc.property(situation, fc.constantFrom(1e-6, 3, 1e7), (given, scale) => {
        const { base: any, shape, seed, which, layout, memory, group, reduction } = given;
        const base: Base = any.name === "dice" ? { name: "dice", params: { smooth: 0 } } : any;
        const settings = settingsOf(base, group, { layout, reduction });
        const problem = weighed(base, problemOf(base, shape as Shape, seed), seed + 1, "both", which);
        const { shape: of, data } = problem.weights as PixelValues<Float32Array>;
        const scaled = { ...problem, weights: { shape: of, data: data.map((a) => a * scale) } };
        const want = run(base, inLayout(problem, layout), settings, memory);
        const got = run(base, inLayout(scaled, layout), settings, memory);
        expect(valueError(got.value, want.value, 2e-6)).toBe("");
        expect(gradError(got.grad.data, want.grad.data, 2e-6)).toBe("");
      }),
      runs,
    );
  });
});

/** A number that is broadcast, at a place of the whole. */
function readAt({ data, shape }: PixelValues<Uint8Array | Float32Array>, place: readonly number[]): number {
  const own = place.slice(place.length - shape.length);
  return at(
    data,
    shape.reduce((index, size, axis) => index * size + (size === 1 ? 0 : (own[axis] as number)), 0),
  );
}

describe("integer weights are pixels that are there as often", () => {
  test.each(everyBase.filter(({ name }) => name !== "ssim"))("$name $params", (base) => {
    const plain = problemOf(base, [1, 3, 1, 23], 5);
    const random = seeded(6);
    const times = Float32Array.from({ length: 23 }, () => Math.floor(4 * random()));
    const columns = Array.from(times).flatMap((n, x) => Array<number>(n).fill(x));
    const stretch = <T extends Problem["pred"] | Problem["target"]>(data: T) =>
      (data as Float32Array).constructor &&
      (new (data.constructor as new (numbers: number[]) => T)(
        Array.from({ length: data.length / 23 }, (_, row) => columns.map((x) => at(data, row * 23 + x))).flat(),
      ) as T);
    const repeated: Problem = {
      shape: [1, 3, 1, columns.length],
      pred: stretch(plain.pred),
      target: stretch(plain.target),
    };
    const weights = { shape: [1, 23], data: times };
    const got = run(base, { ...plain, weights }, { groupBy: "sample" });
    const want = run(base, repeated, { groupBy: "sample" });
    expect(valueError(got.value, want.value)).toBe("");
    expect(valueError(got.groups.validWeight, want.groups.validCount)).toBe("");
    const sums = new Float64Array(plain.pred.length);
    want.grad.data.forEach((g, i) => {
      const row = Math.floor(i / columns.length);
      const to = row * 23 + (columns[i % columns.length] as number);
      sums[to] = at(sums, to) + g;
    });
    expect(gradError(got.grad.data, sums)).toBe("");
  });
});

const shape = [2, 3, 20, 17] as const;
const clean = problemOf({ name: "ssim", params: { dataRange: 1 } }, [2, 3, 10, 7], 21);
const soft = {
  ...weighed({ name: "mse" }, clean, 22, "mask", 0),
  weights: weighed({ name: "mse" }, clean, 23, "weights", 4).weights as PixelValues<Float32Array>,
};
const { pred, target: given, given: masses } = tensorsOf(soft);
const target = given as Tensor;

describe("the same masses, given another way", () => {
  test.each(weighable.filter(({ name }) => !perPixel({ name })))("a prepared target: $name $params", (base) => {
    const problem = weighed(base, problemOf(base, [2, 3, 10, 7], 31), 32, "both", 0);
    const arrays = tensorsOf(problem);
    const criterion = criterionOf(base);
    using ready = prepareTarget(arrays.target, arrays.given);
    for (let epoch = 0; epoch < 2; epoch++) {
      const got = criterion.valueAndGrad(arrays.pred, ready);
      const want = criterion.valueAndGrad(arrays.pred, arrays.target, arrays.given);
      expect(got.value).toBe(want.value);
      expect(got.groups).toEqual(want.groups);
      expect(bitsError(got.grad.data, want.grad.data)).toBe("");
    }
    expect(() => criterion.forward(arrays.pred, ready, { weights: arrays.given.weights as Tensor })).toThrow(
      '"weights": expected none with a prepared target',
    );
  });

  test.each(["mse", "vectorAngle", "poissonNLL", "ssim"] as const)("digital numbers are their values: %s", (name) => {
    const base: Base = name === "ssim" ? { name, params: { dataRange: 1 } } : { name };
    const random = seeded(41);
    const numbers = () => Uint16Array.from({ length: pred.data.length }, () => 1 + Math.floor(60000 * random()));
    const [p, t] = [numbers(), numbers()];
    const scale = 2 ** -16;
    const image = (data: Uint16Array) => ({ data, shape, scale, offset: 0 });
    const values = (data: Uint16Array) =>
      tensor(
        Float32Array.from(data, (x) => x * scale),
        shape,
      );
    const criterion = criterionOf(base);
    const got = criterion.valueAndGrad(image(p), image(t) as unknown as Tensor, masses);
    const want = criterion.valueAndGrad(values(p), values(t), masses);
    expect(valueError(got.value, want.value)).toBe("");
    expect(gradError(got.grad.data, want.grad.data)).toBe("");
  });

  test("CombinedLoss, validPixelWeightedLoss", () => {
    const [first, second] = [new FlexibleWeightedLoss(mse()), new FlexibleWeightedLoss(ssim({ dataRange: 1 }))];
    const both = new CombinedLoss([
      { weight: 2, loss: first },
      { weight: 0.5, loss: second },
    ]);
    const want = 2 * first.forward(pred, target, masses).value + 0.5 * second.forward(pred, target, masses).value;
    expect(valueError(both.valueAndGrad(pred, target, masses).value, want, 1e-14)).toBe("");
    const options = { groupBy: "channel", ...masses } as const;
    expect(validPixelWeightedLoss(pred, target, mse(), options)).toBe(first.forward(pred, target, masses).value);
  });

  test("LossAccumulator: whole samples, and pieces of one", () => {
    const terms = [mse(), ssim({ dataRange: 1 })].map((base) => ({ weight: 1, loss: new FlexibleWeightedLoss(base) }));
    const want = terms.reduce((sum, { loss }) => sum + loss.forward(pred, target, masses).value, 0);
    expect(valueError(new LossAccumulator(terms).add(pred, target, masses).finish().value, want)).toBe("");
    const loss = new LossAccumulator(terms);
    const plane = 20 * 17;
    for (let b = 0; b < 2; b++) {
      for (const [from, to] of [
        [0, 9],
        [9, 20],
      ] as const) {
        const [top, bottom] = [Math.max(0, from - 5), Math.min(20, to + 5)];
        const cut = (data: ArrayLike<number>) =>
          Float32Array.from(
            [0, 1, 2].flatMap((c) =>
              Array.from({ length: (bottom - top) * 17 }, (_, i) => at(data, (b * 3 + c) * plane + top * 17 + i)),
            ),
          );
        const piece = (data: ArrayLike<number>) => tensor(cut(data), [1, 3, bottom - top, 17]);
        loss.add(piece(pred.data), piece(target.data), {
          mask: piece((masses.mask as Tensor).data),
          weights: piece((masses.weights as Tensor).data),
          sample: String(b),
          halo: { top: from - top, bottom: bottom - to },
        });
      }
    }
    expect(valueError(loss.finish().value, want)).toBe("");
    const read = LossAccumulator.fromJSON(terms, JSON.parse(JSON.stringify(loss)));
    expect(read.finish()).toEqual(loss.finish());
  });

  test("BandMetrics in windows is evaluate at once", () => {
    const options = { bands: ["a", "b", "c"], dataRange: 1, without: ["uqi"] as const };
    const want = evaluate(pred, target, { ...options, ...masses });
    const metrics = new BandMetrics(options);
    metrics.update(pred, target, masses);
    expect(metrics.compute()).toEqual(want);
    expect(BandMetrics.fromJSON(JSON.parse(JSON.stringify(metrics))).compute()).toEqual(want);
    const bytes = {
      mask: tensor(
        Uint8Array.from((masses.mask as Tensor).data, (m) => (m > 0 ? 1 : 0)),
        shape,
      ),
    };
    const flat = { mask: tensor(Float32Array.from(bytes.mask.data), shape) };
    // A mask that varies by channel, by its shape, leaves no one mass for a spectrum.
    expect(evaluate(pred, target, { ...options, ...flat }).bands).toEqual(
      evaluate(pred, target, { ...options, ...bytes }).bands,
    );
    expect(evaluate(pred, target, { ...options, ...flat }).scene.sam).toBeNaN();
  });

  test("the map of SSIM has its mean, by the masses of its centres", () => {
    const map = ssimMap(pred, target, { dataRange: 1, ...masses }).data;
    const mass = Array.from(
      map,
      (_, i) => at((masses.mask as Tensor).data, i) * at((masses.weights as Tensor).data, i),
    );
    const seen = [...map.keys()].filter((i) => !Number.isNaN(at(map, i)));
    const total = seen.reduce((sum, i) => sum + at(mass, i), 0);
    const mean = seen.reduce((sum, i) => sum + at(mass, i) * at(map, i), 0) / total;
    const loss = new FlexibleWeightedLoss(ssim({ dataRange: 1 }), { groupBy: "batch" });
    expect(valueError(1 - mean, loss.forward(pred, target, masses).value)).toBe("");
  });
});

test("a custom loss gets the masses, pixel by pixel, as the third argument", () => {
  const seen: number[] = [];
  const mean = custom((p, t, m) => {
    if (!m) throw new Error("no masses");
    seen.push(m.length);
    const total = m.reduce((sum, mass) => sum + mass, 0);
    const d = p.map((x, i) => x - at(t, i));
    return {
      value: d.reduce((sum, x, i) => sum + at(m, i) * x * x, 0) / total,
      grad: Float64Array.from(d, (x, i) => (2 * at(m, i) * x) / total),
    };
  });
  for (const groupBy of groupings) {
    for (const layout of layouts) {
      const problem = inLayout(soft, layout);
      const arrays = tensorsOf(problem, layout);
      const got = new FlexibleWeightedLoss(mean, { groupBy, layout }).valueAndGrad(
        arrays.pred,
        arrays.target,
        arrays.given,
      );
      const want = run({ name: "mse" }, problem, { groupBy, layout });
      expect(valueError(got.value, want.value)).toBe("");
      expect(gradError(got.grad.data, want.grad.data)).toBe("");
    }
  }
  expect(seen.length).toBeGreaterThan(0);
  const without = custom((p, _t, m) => (m === undefined ? p.length : Number.NaN));
  expect(new FlexibleWeightedLoss(without, { groupBy: "batch" }).forward(pred, target).value).toBeGreaterThan(0);
});

describe("groups of a batch and of a band", () => {
  test("a batch's mean is that of all its pixels, a band's that of evaluate", () => {
    const figures = evaluate(pred, target, { dataRange: 1, without: ["ssim", "uqi"], ...masses });
    const loss = (groupBy: "batch" | "band") =>
      new FlexibleWeightedLoss(mse(), { groupBy, weighting: "uniform" }).forward(pred, target, masses);
    expect(valueError(loss("batch").value, figures.scene.rmse ** 2)).toBe("");
    const bands = Object.values(figures.bands).map(({ rmse }) => rmse ** 2);
    expect(valueError(loss("band").groups.loss, bands)).toBe("");
  });

  test("sam has no bands to group by", () => {
    const options = { groupBy: "band" } as unknown as { groupBy: "sample" };
    expect(() => new FlexibleWeightedLoss(sam(), options)).toThrow('"groupBy": expected "sample" or "batch", or vec');
  });
});

describe("wrong numbers are refused, with the place, and nothing is written", () => {
  const criterion = new FlexibleWeightedLoss(mae());
  const ones = (of: readonly number[], change: (data: Float32Array) => void) => {
    const data = new Float32Array(of.reduce((n, size) => n * size, 1)).fill(1);
    change(data);
    return tensor(data, [...of]);
  };
  const out = tensor(new Float32Array(pred.data.length).fill(7), shape);
  // A pixel that the rule does not let count.
  const invalid = target.data.findIndex((t) => !(t >= 0));
  const placeOf = (i: number) => {
    const [, C, H, W] = shape;
    return [Math.floor(i / (C * H * W)), Math.floor(i / (H * W)) % C, Math.floor(i / W) % H, i % W].join(", ");
  };

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, -1e-40])("a weight of %s, at an invalid pixel too", (weight) => {
    const weights = ones(shape, (data) => {
      data[invalid] = weight;
      data[1000] = weight;
    });
    const wanted = `"weights": expected finite numbers ≥ 0, got ${Math.fround(weight)} at [${placeOf(Math.min(invalid, 1000))}]`;
    for (const layout of layouts) {
      const problem = inLayout({ ...clean, weights: { data: weights.data, shape } }, layout);
      const { pred, target, given } = tensorsOf(problem, layout);
      const plain = new FlexibleWeightedLoss(mae(), { layout });
      expect(() => plain.forward(pred, target, given)).toThrow(
        layout === "NCHW" ? wanted : '"weights": expected finite numbers ≥ 0, got',
      );
    }
    for (const base of [mse(), ssim({ dataRange: 1 }), custom(() => ({ value: 0, grad: [] }))]) {
      const call = () => new FlexibleWeightedLoss(base).valueAndGrad(pred, target, { weights, out });
      expect(call).toThrow(wanted);
    }
    expect(() => evaluate(pred, target, { dataRange: 1, weights })).toThrow(wanted);
    expect(() => ssimMap(pred, target, { dataRange: 1, weights })).toThrow(wanted);
    expect(() => prepareTarget(target, { weights })).toThrow(wanted);
    expect(out.data.every((g) => g === 7)).toBe(true);
    expect(criterion.forward(pred, target).value).toBeGreaterThan(0);
  });

  test.each([-0.5, Number.NaN, 1.0000001, Number.POSITIVE_INFINITY])("a share of %s", (share) => {
    const valid = target.data.findIndex((t) => t >= 0);
    const wrong = ones(shape, (data) => {
      data[valid] = share;
    });
    const wanted = `"mask": expected numbers from 0 to 1 at valid pixels, got ${Math.fround(share)} at [${placeOf(valid)}]`;
    for (const base of [mse(), ssim({ dataRange: 1 })]) {
      expect(() => new FlexibleWeightedLoss(base).valueAndGrad(pred, target, { mask: wrong, out })).toThrow(wanted);
    }
    expect(() => evaluate(pred, target, { dataRange: 1, mask: wrong })).toThrow(wanted);
    expect(() => ssimMap(pred, target, { dataRange: 1, mask: wrong })).toThrow(wanted);
    expect(out.data.every((g) => g === 7)).toBe(true);
    // A mask is not read where the rule does not hold.
    const unread = ones(shape, (data) => {
      data[invalid] = share;
    });
    expect(criterion.forward(pred, target, { mask: unread }).value).toBe(criterion.forward(pred, target).value);
  });

  test("masses that vary by channel, for sam", () => {
    const byChannel = ones(shape, () => {});
    const angles = new FlexibleWeightedLoss(sam());
    for (const given of [{ weights: byChannel }, { mask: byChannel }]) {
      expect(() => angles.forward(pred, target, given)).toThrow(
        `"${Object.keys(given)[0]}": expected one number per pixel for sam, 1 in place of the channels, got shape [2, 3, 20, 17]`,
      );
    }
  });

  test("masses for the zeros of SSIM", () => {
    const zeros = new FlexibleWeightedLoss(ssim({ dataRange: 1, invalid: "zero" }));
    expect(() => zeros.forward(pred, target, masses)).toThrow('expected none with ssim({ invalid: "zero" })');
  });

  test("weights of another shape, or kind", () => {
    const wrong = ones([3, 3], () => {});
    expect(() => criterion.forward(pred, target, { weights: wrong })).toThrow(
      '"weights": expected shape [2, 3, 20, 17]',
    );
    const bytes = tensor(new Uint8Array(pred.data.length), shape) as unknown as Tensor;
    expect(() => criterion.forward(pred, target, { weights: bytes })).toThrow(
      '"weights": expected data to be a Float32',
    );
  });
});
