import { afterEach, beforeEach, describe, expect, test } from "vitest";
import * as api from "../src/index.ts";
import { everyBase, problemOf } from "./support/data.ts";
import { bitsError, valueError } from "./support/compare.ts";
import { make, tensorsOf } from "./support/api.ts";
import { at } from "../reference/layout.ts";
import { reference } from "../reference/losses.ts";

const { tensor, zeros, FlexibleWeightedLoss, CombinedLoss, validPixelWeightedLoss, mse, sam, crossEntropy, custom } =
  api;

const shape = [2, 3, 4, 5];
const problem = problemOf({ name: "mse" }, [2, 3, 4, 5], 1);
const ones = (n: number) => new Float32Array(n).fill(1);
const floats = (of: number[]) => tensor(ones(of.reduce((n, extent) => n * extent, 1)), of);

/** What the caller owns, checked after every error: nothing of it may change. */
let pred: api.Tensor;
let target: api.Tensor;
let out: api.Tensor;
const criterion = new FlexibleWeightedLoss(mse());

beforeEach(() => {
  ({ pred, target } = tensorsOf(problem) as { pred: api.Tensor; target: api.Tensor });
  out = tensor(new Float32Array(120).fill(7), shape);
});

afterEach(() => {
  expect(bitsError(pred.data, problem.pred)).toBe("");
  expect(bitsError(target.data, problem.target as Float32Array)).toBe("");
  expect(out.data.every((x) => x === 7)).toBe(true);
  const next = criterion.valueAndGrad(pred, target);
  expect(valueError(next.value, reference({ name: "mse" }, problem).value)).toBe("");
});

/** What types forbid is thrown at the API on purpose. */
// biome-ignore lint/suspicious/noExplicitAny: the tests of errors call what does not compile
type Any = any;
const loose = api as Any;

type ErrorClass = typeof TypeError | typeof RangeError;
/** A title, the call, the class, the argument that the message names, and what the message says came. */
type Row = [title: string, call: () => unknown, kind: ErrorClass, argument: string, got?: string | RegExp];

