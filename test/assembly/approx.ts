// The functions of assembly/approx.ts over arrays, for the tests: `exp32` in float32 lanes, `exp64` in float64 lanes.
// x, y and out are 16-byte aligned, `bytes` is a multiple of 16.

import { atan2, exp, log, log1p, log1pUnit, logCosh, pow, tanh } from "../../assembly/approx";

export function exp32(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, exp<f32>(v128.load(x + i)));
}

export function exp64(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, exp<f64>(v128.load(x + i)));
}

export function log32(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, log<f32>(v128.load(x + i)));
}

export function log64(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, log<f64>(v128.load(x + i)));
}

export function log1p32(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, log1p<f32>(v128.load(x + i)));
}

export function log1p64(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, log1p<f64>(v128.load(x + i)));
}

export function log1pUnit32(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, log1pUnit<f32>(v128.load(x + i)));
}

export function log1pUnit64(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, log1pUnit<f64>(v128.load(x + i)));
}

export function logCosh32(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, logCosh<f32>(v128.load(x + i)));
}

export function logCosh64(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, logCosh<f64>(v128.load(x + i)));
}

export function tanh32(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, tanh<f32>(v128.load(x + i)));
}

export function tanh64(x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, tanh<f64>(v128.load(x + i)));
}

export function atan232(y: usize, x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, atan2<f32>(v128.load(y + i), v128.load(x + i)));
}

export function atan264(y: usize, x: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, atan2<f64>(v128.load(y + i), v128.load(x + i)));
}

export { pow };
