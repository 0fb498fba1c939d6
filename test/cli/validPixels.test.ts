// Which pixels count, and what stored numbers stand for: files of every kind that people have, through the whole command.

import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type GeoTiffDescription, type SampleArray, writeGeoTiff, writeNpy } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { call } from "./run.ts";
import { writeTagged } from "./tagged.ts";

const file = temporaryFolder();
const [width, height] = [6, 4];
const pixels = width * height;

interface Result {
  readonly valid: readonly string[];
  readonly dataRange: number | null;
  readonly values: { readonly pred: string; readonly target: string };
  readonly bands: Record<string, Record<string, number | null>>;
  readonly scene: Record<string, number | null>;
}

const float = (make: (i: number) => number) => Float32Array.from({ length: pixels }, (_, i) => make(i));
const tiff = (name: string, bands: readonly SampleArray[], more: Partial<GeoTiffDescription> = {}) =>
  writeGeoTiff(file(name), { width, height, bands, ...more });

async function evaluated(...words: string[]): Promise<Result & { stderr: string }> {
  const { code, stdout, stderr } = await call(["evaluate", ...words, "--json"], file(""));
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  return { ...JSON.parse(stdout), stderr };
}

const counts = ({ bands }: Result) => Object.values(bands).map(({ validCount }) => validCount);

describe("a target that says what is missing is taken at its word", () => {
  const decibels = float((i) => (i < 5 ? Number.NaN : -20 + i / 10));

  test.each<[string, Float32Array, Partial<GeoTiffDescription>]>([
    ["dB with a tag of NaN", decibels, { nodata: Number.NaN }],
    ["dB with NaN and no tag", decibels, {}],
    ["elevation with a tag", float((i) => (i < 5 ? -32768 : i - 12)), { nodata: -32768 }],
  ])("%s: values below 0 are data", async (_, band, more) => {
    await tiff("target.tif", [band], more);
    await tiff("pred.tif", [band.map((value) => value + 0.5)]);
    const got = await evaluated("pred.tif", "target.tif");
    expect([counts(got), got.bands["1"]?.rmse]).toEqual([[pixels - 5], 0.5]);
    expect(got.stderr).not.toContain("below 0");
  });

  test("NaN that comes late decides over all that was read before", async () => {
    // More rows than a part has.
    const [wide, high] = [300, 4000];
    const band = Float32Array.from({ length: wide * high }, (_, i) => (i % 2 ? -1 : 1));
    band[band.length - 1] = Number.NaN;
    await writeGeoTiff(file("late.tif"), { width: wide, height: high, bands: [band] });
    const got = await evaluated("late.tif", "late.tif", "--without", "ssim,uqi");
    expect([counts(got), got.valid]).toEqual([[wide * high - 1], ["target is not NaN"]]);
    expect(got.stderr).not.toContain("below 0");
  });

  test("--nodata none takes a tag away, and target ≥ 0 holds again", async () => {
    await tiff("target.tif", [float((i) => i - 12)], { nodata: -12 });
    await tiff("pred.tif", [float((i) => i - 12)]);
    expect(counts(await evaluated("pred.tif", "target.tif"))).toEqual([pixels - 1]);
    expect(counts(await evaluated("pred.tif", "target.tif", "--nodata", "none"))).toEqual([12]);
  });

  test("an alpha band is a mask, unless it is data; of three bytes beside it a note says so", async () => {
    const bytes = [10, 20, 30].map((value) => new Uint8Array(pixels).fill(value));
    const alpha = Uint8Array.from({ length: pixels }, (_, i) => (i < 4 ? 0 : 255));
    await writeTagged(file("rgba.tif"), { width, height, bands: [...bytes, alpha], alpha: true });
    const masked = await evaluated("rgba.tif", "rgba.tif");
    expect([counts(masked), masked.valid]).toEqual([
      [pixels - 4, pixels - 4, pixels - 4],
      ["target is not NaN", "alpha band of the target"],
    ]);
    expect(masked.stderr).toMatch(/note: rgba\.tif: its fourth band is tagged alpha.*--alpha data/);
    expect(counts(await evaluated("rgba.tif", "rgba.tif", "--alpha", "data"))).toEqual(new Array(4).fill(pixels));
  });

  test("a .msk file of the target is applied, and of the prediction", async () => {
    const mask = Uint8Array.from({ length: pixels }, (_, i) => (i < 7 ? 0 : 255));
    await tiff("sided.tif", [float((i) => i - 12)]);
    const items = { INTERNAL_MASK_FLAGS_1: "2" };
    await writeTagged(file("sided.tif.msk"), { width, height, bands: [mask], items });
    await tiff("plain.tif", [float((i) => i - 12)]);
    const target = await evaluated("plain.tif", "sided.tif");
    expect([counts(target), target.scene.coverage]).toEqual([[pixels - 7], 1]);
    const pred = await evaluated("sided.tif", "plain.tif", "--min", "-inf");
    expect([counts(pred), pred.scene.coverage]).toEqual([[pixels - 7], (pixels - 7) / pixels]);
  });
});

