import { describe, expect, test } from "vitest";
import {
  BandMetrics,
  CombinedLoss,
  crossEntropy,
  custom,
  FlexibleWeightedLoss,
  type ImageLike,
  LossAccumulator,
  mse,
  type PreparedTarget,
  type PrepareOptions,
  prepareTarget,
  type Tensor,
  ssim,
  tensor,
  zeros,
} from "../src/index.ts";
import { criterionOf, memories, place, tensorsOf } from "./support/api.ts";
import { bitsError, bitsOf } from "./support/compare.ts";
import { everyBase, groupingsOf, inLayout, layouts, problemOf, seeded, titleOf } from "./support/data.ts";
import { type Layout, type Shape, shapeIn, sizeOf } from "../reference/layout.ts";
import type { Base, Problem, ValidRule } from "../reference/losses.ts";

const images = everyBase.filter(({ name }) => name !== "crossEntropy");

interface Result {
  readonly value: number | ArrayLike<number>;
  readonly numerator: number;
  readonly weightSum: number;
  readonly groups: { readonly loss: Float64Array; readonly weight: Float64Array; readonly validCount: Float64Array };
  readonly grad?: { readonly data: Float32Array };
}

function expectSameBits(where: unknown, got: Result, want: Result) {
  const numbers = ({ value, numerator, weightSum, groups }: Result) => [
    bitsOf(value),
    bitsOf([numerator, weightSum]),
    groups.loss,
    groups.weight,
    groups.validCount,
  ];
  const errors = numbers(got).map((x, i) => bitsError(x, numbers(want)[i] ?? new Float64Array()));
  if (want.grad) errors.push(bitsError(got.grad?.data ?? new Float32Array(), want.grad.data));
  expect([where, ...errors]).toEqual([where, ...errors.map(() => "")]);
}

/** A mask with a third of its bytes 0, of a shape [b, c, h, w] as `layout` has it. */
function maskOf(shape: Shape, layout: Layout) {
  const random = seeded(sizeOf(shape));
  const data = Uint8Array.from({ length: sizeOf(shape) }, () => (random() < 0.3 ? 0 : 255));
  return tensor(data, shapeIn(shape, layout));
}

/** The criteria's answers for the plain target and for the prepared one: twice, as counts are kept from the first. */
function expectTransparent(base: Base, problem: Problem, layout: Layout, options: PrepareOptions = {}) {
  const { mask, ...rule } = options;
  for (const memory of memories) {
    const { pred, target } = tensorsOf(problem, layout, memory) as { pred: ImageLike; target: ImageLike };
    using prepared = prepareTarget(target, { ...options, layout });
    for (const groupBy of groupingsOf(base)) {
      const criterion = criterionOf(base, { layout, groupBy, ...(rule as { valid?: ValidRule }) });
      const given = mask ? { mask } : {};
      const want = criterion.valueAndGrad(pred, target as never, given);
      const where = [titleOf(base), layout, groupBy, memory, mask?.data.length];
      expectSameBits(where, criterion.forward(pred, prepared), criterion.forward(pred, target as never, given));
      for (let round = 0; round < 2; round++) expectSameBits(where, criterion.valueAndGrad(pred, prepared), want);
    }
  }
}

