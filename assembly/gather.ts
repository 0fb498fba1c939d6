// The way to and from a loss that the host computes: it gets the valid pixels of a group one after the other, and gives back a
// gradient for each.

import { Record } from "./job";

/** Appends the valid pixels of a tile at `predTo` and `targetTo`, and counts them. */
export function gather(
  pred: usize,
  target: usize,
  n: u32,
  min: f32,
  predTo: usize,
  targetTo: usize,
  record: Record,
): void {
  let count: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const t = load<f32>(target + i * 4);
    // Written always, kept where valid: the next one overwrites it otherwise.
    store<f32>(predTo + count * 4, load<f32>(pred + i * 4));
    store<f32>(targetTo + count * 4, t);
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