describe("a target that says nothing", () => {
  test("has target ≥ 0, and a warning that counts what is left out", async () => {
    await tiff("silent.tif", [Int16Array.from({ length: pixels }, (_, i) => i - 5)]);
    const got = await evaluated("silent.tif", "silent.tif");
    expect([counts(got), got.valid]).toEqual([[pixels - 5], ["target ≥ 0"]]);
    expect(got.stderr).toMatch(/^warning: silent\.tif: 5 values below 0 left out.*--min -inf counts them/);
    const all = await evaluated("silent.tif", "silent.tif", "--min", "-inf");
    expect(counts(all)).toEqual([pixels]);
    expect(all.stderr).not.toContain("below 0");
  });

  test.each([
    ["--above", "3", 8],
    ["--max", "-1", 5],
    ["--below", "-1", 4],
    ["--min", "-2", 21],
  ])("%s replaces that", async (option, bound, count) => {
    await tiff("silent.tif", [Int16Array.from({ length: pixels }, (_, i) => i - 5)]);
    const expected = option === "--above" ? pixels - 9 : count;
    expect(counts(await evaluated("silent.tif", "silent.tif", option, bound))).toEqual([expected]);
  });
});

describe("pixels that the prediction lacks", () => {
  const whole = [float((i) => i), float((i) => 2 * i)] as const;
  // Of the first band 6, of which the target itself misses 2.
  const holed = [whole[0].map((v, i) => (i < 3 ? Number.NaN : i < 6 ? -9 : v)), whole[1]] as const;
  const missed = whole.map((band) => band.map((v, i) => (i === 0 || i === 4 ? -1 : v)));

  test("are left out by default, by band; a warning and coverage say how many", async () => {
    await tiff("holed.tif", holed, { nodata: -9 });
    await tiff("target.tif", missed, { nodata: -1 });
    const got = await evaluated("holed.tif", "target.tif");
    expect(counts(got)).toEqual([pixels - 6, pixels - 2]);
    expect(Object.values(got.bands).map(({ coverage }) => coverage)).toEqual([(pixels - 6) / (pixels - 2), 1]);
    expect(got.scene.coverage).toBe((2 * pixels - 8) / (2 * pixels - 4));
    expect(got.bands["1"]?.rmse).toBe(0);
    expect(got.stderr).toMatch(
      /warning: holed\.tif: 4 of the target's 44 valid values \(9\.09 %\) are nodata or NaN there, and left out/,
    );
  });

  test("count as they are stored, or fail the run, where that is asked for", async () => {
    await tiff("nines.tif", [whole[0].map((v, i) => (i < 6 ? -9 : v))], { nodata: -9 });
    await tiff("target.tif", [whole[0]]);
    const got = await evaluated("nines.tif", "target.tif", "--pred-nodata", "count");
    expect([counts(got), got.bands["1"]?.coverage]).toEqual([[pixels], (pixels - 6) / pixels]);
    expect(got.bands["1"]?.mae).toBeCloseTo((9 + 10 + 11 + 12 + 13 + 14) / pixels, 6);
    expect(await call(["evaluate", "nines.tif", "target.tif", "--pred-nodata", "fail"], file(""))).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "error: nines.tif: 6 of the target's 24 valid values are nodata or NaN there (--pred-nodata fail)\n",
    });
    // The loss has the same say.
    const lost = await call(["loss", "nines.tif", "target.tif", "--json"], file(""));
    expect(JSON.parse(lost.stdout)).toMatchObject({ value: 0, coverage: (pixels - 6) / pixels });
    expect((await call(["loss", "nines.tif", "target.tif", "--pred-nodata", "fail"], file(""))).code).toBe(1);
  });

  test("across the edges of parts", async () => {
    const [wide, high] = [300, 4000];
    const band = Uint16Array.from({ length: wide * high }, (_, i) => 1 + (i % 100));
    const lacking = band.map((value, i) => (i % wide === 7 && i > 2_000_000 / 3 ? 0 : value));
    await writeGeoTiff(file("large.tif"), { width: wide, height: high, bands: [band] });
    await writeGeoTiff(file("lacking.tif"), { width: wide, height: high, bands: [lacking], nodata: 0 });
    const missing = lacking.filter((value) => value === 0).length;
    const words = ["lacking.tif", "large.tif", "--data-range", "100"];
    const got = await evaluated(...words);
    expect([counts(got), got.scene.coverage]).toEqual([[wide * high - missing], 1 - missing / (wide * high)]);
    expect(got.bands["1"]).toMatchObject({ rmse: 0, ssim: 1 });
    expect((await evaluated(...words, "--workers", "2")).bands).toEqual(got.bands);
  });
});

