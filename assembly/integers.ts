// Losses of the difference d = p − t on two images of uint16 with the same scale and offset, the digital numbers of satellites. Nothing
// is widened ahead of the kernel, and d = scale · (P − T) has no rounding but that of the scale: P − T is exact. The rule is T ≥ least, on stored numbers.
//
// Everything else that integers can meet (another type, a tail, a mask, an upper bound, a loss of another kind, a sum that float32 cannot be
// trusted with) goes the way of stage.ts.

import { Charbonnier } from "./elementwise/Charbonnier";
import { Elementwise } from "./elementwise/Elementwise";
import { Huber } from "./elementwise/Huber";
import { Mae } from "./elementwise/Mae";
import { Mse } from "./elementwise/Mse";
import { Pinball } from "./elementwise/Pinball";
import { Job, Loss, Record } from "./job";
import { BLOCK, comfortable, countLanes, gradient, sumLanes, trusted, widen } from "./lanes";

/** Four stored numbers. */
function read4(from: usize): v128 {
  return v128.load_ext<u16>(from);
}

/** Adds the valid pixels of a tile to `record`. */
export function countIntegers(job: Job, target: usize, n: u32, record: Record): void {
  const below = i32x4.splat(job.least - 1);
  let counted = i32x4.splat(0);
  for (const end = target + n * 2; target < end; target += 16) {
    const v0 = i32x4.gt_s(read4(target), below);
    const v1 = i32x4.gt_s(read4(target + 8), below);
    counted = i32x4.sub(counted, i32x4.add(v0, v1));
  }
  record.count += <f64>countLanes(counted);
}

/** ρ of four pixels, 0 where invalid; their gradient is stored where G asks for it. */
function term<L extends Elementwise, G>(
  pred: usize,
  t: v128,
  grad: usize,
  valid: v128,
  scale: v128,
  a: v128,
  b: v128,
  coef: v128,
): v128 {
  const d = f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(read4(pred), t)), scale);
  const zero = f32x4.splat(0);
  if (!isVoid<G>()) v128.store(grad, gradient(valid, f32x4.mul(coef, changetype<L>(0).slope(d, zero, a, b))));
  return v128.and(valid, changetype<L>(0).value(d, zero, a, b));
}

/** As `sumFast` of elementwise.ts: Σρ, the count added to `record`. */
function sum<L extends Elementwise, G>(
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
  let counted = i32x4.splat(0);
  let total = f64x2.splat(0);
  while (n > 0) {
    const block = min(n, BLOCK / 2);
    n -= block;
    const end = target + block * 2;
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    do {
      const t0 = read4(target);
      const t1 = read4(target + 8);
      const v0 = i32x4.gt_s(t0, below);
      const v1 = i32x4.gt_s(t1, below);
      s0 = f32x4.add(s0, term<L, G>(pred, t0, grad, v0, scale, a, b, coef));
      s1 = f32x4.add(s1, term<L, G>(pred + 8, t1, grad + 16, v1, scale, a, b, coef));
      counted = i32x4.sub(counted, i32x4.add(v0, v1));
      pred += 16;
      target += 16;
      if (!isVoid<G>()) grad += 32;
    } while (target < end);
    total = f64x2.add(total, widen(f32x4.add(s0, s1)));
  }
  record.count += <f64>countLanes(counted);
  return sumLanes(total);
}

/** Adds a tile to `record`, and writes `grad` unless it is 0; false, and nothing added, where float32 cannot be trusted with it. */
function add<L extends Elementwise>(
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
    ? sum<L, bool>(job, pred, target, grad, n, coef, record)
    : sum<L, void>(job, pred, target, grad, n, coef, record);
  const fits = (grad == 0 || comfortable(coef)) && comfortable(job.a) && comfortable(job.b);
  if (!fits || !trusted(value, record.count - before)) {
    record.count = before;
    return false;
  }
  record.add(0, value);
  return true;
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
