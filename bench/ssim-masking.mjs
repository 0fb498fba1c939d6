// npm run bench -- ssim-masking
// What SSIM says of an image with holes, by the way the holes are treated. The truth is known: the holes are cut into a
// complete scene, and the SSIM map of the complete pair is averaged over the pixels that stay valid.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { quantile, smoothField, uniform } from "./data.mjs";
import { ssimMap } from "./plain/ssim.mjs";

// Sentinel-2 reflectance, [date, y, x, band] little-endian float32.
const SCENE = new URL("../../shared/data/eolearn_s2l1c_reference_scenes_5x101x100x13_f32.npy", import.meta.url);
const [DATES, HEIGHT, WIDTH, BANDS] = [5, 101, 100, 13];
const VISIBLE = { B02: 1, B03: 2, B04: 3 };

const INVALID_SHARES = [0.1, 0.3, 0.5, 0.8];
const MASKS = 8;
const CLOUD = 8;
const RADIUS = 5;

const METHODS = {
  "zero fill, all centres": (api, pred, target) => {
    const filled = [pred, target].map((image) => image.map((value, i) => (target[i] >= 0 ? value : 0)));
    return similarity(api, api.ssim({ dataRange: 1 }), ...filled);
  },
  'invalid: "zero"': (api, pred, target) => similarity(api, api.ssim({ dataRange: 1, invalid: "zero" }), pred, target),
  'invalid: "erode"': (api, pred, target) =>
    similarity(api, api.ssim({ dataRange: 1, invalid: "erode" }), pred, target),
  'invalid: "normalize"': (api, pred, target) => similarity(api, api.ssim({ dataRange: 1 }), pred, target),
};

export function ssimMasking(api) {
  if (!existsSync(SCENE)) {
    console.log(`left out: the scene is not here (${fileURLToPath(SCENE)})`);
    return;
  }
  const header = ["invalid", "truth", ...Object.keys(METHODS), "windows without a hole"];
  console.log(
    "SSIM of a Sentinel-2 scene (B02, B03, B04) against its blurred, noisy copy, mean of",
    MASKS,
    "masks each\n",
  );
  console.log(`| ${header.join(" | ")} |\n|${" --- |".repeat(header.length)}`);
  const pairs = readPairs();
  for (const share of INVALID_SHARES) {
    const columns = header.slice(1).map(() => []);
    for (let seed = 1; seed <= MASKS; seed++) {
      const clouds = smoothField(uniform(seed), HEIGHT, WIDTH, CLOUD);
      const limit = quantile(clouds, share);
      for (const { pred, target, map } of pairs) {
        const holed = target.map((value, i) => (clouds[i] < limit ? -1 : value));
        const scores = Object.values(METHODS).map((score) => score(api, pred, holed));
        [meanOver(map, holed), ...scores, shareOfWholeWindows(holed)].forEach((value, k) => {
          if (!Number.isNaN(value)) columns[k].push(value);
        });
      }
    }
    const means = columns.map((values) => values.reduce((sum, value) => sum + value, 0) / values.length);
    console.log(`| ${[`${100 * share} %`, ...means.map((mean) => mean.toFixed(3))].join(" | ")} |`);
  }
}

/** SSIM of a masked pair by the package; NaN where no centre is counted. */
function similarity(api, base, pred, target) {
  const shape = [1, 1, HEIGHT, WIDTH];
  const { value, weightSum } = new api.FlexibleWeightedLoss(base).forward(
    { data: pred, shape },
    { data: target, shape },
  );
  return weightSum > 0 ? 1 - value : Number.NaN;
}

/** Each band of the first date, and a prediction of it: a 3×3 mean with noise of ±0.02 reflectance. */
function readPairs() {
  const file = readFileSync(SCENE);
  const values = new Float32Array(DATES * HEIGHT * WIDTH * BANDS);
  const headerBytes = file.byteLength - values.byteLength;
  new Uint8Array(values.buffer).set(file.subarray(headerBytes));
  const random = uniform(99);
  return Object.values(VISIBLE).map((band) => {
    const target = new Float32Array(HEIGHT * WIDTH).map((_, i) => values[i * BANDS + band]);
    const pred = blur(target).map((value) => value + 0.04 * (random() - 0.5));
    return { pred, target, map: ssimMap(pred, target, HEIGHT, WIDTH, 1) };
  });
}

function blur(image) {
  return image.map((_, i) => {
    const [y, x] = [Math.floor(i / WIDTH), i % WIDTH];
    let sum = 0;
    let count = 0;
    for (let v = Math.max(0, y - 1); v <= Math.min(HEIGHT - 1, y + 1); v++) {
      for (let u = Math.max(0, x - 1); u <= Math.min(WIDTH - 1, x + 1); u++, count++) sum += image[v * WIDTH + u];
    }
    return sum / count;
  });
}

function meanOver(map, target) {
  const values = map.filter((value, i) => target[i] >= 0 && !Number.isNaN(value));
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the valid centres, the share whose window holds no invalid pixel. */
function shareOfWholeWindows(target) {
  let centres = 0;
  let whole = 0;
  for (let y = RADIUS; y < HEIGHT - RADIUS; y++) {
    for (let x = RADIUS; x < WIDTH - RADIUS; x++) {
      if (!(target[y * WIDTH + x] >= 0)) continue;
      centres++;
      if (isWhole(target, y, x)) whole++;
    }
  }
  return whole / centres;
}

function isWhole(target, y, x) {
  for (let v = y - RADIUS; v <= y + RADIUS; v++) {
    for (let u = x - RADIUS; u <= x + RADIUS; u++) if (!(target[v * WIDTH + u] >= 0)) return false;
  }
  return true;
}
