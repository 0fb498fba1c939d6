/** The values at the shares `q` (0 to 1) of the finite `values` in order; 0 where there are none. */
export function quantiles(values: Float32Array, ...q: readonly number[]): number[] {
  const sorted = values.filter(Number.isFinite).sort();
  return q.map((share) => sorted[Math.round(share * (sorted.length - 1))] ?? 0);
}

/** A range of values to draw: never empty. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

export function rangeOf(low: number, high: number): Range {
  if (high > low) return { low, high };
  const margin = Math.abs(low) * 1e-3 || 1;
  return { low: low - margin, high: high + margin };
}

/** How many of the finite values fall into each of `count` equal bins of the range, and how many beside it. */
export function histogram(
  values: Float32Array,
  { low, high }: Range,
  count: number,
): { bins: number[]; beside: number } {
  const bins = new Array<number>(count).fill(0);
  let beside = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    const bin = Math.floor(((value - low) / (high - low)) * count);
    // The range's upper end belongs to the last bin.
    const at = value === high ? count - 1 : bin;
    if (at >= 0 && at < count) bins[at] = (bins[at] ?? 0) + 1;
    else beside++;
  }
  return { bins, beside };
}

/** Pairs of finite values counted in `side × side` bins, the second value upwards. */
export function histogram2d(x: Float32Array, y: Float32Array, { low, high }: Range, side: number): Float32Array {
  const counts = new Float32Array(side * side);
  const binOf = (value: number) => (value === high ? side - 1 : Math.floor(((value - low) / (high - low)) * side));
  for (const [i, value] of x.entries()) {
    const column = binOf(value);
    const row = side - 1 - binOf(y[i] as number);
    if (column >= 0 && column < side && row >= 0 && row < side)
      counts[row * side + column] = (counts[row * side + column] ?? 0) + 1;
  }
  return counts;
}