describe("the same bits as the plain target", () => {
  const shape: Shape = [2, 3, 9, 13];

  test.each(images.map((base) => ({ base, title: titleOf(base) })))(
    "groupings, layouts and masks of every shape: $title",
    ({ base }) => {
      for (const layout of layouts) {
        const problem = inLayout(problemOf(base, shape, 5), layout);
        const [, , H, W] = problem.shape;
        expectTransparent(base, problem, layout);
        for (const of of [
          [2, 3, H, W],
          [2, 1, H, W],
          [1, 1, H, W],
          [1, 1, H, 1],
          [1, 1, 1, W],
          [2, 1, 1, 1],
          [1, 3, 1, 1],
        ] satisfies Shape[])
          expectTransparent(base, problem, layout, { mask: maskOf(of, layout) });
        expectTransparent(base, problem, layout, { mask: tensor(new Uint8Array(1), [1, 1]) });
      }
    },
  );

  test("a mask of two dimensions", () => {
    const problem = problemOf({ name: "mse" }, shape, 6);
    const mask = tensor(maskOf([1, 1, 9, 13], "NCHW").data, [9, 13]);
    expectTransparent({ name: "mse" }, problem, "NCHW", { mask });
  });

  test.each([
    { valid: { min: 0.2 } },
    { valid: { above: 0.2, below: 0.9 } },
    { valid: { max: 0.5 } },
    { valid: { nodata: [0.5, -9999] } },
    { valid: {} },
    { valid: { min: -1, max: Number.POSITIVE_INFINITY, nodata: 0.25 } },
    { threshold: 0.3 },
  ] satisfies PrepareOptions[])("%j", (rule) => {
    for (const base of [{ name: "mse" }, { name: "rmse" }, { name: "sam" }, { name: "dice" }] satisfies Base[])
      for (const layout of layouts) {
        const problem = inLayout(problemOf(base, shape, 7), layout);
        problem.target.set([0.2, 0.5, 0.25, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0], 30);
        // Infinity counts where the rule lets it: its bits are those of NaN and Infinity in the results.
        expectTransparent(base, problem, layout, rule);
        expectTransparent(base, problem, layout, { ...rule, mask: maskOf([2, 1, 9, 13], layout) });
      }
  });

  test("over many tiles and windows", () => {
    for (const base of [{ name: "mse" }, { name: "vectorAngle" }, { name: "sam" }] satisfies Base[])
      for (const layout of layouts) {
        const problem = inLayout(problemOf(base, [2, 3, 130, 131], 8), layout);
        expectTransparent(base, problem, layout);
        expectTransparent(base, problem, layout, { mask: maskOf([1, 1, 130, 131], layout) });
      }
  });

  test("integers", () => {
    const stored = Uint16Array.from({ length: sizeOf(shape) }, (_, i) => (i * 7919) % 65536);
    const target = tensor(stored, [...shape], { scale: 1e-4, offset: -0.1 });
    const pred = place(
      Float32Array.from(stored, (v) => v / 9000),
      [...shape],
    );
    const rule = { valid: { above: 0, max: 60000, nodata: [7919] } };
    using prepared = prepareTarget(target, rule);
    for (const base of [{ name: "mse" }, { name: "sam" }, { name: "logCosh" }] satisfies Base[]) {
      const criterion = criterionOf(base, rule);
      expectSameBits(base, criterion.valueAndGrad(pred, prepared), criterion.valueAndGrad(pred, target));
    }
    // Both of one calibration, close to each other, under the rule that kernels ask as they go.
    const close = tensor(
      stored.map((v) => v ^ 1),
      [...shape],
      { scale: 1e-4, offset: -0.1 },
    );
    using usual = prepareTarget(target);
    for (const base of [{ name: "mse" }, { name: "huber" }, { name: "sam" }] satisfies Base[]) {
      const criterion = criterionOf(base);
      expectSameBits(base, criterion.valueAndGrad(close, usual), criterion.valueAndGrad(close, target));
    }
  });

  test("in a combination, with out, gradOutput and normalizer, and for a custom loss", () => {
    const problem = problemOf({ name: "mse" }, [2, 3, 14, 15], 9);
    const { pred, target } = tensorsOf(problem) as { pred: ImageLike; target: ImageLike };
    const mask = maskOf([2, 1, 14, 15], "NCHW");
    using prepared = prepareTarget(target, { mask });
    const terms = new CombinedLoss([
      { weight: 0.5, loss: criterionOf({ name: "sam", params: { pixels: "any" } }) },
      { weight: 1, loss: criterionOf({ name: "sam" }) },
      { weight: 2, loss: criterionOf({ name: "rmse" }, { groupBy: "sample" }) },
      { weight: 3, loss: criterionOf({ name: "ssim", params: { dataRange: 1 } }) },
    ]);
    const given = { gradOutput: -2, normalizer: [1, 2, 3, 4] };
    const want = terms.valueAndGrad(pred, target, { ...given, mask });
    const out = zeros([2, 3, 14, 15]);
    const got = terms.valueAndGrad(pred, prepared, { ...given, out });
    expect(got.grad).toBe(out);
    expect(got.value).toBe(want.value);
    expect(bitsError(out.data, want.grad.data)).toBe("");
    const half = new FlexibleWeightedLoss(
      custom((p, t) => ({ value: p.length, grad: p.map((x, i) => x - (t[i] ?? 0)) })),
    );
    expectSameBits("custom", half.valueAndGrad(pred, prepared), half.valueAndGrad(pred, target, { mask }));
  });
});

