// Between the arrays as they are stored and the kernels, which see planar float32 tiles only: interleaved channels are taken
// apart, integers widened, the rule for valid pixels applied and a tail padded, all in a scratch tile. What is planar float32
// already, is a multiple of STEP long and needs no more than `target ≥ min` is used where it lies.

import { Job, Operand, Type } from "./job";
import { STEP } from "./lanes";
import { calibrate, convert, gather, select, sizeOf } from "./storage";

/** Length of a tile of n elements in scratch. */
export function padded(n: u32): u32 {
  return (n + STEP - 1) & ~(STEP - 1);
}

export function planar(operand: Operand): bool {
  return operand.type == Type.F32 && operand.pixelStride == 4;
}

function pad(tile: usize, n: u32, value: f32): void {
  const end = tile + padded(n) * 4;
  for (let at = tile + n * 4; at < end; at += 4) store<f32>(at, value);
}

/** Whether an operand's planes are uint16, which losses of single elements take as they lie. */
export function uint16Planar(operand: Operand): bool {
  return operand.type == Type.U16 && operand.pixelStride == 2;
}

/** A tile of pred, plane (b, c), from pixel i on, as float32 at `to`: values, or digital numbers where both arrays hold these. */
export function loadPred(job: Job, b: u32, c: u32, i: u32, n: u32, to: usize): void {
  const pred = job.pred;
  const from = pred.at(b, c, i);
  const consecutive = pred.pixelStride == sizeOf(pred.type);
  if (!consecutive) gather(from, pred.pixelStride, pred.type, to, n);
  else convert(from, pred.type, to, n);
  if (!job.dn) calibrate(to, n, pred.scale, pred.offset);
  pad(to, n, 0);
}

/** A tile of target, plane (b, c), from pixel i on, as float32 at `to`: NaN at pixels that are not valid, and in its padding. */
export function loadTarget(job: Job, b: u32, c: u32, i: u32, n: u32, to: usize, maskScratch: usize): void {
  const target = job.target;
  let from = target.at(b, c, i);
  let type = target.type;
  if (target.pixelStride != sizeOf(type)) {
    gather(from, target.pixelStride, type, to, n);
    from = to;
    type = Type.F32;
  }
  if (!job.comparesRaw) {
    if (job.masked) loadElements<u8>(job.mask, job.width, b, c, i, n, maskScratch);
    const mask = job.masked ? maskScratch : 0;
    select(job, from, type, to, n, mask);
  } else if (from != to) convert(from, type, to, n);
  if (!job.dn) calibrate(to, n, target.scale, target.offset);
  pad(to, n, NaN);
}

/** n elements of a mask or of weights, which may be broadcast to rows of `width`: plane (b, c), from pixel i on. */
export function loadElements<S extends number>(
  operand: Operand,
  width: u32,
  b: u32,
  c: u32,
  i: u32,
  n: u32,
  to: usize,
): void {
  const columnStride = operand.pixelStride;
  const end = to + n * sizeof<S>();
  if (operand.rowStride == <usize>width * columnStride) {
    let from = operand.at(b, c, i);
    if (columnStride == sizeof<S>()) memory.copy(to, from, n * sizeof<S>());
    else for (; to < end; to += sizeof<S>(), from += columnStride) store<S>(to, load<S>(from));
    return;
  }
  let column: usize = i % width;
  let row = operand.at(b, c, 0) + <usize>(i / width) * operand.rowStride;
  for (; to < end; to += sizeof<S>()) {
    store<S>(to, load<S>(row + column * columnStride));
    if (++column == width) {
      column = 0;
      row += operand.rowStride;
    }
  }
}

/** Brings a tile of gradients from scratch to plane (b, c) of `grad`, added to what stands there where the job keeps it. */
export function storeGrad(job: Job, b: u32, c: u32, i: u32, n: u32, from: usize): void {
  const stride = job.grad.pixelStride;
  const end = from + n * 4;
  let to = job.grad.at(b, c, i);
  if (job.keep) {
    const whole = stride == 4 ? from + (n & ~3) * 4 : from;
    for (; from < whole; from += 16, to += 16) v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    for (; from < end; from += 4, to += stride) store<f32>(to, load<f32>(to) + load<f32>(from));
  } else if (stride == 4) memory.copy(to, from, n * 4);
  else for (; from < end; from += 4, to += stride) store<f32>(to, load<f32>(from));
}
