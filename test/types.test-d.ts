/** What the types allow and what they refuse: checked by tsc, never run. */
import {
  type CombinedGradientOptions,
  CombinedLoss,
  crossEntropy,
  custom,
  FlexibleWeightedLoss,
  huber,
  mse,
  prepareTarget,
  type Reduction,
  type RuleOptions,
  sam,
  setThreads,
  ssim,
  type Tensor,
  type TensorData,
  tensor,
  type ValueOf,
  validPixelWeightedLoss,
  zeros,
} from "../src/index.ts";

const pred = tensor(new Float32Array(4), [1, 1, 2, 2]);
const target = zeros([1, 1, 2, 2]);
const mask = tensor(new Uint8Array(4), [2, 2]);

/** `same<A>()(b)` compiles where the type of b is A, no more and no less. */
const same =
  <A>() =>
  <B>(_: B, ..._proof: [A] extends [B] ? ([B] extends [A] ? [] : [never]) : [never]): void => {};

// The type of the value follows the reduction.
const mean = new FlexibleWeightedLoss(mse());
const sum = new FlexibleWeightedLoss(mse(), { reduction: "sum", groupBy: "sample", layout: "NHWC" });
const none = new FlexibleWeightedLoss(mse(), { reduction: "none", weighting: 0.3 });
same<number>()(mean.forward(pred, target).value);
same<number>()(sum.valueAndGrad(pred, target).value);
const vector: Float64Array = none.valueAndGrad(pred, target, { gradOutput: [1] }).value;
// @ts-expect-error a number is no vector
const notVector: Float64Array = mean.forward(pred, target).value;
// @ts-expect-error a vector is no number
const notNumber: number = none.forward(pred, target).value;

// The gradient is a tensor of floats, and only valueAndGrad has one.
const grad: Tensor = mean.valueAndGrad(pred, target, {
  mask,
  normalizer: 2,
  gradOutput: 1,
  out: zeros([1, 1, 2, 2]),
}).grad;
const floats: Float32Array = grad.data;
// @ts-expect-error forward computes no gradient
mean.forward(pred, target).grad;
// @ts-expect-error an upstream number per group belongs to reduction "none"
mean.valueAndGrad(pred, target, { gradOutput: [1, 2] });
// @ts-expect-error and one number to the others
none.valueAndGrad(pred, target, { gradOutput: "1" });

// Options.
// @ts-expect-error unknown key
new FlexibleWeightedLoss(mse(), { groupby: "sample" });
// @ts-expect-error unknown grouping
new FlexibleWeightedLoss(mse(), { groupBy: "pixel" });
// @ts-expect-error unknown weighting
new FlexibleWeightedLoss(mse(), { weighting: "cubic" });
// @ts-expect-error unknown reduction
new FlexibleWeightedLoss(mse(), { reduction: "max" });
// @ts-expect-error unknown layout
new FlexibleWeightedLoss(mse(), { layout: "CHWN" });
// @ts-expect-error unknown part of the rule
new FlexibleWeightedLoss(mse(), { valid: { minimum: 0 } });
// @ts-expect-error the maker is not the base
new FlexibleWeightedLoss(mse);
// @ts-expect-error a name is not a base
new FlexibleWeightedLoss("mse");
new FlexibleWeightedLoss(huber({ delta: 0.5 }), { valid: { min: 0, above: -1, max: 2, below: 3, nodata: [1, 2] } });
new FlexibleWeightedLoss(mse(), { threshold: 0 });

// What looks across channels has samples for groups; labels have a rule of their own.
new FlexibleWeightedLoss(sam(), { groupBy: "sample", threshold: 0 });
// @ts-expect-error sam looks across channels
new FlexibleWeightedLoss(sam(), { groupBy: "channel" });
// @ts-expect-error so does cross entropy
new FlexibleWeightedLoss(crossEntropy(), { groupBy: "channel" });
// @ts-expect-error classes have a rule of their own
new FlexibleWeightedLoss(crossEntropy(), { valid: { min: 1 } });
// @ts-expect-error both of two rules
new FlexibleWeightedLoss(mse(), { threshold: 0, valid: { min: 0 } });
// @ts-expect-error sam looks across channels here, too
validPixelWeightedLoss(pred, target, sam(), { groupBy: "channel" });
same<Float64Array>()(new FlexibleWeightedLoss(sam(), { reduction: "none" }).forward(pred, target).value);

