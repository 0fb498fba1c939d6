// The arrays of a call, checked against each other and described to the kernels.

import { checkSameShape, kindOf } from "../check.ts";
import type { BaseLoss } from "../losses/BaseLoss.ts";
import { BYTES, FLOATS, LABELS, PIXELS } from "../memory/arrayTypes.ts";
import { type Checked, checkTensor, overlap } from "../memory/checkTensor.ts";
import { type ReductionName, type RoleName, Type, type TypeName } from "../memory/kernelApi.ts";
import { type Kernels, kernelsFor } from "../memory/kernels.ts";
import { type PixelData, Tensor } from "../memory/tensor.ts";
import type { Call, Counts, Operand } from "./call.ts";
import {
  checkBroadcast,
  type Dimensions,
  dimensions,
  type Geometry,
  geometry,
  isFullMask,
  type Layout,
  maskStrides,
  type Scope,
  type Strides,
} from "./geometry.ts";
import { PreparedTarget } from "./PreparedTarget.ts";
import { DEFAULT_RULE, NAN_RULE, type Rule, sameRule } from "./rule.ts";
import { looksAcrossChannels, type Settings } from "./settings.ts";

/** A call that only its gradient, if any, is missing from, and what it takes to make one. */
export interface Prepared {
  readonly call: Call;
  readonly kernels: Kernels;
  readonly size: Dimensions;
  readonly pred: Checked<PixelData>;
  /** Whether there is no mask, or one with an element of its own for each of the target's. */
  readonly fullMask: boolean;
  readonly inputs: readonly ArrayBufferView[];
}

type LabelData = Int32Array | Uint8Array | Float32Array;

/** Pixels of an SSIM window's side, and of the widest plane whose rows it takes. */
const WINDOW = 11;
const MAX_COLUMNS = 2 ** 22;

/** Numbers of a row of all bands, whose strips are told in 32 bits of bytes. */
const MAX_ROW = 2 ** 24;

/** Classes are told apart by float32, which holds every whole number up to this. */
const MAX_CLASSES = 2 ** 24;

const REDUCTIONS: Record<Settings["reduction"], ReductionName> = { mean: "Mean", sum: "Sum", none: "None" };

/** Accepts an image. */
export function checkPixels(name: string, value: unknown): Checked<PixelData> {
  return checkTensor<PixelData>(name, value, PIXELS);
}

/** Accepts class labels. */
export function checkLabels(name: string, value: unknown): Checked<LabelData> {
  return uncalibrated(name, checkTensor<LabelData>(name, value, LABELS));
}

/** Labels as float32, which holds whatever is a class, −1 for the one that is left out. */
export function float32Labels(labels: Checked<LabelData>, ignoreIndex: number | undefined): Checked<Float32Array> {
  const data = new Float32Array(labels.data);
  if (ignoreIndex !== undefined) {
    for (let i = 0; i < data.length; i++) if (labels.data[i] === ignoreIndex) data[i] = -1;
  }
  return { ...labels, data };
}

/** The rule for valid pixels. */
export function ruleOf({ rule, base: { ignoreIndex } }: Settings): Rule {
  return rule ?? (ignoreIndex === undefined ? DEFAULT_RULE : { ...DEFAULT_RULE, nodata: [ignoreIndex] });
}

/**
 * Checks the arrays of a call against each other. `out` takes part in the choice of kernels; `known` holds what calls with the same
 * target and mask have counted, or will.
 */
