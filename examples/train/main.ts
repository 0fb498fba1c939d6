// npm run example:train [-- --task surface|restoration --optimizer adam|sgd --steps n --seed n --out folder]
// Trains a small network without a framework, twice: on real Sentinel-2 scenes where they are there, and on made-up ones. The last
// line says what was gained on a held-out scene, and a digest of the weights: the same in every run.

import { join } from "node:path";
import { parseArgs } from "node:util";
import * as Plot from "@observablehq/plot";
import { paintBands, paintPlane, plot, writePng, writeText } from "../figures.ts";
import { restoration } from "./restoration.ts";
import { surfaceReflectance } from "./surfaceReflectance.ts";
import type { Task } from "./Task.ts";
import { digest, predict, psnr, train } from "./train.ts";

const { values: given } = parseArgs({
  options: {
    task: { type: "string" },
    optimizer: { type: "string", default: "adam" },
    steps: { type: "string" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: "build/train" },
  },
});

const makers = { surface: surfaceReflectance, restoration };
if (given.task !== undefined && !(given.task in makers)) usage("task", Object.keys(makers).join(" or "), given.task);
if (given.optimizer !== "adam" && given.optimizer !== "sgd") usage("optimizer", "adam or sgd", given.optimizer);
const settings = {
  optimizer: given.optimizer as "adam" | "sgd",
  seed: wholeNumber("seed", given.seed),
  ...(given.steps === undefined ? {} : { steps: wholeNumber("steps", given.steps) }),
};

for (const [name, make] of Object.entries(makers)) {
  if (given.task !== undefined && given.task !== name) continue;
  const task = await make();
  if (task) run(name, task);
  else console.log("left out: top-of-atmosphere to surface reflectance, whose scenes are not here\n");
}

function run(name: string, task: Task): void {
  const { heldOut, bandNames, hidden } = task;
  const losses: number[] = [];
  const start = performance.now();
  const parameters = train(task, {
    ...settings,
    onStep(step, steps, loss) {
      losses.push(loss);
      showProgress(step / steps, loss);
    },
  });
  const seconds = (performance.now() - start) / 1000;
  const prediction = predict(parameters, heldOut).data;
  const [before, after] = [psnr(heldOut.input, heldOut), psnr(prediction, heldOut)];

  console.log(task.title);
  console.log(
    `  ${[bandNames.length, ...hidden, bandNames.length].join(" → ")} channels, ${parameters.values.data.length} parameters, ` +
      `${losses.length} steps in ${seconds.toFixed(0)} s`,
  );
  console.log(`  held-out scene: ${before.toFixed(2)} dB before, ${after.toFixed(2)} dB after`);
  writeText(join(given.out, `${name}-loss.svg`), lossCurve(task.title, losses));
  writePng(join(given.out, `${name}.png`), pictures(task, prediction), Math.ceil(160 / heldOut.height));
  console.log(`  ${join(given.out, name)}.png: input, prediction, truth; error before, error after`);
  const gain = after - before;
  console.log(`gain ${gain < 0 ? "" : "+"}${gain.toFixed(2)} dB, digest ${digest(parameters)}\n`);
  parameters.dispose();
}

function showProgress(share: number, loss: number): void {
  if (!process.stderr.isTTY) return;
  const done = Math.floor(40 * share);
  const bar = "█".repeat(done) + "░".repeat(40 - done);
  process.stderr.write(
    share < 1 ? `\r${bar} ${Math.floor(100 * share)} %  loss ${loss.toExponential(2)} ` : "\r\x1b[K",
  );
}

/** The loss of each batch, and its median over the fifty around. */
function lossCurve(title: string, losses: readonly number[]): string {
  const points = losses.map((loss, i) => ({ step: i + 1, loss }));
  return plot(`Loss of each batch: ${title}`, {
    width: 640,
    height: 320,
    marginLeft: 56,
    x: { label: "step" },
    y: { label: null, type: "log", grid: true, tickFormat: ".0e" },
    marks: [
      Plot.line(points, { x: "step", y: "loss", stroke: "#b6d3f0", strokeWidth: 1 }),
      Plot.line(
        points,
        Plot.windowY({ k: 50, reduce: "median" }, { x: "step", y: "loss", stroke: "#0969da", strokeWidth: 2 }),
      ),
    ],
  });
}

function pictures({ heldOut: { input, target, width, height }, bandNames }: Task, prediction: Float32Array) {
  const size = width * height;
  const bands = ["B04", "B03", "B02"].map((name) => bandNames.indexOf(name));
  const [red, green, blue] = bands;
  const colours = (image: Float32Array) => {
    const plane = (b: number) => image.subarray(b * size, (b + 1) * size);
    return paintBands([plane(red), plane(green), plane(blue)], width, 0.3);
  };
  /** Mean over the bands. */
  const error = (image: Float32Array) => {
    const sums = new Float32Array(size);
    for (let i = 0; i < image.length; i++) sums[i % size] += Math.abs(image[i] - target[i]) / bandNames.length;
    return paintPlane(sums, width, 0, 0.06);
  };
  return [colours(input), colours(prediction), colours(target), error(input), error(prediction)];
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) usage(name, "a whole number", text);
  return Number(text);
}

function usage(name: string, expected: string, got: string): never {
  console.error(`--${name}: expected ${expected}, got ${got}`);
  process.exit(2);
}