test("no valid pixel at all is an error that names the rule, the masks and their classes", async () => {
  await tiff("target.tif", [float(() => 7)], { nodata: 7 });
  await tiff("classes.tif", [new Uint8Array(pixels).fill(3)]);
  const words = ["evaluate", "target.tif", "target.tif"];
  expect((await call(words, file(""))).stderr).toBe(
    "error: target.tif and target.tif: no pixel is valid: target ≠ 7\n",
  );
  const masked = [...words, "--mask", "classes.tif", "--mask-classes", "4-6,11", "--nodata", "none", "--min", "-inf"];
  expect(await call(masked, file(""))).toMatchObject({
    code: 1,
    stderr: "error: target.tif and target.tif: no pixel is valid: target ≥ -Infinity; classes.tif (classes 4-6,11)\n",
  });
  expect((await call(["loss", ...words.slice(1)], file(""))).stderr).toMatch(
    /^error: .*no pixel is valid: target ≠ 7\n$/,
  );
});

describe("what stored numbers stand for", () => {
  const stored = Uint16Array.from({ length: pixels }, (_, i) => 1000 + 100 * i);

  test("each file by its own tags: two encodings of one reflectance are equal", async () => {
    const shifted = stored.map((value) => value + 1000);
    await writeTagged(file("old.tif"), { width, height, bands: [stored], scale: 1e-4, offset: 0 });
    await writeTagged(file("new.tif"), { width, height, bands: [shifted], scale: 1e-4, offset: -0.1 });
    const got = await evaluated("old.tif", "new.tif");
    expect(got.bands["1"]?.rmse).toBeLessThan(1e-7);
    expect([got.dataRange, got.values]).toEqual([1, { pred: "0.0001·v", target: "0.0001·v − 0.1" }]);
    expect((await call(["evaluate", "old.tif", "new.tif"], file(""))).stdout).toContain(
      "\nstored v taken as 0.0001·v (prediction) and 0.0001·v − 0.1 (target)\n",
    );
    expect((await evaluated("old.tif", "new.tif", "--raw")).bands["1"]?.rmse).toBe(1000);
    // Its scale alone: the tag's offset stays.
    const halved = await evaluated("old.tif", "new.tif", "--target-scale", "2e-4");
    expect(halved.values.target).toBe("0.0002·v − 0.1");
    const both = await evaluated("old.tif", "new.tif", "--scale", "1", "--offset", "0");
    expect(both.values).toEqual({ pred: "v", target: "v" });
  });

  test("floats and 32-bit integers are scaled too; rules compare stored numbers", async () => {
    await tiff("ints.tif", [Int32Array.from(stored, (value, i) => (i === 0 ? -1 : value))], { nodata: -1 });
    await tiff("floats.tif", [Float32Array.from(stored, (value) => value / 10)]);
    const got = await evaluated("floats.tif", "ints.tif", "--pred-scale", "0.01", "--target-scale", "0.001");
    expect([counts(got), got.dataRange]).toEqual([[pixels - 1], null]);
    expect(got.bands["1"]?.rmse).toBeLessThan(1e-6);
    const bounded = await evaluated("ints.tif", "floats.tif", "--target-scale", "10", "--max", "150");
    // Of six, the prediction lacks the first.
    expect([counts(bounded), bounded.valid]).toEqual([[5], ["target ≤ 150"]]);
  });

  test("--scale of both leaves floats beside digital numbers, and a note says so", async () => {
    await tiff("ints.tif", [stored]);
    await tiff("floats.tif", [Float32Array.from(stored, (value) => value * 1e-4)]);
    const got = await evaluated("floats.tif", "ints.tif", "--scale", "1e-4");
    expect(got.bands["1"]?.rmse).toBeLessThan(1e-7);
    expect(got.stderr).toMatch(/^note: floats\.tif: holds floats, which --scale and --offset leave as they are/);
  });
});

