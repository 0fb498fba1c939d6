// Losses of the difference alone, on two images whose stored integers mean the same: d = p − t = scale · (P − T), where P − T is exact.
// So integers are compared as they are stored and scaled late, and small differences of large numbers keep their digits.
//
// Tiles are stored numbers: uint16 where they lie (S = u16), or float32 after staging, NaN where not valid (S = f32). One body
// serves both, and so both give the same bits.

import { Charbonnier } from "./elementwise/Charbonnier";
import { Elementwise } from "./elementwise/Elementwise";
import { Huber } from "./elementwise/Huber";
import { Mae } from "./elementwise/Mae";
import { Mse } from "./elementwise/Mse";
import { Pinball } from "./elementwise/Pinball";
import { Job, Loss, Record } from "./job";
import {
  BLOCK,
  comfortable,
  countLanes,
  gradient,
  high,
  highMask,
  low,
  lowMask,
  narrow,
  sumLanes,
  trusted,
  widen,
} from "./lanes";
import { read4 } from "./stored";

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
  const d = f32x4.mul(f32x4.sub(read4<S>(pred), t), scale);
  const zero = f32x4.splat(0);
  if (!isVoid<G>()) v128.store(grad, gradient(valid, f32x4.mul(coef, changetype<L>(0).slope(d, zero, a, b))));
  return v128.and(valid, changetype<L>(0).value(d, zero, a, b));
}

/** As `sumFast` of elementwise.ts: float32 lanes within a block. Adds the count to `record`, returns Σρ. */
function sumFast<L extends Elementwise, S extends number, G>(
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
  const lo = f32x4.splat(job.tileMin);
  const half: usize = 4 * sizeof<S>();
  let count = i32x4.splat(0);
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
      const v0 = f32x4.ge(t0, lo);
      const v1 = f32x4.ge(t1, lo);
      s0 = f32x4.add(s0, term<L, S, G>(pred, t0, grad, v0, scale, a, b, coef));
      s1 = f32x4.add(s1, term<L, S, G>(pred + half, t1, grad + 16, v1, scale, a, b, coef));
      count = i32x4.sub(count, i32x4.add(v0, v1));
      pred += 2 * half;
      target += 2 * half;
      if (!isVoid<G>()) grad += 32;
    } while (target < end);
    total = f64x2.add(total, widen(f32x4.add(s0, s1)));
  }
  record.count += <f64>countLanes(count);
  return sumLanes(total);
}

/** As `sumWide` of elementwise.ts: float64 lanes, for tiles whose terms float32 cannot hold. */
function sumWide<W extends Elementwise, S extends number>(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef0: f64,
): f64 {
  const a = f64x2.splat(job.a);
  const b = f64x2.splat(job.b);
  const coef = f64x2.splat(coef0);
  const scale = f64x2.splat(job.pred.scale);
  const zero = f64x2.splat(0);
  const lo = f32x4.splat(job.tileMin);
  let total = f64x2.splat(0);
  for (const end = target + n * sizeof<S>(); target < end; pred += 4 * sizeof<S>(), target += 4 * sizeof<S>()) {
    const t = read4<S>(target);
    const valid = f32x4.ge(t, lo);
    const difference = f32x4.sub(read4<S>(pred), t);
    const d0 = f64x2.mul(low(difference), scale);
    const d1 = f64x2.mul(high(difference), scale);
    total = f64x2.add(total, v128.and(lowMask(valid), changetype<W>(0).value(d0, zero, a, b)));
    total = f64x2.add(total, v128.and(highMask(valid), changetype<W>(0).value(d1, zero, a, b)));
    if (grad) {
      const first = f64x2.mul(coef, changetype<W>(0).slope(d0, zero, a, b));
      const last = f64x2.mul(coef, changetype<W>(0).slope(d1, zero, a, b));
      v128.store(grad, gradient(valid, narrow(first, last)));
      grad += 16;
    }
  }
  return sumLanes(total);
}

function addAs<F extends Elementwise, W extends Elementwise, S extends number>(
  job: Job,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef: f64,
  record: Record,
): void {
  const before = record.count;
  let sum = grad
    ? sumFast<F, S, bool>(job, pred, target, grad, n, coef, record)
    : sumFast<F, S, void>(job, pred, target, 0, n, coef, record);
  const fits = comfortable(job.a) && comfortable(job.b);
  if (!fits || !trusted(sum, record.count - before)) sum = sumWide<W, S>(job, pred, target, grad, n, coef);
  else if (grad && !comfortable(coef)) sumWide<W, S>(job, pred, target, grad, n, coef);
  record.add(0, sum);
}

function add<F extends Elementwise, W extends Elementwise>(
  job: Job,
  stored: bool,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef: f64,
  record: Record,
): void {
  if (stored) addAs<F, W, u16>(job, pred, target, grad, n, coef, record);
  else addAs<F, W, f32>(job, pred, target, grad, n, coef, record);
}

/** Adds the sum and the count of a tile to `record`; writes its gradient unless `grad` is 0. `stored`: the tiles are uint16. */
export function differences(
  job: Job,
  stored: bool,
  pred: usize,
  target: usize,
  grad: usize,
  n: u32,
  coef: f64,
  record: Record,
): void {
  switch (job.loss) {
    case Loss.Mae:
      return add<Mae<f32>, Mae<f64>>(job, stored, pred, target, grad, n, coef, record);
    case Loss.Huber:
      return add<Huber<f32>, Huber<f64>>(job, stored, pred, target, grad, n, coef, record);
    case Loss.Charbonnier:
      return add<Charbonnier<f32>, Charbonnier<f64>>(job, stored, pred, target, grad, n, coef, record);
    case Loss.Pinball:
      return add<Pinball<f32>, Pinball<f64>>(job, stored, pred, target, grad, n, coef, record);
    default: // Mse and Rmse, its root
      return add<Mse<f32>, Mse<f64>>(job, stored, pred, target, grad, n, coef, record);
  }
}
