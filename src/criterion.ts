// What FlexibleWeightedLoss, CombinedLoss and validPixelWeightedLoss share: options and arguments, checked once and turned into a
// call that the kernels can run.

import {
  type Checked,
  checkChoice,
  checkNumber,
  checkOptions,
  checkSameShape,
  checkTensor,
  kindOf,
  overlap,
  show,
} from "./check.ts";
import { type Call, type Groups, kernelsFor, type ReductionName, type Rule } from "./compute.ts";
import type { Kernels } from "./kernels.ts";
import { type BaseLoss, isBaseLoss } from "./losses/BaseLoss.ts";
import { type Dimensions, dimensions, type GroupBy, geometry, isFullMask, type Layout, maskStrides } from "./plan.ts";
import { compileRule, DEFAULT_RULE, type ValidRule } from "./rule.ts";
import { Tensor, type TensorLike } from "./tensor.ts";
import type { Operand } from "./workspace.ts";

export type Reduction = "mean" | "sum" | "none";

/** `"sqrt"`: √r, `"linear"`: r, `"uniform"`: 1, a number p: r^p, of r = valid / total of a group. */
export type Weighting = "sqrt" | "linear" | "uniform" | number;

interface CommonOptions<R extends Reduction> {
  /** What is weighed as one: a sample (all its elements) or a channel of a sample. */
  groupBy?: GroupBy;
  /** `"sqrt"` by default. */
  weighting?: Weighting;
  /** `"mean"`: Σ wL / Σ w (default); `"sum"`: Σ wL; `"none"`: the vector of w·L. */
  reduction?: R;
  /** Order of the dimensions: `"NCHW"` (default) or `"NHWC"`. */
  layout?: Layout;
}

/** Options of a criterion. `threshold: x` is short for `valid: { above: x }`: one of the two at most. */
export type LossOptions<R extends Reduction = Reduction> = CommonOptions<R> &
  ({ threshold?: number; valid?: undefined } | { threshold?: undefined; valid?: ValidRule });

export interface ForwardOptions {
  /** Bytes ≠ 0 where a pixel may count; of the target's shape or broadcastable to it. */
  mask?: TensorLike<Uint8Array>;
}

export interface GradientOptions<R extends Reduction = Reduction> extends ForwardOptions {
  /** Upstream gradient: a number, or one per group for `reduction: "none"`; 1 by default. */
  gradOutput?: R extends "none" ? number | ArrayLike<number> : number;
  /** A Σ w to divide by instead of this batch's own, for a batch that comes in parts (`reduction: "mean"`). */
  normalizer?: number;
  /** Where to write the gradient: a float32 tensor of pred's shape that overlaps none of the inputs. */
  out?: TensorLike;
}

/** `number`, or one number per group for the reduction `"none"`. */
export type ValueOf<R extends Reduction> = R extends "none" ? Float64Array : number;

export interface LossResult<R extends Reduction = "mean"> {
  /** The reduced loss. 0 where no group has a valid pixel. */
  readonly value: ValueOf<R>;
  /** Σ w·L over the groups. */
  readonly numerator: number;
  /** Σ w over the groups. */
  readonly weightSum: number;
  readonly groups: Groups;
}

export interface GradientResult<R extends Reduction = "mean"> extends LossResult<R> {
  /** Gradient of Σ gradOutput · value with respect to pred, of pred's shape; +0 at pixels that are not valid. */
  readonly grad: Tensor;
}

/** What a criterion was made with, checked. */
export interface Settings {
  readonly base: BaseLoss;
  readonly groupBy: GroupBy;
  readonly power: number;
  readonly reduction: Reduction;
  readonly layout: Layout;
  readonly rule: Rule;
}

const POWERS = { sqrt: 0.5, linear: 1, uniform: 0 };

const REDUCTIONS: Record<Reduction, ReductionName> = { mean: "Mean", sum: "Sum", none: "None" };

/** Whether the loss looks across the channels of a pixel, so that its groups have to be samples. */
export function looksAcrossChannels(base: BaseLoss): boolean {
  return base.kind === "pixel" || base.kind === "labels";
}