function rows(table: Row[]) {
  test.each(table)("%s", (_, call, kind, argument, got) => {
    let thrown: unknown;
    try {
      call();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(kind);
    const { message } = thrown as Error;
    expect(message).toContain(`"${argument}"`);
    expect(message).toMatch(/expected/);
    expect(message).toMatch(/got/);
    if (got !== undefined) expect(message.slice(message.lastIndexOf("got"))).toMatch(got);
  });
}

describe("tensors", () => {
  rows([
    ["length against shape", () => criterion.forward({ data: ones(119), shape }, target), RangeError, "pred", /119/],
    [
      "length against dims",
      () => criterion.forward(pred, { data: ones(121), dims: shape }),
      RangeError,
      "target",
      /121/,
    ],
    ["tensor(): length", () => tensor(ones(3), [2, 2]), RangeError, "shape", /\[2, 2\]/],
    ["tensor(): kind of data", () => loose.tensor([1, 2, 3, 4], [2, 2]), TypeError, "data", /array/],
    ["tensor(): Float64Array", () => loose.tensor(new Float64Array(4), [2, 2]), TypeError, "data", /Float64Array/],
    ["tensor(): fraction of a pixel", () => tensor(ones(3), [2, 1.5]), RangeError, "shape", /1\.5/],
    ["tensor(): negative extent", () => tensor(ones(4), [-2, -2]), RangeError, "shape", /-2/],
    ["tensor(): shape of another kind", () => loose.tensor(ones(4), "2x2"), TypeError, "shape", /2x2|string/],
    ["zeros(): negative extent", () => zeros([-1, 4]), RangeError, "shape", /-1/],
    ["zeros(): NaN", () => zeros([Number.NaN, 4]), RangeError, "shape", /NaN/],
    ["zeros(): no array", () => loose.zeros(4), TypeError, "shape", /4|number/],
    ["pred missing", () => (criterion as Any).forward(undefined, target), TypeError, "pred", /undefined/],
    ["target missing", () => (criterion as Any).forward(pred), TypeError, "target", /undefined/],
    ["pred null", () => (criterion as Any).forward(null, target), TypeError, "pred", /null/],
    ["a bare array", () => (criterion as Any).forward(pred.data, target), TypeError, "pred"],
    ["no shape", () => (criterion as Any).forward({ data: ones(120) }, target), TypeError, "pred"],
    [
      "pred of float64",
      () => (criterion as Any).forward({ data: new Float64Array(120), shape }, target),
      TypeError,
      "pred",
      /Float64Array/,
    ],
    [
      "target of float64",
      () => (criterion as Any).forward(pred, { data: new Float64Array(120), shape }),
      TypeError,
      "target",
      /Float64Array/,
    ],
    ["one dimension", () => criterion.forward(floats([120]), floats([120])), RangeError, "pred", /\[120\]/],
    [
      "five dimensions",
      () => criterion.forward(floats([1, 2, 3, 4, 5]), target),
      RangeError,
      "pred",
      /\[1, 2, 3, 4, 5\]/,
    ],
    [
      "target of another shape",
      () => criterion.forward(pred, floats([2, 3, 4, 4])),
      RangeError,
      "target",
      /\[2, 3, 4, 4\]/,
    ],
    [
      "target of another shape and the same length",
      () => criterion.forward(pred, floats([2, 3, 5, 4])),
      RangeError,
      "target",
      /\[2, 3, 5, 4\]/,
    ],
    ["target without the batch", () => criterion.forward(pred, floats([3, 4, 5])), RangeError, "target", /\[3, 4, 5\]/],
  ]);

  test("the message of a shape that differs", () => {
    const wrong = floats([2, 3, 4, 4]);
    expect(() => criterion.forward(pred, wrong)).toThrow(
      '"target": expected shape [2, 3, 4, 5] like pred, got [2, 3, 4, 4]',
    );
  });

  test("a tensor that was disposed", () => {
    for (const which of ["pred", "target", "out"] as const) {
      const gone = zeros(shape);
      gone.dispose();
      const args = { pred, target, out, [which]: gone };
      expect(() => criterion.valueAndGrad(args.pred, args.target, { out: args.out })).toThrow(
        new RegExp(`"${which}".*dispos`),
      );
    }
  });

  test("an array that was transferred away", () => {
    const data = ones(120);
    const gone = tensor(data, shape);
    structuredClone(data, { transfer: [data.buffer] });
    expect(() => criterion.forward(gone, target)).toThrow(RangeError);
    expect(() => criterion.forward(gone, target)).toThrow(/"pred"/);
  });
});

describe("out", () => {
  const withOut = (of: unknown) => (criterion as Any).valueAndGrad(pred, target, { out: of });
  rows([
    ["another shape", () => withOut(floats([2, 3, 5, 4])), RangeError, "out", /\[2, 3, 5, 4\]/],
    ["another kind", () => withOut(tensor(new Uint8Array(120), shape)), TypeError, "out", /Uint8Array/],
    ["no tensor", () => withOut(ones(120)), TypeError, "out"],
    ["is pred", () => withOut(pred), RangeError, "out", /pred/],
    ["is target", () => withOut(target), RangeError, "out", /target/],
  ]);

  test("overlaps by a few elements", () => {
    const data = Float32Array.from({ length: 200 }, (_, i) => i);
    const first = tensor(data.subarray(0, 120), shape);
    const overlapping = tensor(data.subarray(80, 200), shape);
    const apart = tensor(new Float32Array(240).subarray(120), shape);
    expect(() => criterion.valueAndGrad(first, target, { out: overlapping })).toThrow(/"out"/);
    expect(() => criterion.valueAndGrad(pred, first, { out: overlapping })).toThrow(RangeError);
    expect(Array.from(data)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(criterion.valueAndGrad(first, target, { out: apart }).grad).toBe(apart);
  });

  test("neighbours in one buffer do not overlap", () => {
    const data = new Float32Array(240).fill(0.5);
    const [left, right] = [tensor(data.subarray(0, 120), shape), tensor(data.subarray(120), shape)];
    expect(criterion.valueAndGrad(left, target, { out: right }).grad).toBe(right);
  });

  test("overlaps a mask", () => {
    const buffer = new ArrayBuffer(480);
    const mask = tensor(new Uint8Array(buffer, 0, 120).fill(1), shape);
    expect(() => criterion.valueAndGrad(pred, target, { mask, out: tensor(new Float32Array(buffer), shape) })).toThrow(
      /"out"/,
    );
  });
});

describe("mask", () => {
  const masked = (mask: unknown) => (criterion as Any).forward(pred, target, { mask });
  const bytes = (of: number[]) => tensor(new Uint8Array(of.reduce((n, extent) => n * extent, 1)).fill(1), of);
  rows([
    ["halves", () => masked(tensor(new Int16Array(120), shape)), TypeError, "mask", /Int16Array/],
    [
      "a soft mask above 1",
      () => masked(tensor(new Float32Array(120).fill(1.5), shape)),
      RangeError,
      "mask",
      /1\.5 at \[0, 0, 0, 0\]/,
    ],
    ["no tensor", () => masked(new Uint8Array(120)), TypeError, "mask"],
    ["another width", () => masked(bytes([2, 3, 4, 4])), RangeError, "mask", /\[2, 3, 4, 4\]/],
    ["two samples for three", () => masked(bytes([3, 1, 4, 5])), RangeError, "mask", /\[3, 1, 4, 5\]/],
    ["too many dimensions", () => masked(bytes([1, 2, 3, 4, 5])), RangeError, "mask", /\[1, 2, 3, 4, 5\]/],
    ["length", () => masked({ data: new Uint8Array(7), shape: [4, 5] }), RangeError, "mask", /7/],
  ]);

  test("every shape that broadcasts is taken", () => {
    for (const of of [
      [2, 3, 4, 5],
      [2, 1, 4, 5],
      [1, 3, 4, 5],
      [1, 1, 4, 5],
      [3, 4, 5],
      [1, 4, 5],
      [4, 5],
      [1, 5],
      [4, 1],
      [1, 1],
      [2, 1, 1, 1],
      [3, 1, 1],
    ])
      expect(masked(bytes(of)).value).toBe(criterion.forward(pred, target).value);
  });
});

describe("options", () => {
  const create =
    (options: unknown, base: unknown = mse()) =>
    () =>
      new loose.FlexibleWeightedLoss(base, options);
  rows([
    ["unknown key", create({ groupby: "sample" }), TypeError, "groupby"],
    ["unknown key of valid", create({ valid: { minimum: 0 } }), TypeError, "minimum"],
    ["unknown key of the call", () => (criterion as Any).forward(pred, target, { masks: out }), TypeError, "masks"],
    [
      "unknown key of valueAndGrad",
      () => (criterion as Any).valueAndGrad(pred, target, { gradoutput: 1 }),
      TypeError,
      "gradoutput",
    ],
    ["options of another kind", create(3), TypeError, "options", /3|number/],
    ["layout", create({ layout: "CHWN" }), RangeError, "layout", /CHWN/],
    ["layout of another kind", create({ layout: 4 }), TypeError, "layout", /4|number/],
    ["groupBy", create({ groupBy: "row" }), RangeError, "groupBy", /row/],
    ["reduction", create({ reduction: "max" }), RangeError, "reduction", /max/],
    ["weighting", create({ weighting: "cubic" }), RangeError, "weighting", /cubic/],
    ["weighting NaN", create({ weighting: Number.NaN }), RangeError, "weighting", /NaN/],
    ["weighting that overflows", create({ weighting: -1000 }), RangeError, "weighting", /-1000/],
    ["weighting that underflows", create({ weighting: 1e4 }), RangeError, "weighting", /10000/],
    ["weighting infinite", create({ weighting: Number.POSITIVE_INFINITY }), RangeError, "weighting", /Infinity/],
    ["threshold NaN", create({ threshold: Number.NaN }), RangeError, "threshold", /NaN/],
    ["threshold of another kind", create({ threshold: "0" }), TypeError, "threshold"],
    ["min NaN", create({ valid: { min: Number.NaN } }), RangeError, "valid.min", /NaN/],
    ["above NaN", create({ valid: { above: Number.NaN } }), RangeError, "valid.above", /NaN/],
    ["max NaN", create({ valid: { max: Number.NaN } }), RangeError, "valid.max", /NaN/],
    ["below NaN", create({ valid: { below: Number.NaN } }), RangeError, "valid.below", /NaN/],
    ["max of another kind", create({ valid: { max: "1" } }), TypeError, "valid.max"],
    ["nodata of another kind", create({ valid: { nodata: ["-9999"] } }), TypeError, "valid.nodata"],
    ["valid of another kind", create({ valid: 0 }), TypeError, "valid", /0|number/],
    ["threshold and valid", create({ threshold: 0, valid: { min: 0 } }), TypeError, "threshold", /valid|both/],
    ["no base", () => new loose.FlexibleWeightedLoss(), TypeError, "base", /undefined/],
    ["a name for a base", create({}, "mse"), TypeError, "base", /mse|string/],
    ["a maker for a base", create({}, mse), TypeError, "base"],
    ["sam by channel", create({ groupBy: "channel" }, sam()), RangeError, "groupBy", /channel/],
    ["crossEntropy by channel", create({ groupBy: "channel" }, crossEntropy()), RangeError, "groupBy", /channel/],
    ["crossEntropy with valid", create({ valid: { min: 0 } }, crossEntropy()), TypeError, "valid"],
    ["crossEntropy with threshold", create({ threshold: 0 }, crossEntropy()), TypeError, "threshold"],
  ]);

  test("sam and crossEntropy by channel: the message says what to use instead", () => {
    expect(create({ groupBy: "channel" }, sam())).toThrow(/vectorAngle|"sample"/);
    expect(create({ groupBy: "channel" }, crossEntropy())).toThrow(/"sample"/);
  });

  test("infinite thresholds are taken", () => {
    const infinite = { valid: { min: Number.NEGATIVE_INFINITY, below: Number.POSITIVE_INFINITY } };
    expect(new FlexibleWeightedLoss(mse(), infinite).forward(pred, target).value).toBeGreaterThan(0);
    expect(new FlexibleWeightedLoss(mse(), { threshold: Number.POSITIVE_INFINITY }).forward(pred, target).value).toBe(
      0,
    );
  });

  test("an option that is undefined is one that is not given", () => {
    const same = create({ threshold: undefined, valid: undefined, groupBy: undefined, layout: undefined })();
    expect(same.forward(pred, target, { mask: undefined }).value).toBe(criterion.forward(pred, target).value);
  });
});

describe("parameters", () => {
  const number = (maker: string, key: string, wrong: number): Row => [
    `${maker}({ ${key}: ${wrong} })`,
    () => loose[maker]({ [key]: wrong }),
    RangeError,
    key,
    String(wrong),
  ];
  rows([
    number("huber", "delta", 0),
    number("huber", "delta", -1),
    number("huber", "delta", Number.NaN),
    number("huber", "delta", Number.POSITIVE_INFINITY),
    number("smoothL1", "beta", -1),
    number("smoothL1", "beta", Number.NaN),
    number("charbonnier", "eps", -1),
    number("charbonnier", "eps", Number.NaN),
    number("pinball", "q", -0.1),
    number("pinball", "q", 1.1),
    number("pinball", "q", Number.NaN),
    number("tukey", "c", 0),
    number("tukey", "c", 1e160),
    number("tukey", "c", Number.NaN),
    number("mape", "eps", 0),
    number("mape", "eps", Number.NaN),
    number("poissonNLL", "eps", -1),
    number("poissonNLL", "eps", Number.NaN),
    number("charbonnier", "eps", 1e160),
    number("smoothL1", "beta", 5e-324),
    number("dice", "smooth", -1),
    number("dice", "smooth", Number.NaN),
    number("crossEntropy", "ignoreIndex", 0.5),
    number("crossEntropy", "ignoreIndex", Number.NaN),
    number("crossEntropy", "ignoreIndex", 2 ** 53),
    number("ssim", "dataRange", 0),
    number("ssim", "dataRange", -1),
    number("ssim", "dataRange", Number.NaN),
    number("ssim", "dataRange", 1e-80),
    number("ssim", "dataRange", 1e300),
    ["ssim without a data range", () => loose.ssim({}), TypeError, "dataRange", /undefined/],
    ["ssim without options", () => loose.ssim(), TypeError, "ssim options", /undefined/],
    ["invalid", () => loose.ssim({ dataRange: 1, invalid: "skip" }), RangeError, "invalid", /skip/],
    ["unknown parameter of ssim", () => loose.ssim({ dataRange: 1, window: 11 }), TypeError, "window"],
    ["delta of another kind", () => loose.huber({ delta: "1" }), TypeError, "delta", /"?1"?|string/],
    ["logInput of another kind", () => loose.poissonNLL({ logInput: 1 }), TypeError, "logInput", /1|number/],
    ["pixels", () => loose.sam({ pixels: "some" }), RangeError, "pixels", /some/],
    ["unknown parameter", () => loose.huber({ beta: 1 }), TypeError, "beta"],
    ["a number where an object goes", () => loose.huber(0.5), TypeError, "huber options", /0\.5|number/],
    ["custom without a function", () => loose.custom(3), TypeError, "fn", /3|number/],
  ]);
});

describe("gradOutput and normalizer", () => {
  const none = new FlexibleWeightedLoss(mse(), { reduction: "none" });
  const combined = new CombinedLoss([{ weight: 1, loss: criterion }]);
  const call = (on: unknown, given: object) => () => (on as Any).valueAndGrad(pred, target, given);
  rows([
    ["a vector for a number", call(criterion, { gradOutput: [1, 2] }), TypeError, "gradOutput"],
    ["of another kind", call(criterion, { gradOutput: "1" }), TypeError, "gradOutput"],
    ["NaN", call(criterion, { gradOutput: Number.NaN }), RangeError, "gradOutput", /NaN/],
    ["five for six groups", call(none, { gradOutput: [1, 2, 3, 4, 5] }), RangeError, "gradOutput", /5/],
    ["seven for six groups", call(none, { gradOutput: new Float64Array(7) }), RangeError, "gradOutput", /7/],
    ["normalizer 0", call(criterion, { normalizer: 0 }), RangeError, "normalizer", /0/],
    ["normalizer negative", call(criterion, { normalizer: -1 }), RangeError, "normalizer", /-1/],
    ["normalizer NaN", call(criterion, { normalizer: Number.NaN }), RangeError, "normalizer", /NaN/],
    ["normalizer of another kind", call(criterion, { normalizer: "1" }), TypeError, "normalizer"],
    ["normalizer of a sum", call(combined, { normalizer: 1 }), TypeError, "normalizer", /a number/],
    ["a normalizer too many", call(combined, { normalizer: [1, 1] }), RangeError, "normalizer", /2/],
  ]);
});

describe("classes", () => {
  const logits = () => floats([2, 4, 3, 3]);
  const classes = (fill: number, of = [2, 3, 3]) =>
    tensor(new Int32Array(of.reduce((n, extent) => n * extent, 1)).fill(fill), of);
  const entropy = new FlexibleWeightedLoss(crossEntropy({ ignoreIndex: 255 }));
  rows([
    ["a class ≥ K", () => entropy.forward(logits(), classes(4)), RangeError, "target", /4/],
    ["a class ≥ K, gradient", () => entropy.valueAndGrad(logits(), classes(77)), RangeError, "target", /77/],
    [
      "a class ≥ K in float32",
      () => entropy.forward(logits(), tensor(ones(18).fill(9), [2, 3, 3])),
      RangeError,
      "target",
      /9/,
    ],
    [
      "half a class",
      () => entropy.forward(logits(), tensor(ones(18).fill(1.5), [2, 3, 3])),
      RangeError,
      "target",
      /1\.5/,
    ],
    [
      "the shape of pred",
      () => entropy.forward(logits(), floats([2, 4, 3, 3])),
      RangeError,
      "target",
      /\[2, 4, 3, 3\]/,
    ],
    ["another shape", () => entropy.forward(logits(), classes(0, [2, 3, 4])), RangeError, "target", /\[2, 3, 4\]/],
    [
      "classes for another loss",
      () => (criterion as Any).forward(pred, tensor(new Int32Array(120), shape)),
      TypeError,
      "target",
      /Int32Array/,
    ],
  ]);

  test("no class at all is an error, a single one costs nothing", () => {
    for (const layout of ["NCHW", "NHWC"] as const) {
      const entropyIn = new FlexibleWeightedLoss(crossEntropy(), { layout });
      const logitsOf = (K: number) => floats(layout === "NCHW" ? [2, K, 3, 3] : [2, 3, 3, K]);
      expect(() => entropyIn.forward(logitsOf(0), classes(0))).toThrow(RangeError);
      const { value, grad } = entropyIn.valueAndGrad(logitsOf(1), classes(0));
      expect(value).toBe(0);
      expect(grad.data.every((g) => Object.is(g, 0))).toBe(true);
    }
  });

  test("a class ≥ K under the mask, or ignored, is none", () => {
    const some = classes(0);
    some.data.set([1000, 255], 3);
    const mask = tensor(new Uint8Array(18).fill(1).fill(0, 3, 4), [2, 3, 3]);
    const { groups } = entropy.valueAndGrad(logits(), some, { mask });
    expect(Array.from(groups.validCount)).toEqual([7, 9]);
  });

  test("labels of floats: fractions, infinities and numbers beyond 2^24 are none; NaN and what is below 0 does not count", () => {
    const floatsOf = (label: number) => tensor(ones(18).fill(label, 4, 5), [2, 3, 3]);
    for (const label of [0.5, 3.9999998, Number.POSITIVE_INFINITY, 2 ** 24 + 2, 3e38])
      expect(() => entropy.forward(logits(), floatsOf(label))).toThrow(/"target".*got/);
    for (const label of [Number.NaN, -0.5, -1, Number.NEGATIVE_INFINITY, 255])
      expect(Array.from(entropy.forward(logits(), floatsOf(label)).groups.validCount)).toEqual([8, 9]);
    expect(Array.from(entropy.forward(logits(), floatsOf(-0)).groups.validCount)).toEqual([9, 9]);
  });

  test("out keeps what it held when a class is wrong", () => {
    const kept = tensor(ones(72), [2, 4, 3, 3]);
    expect(() => entropy.valueAndGrad(logits(), classes(4), { out: kept })).toThrow(RangeError);
    expect(kept.data.every((x) => x === 1)).toBe(true);
  });
});

describe("CombinedLoss and validPixelWeightedLoss", () => {
  const part = () => ({ weight: 1, loss: criterion });
  const combine = (terms: unknown) => () => new loose.CombinedLoss(terms);
  rows([
    ["a hole for a term", combine(Array(2)), TypeError, "terms[0]", /undefined/],
    ["no list", combine(part()), TypeError, "terms"],
    ["no terms", combine([]), RangeError, "terms"],
    ["a term without a loss", combine([{ weight: 1 }]), TypeError, "terms[0].loss", /undefined/],
    ["a base where a criterion goes", combine([{ weight: 1, loss: mse() }]), TypeError, "terms[0].loss"],
    ["weight NaN", combine([{ weight: Number.NaN, loss: criterion }]), RangeError, "terms[0].weight", /NaN/],
    ["weight of another kind", combine([{ weight: "1", loss: criterion }]), TypeError, "terms[0].weight"],
    ["unknown key", combine([{ ...part(), coef: 2 }]), TypeError, "coef"],
    [
      "shapes",
      () => new CombinedLoss([part()]).forward(pred, floats([2, 3, 4, 4])),
      RangeError,
      "target",
      /\[2, 3, 4, 4\]/,
    ],
    ["base", () => loose.validPixelWeightedLoss(pred, target, "mse"), TypeError, "base", /mse|string/],
    ["options", () => loose.validPixelWeightedLoss(pred, target, mse(), { weights: 1 }), TypeError, "weights"],
    ["target", () => validPixelWeightedLoss(pred, floats([1, 1, 1, 1]), mse()), RangeError, "target", /\[1, 1, 1, 1\]/],
  ]);
});

test("out keeps what it held when a later term fails", () => {
  const failing = custom(() => {
    throw new Error("mine");
  });
  const terms = [criterion, new FlexibleWeightedLoss(sam()), new FlexibleWeightedLoss(failing)];
  const combined = new CombinedLoss(terms.map((loss) => ({ weight: 1, loss })));
  expect(() => combined.valueAndGrad(pred, target, { out })).toThrow("mine");

  const logits = floats([1, 2, 2, 2]);
  const labels = tensor(Int32Array.of(0, 1, 255, 1), [1, 2, 2]);
  const kept = floats([1, 2, 2, 2]);
  const classes = new CombinedLoss(
    [{ ignoreIndex: 255 }, {}].map((options) => ({ weight: 1, loss: new FlexibleWeightedLoss(crossEntropy(options)) })),
  );
  expect(() => classes.valueAndGrad(logits, labels, { out: kept })).toThrow(/"target".*255/);
  expect(kept.data.every((x) => x === 1)).toBe(true);
});

describe("custom", () => {
  const returning = (answer: unknown) => () =>
    new FlexibleWeightedLoss(custom((() => answer) as Any), { groupBy: "sample" }).valueAndGrad(pred, target, { out });
  rows([
    ["nothing", returning(undefined), TypeError, "custom", /undefined/],
    ["null", returning(null), TypeError, "custom", /null/],
    ["a promise", returning(Promise.resolve(1)), TypeError, "custom", /Promise/],
    ["a bigint", returning(1n), TypeError, "custom", /bigint/],
    ["no gradient where there has to be one", returning(1), TypeError, "custom", /undefined/],
    ["a number as gradient", returning({ value: 1, grad: 3 }), TypeError, "custom", /number/],
    ["a short gradient", returning({ value: 1, grad: [1] }), RangeError, "custom", /1/],
  ]);
});

describe("setThreads", () => {
  test.each([0, -1, 1.5, Number.NaN])("%s is no number of threads", async (n) => {
    await expect(api.setThreads(n)).rejects.toThrow(RangeError);
  });

  test("a number in a string is none", async () => {
    await expect(loose.setThreads("2")).rejects.toThrow(TypeError);
  });

  test("what is no address of a worker is refused", async () => {
    await expect(loose.setThreads(2, { worker: 7 })).rejects.toThrow(/"worker": .*TrustedScriptURL, got a number/);
    await expect(loose.setThreads(2, { worker: {} })).rejects.toThrow(/got an Object/);
    await expect(loose.setThreads(2, { wroker: "/w.js" })).rejects.toThrow(/wroker/);
  });
});

test("an error in the middle leaves every loss working", () => {
  for (const base of everyBase) {
    const own = problemOf(base, [2, 3, 4, 5], 9);
    const tensors = tensorsOf(own);
    const loss = new FlexibleWeightedLoss(make(base));
    const before = loss.valueAndGrad(tensors.pred, tensors.target);
    expect(() => loss.valueAndGrad(tensors.pred, floats([9, 9]))).toThrow();
    expect(() => new FlexibleWeightedLoss(custom(() => at([], 0))).forward(pred, target)).toThrow();
    const after = loss.valueAndGrad(tensors.pred, tensors.target);
    expect(bitsError(after.grad.data, before.grad.data)).toBe("");
  }
});
