// What the kernels have found wrong with the weights and the soft mask of a call.

import type { BroadcastOperand, Call } from "../plan/call.ts";
import type { Workspace } from "./workspace.ts";

/** Refuses weights that are negative or not finite, and shares of a soft mask at valid pixels that are outside [0, 1]. */
export function checkMasses({ kernels, job }: Workspace, call: Call): void {
  const { weights, mask } = call;
  const badWeight = weights ? kernels.exports.badWeight(job) : 0;
  const badMask = mask ? kernels.exports.badMask(job) : 0;
  if (weights && badWeight > 0) throw wrong("weights", "finite numbers ≥ 0", weights, call, badWeight);
  if (mask && badMask > 0) throw wrong("mask", "numbers from 0 to 1 at valid pixels", mask, call, badMask);
}

/** `place`: where the number stands, counted from 1 over the pixels of all planes. */
function wrong(
  name: string,
  expected: string,
  { array, strides, row, shape }: BroadcastOperand,
  { geometry: { pixels, planes, channels, width } }: Call,
  place: number,
): RangeError {
  const plane = Math.floor((place - 1) / pixels);
  const pixel = (place - 1) % pixels;
  const [b, c] = [Math.floor(plane / (planes * channels)), plane % (planes * channels)];
  let at = b * strides.sample + c * strides.channel + Math.floor(pixel / width) * row + (pixel % width) * strides.pixel;
  const number = array[at] as number;
  const index: number[] = [];
  for (const extent of [...shape].reverse()) {
    index.unshift(at % extent);
    at = Math.floor(at / extent);
  }
  return new RangeError(`"${name}": expected ${expected}, got ${number} at [${index.join(", ")}]`);
}
