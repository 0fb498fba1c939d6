import { beforeAll, describe, expect, test } from "vitest";
import {
  type BaseLoss,
  CombinedLoss,
  crossEntropy,
  dice,
  FlexibleWeightedLoss,
  huber,
  type LossOptions,
  mae,
  rmse,
  sam,
  ssim,
  type Term,
  tensor,
} from "../../src/index.ts";
import { writeGeoTiff, writeNpy } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { gradError, valueError } from "../support/compare.ts";
import { problemOf, seeded } from "../support/data.ts";
import { type Base, reference, type Settings } from "../../reference/losses.ts";
import { readNpy } from "./files.ts";
import { peakOf, call, runJson } from "./run.ts";

const file = temporaryFolder();
const shape = [2, 3, 11, 13] as const;
const problem = problemOf({ name: "mse" }, shape, 21);

interface Lost {
  readonly value: number;
  /** With --grad. */
  readonly gradientNorm?: number;
  readonly terms: readonly {
    readonly loss: string;
    readonly weight: number;
    readonly groups: readonly { sample: number; band: string; loss: number; weight: number; validCount: number }[];
  }[];
}

const lost = (...words: string[]) => runJson<Lost>(["loss", ...words], file(""));
/** The problem's target holds NaN, which would count as saying what is missing. */
const byDefault = ["--min", "0"];

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
  const rule = settings.valid ? [] : byDefault;
  const got = await lost("pred.npy", "target.npy", ...words, ...name, ...rule, "--grad", "grad.npy");
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
  expect(valueError(got.gradientNorm ?? Number.NaN, Math.hypot(...want.grad))).toBe("");
});

test("ssim takes the data range of the command, or its own", async () => {
  const whole = ["pred.npy", "target.npy", "--above", "-2"];
  const ofCommand = await lost(...whole, "--loss", "ssim", "--data-range", "2");
  const own = await lost(...whole, "--loss", "ssim(dataRange=2)");
  expect(own.value).toBe(ofCommand.value);
  const unknown = await call(["loss", ...whole, "--loss", "ssim"], file(""));
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringMatching(/ssim needs --data-range/)]);
});

test("groups are named by image and band", async () => {
  const groups = (await lost("pred.npy", "target.npy", ...byDefault)).terms[0]?.groups.map(
    ({ sample, band }) => `${sample} ${band}`,
  );
  expect(groups).toEqual(["1 1", "1 2", "1 3", "2 1", "2 2", "2 3"]);
  const bySample = (await lost("pred.npy", "target.npy", "--group-by", "sample")).terms[0]?.groups;
  expect(bySample?.map(({ sample, band }) => `${sample} ${band}`)).toEqual(["1 all", "2 all"]);
});