describe("the data range", () => {
  const bytes = Uint8Array.from({ length: pixels }, (_, i) => 10 * i);

  test("is 255 of two files of bytes that are not scaled", async () => {
    await tiff("bytes.tif", [bytes]);
    expect((await evaluated("bytes.tif", "bytes.tif")).dataRange).toBe(255);
    expect((await evaluated("bytes.tif", "bytes.tif", "--scale", "0.1")).dataRange).toBeNull();
  });

  test("is 1 where all valid pixels of both lie within [0, 1]", async () => {
    await tiff("unit.tif", [float((i) => (i === 0 ? -9 : i / pixels))], { nodata: -9 });
    expect((await evaluated("unit.tif", "unit.tif")).dataRange).toBe(1);
    await tiff("above.tif", [float((i) => (i === pixels - 1 ? 1.01 : i / pixels))]);
    expect((await evaluated("above.tif", "unit.tif")).dataRange).toBeNull();
  });

  test("is asked for otherwise: no psnr, ssim and cpsnr, and one line with the target's extent", async () => {
    await tiff("dn.tif", [Uint16Array.from(bytes, (value) => value * 40)], { nodata: 0 });
    const got = await evaluated("dn.tif", "dn.tif");
    expect(got.bands["1"]).toMatchObject({ psnr: null, ssim: null, cpsnr: null, rmse: 0, r2: 1 });
    expect([got.dataRange, got.scene.psnr]).toEqual([null, null]);
    expect(got.stderr).toMatch(/^warning: [^\n]*--data-range[^\n]*from 400 to 9200\)\n$/);
    const given = await evaluated("dn.tif", "dn.tif", "--data-range", "10000");
    expect([given.dataRange, given.stderr, given.bands["1"]?.psnr]).toEqual([10000, "", "Infinity"]);
  });

  test("one that shows late: figures of what was read before are not mixed in", async () => {
    const [wide, high] = [300, 4000];
    const band = new Float32Array(wide * high).fill(0.5);
    band[band.length - 1] = 2;
    await writeGeoTiff(file("late.tif"), { width: wide, height: high, bands: [band] });
    const got = await evaluated("late.tif", "late.tif");
    expect([got.dataRange, got.bands["1"]?.ssim, got.bands["1"]?.rmse]).toEqual([null, null, 0]);
    expect(counts(got)).toEqual([wide * high]);
  });
});

test("root mean squares that differ by a factor of more than 20 get a warning, by band", async () => {
  await tiff("units.tif", [float((i) => 1 + i), float((i) => 1 + i)]);
  await tiff("others.tif", [float((i) => 19 * (1 + i)), float((i) => 21 * (1 + i))]);
  const words = ["units.tif", "others.tif", "--data-range", "500"];
  expect((await evaluated(...words)).stderr).toMatch(
    /^warning: [^\n]*root mean squares differ[^\n]*more than 20: 2 [^\n]*\n$/,
  );
  expect((await evaluated(...words, "--pred-scale", "20")).stderr).toBe("");
});

test("an NPY file whose axes may be in another order asks for --layout; a mask has no channels to ask for", async () => {
  await writeNpy(file("hwc.npy"), new Float32Array(20 * 18 * 3).fill(0.5), [20, 18, 3]);
  const asked = await call(["evaluate", "hwc.npy", "hwc.npy"], file(""));
  expect([asked.code, asked.stderr]).toEqual([1, expect.stringMatching(/hwc\.npy: .*\(20, 18, 3\).*--layout hwc/)]);
  expect(Object.keys((await evaluated("hwc.npy", "hwc.npy", "--layout", "hwc")).bands)).toHaveLength(3);
  expect(Object.keys((await evaluated("hwc.npy", "hwc.npy", "--layout", "chw")).bands)).toHaveLength(20);
  await writeNpy(file("batch.npy"), new Float32Array(2 * 20 * 18 * 3).fill(0.5), [2, 20, 18, 3]);
  expect((await call(["evaluate", "batch.npy", "batch.npy"], file(""))).stderr).toContain("--layout hwc");
  // Masks of a batch, one each: the first axis is longer than the others.
  await writeNpy(file("images.npy"), new Float32Array(20 * 3 * 4).fill(0.5), [20, 1, 3, 4]);
  await writeNpy(
    file("masks.npy"),
    Uint8Array.from({ length: 20 * 3 * 4 }, (_, i) => (i < 12 ? 0 : 1)),
    [20, 3, 4],
  );
  expect(counts(await evaluated("images.npy", "images.npy", "--mask", "masks.npy"))).toEqual([19 * 12]);
});

test("a file that is replaced by another kind of file is named for what it is", async () => {
  writeFileSync(file("text.tif"), "no raster");
  expect((await call(["evaluate", "text.tif", "text.tif"], file(""))).stderr).toMatch(
    /^error: text\.tif: is [^\n]*\n$/,
  );
});