test("as a window whose halo is cut off, stored integers included", () => {
  const shape = [2, 20, 24];
  const stored = Uint16Array.from({ length: 960 }, (_, i) => (i * 7919) % 10007);
  const calibration = { scale: 1e-4, offset: -0.1 };
  const valid = { min: 1000, nodata: 7919 };
  const pred = tensor(
    Float32Array.from(stored, (v) => v / 9000),
    shape,
  );
  const mask = tensor(maskOf([1, 1, 20, 24], "NCHW").data, [20, 24]);
  const target = tensor(stored, shape, calibration);
  using prepared = prepareTarget(target, { valid, mask });
  const window = { sample: "scene", halo: { top: 5, left: 3 } };
  const loss = (given: ImageLike | PreparedTarget, options: { mask?: typeof mask }) =>
    new LossAccumulator(
      new CombinedLoss(
        [mse(), ssim({ dataRange: 1 })].map((base) => ({ weight: 1, loss: new FlexibleWeightedLoss(base, { valid }) })),
      ),
    )
      .add(pred, given, { ...window, ...options })
      .finish();
  expect(loss(prepared, {})).toEqual(loss(target, { mask }));
  const figures = (given: ImageLike | PreparedTarget, options: { mask?: typeof mask }) => {
    const metrics = new BandMetrics({ bands: ["B02", "B03"], dataRange: 1, valid });
    metrics.update(pred, given, { ...window, ...options });
    return metrics.compute();
  };
  expect(figures(prepared, {})).toEqual(figures(target, { mask }));
});

describe("counts are kept", () => {
  test("apart for each way of grouping and counting, in any order", () => {
    for (const layout of layouts) {
      const problem = inLayout(problemOf({ name: "mse" }, [3, 3, 8, 9], 10, 0.5), layout);
      const { pred, target } = tensorsOf(problem, layout) as { pred: ImageLike; target: ImageLike };
      const criteria = [
        criterionOf({ name: "sam" }, { layout }),
        criterionOf({ name: "mse" }, { layout, groupBy: "channel" }),
        criterionOf({ name: "sam", params: { pixels: "any" } }, { layout }),
        criterionOf({ name: "mse" }, { layout, groupBy: "sample" }),
        criterionOf({ name: "huber", params: { delta: 2 } }, { layout, groupBy: "sample" }),
        criterionOf({ name: "dice" }, { layout, groupBy: "sample" }),
        criterionOf({ name: "mae" }, { layout, groupBy: "channel", reduction: "none", weighting: 2 }),
      ];
      const want = criteria.map((criterion) => criterion.valueAndGrad(pred, target));
      for (const order of [
        criteria.keys(),
        criteria.map((_, i) => i).reverse(),
        [0, 2, 0, 1, 3, 1, 3, 2, 4, 5, 6, 0],
      ]) {
        using prepared = prepareTarget(target, { layout });
        for (const i of [...order, ...criteria.keys()]) {
          const got = criteria[i]?.valueAndGrad(pred, prepared) as Result;
          expectSameBits([layout, i], got, want[i] as Result);
        }
      }
    }
  });

  test("and a result's counts are the caller's: writing into them changes no later call", () => {
    const { pred, target } = tensorsOf(problemOf({ name: "mse" }, [2, 2, 5, 6], 11)) as {
      pred: ImageLike;
      target: ImageLike;
    };
    using prepared = prepareTarget(target);
    const criterion = new FlexibleWeightedLoss(mse());
    const want = criterion.valueAndGrad(pred, target);
    for (let round = 0; round < 3; round++) {
      const got = criterion.valueAndGrad(pred, prepared);
      expectSameBits(round, got, want);
      got.groups.validCount.fill(-1);
      got.groups.weight.fill(-1);
    }
  });

  test("of what the target was: later changes of it, or of the mask, do not matter", () => {
    const { pred, target } = tensorsOf(problemOf({ name: "mse" }, [2, 2, 5, 6], 12)) as {
      pred: ImageLike;
      target: Tensor;
    };
    const mask = maskOf([1, 1, 5, 6], "NCHW");
    using prepared = prepareTarget(target, { mask });
    const criterion = new FlexibleWeightedLoss(mse());
    const want = criterion.valueAndGrad(pred, target, { mask });
    mask.data.fill(1);
    target.data.fill(3);
    expectSameBits("", criterion.valueAndGrad(pred, prepared), want);
  });
});