test("a group without a valid pixel is a dash in the table and weighs nothing", async () => {
  const { stdout } = await call(["loss", "pred.npy", "target.npy", ...byDefault], file(""));
  expect(stdout).toMatch(/\n +2 {2}3 +– +0 +0 +143\n/);
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

describe("an image larger than a part", () => {
  const [width, height] = [4_099, 300];
  const plane = width * height;
  const random = seeded(5);
  const stored = Uint16Array.from({ length: 2 * plane }, (_, i) => (random() < 0.1 ? 0 : 500 + (i % 700)));
  const pred = Float32Array.from(stored, (value) => value + 60 * (random() - 0.4));
  const mask = Uint8Array.from({ length: plane }, () => (random() < 0.2 ? 0 : 1));
  const logits = Float32Array.from({ length: 2 * plane }, () => 4 * random() - 2);
  const labels = Uint8Array.from({ length: plane }, () => (random() < 0.2 ? 255 : Math.floor(2 * random())));

  beforeAll(async () => {
    const image = { width, height };
    const bands = [stored.subarray(0, plane), stored.subarray(plane)];
    // A row of tiles as large as these is too much to keep: a last column of 3.
    await writeGeoTiff(file("large.tif"), { ...image, bands, tile: 1024, nodata: 0 });
    await writeGeoTiff(file("large_mask.tif"), { ...image, bands: [mask] });
    await writeGeoTiff(file("large_labels.tif"), { ...image, bands: [labels], tile: 4096, nodata: 255 });
    const last = Float32Array.from({ length: 2 * plane }, (_, i) => pred[(i % 2) * plane + (i >> 1)] as number);
    await writeNpy(file("large.npy"), last, [height, width, 2]);
    await writeNpy(file("large_logits.npy"), logits, [2, height, width]);
  });

  const valid = { min: 0, nodata: 0 };
  const term = (
    weight: number,
    base: BaseLoss,
    more: Pick<LossOptions<"mean">, "groupBy" | "weighting" | "reduction"> = {},
  ) => ({
    weight,
    loss: new FlexibleWeightedLoss(base, { valid, ...more }),
  });

  test.each<[string, string[], Term<"mean">[]]>([
    ["means over pixels", ["--loss", "0.5*sam+2*huber(delta=9)"], [term(0.5, sam()), term(2, huber({ delta: 9 }))]],
    ["the root of one", ["--loss", "rmse", "--weighting", "linear"], [term(1, rmse(), { weighting: "linear" })]],
    [
      "no division",
      ["--loss", "3*mae", "--reduction", "sum", "--group-by", "sample"],
      [term(3, mae(), { reduction: "sum" as "mean", groupBy: "sample" })],
    ],
    [
      "what takes the whole image",
      ["--loss", "dice(smooth=1)+ssim", "--data-range", "1000"],
      [term(1, dice()), term(1, ssim({ dataRange: 1000 }))],
    ],
  ])("%s: value, groups and gradient of the whole", async (_, words, terms) => {
    const options = ["--layout", "hwc", "--mask", "large_mask.tif", "--grad", "large_grad.npy"];
    const got = await lost("large.npy", "large.tif", ...options, ...words);
    const shape = [2, height, width];
    const want = new CombinedLoss(terms).valueAndGrad(tensor(pred, shape), tensor(stored, shape), {
      mask: tensor(mask, [height, width]),
    });
    expect(valueError(got.value, want.value)).toBe("");
    for (const [k, { groups }] of want.terms.entries()) {
      const all = got.terms[k]?.groups ?? [];
      expect(all.map(({ validCount }) => validCount)).toEqual([...groups.validCount]);
      expect(
        valueError(
          all.map(({ loss }) => loss),
          groups.loss,
        ),
      ).toBe("");
    }
    const grad = readNpy(file("large_grad.npy"));
    expect(grad.shape).toEqual([height, width, 2]);
    const first = want.grad.data.map((_, i) => grad.data[(i % plane) * 2 + Math.floor(i / plane)] as number);
    expect(gradError(first, want.grad.data)).toBe("");
    expect(
      valueError(got.gradientNorm ?? Number.NaN, Math.sqrt(want.grad.data.reduce((sum, g) => sum + g * g, 0))),
    ).toBe("");
  });

  test("and of class labels", async () => {
    const words = ["--loss", "crossEntropy", "--grad", "large_grad.npy"];
    const got = await lost("large_logits.npy", "large_labels.tif", ...words);
    const target = Int32Array.from(labels, (label) => (label === 255 ? -1 : label));
    const want = new FlexibleWeightedLoss(crossEntropy()).valueAndGrad(
      tensor(logits, [2, height, width]),
      tensor(target, [height, width]),
    );
    expect(valueError(got.value, want.value)).toBe("");
    expect(gradError(readNpy(file("large_grad.npy")).data, want.grad.data)).toBe("");
  });

  test("takes memory that does not grow with it", async () => {
    // A row of tiles is 86 MB in each file, the gradient 185 MB.
    const [width, height] = [14_000, 1_100];
    const plane = new Uint16Array(width * height).fill(1000);
    const bands = [plane, plane, plane];
    await writeGeoTiff(file("wide.tif"), { width, height, bands, tile: 1024, interleave: "pixel" });
    const words = ["loss", "wide.tif", "wide.tif", "--loss", "0.5*sam+0.5*mse", "--grad", "wide_grad.npy"];
    expect(await peakOf(words, file(""))).toBeLessThan(300);
  }, 60_000);
});

test("ssim says what size it asks for", async () => {
  await writeNpy(file("small.npy"), new Float32Array(80), [8, 10]);
  expect(await call(["loss", "small.npy", "small.npy", "--loss", "ssim"], file(""))).toMatchObject({
    code: 1,
    stdout: "",
    stderr: "error: small.npy: ssim is of images of at least 11×11 pixels, got 10×8\n",
  });
});
