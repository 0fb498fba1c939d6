// The arrays of a call, checked against each other and described to the kernels.

import { checkSameShape, kindOf, showShape } from "../check.ts";
import type { BaseLoss } from "../losses/BaseLoss.ts";
import { FLOATS, LABELS, MASKS, PIXELS } from "../memory/arrayTypes.ts";
import { type Checked, checkTensor, overlap } from "../memory/checkTensor.ts";
import { type ReductionName, type RoleName, Type, type TypeName } from "../memory/kernelApi.ts";
import { type Kernels, kernelsFor } from "../memory/kernels.ts";
import { type PixelData, Tensor } from "../memory/tensor.ts";
import type { BroadcastOperand, Call, Counts, Operand } from "./call.ts";
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
  /** Whether mask and weights, as far as they are given, have an element of their own for each of the target's. */
  readonly fullMask: boolean;
  /** Soft mask and weights, checked. */
  readonly masses: Masses;
  /** By the names of arguments. */
  readonly inputs: Readonly<Record<string, ArrayBufferView>>;
}

/** What callers may give beside pred and target. */
export interface GivenMasses {
  readonly mask?: unknown;
  readonly weights?: unknown;
}

/** What masses are made of. */
export interface Masses {
  readonly mask?: Checked<Float32Array> | undefined;
  readonly weights?: Checked<Float32Array> | undefined;
}

type LabelData = Int32Array | Uint8Array | Float32Array;

/** Pixels of an SSIM window's side, and of the widest plane whose rows it takes. */
const WINDOW = 11;
const MAX_COLUMNS = 2 ** 22;

/** Numbers of a row of all bands, whose strips are told in 32 bits of bytes. */
const MAX_ROW = 2 ** 24;

/** Classes are told apart by float32, which holds every whole number up to this. */
const MAX_CLASSES = 2 ** 24;

