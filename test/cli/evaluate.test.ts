import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { type SampleArray, writeGeoTiff, writeNpy } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { valueError } from "../support/compare.ts";
import { seeded } from "../support/data.ts";
import { type BandFigures, bandFigures } from "./bandStats.ts";
import { call, runJson } from "./run.ts";

const file = temporaryFolder();
const [width, height] = [24, 18];
const pixels = width * height;
const random = seeded(7);
const plane = (make: (i: number) => number) => Float32Array.from({ length: pixels }, (_, i) => make(i));

/** Reflectance, a quarter of it missing in the second band. */
const target = [plane(() => random()), plane(() => (random() < 0.25 ? -1 : random()))] as const;
const pred = target.map((band) => band.map((value) => value + 0.1 * (random() - 0.5)));
const planes = (bands: readonly SampleArray[]) => Float32Array.from(bands.flatMap((band) => [...band]));

interface Evaluated {
  readonly dataRange: number | null;
  readonly scene: Record<string, number | null>;
  readonly bands: Record<string, BandFigures>;
}

const evaluated = (...words: string[]) => runJson<Evaluated>(["evaluate", ...words], file(""));
const rmses = ({ bands }: Evaluated) => Object.values(bands).map(({ rmse }) => rmse);
const counts = ({ bands }: Evaluated) => Object.values(bands).map(({ validCount }) => validCount);
const rmseOf = (b: number, valid: (t: number, i: number) => boolean = (t) => t >= 0) =>
  bandFigures(pred[b] ?? [], target[b] ?? [], valid, 1).rmse;
const countOf = (b: number, valid: (t: number, i: number) => boolean) =>
  (target[b] ?? plane(() => 0)).filter(valid).length;

beforeAll(async () => {
  const names = { bandNames: ["B02", "B8A"] };
  await writeGeoTiff(file("pred.tif"), { width, height, bands: pred, ...names });
  await writeGeoTiff(file("target.tif"), { width, height, bands: target, ...names });
  await writeNpy(file("pred.npy"), planes(pred), [2, height, width]);
  await writeNpy(file("target.npy"), planes(target), [2, height, width]);
});