export function checkSettings(base: unknown, options: LossOptions, defaultGroupBy: GroupBy): Settings {
  if (!isBaseLoss(base)) {
    const wrapped = typeof base === "function" ? " (wrap a function of your own as custom(fn))" : "";
    throw new TypeError(`"base": expected a base loss such as mse(), got ${kindOf(base)}${wrapped}`);
  }
  checkOptions("options", options, ["groupBy", "threshold", "valid", "weighting", "reduction", "layout"]);
  const { threshold, valid, weighting = "sqrt", reduction = "mean", layout = "NCHW" } = options;
  const across = looksAcrossChannels(base);
  const groupBy = checkChoice("groupBy", options.groupBy ?? (across ? "sample" : defaultGroupBy), [
    "sample",
    "channel",
  ]);
  if (across && groupBy === "channel") {
    const instead = base.name === "sam" ? '"sample", or vectorAngle() for an angle per channel' : '"sample"';
    throw new RangeError(`"groupBy": expected ${instead}, since ${base.name} looks across channels, got "channel"`);
  }
  if (typeof weighting !== "number") checkChoice("weighting", weighting, ["sqrt", "linear", "uniform"]);
  if (threshold !== undefined && valid !== undefined) {
    throw new TypeError(`"threshold": expected it without "valid", for which it is short, got both`);
  }
  if (base.kind === "labels" && (threshold !== undefined || valid !== undefined)) {
    throw new TypeError(
      `"${valid === undefined ? "threshold" : "valid"}": expected none with crossEntropy, whose valid pixels are told by class, ` +
        "ignoreIndex and mask, got one",
    );
  }
  let rule = DEFAULT_RULE;
  if (threshold !== undefined)
    rule = compileRule("valid", { above: checkNumber("threshold", threshold, { infinite: true }) });
  else if (valid !== undefined) rule = compileRule("valid", valid);
  else if (base.ignoreIndex !== undefined) rule = { ...DEFAULT_RULE, nodata: [base.ignoreIndex] };
  return Object.freeze({
    base,
    groupBy,
    power: typeof weighting === "number" ? checkNumber("weighting", weighting) : POWERS[weighting],
    reduction: checkChoice("reduction", reduction, ["mean", "sum", "none"]),
    layout: checkChoice("layout", layout, ["NCHW", "NHWC"]),
    rule,
  });
}

/** A call that only its gradient, if any, is missing from, and what it takes to make one. */
export interface Prepared {
  readonly call: Call;
  readonly kernels: Kernels;
  readonly size: Dimensions;
  readonly pred: Checked<Float32Array>;
  readonly inputs: readonly ArrayBufferView[];
}

/** Checks the arrays of a call against each other. `out` takes part in the choice of kernels. */
export function prepare(
  settings: Settings,
  predLike: unknown,
  targetLike: unknown,
  maskLike: unknown,
  outLike?: Checked<Float32Array>,
): Prepared {
  const { base, groupBy, layout } = settings;
  const isLabels = base.kind === "labels";
  const pred = checkTensor("pred", predLike, Float32Array);
  const size = dimensions(pred.shape, layout, "pred");
  const target: Checked<Float32Array | Uint8Array | Int32Array> = isLabels
    ? checkTensor<Float32Array | Uint8Array | Int32Array>("target", targetLike, Int32Array, Uint8Array, Float32Array)
    : checkTensor("target", targetLike, Float32Array);
  const targetShape = isLabels ? withoutChannels(pred.shape, layout) : pred.shape;
  checkSameShape("target", target.shape, isLabels ? "pred without its channels" : "pred", targetShape);
  const mask = maskLike === undefined ? undefined : checkTensor("mask", maskLike, Uint8Array);
  const strided = mask && maskStrides(mask.shape, target.shape, isLabels ? undefined : layout);
  const full = mask === undefined || isFullMask(mask.shape, target.shape);
  const across = looksAcrossChannels(base);
  const shape = geometry(size, layout, groupBy, across, full);

  const inputs = mask ? [pred.data, target.data, mask.data] : [pred.data, target.data];
  const kernels = kernelsFor(outLike ? [...inputs, outLike.data] : inputs);
  const plane = size.height * size.width;
  const dense = { consecutive: true, linear: true, extent: size.channels * plane };
  const labelStrides = { sample: plane, channel: 0, pixel: 1 };
  // Seen as one plane per sample, a full mask is as flat as the target.
  const flat = shape.planes === 1 && shape.channels === 1;
  const maskOperand = mask &&
    strided && {
      role: "setMask" as const,
      array: mask.data,
      type: kernels.id("Type.U8"),
      strides: full && flat ? (isLabels ? labelStrides : shape.strides) : strided,
      row: full && flat ? size.width : strided.row,
      consecutive: full,
      linear: full || strided.row === size.width * strided.pixel,
      extent:
        (size.channels - 1) * strided.channel + (size.height - 1) * strided.row + (size.width - 1) * strided.pixel + 1,
    };
  return {
    kernels,
    size,
    pred,
    inputs,
    call: {
      loss: base,
      geometry: shape,
      pred: { role: "setPred", array: pred.data, type: kernels.id("Type.F32"), strides: shape.strides, ...dense },
      target: {
        role: "setTarget",
        array: target.data,
        type: kernels.id(typeOf(target.data)),
        strides: isLabels ? labelStrides : shape.strides,
        ...dense,
      },
      mask: maskOperand,
      rule: settings.rule,
      power: settings.power,
      reduction: REDUCTIONS[settings.reduction],
    },
  };
}

