// The way to and from a loss that the host computes: it gets the valid pixels of a group one after the other, and gives back a
// gradient for each. What is gathered of a channel starts at its own place, after what an earlier stretch of the unit has put there.

import { Job } from "./job";
import { Pass } from "./pass";
import { Reading, Tile } from "./tile";
import { COST, Shape } from "./traits";

export const CUSTOM: u32 = Shape.Custom | COST;

/** Appends the valid pixels of a tile, and their masses, as T: values as float32, digital numbers as the float64 scale · v + offset. */
function gather<T extends number>(job: Job, tile: Tile, channel: u32): void {
  const scale = job.pred.scale;
  const offset = job.pred.offset;
  const first = channel * job.tile + <u32>tile.sums.count;
  const toPred = job.gatheredPred + first * sizeof<T>();
  const toTarget = job.gatheredTarget + first * sizeof<T>();
  const toMass = job.gatheredMass + first * 4;
  let count: u32 = 0;
  for (let i: u32 = 0; i < tile.n; i++) {
    const p = load<f32>(tile.pred + i * 4);
    const t = load<f32>(tile.target + i * 4);
    // Written always, kept where valid: the next one overwrites it otherwise.
    store<T>(toPred + count * sizeof<T>(), sizeof<T>() == 4 ? <T>p : <T>(scale * p + offset));
    store<T>(toTarget + count * sizeof<T>(), sizeof<T>() == 4 ? <T>t : <T>(scale * t + offset));
    if (tile.mass) store<f32>(toMass + count * 4, load<f32>(tile.mass + i * 4));
    count += t >= tile.least ? 1 : 0;
  }
  tile.sums.count += <f64>count;
}

/** grad ← coef · the next of the gathered gradients, float64, at valid pixels, +0 elsewhere. */
function scatter(job: Job, tile: Tile, channel: u32): void {
  const from = job.gatheredPred + (channel * job.tile + <u32>tile.sums.count) * 8;
  const coef = tile.coefficient(0);
  let count: u32 = 0;
  for (let i: u32 = 0; i < tile.n; i++) {
    const valid = load<f32>(tile.target + i * 4) >= tile.least;
    store<f32>(tile.grad + i * 4, valid ? <f32>(coef * load<f64>(from + count * 8)) : 0);
    count += valid ? 1 : 0;
  }
  tile.sums.count += <f64>count;
}

export function custom(job: Job, tile: Tile, channel: u32): void {
  if (job.pass == Pass.Scatter) scatter(job, tile, channel);
  else if (tile.reading == Reading.Numbers) gather<f64>(job, tile, channel);
  else gather<f32>(job, tile, channel);
}
