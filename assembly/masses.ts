// What each pixel counts in the sums of its group:
//
//     m = mask · a   where the rule holds, mask > 0 and a > 0
//     m = 0          elsewhere
//
// a is the pixel's weight, and mask the share of it that is valid, each 1 where it is not given; a mask of bytes belongs to the rule. In the
// target tile a pixel without mass becomes NaN: from there on it is invalid as any other, and no loop looks at masses to tell.

import { Job, MassSum, Sums } from "./job";
import { maxLanes, minLanes, STEP, sumLanes, widen } from "./lanes";
import { counted } from "./pixel/sam";
import { loadElements, padded } from "./stage";
import { Tile } from "./tile";

/** Where pixel i of plane (b, c) stands among all, counted from 1. */
function placeOf(job: Job, b: u32, c: u32, i: u32): f64 {
  return (<f64>b * (job.planes * job.channels) + c) * <f64>job.pixels + i + 1;
}

/** Adds Σa of n pixels, valid or not, to the total weight, and notes the first weight that is negative or not finite. */
export function addTotal(job: Job, b: u32, c: u32, i: u32, n: u32, scratch: usize, sums: Sums): void {
  if (!job.hasWeights) return sums.add(MassSum.Total, n);
  loadElements<f32>(job.pixelWeights, job.width, b, c, i, n, scratch);
  memory.fill(scratch + n * 4, 0, (padded(n) - n) * 4);
  let total = f64x2.splat(0);
  let good = i32x4.splat(-1);
  for (let at = scratch, end = scratch + padded(n) * 4; at < end; at += 16) {
    const a = v128.load(at);
    good = v128.and(good, v128.and(f32x4.ge(a, f32x4.splat(0)), f32x4.lt(a, f32x4.splat(Infinity))));
    total = f64x2.add(total, widen(a));
  }
  sums.add(MassSum.Total, sumLanes(total));
  if (i32x4.all_true(good) || sums.sum(MassSum.BadWeight) != 0) return;
  let k: u32 = 0;
  for (; k < n; k++) {
    const a = load<f32>(scratch + k * 4);
    if (!(a >= 0 && a < Infinity)) break;
  }
  sums.set(MassSum.BadWeight, placeOf(job, b, c, i + k));
}

/**
 * Brings the masses of a tile, n pixels of plane (b, c) from pixel i on, to its `mass`, takes the pixels without from the targets of its
 * planes, and says how much and how great they are. Notes the first valid pixel whose soft mask is outside [0, 1]. Works in as much
 * scratch.
 */
export function loadMasses(job: Job, tile: Tile, b: u32, c: u32, i: u32, n: u32, scratch: usize): void {
  const planes = tile.planes;
  const needed = tile.needed;
  const lo = f32x4.splat(tile.least);
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const stride = tile.targetStride;
  if (job.hasWeights) loadElements<f32>(job.pixelWeights, job.width, b, c, i, n, tile.mass);
  if (job.softMask) loadElements<f32>(job.mask, job.width, b, c, i, n, scratch);
  let target = tile.target;
  let at = tile.mass;
  let soft = scratch;
  let total = f64x2.splat(0);
  let least = f32x4.splat(Infinity);
  let most = zero;
  let bad: f64 = 0;
  // What stands behind the last pixel is left alone.
  let left = i32x4.sub(i32x4.splat(n), i32x4(0, 1, 2, 3));
  for (const end = at + padded(n) * 4; at < end; at += 16, target += 16, soft += 16) {
    const inside = i32x4.gt_s(left, zero);
    left = i32x4.sub(left, i32x4.splat(4));
    const valid = v128.and(counted(target, stride, planes, lo, needed), inside);
    let m = job.hasWeights ? v128.load(at) : one;
    if (job.softMask) {
      const share = v128.load(soft);
      const wrong = v128.andnot(valid, v128.and(f32x4.ge(share, zero), f32x4.le(share, one)));
      if (bad == 0 && v128.any_true(wrong)) {
        bad = placeOf(job, b, c, i + <u32>((at - tile.mass) >> 2) + ctz(i32x4.bitmask(wrong)));
      }
      m = f32x4.mul(m, share);
    }
    const has = v128.and(valid, f32x4.gt(m, zero));
    m = v128.and(m, has);
    v128.store(at, m);
    total = f64x2.add(total, widen(m));
    least = v128.bitselect(f32x4.pmin(least, m), least, has);
    most = f32x4.pmax(most, m);
    for (let k: usize = 0; k < planes; k++) {
      const to = target + k * stride;
      v128.store(to, v128.or(v128.load(to), v128.andnot(inside, has)));
    }
  }
  tile.massSum = sumLanes(total);
  tile.leastMass = minLanes(least);
  tile.mostMass = maxLanes(most);
  if (bad != 0 && tile.sums.sum(MassSum.BadMask) == 0) tile.sums.set(MassSum.BadMask, bad);
}

/**
 * Whether each pixel has a weight of its own beside the next one's, and no share: the weights of n pixels, whole steps, are then the masses
 * as they lie, since loops look at those of valid pixels alone.
 */
export function weightsInPlace(job: Job, n: u32): bool {
  const weights = job.pixelWeights;
  const isPlanar = weights.pixelStride == 4 && weights.rowStride == <usize>job.width * 4;
  return job.hasWeights && !job.softMask && isPlanar && n % STEP == 0;
}

/**
 * What `addTotal` and `loadMasses` do, in one, of a tile of one plane whose weights are used in place: the target comes from `from`. Returns
 * false, having changed nothing but the target, where a weight is negative or not finite.
 */
export function takeWeights(tile: Tile, weights: usize, from: usize, sums: Sums): bool {
  const lo = f32x4.splat(tile.least);
  const zero = f32x4.splat(0);
  const infinity = f32x4.splat(Infinity);
  let target = tile.target;
  let at = weights;
  const end = at + tile.n * 4;
  let good = i32x4.splat(-1);
  let all = f64x2.splat(0);
  let total = f64x2.splat(0);
  let least = infinity;
  let most = zero;
  do {
    const a = v128.load(at);
    const t = v128.load(from);
    good = v128.and(good, v128.and(f32x4.ge(a, zero), f32x4.lt(a, infinity)));
    const has = v128.and(f32x4.ge(t, lo), f32x4.gt(a, zero));
    const m = v128.and(a, has);
    v128.store(target, v128.or(t, v128.not(has)));
    all = f64x2.add(all, widen(a));
    total = f64x2.add(total, widen(m));
    least = f32x4.pmin(least, v128.bitselect(a, infinity, has));
    most = f32x4.pmax(most, m);
    at += 16;
    from += 16;
    target += 16;
  } while (at < end);
  if (!i32x4.all_true(good)) return false;
  tile.mass = weights;
  tile.massSum = sumLanes(total);
  tile.leastMass = minLanes(least);
  tile.mostMass = maxLanes(most);
  sums.add(MassSum.Total, sumLanes(all));
  return true;
}

/** Keeps, of what a unit has noted, where the first weight or share of a mask stands that cannot be. */
export function keepPlaces(job: Job, partial: Sums): void {
  if (job.badWeight == 0) job.badWeight = partial.sum(MassSum.BadWeight);
  if (job.badMask == 0) job.badMask = partial.sum(MassSum.BadMask);
}