export function prepare(
  settings: Settings,
  predLike: unknown,
  targetLike: unknown,
  maskLike: unknown,
  out?: Checked<Float32Array>,
  known?: Map<string, Counts>,
): Prepared {
  const { base, groupBy, layout } = settings;
  const isLabels = base.kind === "labels";
  const pred = checkPixels("pred", predLike);
  const size = dimensions(pred.shape, layout, "pred");
  if (isLabels && (size.channels === 0 || size.channels > MAX_CLASSES)) {
    throw new RangeError(`"pred": expected logits of 1 to ${MAX_CLASSES} classes, got ${size.channels}`);
  }
  if (base.kind === "window" && size.width > MAX_COLUMNS) {
    throw new RangeError(`"pred": expected at most ${MAX_COLUMNS} columns for ${base.name}, got ${size.width}`);
  }
  if (base.kind === "window" && Math.min(size.height, size.width) < WINDOW) {
    throw new RangeError(
      `"pred": expected planes of at least ${WINDOW}×${WINDOW} pixels for ${base.name}, got ${size.height}×${size.width}`,
    );
  }
  if (base.kind === "bands" && size.width * size.channels > MAX_ROW) {
    throw new RangeError(
      `"pred": expected rows of at most ${MAX_ROW} numbers, all bands together, for ${base.name}, got ${size.width}×${size.channels}`,
    );
  }
  const ready = targetLike instanceof PreparedTarget ? targetLike : undefined;
  const asGiven: Checked<PixelData | LabelData> = ready
    ? checkPrepared(ready, settings, maskLike)
    : isLabels
      ? checkLabels("target", targetLike)
      : checkPixels("target", targetLike);
  const { ignoreIndex } = base;
  // An ignoreIndex that float32 rounds is not for the kernels to compare with.
  const isRounded = !ready && ignoreIndex !== undefined && ignoreIndex >= MAX_CLASSES;
  const target = isRounded ? float32Labels(asGiven as Checked<LabelData>, ignoreIndex) : asGiven;
  const targetShape = isLabels ? withoutChannels(pred.shape, layout) : pred.shape;
  checkSameShape("target", target.shape, isLabels ? "pred without its channels" : "pred", targetShape);
  const given =
    maskLike === undefined ? undefined : uncalibrated("mask", checkTensor<Uint8Array>("mask", maskLike, BYTES));
  // A custom loss gets a group's pixels in storage order: planes that alternate must not be told apart by a mask that they share.
  const isCustom = base.kind === "custom";
  const mask = given && isCustom ? broadcast(given, target.shape) : given;
  const fullMask = isCustom || (ready ? ready.fullMask : mask === undefined || isFullMask(mask.shape, target.shape));
  const shape = geometry(size, layout, groupBy, scopeOf(base), fullMask);

  const inputs = [pred.data, asGiven.data, ...(given ? [given.data] : [])];
  const kernels = kernelsFor(out ? [...inputs, out.data] : inputs);
  const plane = size.height * size.width;
  const labelStrides = { sample: plane, channel: 0, pixel: 1 };
  const targetStrides = isLabels ? labelStrides : shape.strides;
  const rule = ready ? NAN_RULE : isRounded ? DEFAULT_RULE : ruleOf(settings);
  return {
    kernels,
    size,
    pred,
    fullMask,
    inputs,
    call: {
      loss: base,
      geometry: shape,
      pred: dense("Pred", pred, shape.strides),
      target: dense("Target", target, targetStrides),
      mask:
        mask &&
        maskOperand(mask, target.shape, size, isLabels ? undefined : layout, {
          full: fullMask,
          // Seen as one plane per sample, a full mask is as flat as the target.
          flat: shape.planes === 1 && shape.channels === 1 ? targetStrides : undefined,
        }),
      rule,
      counts: countsIn(ready?.counts ?? known, shape, base, rule),
      power: settings.power,
      reduction: REDUCTIONS[settings.reduction],
    },
  };
}

/** Where the counts of these groups, under this rule, are to be found and left. */
function countsIn(known: Map<string, Counts> | undefined, shape: Geometry, base: BaseLoss, rule: Rule) {
  if (!known) return undefined;
  let key = `${shape.groups} ${shape.planesPerGroup}`;
  // Of a pixel's channels sam asks for as many as its parameter says; what looks at single elements counts them alike.
  if (looksAcrossChannels(base)) key += ` ${base.kind} ${base.a}`;
  if (rule !== NAN_RULE) key += ` ${rule.min} ${rule.max} ${rule.nodata}`;
  let counts = known.get(key);
  if (!counts) {
    counts = {};
    known.set(key, counts);
  }
  return counts;
}

/** Accepts masks and class labels without scale and offset, which would mean nothing there. */
function uncalibrated<Data extends ArrayBufferView>(name: string, array: Checked<Data>): Checked<Data> {
  if (array.scale !== 1 || array.offset !== 0) {
    throw new TypeError(
      `"${name}": expected scale and offset with images alone, got scale ${array.scale}, offset ${array.offset}`,
    );
  }
  return array;
}

function scopeOf(base: BaseLoss): Scope {
  if (base.kind === "window") return "window";
  if (base.kind === "bands") return "image";
  return looksAcrossChannels(base) ? "pixel" : "element";
}

/** What a prepared target holds, where it goes with the criterion. */
function checkPrepared(target: PreparedTarget, settings: Settings, mask: unknown): Checked<Float32Array> {
  const { base, layout, rule } = settings;
  const isLabels = base.kind === "labels";
  if (isLabels !== target.labels) {
    const what = (labels: boolean) => (labels ? "class labels" : "an image");
    throw new TypeError(`"target": expected ${what(isLabels)}, got ${kindOf(target)} of ${what(target.labels)}`);
  }
  if (mask !== undefined) {
    throw new TypeError(`"mask": expected none with a prepared target, which has its own, got ${kindOf(mask)}`);
  }
  if ((rule || isLabels) && !sameRule(ruleOf(settings), target.rule)) {
    const what = isLabels ? "ignoreIndex" : "rule for valid pixels";
    throw new RangeError(`"target": expected one prepared with the criterion's ${what}, got another`);
  }
  if (!isLabels && target.shape.length > 2 && layout !== target.layout) {
    throw new RangeError(`"target": expected one prepared for layout ${layout}, got ${target.layout}`);
  }
  const { data, shape, owner } = checkTensor<Float32Array>("target", target.tensor, FLOATS);
  return { data, shape, scale: target.scale, offset: target.offset, owner };
}