/** What the kernels call SSIM's way of putting zeros in place of invalid pixels. */
const ZERO = 2;

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
  given: GivenMasses,
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
    ? checkPrepared(ready, settings, given)
    : isLabels
      ? checkLabels("target", targetLike)
      : checkPixels("target", targetLike);
  const { ignoreIndex } = base;
  // An ignoreIndex that float32 rounds is not for the kernels to compare with.
  const isRounded = !ready && ignoreIndex !== undefined && ignoreIndex >= MAX_CLASSES;
  const target = isRounded ? float32Labels(asGiven as Checked<LabelData>, ignoreIndex) : asGiven;
  const targetShape = isLabels ? withoutChannels(pred.shape, layout) : pred.shape;
  checkSameShape("target", target.shape, isLabels ? "pred without its channels" : "pred", targetShape);
  const layoutOfMasses = isLabels ? undefined : layout;
  const givenMask = given.mask === undefined ? ready?.masses.mask : checkMask(given.mask);
  const givenWeights = given.weights === undefined ? ready?.masses.weights : checkWeights(given.weights);
  for (const [name, array] of Object.entries({ mask: givenMask, weights: givenWeights })) {
    if (array?.data instanceof Float32Array) checkMasses(name, array.shape, target.shape, settings, layoutOfMasses);
  }
  // A custom loss gets a group's pixels in storage order: planes that alternate must not be told apart by a mask that they share.
  const isCustom = base.kind === "custom";
  const mask = givenMask && isCustom ? broadcast("mask", givenMask, target.shape) : givenMask;
  const weights = givenWeights && isCustom ? broadcast("weights", givenWeights, target.shape) : givenWeights;
  const isFull = (array: Checked<ArrayBufferView> | undefined) => !array || isFullMask(array.shape, target.shape);
  const fullMask = isCustom || (ready ? ready.fullMask : isFull(mask) && isFull(weights));
  const shape = geometry(size, layout, groupBy, scopeOf(base), fullMask);

  const inputs = {
    pred: pred.data,
    target: asGiven.data,
    ...(givenMask && { mask: givenMask.data }),
    ...(givenWeights && { weights: givenWeights.data }),
  };
  const kernels = kernelsFor([...Object.values(inputs), ...(out ? [out.data] : [])]);
  const plane = size.height * size.width;
  const labelStrides = { sample: plane, channel: 0, pixel: 1 };
  const targetStrides = isLabels ? labelStrides : shape.strides;
  const broadcastTo = {
    target: target.shape,
    size,
    layout: layoutOfMasses,
    // Seen as one plane per sample, what is full is as flat as the target.
    flat: shape.planes === 1 && shape.channels === 1 && fullMask ? targetStrides : undefined,
  };
  const rule = ready ? NAN_RULE : isRounded ? DEFAULT_RULE : ruleOf(settings);
  return {
    kernels,
    size,
    pred,
    fullMask,
    masses: {
      mask: givenMask?.data instanceof Float32Array ? (givenMask as Checked<Float32Array>) : undefined,
      weights: givenWeights,
    },
    inputs,
    call: {
      loss: base,
      geometry: shape,
      pred: dense("Pred", pred, shape.strides),
      target: dense("Target", target, targetStrides),
      mask: mask && broadcastOperand("Mask", mask, broadcastTo),
      weights: weights && broadcastOperand("Weights", weights, broadcastTo),
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
function checkPrepared(target: PreparedTarget, settings: Settings, given: GivenMasses): Checked<Float32Array> {
  const { base, layout, rule } = settings;
  const isLabels = base.kind === "labels";
  if (isLabels !== target.labels) {
    const what = (labels: boolean) => (labels ? "class labels" : "an image");
    throw new TypeError(`"target": expected ${what(isLabels)}, got ${kindOf(target)} of ${what(target.labels)}`);
  }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    throw new TypeError(`"${name}": expected none with a prepared target, which has its own, got ${kindOf(value)}`);
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

function broadcastOperand(
  role: "Mask" | "Weights",
  { data, shape, owner }: Checked<Uint8Array | Float32Array>,
  to: { target: readonly number[]; size: Dimensions; layout: Layout | undefined; flat: Strides | undefined },
): BroadcastOperand {
  const { channels, height, width } = to.size;
  const strides = maskStrides(shape, to.target, to.layout, role.toLowerCase());
  const { channel, row, pixel } = strides;
  const full = isFullMask(shape, to.target);
  const common = { role, array: data, owner, type: Type[typeOf(data)], scale: 1, offset: 0, shape } as const;
  if (full && to.flat) {
    return { ...common, strides: to.flat, row: width, consecutive: true, linear: true, extent: data.length };
  }
  const extent = (channels - 1) * channel + (height - 1) * row + (width - 1) * pixel + 1;
  return { ...common, strides, row, consecutive: full, linear: full || row === width * pixel, extent };
}

/** Accepts a mask: of bytes, or soft. */
function checkMask(mask: unknown): Checked<Uint8Array | Float32Array> {
  return uncalibrated("mask", checkTensor<Uint8Array | Float32Array>("mask", mask, MASKS));
}

function checkWeights(weights: unknown): Checked<Float32Array> {
  return uncalibrated("weights", checkTensor<Float32Array>("weights", weights, FLOATS));
}

/** Accepts a soft mask or weights of this shape, where the base loss can have them. */
function checkMasses(
  name: string,
  shape: readonly number[],
  target: readonly number[],
  { base }: Settings,
  layout: Layout | undefined,
): void {
  checkBroadcast(name, shape, target);
  if (base.kind === "window" && base.b === ZERO) {
    throw new RangeError(
      `"${name}": expected none with ${base.name}({ invalid: "zero" }), whose zeros have no weight, got shape ${showShape(shape)}`,
    );
  }
  const fromEnd = layout === "NHWC" ? 1 : 3;
  const channels = base.kind === "pixel" && target.length > 2 ? (shape[shape.length - fromEnd] ?? 1) : 1;
  if (channels !== 1) {
    throw new RangeError(
      `"${name}": expected one number per pixel for ${base.name}, 1 in place of the channels, got shape ${showShape(shape)}`,
    );
  }
}

/** A mask, or weights, with an element of its own for each of the target's. */
function broadcast<Data extends Uint8Array | Float32Array>(
  name: string,
  mask: Checked<Data>,
  target: readonly number[],
): Checked<Data> {
  checkBroadcast(name, mask.shape, target);
  if (isFullMask(mask.shape, target)) return mask;
  let data: Data = mask.data;
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
function repeated<Data extends Uint8Array | Float32Array>(data: Data, block: number, times: number): Data {
  const Kind = data.constructor as new (length: number) => Data;
  const all = new Kind(data.length * times);
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

export function checkApart(out: Checked<Float32Array>, inputs: Prepared["inputs"]): void {
  for (const [name, input] of Object.entries(inputs)) {
    if (overlap(out.data, input)) {
      throw new RangeError(`"out": expected memory of its own, got memory that overlaps ${name}`);
    }
  }
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
