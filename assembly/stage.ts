// Between the arrays as they are stored and the kernels, which see planar float32 tiles only: interleaved channels are taken
// apart, integers widened, the rule for valid pixels applied and a tail padded, all in a scratch tile. What is planar float32
// already, is a multiple of STEP long and needs no more than `target ≥ min` is used where it lies.

import { Job, Operand, Type } from "./job";
import { STEP } from "./lanes";
import { exclude } from "./valid";

/** Length of a tile of n elements in scratch. */
export function padded(n: u32): u32 {
  return (n + STEP - 1) & ~(STEP - 1);
}

export function planar(operand: Operand): bool {
  return operand.type == Type.F32 && operand.pixelStride == 4;
}

/** Copies n elements, `stride` bytes apart, to float32 at `to`. */
function widenStored(from: usize, stride: usize, type: Type, to: usize, n: u32): void {
  if (type == Type.F32 && stride == 4) {
    memory.copy(to, from, n * 4);
    return;
  }
  const end = to + n * 4;
  if (type == Type.F32) for (; to < end; to += 4, from += stride) store<f32>(to, load<f32>(from));
  else if (type == Type.U8) for (; to < end; to += 4, from += stride) store<f32>(to, <f32>load<u8>(from));
  else if (type == Type.I16) for (; to < end; to += 4, from += stride) store<f32>(to, <f32>load<i16>(from));
  else if (type == Type.U16) for (; to < end; to += 4, from += stride) store<f32>(to, <f32>load<u16>(from));
  else for (; to < end; to += 4, from += stride) store<f32>(to, <f32>load<i32>(from));
}

/** v ← scale · v + offset, NaN staying NaN. */
function rescale(operand: Operand, tile: usize, n: u32): void {
  if (operand.scale == 1 && operand.offset == 0) return;
  const scale = f32x4.splat(operand.scale);
  const offset = f32x4.splat(operand.offset);
  const end = tile + n * 4;
  for (; tile < end; tile += 16) v128.store(tile, f32x4.add(f32x4.mul(v128.load(tile), scale), offset));
}

function pad(tile: usize, n: u32, value: f32): void {
  const end = tile + padded(n) * 4;
  for (let at = tile + n * 4; at < end; at += 4) store<f32>(at, value);
}

/** A tile of pred, plane (b, c), from pixel i on, as float32 at `to`. */
export function loadPred(job: Job, b: u32, c: u32, i: u32, n: u32, to: usize): void {
  const pred = job.pred;
  widenStored(pred.at(b, c, i), pred.pixelStride, pred.type, to, n);
  pad(to, n, 0);
  rescale(pred, to, padded(n));
}

/** A tile of target as float32 at `to`, NaN where the rule or the mask says that it is not valid, and in its padding. */
export function loadTarget(job: Job, b: u32, c: u32, i: u32, n: u32, to: usize, maskScratch: usize): void {
  const target = job.target;
  widenStored(target.at(b, c, i), target.pixelStride, target.type, to, n);
  pad(to, n, NaN);
  if (job.simpleRule) return;
  if (job.masked) loadMask(job, b, c, i, n, maskScratch);
  exclude(job, to, job.masked ? maskScratch : 0, padded(n));
  rescale(target, to, padded(n));
}

/** A tile of the mask's bytes, broadcast to the target's shape. */
function loadMask(job: Job, b: u32, c: u32, i: u32, n: u32, to: usize): void {
  const mask = job.mask;
  const columnStride = mask.pixelStride;
  if (job.maskRowStride == <usize>job.width * columnStride) {
    const from = mask.at(b, c, i);
    if (columnStride == 1) memory.copy(to, from, n);
    else for (let k: usize = 0; k < n; k++) store<u8>(to + k, load<u8>(from + k * columnStride));
    return;
  }
  let column: usize = i % job.width;
  let row = mask.at(b, c, 0) + <usize>(i / job.width) * job.maskRowStride;
  for (let k: usize = 0; k < n; k++) {
    store<u8>(to + k, load<u8>(row + column * columnStride));
    if (++column == job.width) {
      column = 0;
      row += job.maskRowStride;
    }
  }
}

/** Brings a tile of gradients from scratch to plane (b, c) of `grad`, added to what stands there where the job keeps it. */
export function storeGrad(job: Job, b: u32, c: u32, i: u32, n: u32, from: usize): void {
  const stride = job.grad.pixelStride;
  const end = from + n * 4;
  let to = job.grad.at(b, c, i);
  if (job.keep) for (; from < end; from += 4, to += stride) store<f32>(to, load<f32>(to) + load<f32>(from));
  else if (stride == 4) memory.copy(to, from, n * 4);
  else for (; from < end; from += 4, to += stride) store<f32>(to, load<f32>(from));
}
