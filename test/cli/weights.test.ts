// Weights and soft masks from files: the figures of `evaluate` with the same numbers, part by part, and what is wrong with a file said by name.

import { beforeAll, describe, expect, test } from "vitest";
import { evaluate, FlexibleWeightedLoss, mae, tensor } from "../../src/index.ts";
import { epsgGeoreference, writeGeoTiff } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { seeded } from "../support/data.ts";
import { call, runJson } from "./run.ts";

const file = temporaryFolder();
// More than one part of the command's own.
const [width, height] = [700, 500];
const plane = width * height;
const random = seeded(3);
const draw = (make: () => number) => Float32Array.from({ length: plane }, make);
const pred = [draw(random), draw(random)];
const target = pred.map((band) => band.map((p) => p + 0.1 * (random() - 0.5)));
const weights = draw(() => (random() < 0.2 ? 0 : 3 * random()));
const share = draw(() => (random() < 0.2 ? 0 : random()));

interface Result {
  readonly valid: readonly string[];
  readonly bands: Record<string, Record<string, number>>;
  readonly scene: Record<string, number>;
}

const place = { width, height, georeference: epsgGeoreference(32632, "projected", [6e5, 10, 0, 5e6, 0, -10]) };
const joined = (bands: readonly Float32Array[]) =>
  tensor(Float32Array.from(bands.flatMap((band) => Array.from(band))), [2, height, width]);

beforeAll(async () => {
  await writeGeoTiff(file("pred.tif"), { ...place, bands: pred });
  await writeGeoTiff(file("target.tif"), { ...place, bands: target });
  await writeGeoTiff(file("weights.tif"), { ...place, bands: [weights] });
  await writeGeoTiff(file("share.tif"), { ...place, bands: [share] });
  await writeGeoTiff(file("negative.tif"), { ...place, bands: [weights.map((a, i) => (i === 701 ? -1 : a))] });
  await writeGeoTiff(file("beyond.tif"), { ...place, bands: [share.map((a, i) => (i === 3 ? 1.5 : a))] });
});

const image = (data: Float32Array) => tensor(data, [height, width]);

describe("evaluate", () => {
  const words = ["evaluate", "pred.tif", "target.tif", "--data-range", "1", "--without", "uqi"];
  const options = { dataRange: 1, bands: ["1", "2"], without: ["uqi"], valid: { min: 0 } } as const;

  test.each<[string, string[], object]>([
    ["weights", ["--weights", "weights.tif", "--min", "0"], { weights: image(weights) }],
    ["a soft mask", ["--mask", "share.tif:soft", "--min", "0"], { mask: image(share) }],
    [
      "both",
      ["--weights", "weights.tif", "--mask", "share.tif:soft", "--min", "0"],
      { weights: image(weights), mask: image(share) },
    ],
  ])("%s", async (_, more, masses) => {
    const got = await runJson<Result>([...words, ...more], file(""));
    const want = evaluate(joined(pred), joined(target), { ...options, ...masses });
    for (const band of options.bands) {
      for (const [name, figure] of Object.entries(want.bands[band] ?? {})) {
        expect([band, name, got.bands[band]?.[name]]).toEqual([band, name, expect.closeTo(figure, 6)]);
      }
    }
    for (const name of ["rmse", "sam", "ergas", "validRatio"] as const) {
      expect([name, got.scene[name]]).toEqual([name, expect.closeTo(want.scene[name], 6)]);
    }
    expect(got.valid.join("; ")).toMatch(/weights|shares/);
  });

  test("where the prediction lacks pixels, too", async () => {
    const holes = pred.map((band) => band.map((p, i) => (i % 5 === 0 ? Number.NaN : p)));
    await writeGeoTiff(file("holes.tif"), { ...place, bands: holes });
    const more = ["--mask", "share.tif:soft", "--min", "0"];
    const got = await runJson<Result>(["evaluate", "holes.tif", ...words.slice(2), ...more], file(""));
    const mask = image(share.map((m, i) => (i % 5 === 0 ? 0 : m)));
    const want = evaluate(joined(pred), joined(target), { ...options, mask });
    expect(got.scene.rmse).toBeCloseTo(want.scene.rmse, 6);
    expect(got.scene.sam).toBeCloseTo(want.scene.sam, 6);
  });

  test("threads give the bits of none", async () => {
    const more = ["--weights", "weights.tif", "--min", "0"];
    const alone = await runJson<Result>([...words, ...more, "--workers", "1"], file(""));
    const two = await runJson<Result>([...words, ...more, "--workers", "2"], file(""));
    expect([two.bands, two.scene]).toEqual([alone.bands, alone.scene]);
  });

  test.each<[string, string[], string]>([
    [
      "a negative weight",
      ["--weights", "negative.tif"],
      "negative.tif: expected finite weights from 0 on, got -1 at column 2, row 2",
    ],
    [
      "a share above 1",
      ["--mask", "beyond.tif:soft"],
      "beyond.tif: expected shares from 0 to 1, got 1.5 at column 4, row 1",
    ],
    ["weights of two bands", ["--weights", "pred.tif"], "pred.tif: expected a mask of one band, got 2"],
  ])("%s is one line and an exit code", async (_, more, message) => {
    const { code, stderr } = await call([...words, ...more], file(""));
    expect([code === 0, stderr.trim().split("\n").length]).toEqual([false, 1]);
    expect(stderr).toContain(message);
  });

  test("a column of a list", async () => {
    const { writeFile } = await import("node:fs/promises");
    await writeFile(file("pairs.csv"), "pred,target,weights\npred.tif,target.tif,weights.tif\n");
    const got = await runJson<{ pairs: { scene: Record<string, number> }[] }>(
      ["evaluate", "--pairs", "pairs.csv", "--data-range", "1", "--min", "0", "--without", "uqi"],
      file(""),
    );
    const want = evaluate(joined(pred), joined(target), { ...options, weights: image(weights) });
    expect(got.pairs[0]?.scene.rmse).toBeCloseTo(want.scene.rmse, 6);
  });
});

test("loss, and its gradient", async () => {
  const more = ["--weights", "weights.tif", "--min", "0", "--loss", "mae", "--grad", "grad.npy"];
  const got = await runJson<{ value: number }>(["loss", "pred.tif", "target.tif", ...more], file(""));
  const criterion = new FlexibleWeightedLoss(mae());
  const { value } = criterion.valueAndGrad(joined(pred), joined(target), { weights: image(weights) });
  expect(got.value).toBeCloseTo(value, 6);
});