describe("valid pixels", () => {
  test("target ≥ 0 where no rule is given", async () => {
    const got = await evaluated("pred.tif", "target.tif");
    expect(Object.keys(got.bands)).toEqual(["B02", "B8A"]);
    expect(valueError(rmses(got), [rmseOf(0), rmseOf(1)])).toBe("");
    expect(got.bands.B8A?.validRatio).toBeCloseTo(countOf(1, (t) => t >= 0) / pixels, 12);
  });

  test("a rule stands in place of the default", async () => {
    const bound = target[0][5] as number;
    for (const [words, valid] of [
      [["--above", String(bound)], (t) => t > bound],
      [["--min", String(bound)], (t) => t >= bound],
      [["--max", "0.5"], (t) => t <= 0.5],
      [["--below", String(bound), "--min", "0.1"], (t) => t < bound && t >= Math.fround(0.1)],
      [["--nodata", "-1"], (t) => t !== -1],
      [["--nodata", "none"], (t) => t >= 0],
      [["--min", "-inf"], () => true],
    ] as [string[], (t: number) => boolean][]) {
      const got = await evaluated("pred.tif", "target.tif", ...words);
      expect(counts(got), words.join(" ")).toEqual([countOf(0, valid), countOf(1, valid)]);
    }
  });

  test("the target's own nodata tag decides, with bounds or without, but not beside --nodata", async () => {
    const marker = target[0][3] as number;
    await writeGeoTiff(file("tagged.tif"), { width, height, bands: target, nodata: marker });
    const without = [0, 1].map((b) => countOf(b, (t) => t !== marker));
    expect(without).toEqual([pixels - 1, pixels]);
    expect(counts(await evaluated("pred.tif", "tagged.tif"))).toEqual(without);
    expect(counts(await evaluated("pred.tif", "tagged.tif", "--min", "-5"))).toEqual(without);
    expect(counts(await evaluated("pred.tif", "tagged.tif", "--nodata", String(marker)))).toEqual(without);
    expect(counts(await evaluated("pred.tif", "tagged.tif", "--nodata", "none"))).toEqual([
      pixels,
      countOf(1, (t) => t >= 0),
    ]);
  });

  test("a mask file: not 0, a condition, or classes; coarser by a whole factor; its own nodata", async () => {
    const mask = Uint8Array.from({ length: pixels / 4 }, (_, i) => i % 7);
    const fine = (i: number) => mask[(Math.floor(i / width) >> 1) * (width / 2) + ((i % width) >> 1)] as number;
    await writeGeoTiff(file("mask.tif"), { width: width / 2, height: height / 2, bands: [mask], nodata: 6 });
    for (const [words, counted] of [
      [[], (m) => m !== 0 && m !== 6],
      [["--mask-valid", ">2"], (m) => m > 2 && m !== 6],
      [["--mask-valid", ">=2,<4"], (m) => m >= 2 && m < 4],
      [["--mask-valid", "!=3"], (m) => m !== 3 && m !== 6],
      [["--mask-classes", "1,5,6"], (m) => m === 1 || m === 5],
    ] as [string[], (m: number) => boolean][]) {
      const got = await evaluated("pred.tif", "target.tif", "--mask", "mask.tif", ...words);
      const valid = (_: number, i: number) => counted(fine(i));
      expect(counts(got), words.join(" ")).toEqual([countOf(0, valid), countOf(1, valid)]);
      expect(valueError(rmses(got), [rmseOf(0, valid), rmseOf(1, valid)])).toBe("");
    }
  });

  test("a mask's nodata is met as float32 has it, and more bands than one are no mask", async () => {
    const mask = plane((i) => (i < width ? -9999.9 : 1));
    await writeGeoTiff(file("float.tif"), { width, height, bands: [mask], nodata: -9999.9 });
    const got = await evaluated("pred.tif", "target.tif", "--mask", "float.tif");
    expect(counts(got)[0]).toBe(pixels - width);
    // Of a batch, such a stack would be taken for the bands of one image.
    const stack = await call(["evaluate", "pred.npy", "target.npy", "--mask", "target.npy"], file(""));
    expect(stack).toMatchObject({ code: 1, stderr: "error: target.npy: expected a mask of one band, got 2\n" });
  });

  test("integers of 32 bits: nodata is met as it is stored, and what float32 would round is refused", async () => {
    const ids = (...first: number[]) => Uint32Array.from({ length: pixels }, (_, i) => first[i] ?? 7);
    const all = { width, height, nodata: 0xffffffff };
    await writeGeoTiff(file("ids.tif"), { ...all, bands: [ids(0xffffffff, 16777216)] });
    expect(counts(await evaluated("ids.tif", "ids.tif"))).toEqual([pixels - 1]);
    for (const [value, nodata] of [
      [16777217, 0xffffffff],
      [0xfffffff0, 0xffffffff],
      [16777216, 16777217],
    ] as const) {
      await writeGeoTiff(file("rounded.tif"), { width, height, nodata, bands: [ids(value)] });
      const got = await call(["evaluate", "ids.tif", "rounded.tif"], file(""));
      expect(got).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(`^error: rounded.tif: holds ${value}, .*\n$`),
      });
    }
  });

  test("a band without a valid pixel: null in JSON, an empty field in CSV, a dash in the table", async () => {
    await writeGeoTiff(file("half.tif"), { width, height, bands: [plane(() => -1), target[1]] });
    const words = ["evaluate", "pred.tif", "half.tif"];
    const got = await evaluated(...words.slice(1));
    expect(got.bands.B02).toMatchObject({ rmse: null, psnr: null, sam: null, validCount: 0, validRatio: 0 });
    expect((await call([...words, "--csv"], file(""))).stdout).toContain("\nB02,,,,,");
    expect((await call(words, file(""))).stdout).toMatch(/\nB02( +–){5} /);
  });
});

