// What the study trains and tests on: patches of made-up scenes under haze and noise, some hard and some easy, with a reference
// that clouds hide in part. The reference of the test patches is complete.

import { bandNames, makeGround, smoothNoise } from "../../examples/scene.mjs";

export const BANDS = bandNames.length;
/** Side of a patch in pixels. */
export const SIDE = 24;
const SCENE = 128;
const CLOUD = 10;

/** Patches that are cut from one scene. */
const PER_SCENE = 16;

export type Random = () => number;

/** How much of each reference is valid; the mean is the same in all, 0.35. */
export const regimes = ["even", "skewed", "extreme", "hard-hidden"] as const;
export type Regime = (typeof regimes)[number];

export interface Patches {
  readonly count: number;
  /** f32[count][BANDS][SIDE][SIDE] */
  readonly input: Float32Array;
  /** Without holes. */
  readonly truth: Float32Array;
  /** The truth, NaN where it is hidden. */
  readonly target: Float32Array;
  /** Valid / total. */
  readonly ratio: Float64Array;
}

export const PIXELS = SIDE * SIDE;
/** Elements of a patch. */
export const ELEMENTS = BANDS * PIXELS;

export function makePatches(count: number, regime: Regime, random: Random): Patches {
  const input = new Float32Array(count * ELEMENTS);
  const truth = new Float32Array(input.length);
  const target = new Float32Array(input.length);
  const ratio = new Float64Array(count);
  let scene: Float32Array[] = [];
  for (let k = 0; k < count; k++) {
    if (k % PER_SCENE === 0) scene = makeGround(random, SCENE, SCENE);
    const difficulty = random();
    const valid = validPixels(regime, difficulty, random);
    ratio[k] = valid / PIXELS;
    const hidden = cloudsOver(PIXELS - valid, random);
    const left = Math.floor(random() * (SCENE - SIDE));
    const top = Math.floor(random() * (SCENE - SIDE));
    const haze = smoothNoise(random, SIDE, SIDE, 40);
    for (let c = 0; c < BANDS; c++) {
      for (let i = 0; i < PIXELS; i++) {
        const value = scene[c][(top + Math.floor(i / SIDE)) * SCENE + left + (i % SIDE)];
        const veil = difficulty * (0.35 + 0.2 * haze[i]) * VEIL[c];
        const noise = (0.003 + 0.02 * difficulty) * (random() + random() - 1);
        const at = k * ELEMENTS + c * PIXELS + i;
        truth[at] = value;
        target[at] = hidden[i] ? Number.NaN : value;
        input[at] = value * (1 - veil) + 0.4 * veil + noise;
      }
    }
  }
  return { count, input, truth, target, ratio };
}

/** Haze veils short waves most. */
const VEIL = [1, 0.8, 0.6, 0.35];

/** How many pixels of a patch have a reference. */
function validPixels(regime: Regime, difficulty: number, random: Random): number {
  const u = random();
  const share = {
    even: 0.35,
    skewed: skewed(u),
    extreme: u < 1 / 3 ? 1 : 0.025,
    // The hardest have the least; not strictly, as half of the rank is chance.
    "hard-hidden": skewed(1 - clamp(0.75 * difficulty + 0.25 * u)),
  }[regime];
  return Math.max(1, Math.round(share * PIXELS));
}

const clamp = (x: number): number => Math.min(Math.max(x, 0), 1);

/** From uniform numbers to many small shares and few large ones, of mean 0.35. */
const skewed = (u: number): number => 0.02 + 0.98 * u * u;

/** 1 at the `count` pixels where a smooth field is highest. */
function cloudsOver(count: number, random: Random): Uint8Array {
  const field = smoothNoise(random, SIDE, SIDE, CLOUD);
  const order = Array.from(field.keys()).sort((a, b) => field[b] - field[a] || a - b);
  const hidden = new Uint8Array(PIXELS);
  for (const i of order.slice(0, count)) hidden[i] = 1;
  return hidden;
}
