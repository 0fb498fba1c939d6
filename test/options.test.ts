import { afterEach, describe, expect, test } from "vitest";
import * as api from "../src/index.ts";
import { seeded } from "./support/data.ts";

const { FlexibleWeightedLoss, tensor } = api;

const shape = [1, 2, 12, 13];
const random = seeded(1);
const floats = () => Float32Array.from({ length: 2 * 12 * 13 }, () => random());
const pred = { data: floats(), shape };
const target = { data: floats(), shape };
const mask = { data: Uint8Array.from(target.data, (t) => (t > 0.3 ? 1 : 0)), shape };
const labels = { data: Int32Array.from({ length: 12 * 13 }, (_, i) => i % 2), shape: [1, 12, 13] };
const integers = { data: Uint16Array.from(target.data, (t) => 1000 * t), shape };

const bases = () => [
  api.mse(),
  api.huber(),
  api.smoothL1(),
  api.charbonnier(),
  api.pinball(),
  api.poissonNLL(),
  api.dice(),
  api.sam(),
  api.ssim({ dataRange: 1 }),
  api.custom((p) => ({ value: p.length, grad: new Float32Array(p.length) })),
];

/** Something of each function of the API, as text. */
function everything(): string {
  const all: unknown[] = [];
  const take = (result: object & { grad?: { data: Float32Array } }) =>
    all.push(JSON.stringify({ ...result, grad: result.grad?.data }));
  for (const base of bases()) {
    const criterion = new FlexibleWeightedLoss(base);
    take(criterion.forward(pred, target));
    take(criterion.valueAndGrad(tensor(pred.data, shape), target, {}));
    all.push(api.validPixelWeightedLoss(pred, target, base));
  }
  const classes = new FlexibleWeightedLoss(api.crossEntropy());
  take(classes.valueAndGrad(pred, labels));
  take(new FlexibleWeightedLoss(api.mse()).valueAndGrad({ data: pred.data, dims: shape }, integers));
  const terms = bases().map((base) => ({ weight: 0.5, loss: new FlexibleWeightedLoss(base) }));
  const combined = new api.CombinedLoss(terms);
  take(combined.valueAndGrad(pred, target));
  all.push(combined.forward(pred, target).value);
  using prepared = api.prepareTarget(target, { mask });
  take(new FlexibleWeightedLoss(api.mse()).valueAndGrad(pred, prepared));
  using preparedLabels = api.prepareTarget(labels);
  take(classes.forward(pred, preparedLabels));
  const accumulated = new api.LossAccumulator(new FlexibleWeightedLoss(api.mse())).add(pred, target);
  all.push(api.LossAccumulator.fromJSON(new FlexibleWeightedLoss(api.mse()), accumulated.toJSON()).finish());
  const metrics = new api.BandMetrics({ bands: ["a", "b"], dataRange: 1 });
  metrics.update(pred, target);
  metrics.update(pred, target, { sample: "a", halo: { left: 1 } });
  all.push(
    api.BandMetrics.fromJSON(JSON.parse(JSON.stringify(metrics)))
      .merge(metrics)
      .compute(),
  );
  all.push(api.evaluate(pred, target, { dataRange: 1 }));
  for (const map of [api.errorMap(pred, target), api.angleMap(pred, target)]) all.push([...map.data]);
  all.push([...api.ssimMap(pred, target, { dataRange: 1 }).data]);
  using room = api.zeros([2, 3]);
  all.push(room.data.constructor.name, [...room.data]);
  return JSON.stringify(all);
}

/** What every object would inherit: by each name that an option has, or a part of a description inside, something that matters. */
const INHERITED: Record<string, unknown> = {
  threshold: 0.5,
  valid: { min: 0.5 },
  min: 0.6,
  above: 0.5,
  max: 0.5,
  below: 0.5,
  nodata: target.data[0],
  infinite: true,
  groupBy: "batch",
  weighting: "linear",
  reduction: "sum",
  layout: "NHWC",
  mask,
  gradOutput: 2,
  normalizer: 3,
  out: { data: new Float32Array(pred.data.length), shape },
  scale: 2,
  offset: 1,
  type: "uint16",
  shape: [1, 1, 24, 13],
  dims: [1, 1, 24, 13],
  data: new Float32Array(1),
  delta: 0.1,
  beta: 0.1,
  eps: 0.1,
  q: 0.9,
  logInput: false,
  smooth: 3,
  pixels: "any",
  ignoreIndex: 0,
  labels: true,
  dataRange: 3,
  invalid: "zero",
  bands: ["x", "y"],
  ratio: 2,
  without: ["ssim"],
  sample: "b",
  halo: { left: 2 },
  left: 2,
  right: 2,
  top: 2,
  bottom: 2,
  weight: 2,
  loss: null,
  fn: () => 0,
  core: { left: 1, right: 2, top: 1, bottom: 2 },
  keep: true,
  collect: false,
  reach: 0,
  first: 1,
  last: 1,
  counts: {},
};

describe("what Object.prototype has been given is no option", () => {
  const name = Object.keys(INHERITED);
  afterEach(() => {
    for (const key of name) Reflect.deleteProperty(Object.prototype, key);
  });
  const expected = everything();

  test.each(name)("%s", (key) => {
    // Not enumerable, as test tools list what is.
    Object.defineProperty(Object.prototype, key, { value: INHERITED[key], configurable: true, writable: true });
    const got = everything();
    Reflect.deleteProperty(Object.prototype, key);
    expect(got).toBe(expected);
  });
});

test("an object's own options count, however it was made; those that it inherits do not", () => {
  const value = (options: object) => new FlexibleWeightedLoss(api.mse(), options).forward(pred, target).value;
  const bare = Object.assign(Object.create(null), { threshold: 0.5 });
  expect(value(bare)).toBe(value({ threshold: 0.5 }));
  expect(value({ threshold: 0.5 })).not.toBe(value({}));
  expect(value(Object.create({ threshold: 0.5 }))).toBe(value({}));
});

test("a getter of an option is asked once", () => {
  let asked = 0;
  const options = {
    get threshold() {
      return asked++ === 0 ? 0.5 : Number.NaN;
    },
  };
  new FlexibleWeightedLoss(api.mse(), options);
  expect(asked).toBe(1);
});