describe("class labels", () => {
  const [samples, classes, height, width] = [2, 5, 9, 7];
  const random = seeded(3);
  const logits = tensor(
    Float32Array.from({ length: samples * classes * height * width }, () => 4 * random() - 2),
    [samples, classes, height, width],
  );
  const plane = samples * height * width;
  const numbers = Array.from({ length: plane }, () => Math.floor(random() * (classes + 1)));
  const mask = tensor(
    Uint8Array.from({ length: plane }, () => (random() < 0.3 ? 0 : 1)),
    [samples, height, width],
  );
  const ignoreIndex = classes;
  const criterion = new FlexibleWeightedLoss(crossEntropy({ ignoreIndex }));

  test.each([Int32Array, Uint8Array, Float32Array])("%o: the same bits as unprepared", (Type) => {
    const labels = tensor(Type.from(numbers), [samples, height, width]);
    for (const given of [{}, { mask }]) {
      using prepared = prepareTarget(labels, { labels: true, ignoreIndex, ...given });
      const want = criterion.valueAndGrad(logits, labels, given);
      expectSameBits(Type.name, criterion.valueAndGrad(logits, prepared), want);
      expectSameBits(Type.name, criterion.valueAndGrad(logits, prepared), want);
      expect(criterion.forward(logits, prepared).value).toBe(criterion.forward(logits, labels, given).value);
    }
  });

  test("go with a criterion of their ignoreIndex, and with no image's", () => {
    using prepared = prepareTarget(tensor(Int32Array.from(numbers), [samples, height, width]), { ignoreIndex });
    const others = new FlexibleWeightedLoss(crossEntropy());
    expect(() => others.forward(logits, prepared)).toThrow(/"target".*ignoreIndex/);
    expect(() => new FlexibleWeightedLoss(mse()).forward(logits, prepared)).toThrow(/"target".*an image.*class labels/);
    using image = prepareTarget(tensor(new Float32Array(plane), [samples, height, width]));
    expect(() => others.forward(logits, image)).toThrow(/"target".*class labels.*an image/);
  });

  test("that are no class are found by every call, as without preparing", () => {
    const labels = tensor(Int32Array.from(numbers).fill(classes + 2, 10, 11), [samples, height, width]);
    using prepared = prepareTarget(labels, { ignoreIndex });
    const more = tensor(new Float32Array(plane * (classes + 3)), [samples, classes + 3, height, width]);
    for (let round = 0; round < 3; round++) {
      expect(() => criterion.forward(logits, prepared)).toThrow(/"target".*got 7/);
      expect(() => criterion.valueAndGrad(logits, prepared)).toThrow(/"target".*got 7/);
      // Labels that are classes of other logits, and counted with these.
      expect(criterion.valueAndGrad(more, prepared).value).toBeGreaterThan(0);
    }
  });
});

