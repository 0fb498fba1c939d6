// A made-up satellite scene and a prediction of it, scored by the command line: what a first afternoon with the package looks
// like. Everything is seeded, so the figures are the same on every machine. Run with `npm run demo`.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { epsgGeoreference, writeGeoTiff } from "../build/modules/raster/index.js";
import { bandNames, degrade, makeGround, makeHoles, randomFrom } from "./scene.mjs";

const width = 320;
const height = 256;
const pixels = width * height;
const nodata = -9999;

/** Runs the command line as a shell would, and shows what was typed and what came. */
function run(folder, ...words) {
  console.log(`\n$ valid-pixel-loss ${words.map((word) => (/[*() ]/.test(word) ? `"${word}"` : word)).join(" ")}\n`);
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
  const { status } = spawnSync(process.execPath, [main, ...words], { cwd: folder, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const random = randomFrom(2024);
const ground = makeGround(random, width, height);
const holes = makeHoles(random, width, height);
// In the near infrared, a detector failed for some lines on top of it.
const failed = (b, i) => bandNames[b] === "B08" && Math.floor(i / width) >= 30 && Math.floor(i / width) < 62;
const target = ground.map((band, b) => band.map((value, i) => (holes[i] || failed(b, i) ? nodata : value)));
// A model's answer: models know no holes.
const pred = degrade(random, ground, width, height);

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
