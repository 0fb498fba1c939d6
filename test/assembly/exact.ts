// Exact sums over arrays of float64, for the tests.

import { addExact, carryExact, EXACT_BYTES, exactValue, joinExact } from "../../assembly/exact";

export function exactBytes(): u32 {
  return EXACT_BYTES;
}

/** Adds n numbers to a sum. */
export function addAll(sum: usize, numbers: usize, n: u32): void {
  for (let i: u32 = 0; i < n; i++) addExact(sum, load<f64>(numbers + i * 8));
}

export { carryExact, exactValue, joinExact };