describe("errors", () => {
  const shape = [1, 2, 2, 2];
  const target = tensor(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), shape);
  const pred = tensor(new Float32Array(8), shape);
  const mask = tensor(new Uint8Array(8).fill(1), shape);
  const criterion = new FlexibleWeightedLoss(mse());
  // biome-ignore lint/suspicious/noExplicitAny: the tests of errors call what does not compile
  type Any = any;
  const rule = { min: 1, nodata: [1, 2] };
  const mseOf = (options: object) => new FlexibleWeightedLoss(mse(), options);

  test.each<[string, (prepared: PreparedTarget) => unknown, typeof TypeError | typeof RangeError, RegExp]>([
    ["a mask again", (t) => criterion.forward(pred, t, { mask }), TypeError, /"mask".*prepared/],
    ["another rule", (t) => mseOf({ valid: { min: 1 } }).forward(pred, t), RangeError, /"target".*rule/],
    ["another threshold", (t) => mseOf({ threshold: 1 }).forward(pred, t), RangeError, /"target".*rule/],
    ["fewer nodata", (t) => mseOf({ valid: { min: 1, nodata: 2 } }).forward(pred, t), RangeError, /"target".*rule/],
    ["as many", (t) => mseOf({ valid: { min: 1, nodata: [2, 2] } }).forward(pred, t), RangeError, /"target".*rule/],
    ["other ones", (t) => mseOf({ valid: { min: 1, nodata: [1, 3] } }).forward(pred, t), RangeError, /"target".*rule/],
    ["another layout", (t) => mseOf({ layout: "NHWC" }).forward(pred, t), RangeError, /"target".*layout.*NHWC/],
    ["another shape", (t) => criterion.forward(tensor(new Float32Array(4), [1, 1, 2, 2]), t), RangeError, /"target"/],
    ["as pred", (t) => criterion.forward(t as Any, target), TypeError, /"pred".*PreparedTarget|"pred"/],
    ["as target of itself", (t) => prepareTarget(t as Any), TypeError, /"target"|"pred"/],
    ["as mask", (t) => criterion.forward(pred, target, { mask: t as Any }), TypeError, /"mask"/],
    ["as out", (t) => criterion.valueAndGrad(pred, target, { out: t as Any }), TypeError, /"out"/],
    [
      "for classes",
      (t) => criterionOf({ name: "crossEntropy" }).forward(pred, t),
      TypeError,
      /"target".*class labels.*PreparedTarget/,
    ],
    [
      "in one term of two",
      (t) =>
        new CombinedLoss([1, 2].map((min) => ({ weight: 1, loss: mseOf({ valid: { ...rule, min } }) }))).forward(
          pred,
          t,
        ),
      RangeError,
      /"target".*rule/,
    ],
  ])("%s, and the next call works", (_, call, kind, message) => {
    using prepared = prepareTarget(target, { valid: rule });
    expect(() => call(prepared)).toThrow(kind);
    expect(() => call(prepared)).toThrow(message);
    const want = mseOf({ valid: rule }).forward(pred, target).value;
    expect(criterion.forward(pred, prepared).value).toBe(want);
    expect(mseOf({ valid: { nodata: [2, 1], min: 1 } }).forward(pred, prepared).value).toBe(want);
  });

  test.each<[string, () => unknown, typeof TypeError | typeof RangeError, RegExp]>([
    ["unknown option", () => prepareTarget(target, { groupBy: "sample" } as Any), TypeError, /groupBy/],
    ["two rules", () => prepareTarget(target, { threshold: 1, valid: {} } as Any), TypeError, /"threshold"/],
    ["layout", () => prepareTarget(target, { layout: "CHWN" as Any }), RangeError, /"layout".*CHWN/],
    [
      "kind of target",
      () => prepareTarget({ data: new Float64Array(8), shape } as Any),
      TypeError,
      /"target".*Float64Array/,
    ],
    [
      "rule for labels",
      () => prepareTarget(tensor(new Int32Array(8), shape), { threshold: 1 }),
      TypeError,
      /"threshold"/,
    ],
    ["ignoreIndex for an image", () => prepareTarget(target, { ignoreIndex: 1 }), TypeError, /"ignoreIndex".*image/],
    ["labels", () => prepareTarget(target, { labels: 1 as Any }), TypeError, /"labels".*number/],
    ["no target", () => prepareTarget(undefined as Any), TypeError, /"target"/],
    ["dimensions", () => prepareTarget(tensor(new Float32Array(8), [8])), RangeError, /"target".*\[8\]/],
    [
      "mask that does not fit",
      () => prepareTarget(target, { mask: tensor(new Uint8Array(3), [1, 3]) }),
      RangeError,
      /"mask"/,
    ],
    [
      "mask of halves",
      () => prepareTarget(target, { mask: tensor(new Int16Array(4), [2, 2]) as Any }),
      TypeError,
      /"mask".*Int16Array/,
    ],
  ])("%s", (_, call, kind, message) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });

  test("after dispose", () => {
    const gone = prepareTarget(target);
    gone.dispose();
    gone.dispose();
    expect(() => criterion.forward(pred, gone)).toThrow(TypeError);
    expect(() => criterion.forward(pred, gone)).toThrow(/"target".*dispos/);
  });
});
