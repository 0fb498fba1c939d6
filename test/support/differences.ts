import { at } from "../../reference/layout.ts";
import type { Problem } from "../../reference/losses.ts";

/** Σ gradOutput · value, the number whose gradient `grad` is. */
export function scalarOf(value: number | ArrayLike<number>, gradOutput: Problem["gradOutput"]): number {
  if (typeof value === "number") return value * (gradOutput as number);
  return Array.from(value).reduce((total, x, g) => total + x * at(gradOutput as number[], g), 0);
}

/** (f(p + h) − f(p − h)) / 2h at each element where `free` says so. */
export function centralDifferences(
  f: (pred: Float64Array) => number,
  pred: Float64Array,
  h: number,
  free: (i: number) => boolean,
): Float64Array {
  return pred.map((x, i) => {
    if (!free(i)) return 0;
    const moved = (step: number) => f(pred.with(i, x + step));
    return (moved(h) - moved(-h)) / (2 * h);
  });
}