/** An operand that has an element for each of pred's, or each of its pixels. */
export function dense(
  role: RoleName,
  { data, scale, offset, owner }: Checked<PixelData | LabelData>,
  strides: Strides,
): Operand {
  const type = Type[typeOf(data)];
  const extent = data.length;
  return { role, array: data, owner, type, scale, offset, strides, consecutive: true, linear: true, extent };
}

function typeOf(data: PixelData | LabelData): TypeName {
  if (data instanceof Float32Array) return "F32";
  if (data instanceof Uint8Array) return "U8";
  if (data instanceof Int32Array) return "I32";
  return data instanceof Int16Array ? "I16" : "U16";
}

function maskOperand(
  { data, shape, owner }: Checked<Uint8Array>,
  targetShape: readonly number[],
  { channels, height, width }: Dimensions,
  layout: Layout | undefined,
  { full, flat }: { full: boolean; flat: Strides | undefined },
): NonNullable<Call["mask"]> {
  const strides = maskStrides(shape, targetShape, layout);
  const { channel, row, pixel } = strides;
  const common = { role: "Mask", array: data, owner, type: Type.U8, scale: 1, offset: 0 } as const;
  if (full && flat)
    return { ...common, strides: flat, row: width, consecutive: true, linear: true, extent: data.length };
  const extent = (channels - 1) * channel + (height - 1) * row + (width - 1) * pixel + 1;
  return { ...common, strides, row, consecutive: full, linear: full || row === width * pixel, extent };
}

/** A mask with an element of its own for each of the target's. */
function broadcast(mask: Checked<Uint8Array>, target: readonly number[]): Checked<Uint8Array> {
  checkBroadcast(mask.shape, target);
  if (isFullMask(mask.shape, target)) return mask;
  let { data } = mask;
  // From the last dimension on: what stands behind a dimension is a block, repeated where the mask has but one of it.
  let block = 1;
  for (let i = 1; i <= target.length; i++) {
    const size = target[target.length - i] as number;
    if ((mask.shape[mask.shape.length - i] ?? 1) !== size) data = repeated(data, block, size);
    block *= size;
  }
  return { ...mask, data, shape: target };
}

/** Each block of `data`, `times` times. */
function repeated(data: Uint8Array, block: number, times: number): Uint8Array {
  const all = new Uint8Array(data.length * times);
  for (let at = 0; at < all.length; at += block) {
    const from = Math.floor(at / (block * times)) * block;
    all.set(data.subarray(from, from + block), at);
  }
  return all;
}

function withoutChannels(shape: readonly number[], layout: Layout): readonly number[] {
  if (shape.length === 2) return shape;
  const channel = layout === "NHWC" ? shape.length - 1 : shape.length - 3;
  return shape.filter((_, i) => i !== channel);
}

/** Accepts a place to write the gradient to. */
export function checkOut(outLike: unknown, pred: unknown): Checked<Float32Array> | undefined {
  if (outLike === undefined) return undefined;
  const out = checkTensor<Float32Array>("out", outLike, FLOATS);
  checkSameShape("out", out.shape, "pred", checkPixels("pred", pred).shape);
  return out;
}

export function checkApart(out: Checked<Float32Array>, inputs: readonly ArrayBufferView[]): void {
  inputs.forEach((input, i) => {
    if (overlap(out.data, input)) {
      const which = ["pred", "target", "mask"][i];
      throw new RangeError(`"out": expected memory of its own, got memory that overlaps ${which}`);
    }
  });
}

/** The tensor that a gradient is written to: the caller's, or a new one on the JavaScript heap. */
export function gradTensor(outLike: unknown, out: Checked<Float32Array> | undefined, pred: Checked<PixelData>): Tensor {
  if (Tensor.is(outLike)) return outLike as Tensor;
  return new Tensor(out?.data ?? new Float32Array(pred.data.length), pred.shape);
}

/** The gradient's side of a call. */
export function gradOperand(call: Call, owner: Tensor): Operand {
  const { data, shape } = owner;
  return dense("Grad", { data, shape, scale: 1, offset: 0, owner }, call.pred.strides);
}