function typeOf(data: Float32Array | Uint8Array | Int32Array): "Type.F32" | "Type.U8" | "Type.I32" {
  if (data instanceof Float32Array) return "Type.F32";
  return data instanceof Uint8Array ? "Type.U8" : "Type.I32";
}

function withoutChannels(shape: readonly number[], layout: Layout): readonly number[] {
  if (shape.length === 2) return shape;
  const channel = layout === "NHWC" ? shape.length - 1 : shape.length - 3;
  return shape.filter((_, i) => i !== channel);
}

/** Accepts a place to write the gradient to. */
export function checkOut(outLike: unknown, pred: unknown): Checked<Float32Array> | undefined {
  if (outLike === undefined) return undefined;
  const out = checkTensor("out", outLike, Float32Array);
  checkSameShape("out", out.shape, "pred", checkTensor("pred", pred, Float32Array).shape);
  return out;
}

export function checkApart(out: Checked<Float32Array>, inputs: readonly ArrayBufferView[]): void {
  inputs.forEach((input, i) => {
    if (overlap(out.data, input)) {
      throw new RangeError(
        `"out": expected memory of its own, got memory that overlaps ${["pred", "target", "mask"][i]}`,
      );
    }
  });
}

/** The upstream gradient: one number, or one per group. */
export function checkGradOutput(value: unknown, reduction: Reduction, groups: number): number | ArrayLike<number> {
  if (value === undefined) return reduction === "none" ? new Float64Array(groups).fill(1) : 1;
  if (typeof value === "number") {
    const number = checkNumber("gradOutput", value);
    return reduction === "none" ? new Float64Array(groups).fill(number) : number;
  }
  const list = value as ArrayLike<number> | null;
  if (typeof list !== "object" || list === null || typeof list.length !== "number") {
    throw new TypeError(
      `"gradOutput": expected a number${reduction === "none" ? " or one per group" : ""}, got ${kindOf(value)}`,
    );
  }
  if (reduction !== "none") {
    throw new TypeError(`"gradOutput": expected a number for reduction ${show(reduction)}, got ${kindOf(value)}`);
  }
  if (list.length !== groups)
    throw new RangeError(`"gradOutput": expected ${groups} numbers, one per group, got ${list.length}`);
  for (let g = 0; g < groups; g++) checkNumber(`gradOutput[${g}]`, list[g]);
  return list;
}

export function checkNormalizer(name: string, value: unknown, reduction: Reduction): number | undefined {
  if (value === undefined) return undefined;
  if (reduction !== "mean") {
    throw new RangeError(
      `"${name}": expected none for reduction ${show(reduction)}, which divides by nothing, got ${show(value)}`,
    );
  }
  return checkNumber(name, value, { above: 0 });
}

/** The tensor that a gradient is written to: the caller's, or a new one on the JavaScript heap. */
export function gradTensor(
  outLike: unknown,
  out: Checked<Float32Array> | undefined,
  pred: Checked<Float32Array>,
): Tensor {
  if (outLike instanceof Tensor) return outLike as Tensor;
  return new Tensor(out?.data ?? new Float32Array(pred.data.length), pred.shape);
}

/** The gradient's side of a call. */
export function gradOperand(kernels: Kernels, call: Call, grad: Tensor): Operand {
  return { ...call.pred, role: "setGrad", array: grad.data, type: kernels.id("Type.F32") };
}
