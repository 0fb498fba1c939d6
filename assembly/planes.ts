// For maps: rows of a plane, from whatever the arrays are to planar float32.

import { Job, SUMS_BYTES, Sums } from "./job";
import { addTotal, keepPlaces, loadMasses } from "./masses";
import { loadPred, loadTarget, padded } from "./stage";
import { Tile, TILE_BYTES } from "./tile";

/** Bytes of scratch of `loadPlane` for n pixels. */
export function planeScratchBytes(n: u32): u32 {
  return TILE_BYTES + SUMS_BYTES + 16 + padded(n) * 5;
}

/**
 * n pixels of plane (b, c) from pixel i on, target NaN where it does not count, and their masses unless `mass` is 0; all are padded to a
 * multiple of 16.
 */
export function loadPlane(
  job: Job,
  b: u32,
  c: u32,
  i: u32,
  n: u32,
  pred: usize,
  target: usize,
  mass: usize,
  scratch: usize,
): void {
  const tile = changetype<Tile>(scratch);
  const sums = changetype<Sums>(scratch + TILE_BYTES);
  const room = (scratch + TILE_BYTES + SUMS_BYTES + 15) & ~15;
  loadPred(job, b, c, i, n, pred);
  loadTarget(job, b, c, i, n, target, room);
  if (!mass) return;
  memory.fill(scratch, 0, TILE_BYTES + SUMS_BYTES);
  tile.target = target;
  tile.least = job.tileMin;
  tile.planes = 1;
  tile.needed = 1;
  tile.mass = mass;
  tile.sums = sums;
  addTotal(job, b, c, i, n, room, sums);
  loadMasses(job, tile, b, c, i, n, room);
  keepPlaces(job, sums);
}
