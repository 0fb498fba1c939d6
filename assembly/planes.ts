// For maps: rows of a plane, from whatever the arrays are to planar float32.

import { Job, SUMS_BYTES, Sums } from "./job";
import { addTotal, keepPlaces, loadMasses } from "./masses";
import { loadPred, loadTarget, padded } from "./stage";
import { Tile, TILE_BYTES } from "./tile";

/** Bytes of scratch of `loadPlane` for n pixels. */
export function planeScratchBytes(n: u32): u32 {
  return TILE_BYTES + SUMS_BYTES + 16 + padded(n) * 5;
}

/** Where `loadPlane` brings pixels of pred and target, and their masses unless `mass` is 0. */
export function setPlaces(scratch: usize, pred: usize, target: usize, mass: usize): void {
  const tile = changetype<Tile>(scratch);
  memory.fill(scratch, 0, TILE_BYTES + SUMS_BYTES);
  tile.pred = pred;
  tile.target = target;
  tile.mass = mass;
}

/** Loads n pixels of plane (b, c) from pixel i on, target NaN where it does not count; all are padded to a multiple of 16. */
export function loadPlane(job: Job, scratch: usize, b: u32, c: u32, i: u32, n: u32): void {
  const tile = changetype<Tile>(scratch);
  const sums = changetype<Sums>(scratch + TILE_BYTES);
  const room = (scratch + TILE_BYTES + SUMS_BYTES + 15) & ~15;
  loadPred(job, b, c, i, n, tile.pred);
  loadTarget(job, b, c, i, n, tile.target, room);
  if (!tile.mass) return;
  tile.least = job.tileMin;
  tile.planes = 1;
  tile.needed = 1;
  tile.sums = sums;
  addTotal(job, b, c, i, n, room, sums);
  loadMasses(job, tile, b, c, i, n, room);
  keepPlaces(job, sums);
}