describe("what is read", () => {
  test("bands by name, number and range, and names of one's own", async () => {
    const swapped = await evaluated("pred.tif", "target.tif", "--pred-bands", "B8A,1", "--target-bands", "2,B02");
    expect(Object.keys(swapped.bands)).toEqual(["B8A", "B02"]);
    expect(valueError(rmses(swapped), [rmseOf(1), rmseOf(0)])).toBe("");
    const named = await evaluated("pred.tif", "target.npy", "--pred-bands", "1-2", "--bands", "blue,nir");
    expect(Object.keys(named.bands)).toEqual(["blue", "nir"]);
  });

  test("NPY: (C, H, W), (H, W, C) by --layout, batches, and one image of them", async () => {
    expect(rmses(await evaluated("pred.npy", "target.tif"))).toEqual(rmses(await evaluated("pred.tif", "target.tif")));
    const channelsLast = (bands: readonly SampleArray[]) =>
      Float32Array.from({ length: 2 * pixels }, (_, i) => bands[i % 2]?.[i >> 1] as number);
    await writeNpy(file("hwc.npy"), channelsLast(pred), [height, width, 2]);
    expect(rmses(await evaluated("hwc.npy", "target.tif", "--layout", "hwc"))).toEqual(
      rmses(await evaluated("pred.tif", "target.tif")),
    );
    const twice = (bands: readonly SampleArray[], other: readonly SampleArray[]) => planes([...bands, ...other]);
    await writeNpy(file("preds.npy"), twice(pred, target), [2, 2, height, width]);
    await writeNpy(file("targets.npy"), twice(target, target), [2, 2, height, width]);
    // The second image is perfect: the pooled error has twice the pixels.
    const pooled = rmses(await evaluated("preds.npy", "targets.npy"));
    expect(valueError(pooled, [rmseOf(0) / Math.SQRT2, rmseOf(1) / Math.SQRT2])).toBe("");
    const perfect = await evaluated("preds.npy", "target.npy", "--pred-sample", "2");
    expect(perfect.bands["1"]).toMatchObject({ rmse: 0, psnr: "Infinity" });
  });

  test("integers as they are, or scaled beside floats", async () => {
    const stored = target.map((band) => Int16Array.from(band, (value) => Math.round(value * 1e4)));
    await writeGeoTiff(file("stored.tif"), { width, height, bands: stored, nodata: -10000 });
    const same = await evaluated("stored.tif", "stored.tif");
    expect(same.dataRange).toBeNull();
    expect(same.bands["1"]).toMatchObject({ rmse: 0, psnr: null, sam: 0 });
    const scaled = await evaluated("pred.tif", "stored.tif", "--scale", "1e-4", "--offset", "0.5");
    const inUnits = stored.map((band) => Float32Array.from(band, (value) => value * 1e-4 + 0.5));
    // Valid is what is ≥ 0 as stored, whatever it is scaled to.
    const want = [0, 1].map((b) => {
      const isData = (_: number, i: number) => (stored[b]?.[i] as number) >= 0;
      return bandFigures(pred[b] ?? [], inUnits[b] ?? [], isData, 1).rmse;
    });
    expect(valueError(rmses(scaled), want)).toBe("");
  });

  test("CSV and --output", async () => {
    const words = ["evaluate", "pred.tif", "target.tif", "--csv", "--output", "out.csv", "--quiet"];
    expect(await call(words, file(""))).toMatchObject({ code: 0, stdout: "", stderr: "" });
    const [heading = "", ...lines] = readFileSync(file("out.csv"), "utf8").trimEnd().split("\n");
    expect(heading).toMatch(/^band,psnr,rmse,ssim,sam,mae,bias,r2,cpsnr,validCount,validRatio,coverage,ergas,uqi,/);
    const { bands, scene } = await evaluated("pred.tif", "target.tif");
    const keys = heading.split(",").slice(1, 14);
    for (const [i, [name, figures]] of [...Object.entries(bands), ["scene", scene] as const].entries()) {
      const want = keys.map((key) => (figures as unknown as Record<string, number>)[key] ?? "");
      expect(lines[i]?.startsWith([name, ...want].join(",")), lines[i]).toBe(true);
    }
  });
});
