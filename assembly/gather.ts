// The way to and from a loss that the host computes: it gets the valid pixels of a group one after the other, and gives back a
// gradient for each.

import { Record } from "./job";

/**
 * Appends the valid pixels of a tile at `predTo` and `targetTo`, as T, and counts them: values as float32, digital numbers as the
 * float64 scale · v + offset that they stand for.
 */
export function gather<T extends number>(
  pred: usize,
  target: usize,
  n: u32,
  min: f32,
  scale: f64,
  offset: f64,
  predTo: usize,
  targetTo: usize,
  record: Record,
): void {
  let count: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const t = load<f32>(target + i * 4);
    // Written always, kept where valid: the next one overwrites it otherwise.
    const p = load<f32>(pred + i * 4);
    store<T>(predTo + count * sizeof<T>(), sizeof<T>() == 4 ? <T>p : <T>(scale * p + offset));
    store<T>(targetTo + count * sizeof<T>(), sizeof<T>() == 4 ? <T>t : <T>(scale * t + offset));
    count += t >= min ? 1 : 0;
  }
  record.count += <f64>count;
}

/** grad ← coef · the next of the gathered gradients, float64, at valid pixels, +0 elsewhere. */
export function scatter(target: usize, grad: usize, n: u32, min: f32, from: usize, coef: f64, record: Record): void {
  let count: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const valid = load<f32>(target + i * 4) >= min;
    store<f32>(grad + i * 4, valid ? <f32>(coef * load<f64>(from + count * 8)) : 0);
    count += valid ? 1 : 0;
  }
  record.count += <f64>count;
}
