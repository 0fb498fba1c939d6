// npm run bench -- evaluate [--side 10000]: what the command takes for a pair of large rasters, and where its time goes.
//
// Time and memory are those of the command's whole process, which reads on one thread and gathers metrics on others. The shares come
// from the same steps in this process, one after the other: a pass that reads and decodes every part and drops it, and ones that
// also gather metrics.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { smoothField, uniform } from "./data.mjs";

const BANDS = 3;
const TILE = 512;
/** Of reflectance as Sentinel-2 stores it. */
const DATA_RANGE = 10_000;
const COMMAND = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** Tells, as the process ends, how much memory it had at most (KiB). */
const PEAK = `data:text/javascript,process.on("exit",()=>console.error("peak "+process.resourceUsage().maxRSS))`;

export async function evaluateArchive(side) {
  const folder = mkdtempSync(join(tmpdir(), "valid-pixel-loss-"));
  try {
    const [pred, target] = ["pred.tif", "target.tif"].map((name) => join(folder, name));
    await writePair(pred, target, side);
    const megabytes = (statSync(pred).size + statSync(target).size) / 1e6;
    console.log(
      `${side} × ${side} × ${BANDS} uint16, deflate, ${TILE}-pixel tiles: ${megabytes.toFixed(0)} MB in two files\n`,
    );
    const row = (what, value) => console.log(`${what.padEnd(52)} ${value}`);
    for (const words of [[], ["--workers", "2"], ["--without", "ssim,uqi"]]) {
      const runs = Array.from({ length: 3 }, () => runCommand(pred, target, words));
      const best = runs.toSorted((a, b) => a.seconds - b.seconds)[0];
      const most = Math.max(...runs.map(({ megabytes }) => megabytes));
      row(["evaluate", ...words].join(" "), `${best.seconds.toFixed(1)} s, at most ${most.toFixed(0)} MB`);
    }
    const read = await time(pred, target, async (pair, { readParts }) => {
      for await (const _ of readParts(pair, 0));
    });
    console.log();
    row("one after the other: reading and decoding", `${read.toFixed(1)} s`);
    for (const without of [[], ["ssim"], ["ssim", "uqi"]]) {
      const whole = await time(pred, target, (pair, { measurePair }) =>
        measurePair(pair, { dataRange: DATA_RANGE, without }),
      );
      const figures = without.length === 0 ? "all figures" : `all but ${without.join(", ")}`;
      const shares = `decoding ${((100 * read) / whole).toFixed(0)} %, kernels ${(100 * (1 - read / whole)).toFixed(0)} %`;
      row(`with ${figures}`, `${whole.toFixed(1)} s: ${shares}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runCommand(pred, target, words) {
  const start = performance.now();
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--import", PEAK, COMMAND, "evaluate", pred, target, "--data-range", String(DATA_RANGE), ...words],
    {
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(stderr);
  return { seconds: (performance.now() - start) / 1e3, megabytes: Number(/peak (\d+)/.exec(stderr)[1]) / 1024 };
}

async function time(pred, target, work) {
  const [{ Pair }, parts, measure] = await Promise.all(
    ["pair/Pair", "pair/parts", "measure"].map((name) => import(`../build/modules/cli/${name}.js`)),
  );
  const pair = await Pair.open({ pred, target, masks: [] }, { dataRange: DATA_RANGE });
  const start = performance.now();
  await work(pair, { ...parts, ...measure });
  const seconds = (performance.now() - start) / 1e3;
  await pair.close();
  return seconds;
}

/** Relief with noise, clouds of nodata in the target: digital numbers that compress about as well as a real scene's. */
async function writePair(pred, target, side) {
  const { GeoTiffWriter } = await import("../build/modules/raster/index.js");
  const random = uniform(1);
  const coarse = Math.ceil(side / 8);
  const relief = smoothField(random, coarse, coarse, 12);
  const clouds = smoothField(random, coarse, coarse, 48);
  const description = { width: side, height: side, nodata: 0, tile: TILE, interleave: "pixel" };
  const writers = [];
  for (const path of [pred, target]) writers.push(await GeoTiffWriter.create(path, "u16", BANDS, description));
  const rows = 64;
  for (let top = 0; top < side; top += rows) {
    const count = Math.min(rows, side - top);
    const images = writers.map(() => Array.from({ length: BANDS }, () => new Uint16Array(count * side)));
    for (let y = 0; y < count; y++) {
      for (let x = 0; x < side; x++) {
        const at = ((top + y) >> 3) * coarse + (x >> 3);
        for (let band = 0; band < BANDS; band++) {
          const truth = 1500 + 700 * band + 3000 * relief[at] + 60 * random();
          images[0][band][y * side + x] = truth + 80 * (random() - 0.45);
          images[1][band][y * side + x] = clouds[at] < 0.35 ? 0 : truth;
        }
      }
    }
    for (const [k, writer] of writers.entries()) await writer.write(images[k]);
  }
  for (const writer of writers) await writer.finish();
}
