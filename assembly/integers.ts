// Losses of the difference d = p − t on two images of the same integers: type, scale and offset. Nothing is widened ahead of the
// kernel, and d = scale · (P − T) has no rounding but that of the scale: P − T is exact. The rule is T ≥ least, on stored numbers.
//
// Everything else that integers can meet (a tail, a mask, an upper bound, a loss of another kind, a sum that float32 cannot be
// trusted with) goes the way of stage.ts.

import { Charbonnier } from "./elementwise/Charbonnier";
import { Elementwise } from "./elementwise/Elementwise";
import { Huber } from "./elementwise/Huber";
import { Mae } from "./elementwise/Mae";
import { Mse } from "./elementwise/Mse";
import { Pinball } from "./elementwise/Pinball";
import { Job, Loss, Record, Type } from "./job";
import { BLOCK, comfortable, countLanes, gradient, sumLanes, trusted, widen } from "./lanes";

/** Four stored numbers. */
function read4<S extends number>(from: usize): v128 {
  if (sizeof<S>() == 2) return isSigned<S>() ? v128.load_ext<i16>(from) : v128.load_ext<u16>(from);
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from)));
}

/** Valid pixels of a tile. */
function count<S extends number>(target: usize, n: u32, least: i32): i32 {
  const below = i32x4.splat(least - 1);
  let counted = i32x4.splat(0);
  for (const end = target + n * sizeof<S>(); target < end; target += 8 * sizeof<S>()) {
    const v0 = i32x4.gt_s(read4<S>(target), below);
    const v1 = i32x4.gt_s(read4<S>(target + 4 * sizeof<S>()), below);
    counted = i32x4.sub(counted, i32x4.add(v0, v1));
  }
  return countLanes(counted);
}

/** ρ of four pixels, 0 where invalid; their gradient is stored where G asks for it. */
function term<L extends Elementwise, S extends number, G>(
  pred: usize,
  t: v128,
  grad: usize,
  valid: v128,
  scale: v128,
  a: v128,
  b: v128,
  coef: v128,
): v128 {
  const d = f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(read4<S>(pred), t)), scale);
  const zero = f32x4.splat(0);
  if (!isVoid<G>()) v128.store(grad, gradient(valid, f32x4.mul(coef, changetype<L>(0).slope(d, zero, a, b))));
  return v128.and(valid, changetype<L>(0).value(d, zero, a, b));
}

/** As `sumFast` of elementwise.ts: Σρ, the count added to `record`. */
function sum<L extends Elementwise, S extends number, G>(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef0: f64,
  record: Record,
): f64 {
  const a = f32x4.splat(<f32>job.a);
  const b = f32x4.splat(<f32>job.b);
  const coef = f32x4.splat(<f32>coef0);
  const scale = f32x4.splat(job.pred.scale);
  const below = i32x4.splat(job.least - 1);
  const half: usize = 4 * sizeof<S>();
  let counted = i32x4.splat(0);
  let total = f64x2.splat(0);
  while (n > 0) {
    const block = min(n, BLOCK / 2);
    n -= block;
    const end = target + block * sizeof<S>();
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    do {
      const t0 = read4<S>(target);
      const t1 = read4<S>(target + half);
      const v0 = i32x4.gt_s(t0, below);
      const v1 = i32x4.gt_s(t1, below);
      s0 = f32x4.add(s0, term<L, S, G>(pred, t0, grad, v0, scale, a, b, coef));
      s1 = f32x4.add(s1, term<L, S, G>(pred + half, t1, grad + 16, v1, scale, a, b, coef));
      counted = i32x4.sub(counted, i32x4.add(v0, v1));
      pred += 2 * half;
      target += 2 * half;
      if (!isVoid<G>()) grad += 32;
    } while (target < end);
    total = f64x2.add(total, widen(f32x4.add(s0, s1)));
  }
  record.count += <f64>countLanes(counted);
  return sumLanes(total);
}

/** Adds a tile to `record`, and writes `grad` unless it is 0; false, and nothing added, where float32 cannot be trusted with it. */
function addAs<L extends Elementwise, S extends number>(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef: f64,
  record: Record,
): bool {
  const before = record.count;
  const value = grad
    ? sum<L, S, bool>(job, pred, target, grad, n, coef, record)
    : sum<L, S, void>(job, pred, target, grad, n, coef, record);
  const fits = (grad == 0 || comfortable(coef)) && comfortable(job.a) && comfortable(job.b);
  if (!fits || !trusted(value, record.count - before)) {
    record.count = before;
    return false;
  }
  record.add(0, value);
  return true;
}

function add<L extends Elementwise>(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef: f64,
  record: Record,
): bool {
  if (job.pred.type == Type.U8) return addAs<L, u8>(job, pred, target, grad, n, coef, record);
  if (job.pred.type == Type.I16) return addAs<L, i16>(job, pred, target, grad, n, coef, record);
  return addAs<L, u16>(job, pred, target, grad, n, coef, record);
}

/** Adds the valid pixels of a tile to `record`. */
export function countIntegers(job: Job, target: usize, n: u32, record: Record): void {
  const type = job.target.type;
  const least = job.least;
  record.count += <f64>(
    (type == Type.U8
      ? count<u8>(target, n, least)
      : type == Type.I16
        ? count<i16>(target, n, least)
        : count<u16>(target, n, least))
  );
}

/** Adds the sum and the count of a tile to `record`; writes its gradient unless `grad` is 0. Returns whether it could. */
export function integerDifferences(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef: f64,
  record: Record,
): bool {
  switch (job.loss) {
    case Loss.Mae:
      return add<Mae<f32>>(job, pred, target, grad, n, coef, record);
    case Loss.Huber:
      return add<Huber<f32>>(job, pred, target, grad, n, coef, record);
    case Loss.Charbonnier:
      return add<Charbonnier<f32>>(job, pred, target, grad, n, coef, record);
    case Loss.Pinball:
      return add<Pinball<f32>>(job, pred, target, grad, n, coef, record);
    default: // Mse and Rmse, its root
      return add<Mse<f32>>(job, pred, target, grad, n, coef, record);
  }
}
