// A made-up satellite scene and a prediction of it, scored by the command line: what a first afternoon with the package looks
// like. Everything is seeded, so the figures are the same on every machine. Run with `npm run demo`.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { epsgGeoreference, writeGeoTiff } from "../dist/raster/index.js";

const width = 320;
const height = 256;
const pixels = width * height;
const nodata = -9999;
const bandNames = ["B02", "B03", "B04", "B08"];

/** Reflectance of what covers the ground: blue, green, red, near infrared. */
const covers = {
  crop: [0.035, 0.075, 0.045, 0.42],
  meadow: [0.045, 0.09, 0.06, 0.31],
  stubble: [0.08, 0.12, 0.16, 0.27],
  soil: [0.1, 0.14, 0.19, 0.25],
  water: [0.05, 0.045, 0.025, 0.012],
};
const fieldCovers = [covers.crop, covers.meadow, covers.stubble, covers.soil];

/** Uniform numbers in [0, 1): Weyl's sequence through a multiplying mixer. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let bits = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Noise of zero mean that varies over about `size` pixels: numbers on a coarse grid, smoothly interpolated. */
function smoothNoise(random, size) {
  const columns = Math.ceil(width / size) + 2;
  const grid = Float64Array.from({ length: columns * (Math.ceil(height / size) + 2) }, () => random() - 0.5);
  const ease = (x) => x * x * (3 - 2 * x);
  return Float64Array.from({ length: pixels }, (_, i) => {
    const x = (i % width) / size;
    const y = Math.floor(i / width) / size;
    const at = Math.floor(y) * columns + Math.floor(x);
    const [u, v] = [ease(x % 1), ease(y % 1)];
    const above = grid[at] * (1 - u) + grid[at + 1] * u;
    const below = grid[at + columns] * (1 - u) + grid[at + columns + 1] * u;
    return above * (1 - v) + below * v;
  });
}

/** Fields along a river. The texture is the land's, so it shows in all bands, more or less. */
function makeGround(random) {
  const fields = Array.from({ length: 70 }, () => ({
    x: random() * width,
    y: random() * height,
    cover: fieldCovers[Math.floor(random() * fieldCovers.length)],
  }));
  const texture = smoothNoise(random, 5);
  const moisture = smoothNoise(random, 60);
  const bands = bandNames.map(() => new Float32Array(pixels));
  for (let i = 0; i < pixels; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const fieldDistance = (field) => Math.abs(field.x - x) + Math.abs(field.y - y);
    const field = fields.reduce((near, other) => (fieldDistance(other) < fieldDistance(near) ? other : near));
    const river = height * (0.55 + 0.18 * Math.sin(x / 55) + 0.05 * Math.sin(x / 17));
    const cover = Math.abs(y - river) < 5 ? covers.water : field.cover;
    for (const [b, band] of bands.entries()) {
      const grain = 0.02 * (random() - 0.5);
      band[i] = cover[b] * (1 + 0.35 * texture[i] + 0.4 * moisture[i] + grain);
    }
  }
  return bands;
}

/** Where the satellite saw nothing: beyond the slanting edge of its swath, and under clouds. */
function makeHoles(random) {
  const clouds = smoothNoise(random, 45);
  const wisps = smoothNoise(random, 12);
  return Uint8Array.from({ length: pixels }, (_, i) => {
    const beyondSwath = (i % width) + 0.22 * Math.floor(i / width) > 0.93 * width;
    return beyondSwath || clouds[i] + 0.35 * wisps[i] > 0.2 ? 1 : 0;
  });
}

/** A model's answer: the ground a little blurred, a little off, and noisy. Models know no holes. */
function predict(bands, random) {
  return bands.map((band, b) => {
    const blurred = blur(band);
    const haze = smoothNoise(random, 80);
    return blurred.map((value, i) => value * (1.01 + 0.01 * b) + 0.02 * haze[i] + 0.006 * (random() + random() - 1));
  });
}

/** Mean over 3×3 pixels, the borders repeated. */
function blur(band) {
  const clamp = (value, size) => Math.min(Math.max(value, 0), size - 1);
  return band.map((_, i) => {
    let sum = 0;
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        sum += band[clamp(Math.floor(i / width) + dy, height) * width + clamp((i % width) + dx, width)];
      }
    }
    return sum / 9;
  });
}

/** Runs the command line as a shell would, and shows what was typed and what came. */
function run(folder, ...words) {
  console.log(`\n$ valid-pixel-loss ${words.map((word) => (/[*() ]/.test(word) ? `"${word}"` : word)).join(" ")}\n`);
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
  const { status } = spawnSync(process.execPath, [main, ...words], { cwd: folder, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const random = randomFrom(2024);
const ground = makeGround(random);
const holes = makeHoles(random);
// In the near infrared, a detector failed for some lines on top of it.
const failed = (b, i) => bandNames[b] === "B08" && Math.floor(i / width) >= 30 && Math.floor(i / width) < 62;
const target = ground.map((band, b) => band.map((value, i) => (holes[i] || failed(b, i) ? nodata : value)));
const pred = predict(ground, random);

const folder = mkdtempSync(join(tmpdir(), "valid-pixel-loss-"));
try {
  const description = {
    width,
    height,
    bandNames,
    georeference: epsgGeoreference(32632, "projected", [6e5, 10, 0, 51e5, 0, -10]),
  };
  await writeGeoTiff(join(folder, "target.tif"), { ...description, bands: target, nodata });
  await writeGeoTiff(join(folder, "pred.tif"), { ...description, bands: pred });

  const missing = holes.reduce((count, hole) => count + hole, 0) / pixels;
  console.log(
    `target.tif: a scene of fields and a river, ${width}×${height} pixels, ${bandNames.join(" ")}, as reflectance.\n` +
      `            ${(100 * missing).toFixed(1)} % of it is missing, more in B08: clouds, the edge of the swath, a failed detector (nodata ${nodata}).\n` +
      "pred.tif:   the same scene as a model might predict it: blurred, noisy, and complete.",
  );

  console.log("\nThe training loss: half spectral angle, half squared error, over the valid pixels alone.");
  run(folder, "loss", "pred.tif", "target.tif", "--loss", "0.5*sam+0.5*mse", "--grad", "grad.npy");
  console.log(
    "\ngrad.npy now holds the gradient with respect to pred.tif, and exactly 0 where the target has no data.",
  );

  console.log("\nHow good the prediction is, band by band (rmse, mae, bias in reflectance):");
  run(folder, "evaluate", "pred.tif", "target.tif", "--data-range", "1");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
