import { beforeAll, expect, test } from "vitest";
import { writeGeoTiff, writeNpy } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { gradError, valueError } from "../support/compare.ts";
import { problemOf, seeded } from "../support/data.ts";
import { type Base, reference, type Settings } from "../support/reference.ts";
import { readNpy } from "./files.ts";
import { run, runJson } from "./run.ts";

const file = temporaryFolder();
const shape = [2, 3, 11, 13] as const;
const problem = problemOf({ name: "mse" }, shape, 21);

interface Lost {
  readonly value: number;
  readonly gradientNorm: number;
  readonly terms: readonly {
    readonly loss: string;
    readonly weight: number;
    readonly groups: readonly { sample: number; band: string; loss: number; weight: number; validCount: number }[];
  }[];
}

const lost = (...words: string[]) => runJson<Lost>(["loss", ...words], file(""));

beforeAll(async () => {
  await writeNpy(file("pred.npy"), problem.pred as Float32Array, [...shape]);
  await writeNpy(file("target.npy"), problem.target as Float32Array, [...shape]);
});

test.each<[string, string[], Base, Settings]>([
  ["mse", [], { name: "mse" }, {}],
  ["huber", ["--loss", "huber(delta=0.2)"], { name: "huber", params: { delta: 0.2 } }, {}],
  ["a term with a space", ["--loss", " pinball( q = 0.9 ) "], { name: "pinball", params: { q: 0.9 } }, {}],
  ["vectorAngle", ["--loss", "vectorAngle", "--group-by", "sample"], { name: "vectorAngle" }, { groupBy: "sample" }],
  ["sam", ["--loss", "sam(pixels=any)"], { name: "sam", params: { pixels: "any" } }, {}],
  ["weighting", ["--weighting", "linear"], { name: "mse" }, { weighting: "linear" }],
  ["a power", ["--weighting", "0.25", "--reduction", "sum"], { name: "mse" }, { weighting: 0.25, reduction: "sum" }],
  ["a rule", ["--above", "0.3", "--max", "0.8"], { name: "mae" }, { valid: { above: 0.3, max: 0.8 } }],
])("%s: value, groups and gradient are the reference's", async (_, words, base, settings) => {
  const name = base.name === "mae" ? ["--loss", "mae"] : [];
  const got = await lost("pred.npy", "target.npy", ...words, ...name, "--grad", "grad.npy");
  const want = reference(base, problem, settings);
  expect(valueError(got.value, want.value)).toBe("");
  const groups = got.terms[0]?.groups ?? [];
  expect(
    valueError(
      groups.map(({ loss }) => loss),
      want.groups.loss,
    ),
  ).toBe("");
  expect(
    valueError(
      groups.map(({ weight }) => weight),
      want.groups.weight,
    ),
  ).toBe("");
  expect(groups.map(({ validCount }) => validCount)).toEqual(want.groups.validCount);
  const grad = readNpy(file("grad.npy"));
  expect(grad.shape).toEqual([...shape]);
  expect(gradError(grad.data, want.grad)).toBe("");
  expect(valueError(got.gradientNorm, Math.hypot(...want.grad))).toBe("");
});

test("ssim takes the data range of the command, or its own", async () => {
  const whole = ["pred.npy", "target.npy", "--above", "-2"];
  const ofCommand = await lost(...whole, "--loss", "ssim", "--data-range", "2");
  const own = await lost(...whole, "--loss", "ssim(dataRange=2)");
  expect(own.value).toBe(ofCommand.value);
  expect((await lost(...whole, "--loss", "ssim")).value).not.toBe(ofCommand.value);
});

test("groups are named by image and band", async () => {
  const groups = (await lost("pred.npy", "target.npy")).terms[0]?.groups.map(({ sample, band }) => `${sample} ${band}`);
  expect(groups).toEqual(["1 B1", "1 B2", "1 B3", "2 B1", "2 B2", "2 B3"]);
  const bySample = (await lost("pred.npy", "target.npy", "--group-by", "sample")).terms[0]?.groups;
  expect(bySample?.map(({ sample, band }) => `${sample} ${band}`)).toEqual(["1 all", "2 all"]);
});

test("a group without a valid pixel is a dash in the table and weighs nothing", async () => {
  const { stdout } = await run(["loss", "pred.npy", "target.npy"], file(""));
  expect(stdout).toMatch(/\n +2 {2}B3 +– +0 +0 +143\n/);
});

test("cross entropy: logits against one band of labels, its nodata tag left out", async () => {
  const random = seeded(3);
  const [width, height, classes] = [9, 7, 4];
  const pixels = width * height;
  const labels = Uint8Array.from({ length: pixels }, () => (random() < 0.2 ? 255 : Math.floor(random() * classes)));
  const logits = Float32Array.from({ length: classes * pixels }, () => 4 * random() - 2);
  await writeNpy(file("logits.npy"), logits, [classes, height, width]);
  await writeGeoTiff(file("labels.tif"), { width, height, bands: [labels], nodata: 255 });
  const got = await lost("logits.npy", "labels.tif", "--loss", "crossEntropy", "--grad", "grad.npy");
  const target = Int32Array.from(labels, (label) => (label === 255 ? -1 : label));
  const want = reference({ name: "crossEntropy" }, { shape: [1, classes, height, width], pred: logits, target });
  expect(valueError(got.value, want.value)).toBe("");
  expect(gradError(readNpy(file("grad.npy")).data, want.grad)).toBe("");
});

test("the gradient has the shape of the prediction's file", async () => {
  const plane = (problem.pred as Float32Array).slice(0, 143);
  await writeNpy(file("plane.npy"), plane, [11, 13]);
  await lost("plane.npy", "plane.npy", "--grad", "grad.npy");
  expect(readNpy(file("grad.npy")).shape).toEqual([11, 13]);
  await writeNpy(file("hwc.npy"), problem.pred as Float32Array, [2, 11, 13, 3]);
  await lost("hwc.npy", "hwc.npy", "--layout", "hwc", "--grad", "grad.npy");
  expect(readNpy(file("grad.npy")).shape).toEqual([2, 11, 13, 3]);
});