// Parameters.
// @ts-expect-error unknown parameter
huber({ beta: 1 });
// @ts-expect-error mse has none
mse({ delta: 1 });
// @ts-expect-error "all" or "any"
sam({ pixels: "some" });
// @ts-expect-error a number
crossEntropy({ ignoreIndex: "255" });
// @ts-expect-error a number or { value, grad }
custom(() => "1");
custom((p, t) => (p[0] ?? 0) - (t[0] ?? 0));
custom((p) => ({ value: 1, grad: new Float32Array(p.length) }));

// Tensors.
// @ts-expect-error float64 is not taken
tensor(new Float64Array(4), [2, 2]);
mean.forward(pred, target, { mask: pred, weights: target });
// @ts-expect-error weights are no bytes
mean.forward(pred, target, { weights: mask });
// @ts-expect-error bytes are no prediction's gradient
mean.valueAndGrad(pred, target, { out: mask });
// @ts-expect-error a bare array has no shape
mean.forward(new Float32Array(4), target);
mean.forward({ data: new Float32Array(4), dims: [1, 1, 2, 2] }, { data: new Float32Array(4), shape: [1, 1, 2, 2] });
const classes = tensor(new Int32Array(4), [1, 2, 2]);
new FlexibleWeightedLoss(crossEntropy()).forward(tensor(new Float32Array(12), [1, 3, 2, 2]), classes);
// @ts-expect-error int16 holds no classes
new FlexibleWeightedLoss(crossEntropy()).forward(pred, tensor(new Int16Array(4), [1, 2, 2]));
// @ts-expect-error int32 holds no image
new FlexibleWeightedLoss(mse()).forward(pred, classes);
target.dispose();
target[Symbol.dispose]();

// Combination and the plain function.
const combined = new CombinedLoss([
  { weight: 0.5, loss: mean },
  { weight: 0.5, loss: new FlexibleWeightedLoss(sam()) },
]);
same<number>()(combined.forward(pred, target).value);
const term: number = combined.valueAndGrad(pred, target).terms[0]?.numerator ?? 0;
// @ts-expect-error coef is not the name
new CombinedLoss([{ coef: 1, loss: mean }]);
// @ts-expect-error a base is not a criterion
new CombinedLoss([{ weight: 1, loss: mse() }]);
same<number>()(validPixelWeightedLoss(pred, target, mse(), { groupBy: "channel" }));
same<number>()(validPixelWeightedLoss(pred, target, (p) => p.length));
same<Promise<number>>()(setThreads(2));

// What the signatures speak of can be spoken of.
const reduce = <R extends Reduction>(loss: CombinedLoss<R>, options: CombinedGradientOptions<R>): ValueOf<R> =>
  loss.valueAndGrad(pred, target, options).value;
same<number>()(reduce(combined, { normalizer: [1, 2] }));
const rule: RuleOptions = { threshold: 0 };
const { data }: Tensor<TensorData> = zeros([2, 2], { type: "int16" });

// SSIM.
new FlexibleWeightedLoss(ssim({ dataRange: 1, invalid: "erode" }));
// @ts-expect-error the data range has no default
ssim();
// @ts-expect-error nor among other options
ssim({ invalid: "zero" });
// @ts-expect-error unknown way
ssim({ dataRange: 1, invalid: "skip" });

// Integers, and targets that are prepared.
const stored = tensor(new Uint16Array(4), [1, 1, 2, 2], { scale: 1e-4, offset: -0.1 });
same<Tensor<Int16Array>["data"]["BYTES_PER_ELEMENT"]>()(zeros([2, 2], { type: "int16" }).data.BYTES_PER_ELEMENT);
mean.valueAndGrad(stored, stored, { out: zeros([1, 1, 2, 2]) });
// @ts-expect-error a gradient is float32
mean.valueAndGrad(stored, stored, { out: stored });
// @ts-expect-error labels are no image
mean.forward(classes, stored);
// @ts-expect-error unknown type
zeros([2, 2], { type: "float64" });
const ready = prepareTarget(stored, { mask, valid: { nodata: 0 } });
mean.forward(stored, ready);
combined.valueAndGrad(pred, ready);
// @ts-expect-error what is prepared is a target alone
mean.forward(ready, stored);
// @ts-expect-error one of the two
prepareTarget(stored, { threshold: 1, valid: {} });
ready.dispose();

export const used = [vector, notVector, notNumber, floats, term, rule, data];
