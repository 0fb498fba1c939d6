// Mask files: what their tests let through, and where their pixels lie.

import { beforeAll, describe, expect, test } from "vitest";
import { epsgGeoreference, writeGeoTiff } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { call, runJson } from "./run.ts";

const file = temporaryFolder();
const [width, height] = [6, 4];
const pixels = width * height;
const at = (x: number, y: number, pixel = 10, code = 32632) =>
  epsgGeoreference(code, "projected", [600000 + x, pixel, 0, 5100000 - y, 0, -pixel]);

const bytes = (make: (i: number) => number, count = pixels) => Uint8Array.from({ length: count }, (_, i) => make(i));

interface Result {
  readonly valid: readonly string[];
  readonly bands: Record<string, { validCount: number; bias: number }>;
}

const evaluated = (...words: string[]) => runJson<Result>(["evaluate", "image.tif", "zeros.tif", ...words], file(""));
const countOf = async (...words: string[]) => (await evaluated(...words)).bands["1"]?.validCount;

/** The image's own pixels that count, told by their values, which are powers of two. */
async function indices(...words: string[]): Promise<number[]> {
  const { bias, validCount } = (await evaluated(...words)).bands["1"] as Result["bands"][""];
  const sum = Math.round(bias * validCount);
  return Array.from({ length: pixels }, (_, i) => i).filter((i) => (sum >> i) & 1);
}

beforeAll(async () => {
  const powers = Float32Array.from({ length: pixels }, (_, i) => 2 ** i);
  const place = { width, height, georeference: at(0, 0) };
  await writeGeoTiff(file("image.tif"), { ...place, bands: [powers] });
  await writeGeoTiff(file("zeros.tif"), { ...place, bands: [new Float32Array(pixels)] });
  // Scene classes 0 to 11, each twice, and a probability of clouds.
  await writeGeoTiff(file("scl.tif"), { ...place, bands: [bytes((i) => i % 12)] });
  await writeGeoTiff(file("cloud.tif"), { ...place, bands: [bytes((i) => 4 * i)] });
  // Landsat's clear land, clear water, cloud, cloud shadow, fill.
  const qa = Uint16Array.from({ length: pixels }, (_, i) => [21824, 21952, 22280, 23888, 1][i % 5] as number);
  await writeGeoTiff(file("qa.tif"), { ...place, bands: [qa] });
});

describe("tests", () => {
  test.each<[string, string[], (i: number) => boolean]>([
    ["classes and ranges of them", ["scl.tif", "--mask-classes", "4-6,11"], (i) => [4, 5, 6, 11].includes(i % 12)],
    ["an equality", ["scl.tif", "--mask-valid", "=1"], (i) => i % 12 === 1],
    ["the same with two signs", ["scl.tif", "--mask-valid", "==1"], (i) => i % 12 === 1],
    ["comparisons that all hold", ["cloud.tif", "--mask-valid", ">20,<=40,!=32"], (i) => [6, 7, 9, 10].includes(i)],
    ["bits that are clear", ["qa.tif", "--mask-bits", "1-4"], (i) => [0, 1, 4].includes(i % 5)],
    ["a preset of Sentinel-2", ["scl.tif", "--mask-preset", "s2-scl"], (i) => [4, 5, 6, 7, 11].includes(i % 12)],
    ["a preset of clouds", ["cloud.tif", "--mask-preset", "s2-cloud<40"], (i) => i < 10],
    ["a preset of Landsat", ["qa.tif", "--mask-preset", "landsat-qa"], (i) => [0, 1].includes(i % 5)],
  ])("%s", async (_, words, counts) => {
    const want = Array.from({ length: pixels }, (_, i) => i).filter(counts);
    expect(await indices("--mask", ...words)).toEqual(want);
  });

  test("each mask has the test that follows it, and all must allow a pixel", async () => {
    const words = ["--mask", "scl.tif", "--mask-classes", "4-6,11", "--mask", "cloud.tif", "--mask-valid", "<=40"];
    expect(await indices(...words)).toEqual([4, 5, 6]);
    expect((await evaluated(...words)).valid).toEqual([
      "target is not NaN",
      "scl.tif (classes 4-6,11)",
      "cloud.tif (<=40)",
    ]);
    expect(await indices("--mask", "cloud.tif", "--mask", "scl.tif", "--mask-classes", "0-3")).toEqual([
      1, 2, 3, 12, 13, 14, 15,
    ]);
  });

  test("classes under the default test get a warning; yes and no do not", async () => {
    const warned = await call(["evaluate", "image.tif", "zeros.tif", "--mask", "scl.tif"], file(""));
    expect(warned.stderr).toMatch(/warning: scl\.tif: its values 0, 1, 2, .* look like classes.*--mask-preset s2-scl/);
    for (const words of [["scl.tif", "--mask-classes", "4"], ["cloud.tif"]]) {
      expect((await call(["evaluate", "image.tif", "zeros.tif", "--mask", ...words], file(""))).stderr).not.toMatch(
        /classes/,
      );
    }
  });

  test.each<[string, string[], RegExp]>([
    ["a test before any mask", ["--mask-classes", "4"], /--mask-valid and the other tests need --mask <file> before/],
    ["two tests of a mask", ["--mask", "a", "--mask-classes", "4", "--mask-bits", "1"], /one test after each --mask/],
    ["classes that are none", ["--mask", "a", "--mask-classes", "6-4"], /--mask-classes.*"4-6,11"/],
    ["bits that are none", ["--mask", "a", "--mask-bits", "32"], /--mask-bits.*0 to 31/],
    ["a preset that is none", ["--mask", "a", "--mask-preset", "s2"], /--mask-preset.*s2-scl, s2-cloud<40, landsat-qa/],
  ])("%s is an error of usage", async (_, words, message) => {
    const got = await call(["evaluate", "no.tif", "no.tif", ...words], file(""));
    expect([got.code, got.stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe("places", () => {
  const numbered = (count: number) => bytes((i) => i, count);

  test("a mask that covers more is cropped by its georeference", async () => {
    await writeGeoTiff(file("wide.tif"), { width: 10, height: 8, georeference: at(-20, -30), bands: [numbered(80)] });
    // The image begins in column 2, row 3.
    expect(await indices("--mask", "wide.tif", "--mask-classes", "32,34,43")).toEqual([0, 2, 7]);
  });

  test("a coarser one speaks for all that each of its pixels covers, wherever the image begins in it", async () => {
    await writeGeoTiff(file("coarse.tif"), {
      width: 5,
      height: 4,
      georeference: at(-10, 0, 20),
      bands: [numbered(20)],
    });
    // Its second column begins one pixel into the image.
    expect(await indices("--mask", "coarse.tif", "--mask-classes", "0,6")).toEqual([0, 6, 13, 14, 19, 20]);
  });

  test("of a finer one the centre decides, and of an even factor the pixel right and below it", async () => {
    for (const [factor, pixel] of [
      [3, 1 * 18 + 1],
      [2, 1 * 12 + 1],
    ] as const) {
      const size = { width: factor * width, height: factor * height };
      const fine = bytes((i) => (i === pixel ? 1 : 0), size.width * size.height);
      await writeGeoTiff(file("fine.tif"), { ...size, bands: [fine], georeference: at(0, 0, 10 / factor) });
      expect(await indices("--mask", "fine.tif")).toEqual([0]);
      // By size alone, where nothing says where it lies.
      await writeGeoTiff(file("fine.tif"), { ...size, bands: [fine] });
      expect(await indices("--mask", "fine.tif")).toEqual([0]);
    }
  });

  test.each<[string, { width: number; height: number }, ReturnType<typeof at> | undefined, RegExp]>([
    ["ends within the image", { width: 5, height: 4 }, at(0, 0), /expected a mask of 6×4 .*does not cover the image/],
    ["lies half a pixel beside", { width: 9, height: 9 }, at(-5, 0), /0\.5 pixels beside/],
    ["has pixels of another size", { width: 9, height: 9 }, at(0, 0, 15), /factor of 1\.5/],
    ["has another size and no place", { width: 9, height: 4 }, undefined, /factor of 1\.5/],
    ["has another CRS", { width, height }, at(0, 0, 10, 32633), /mask\.tif and zeros\.tif: CRS differs.*32633/],
  ])("a mask that %s is an error that says so", async (_, size, georeference, message) => {
    const mask = { ...size, bands: [numbered(size.width * size.height)], ...(georeference && { georeference }) };
    await writeGeoTiff(file("mask.tif"), mask);
    const got = await call(["evaluate", "image.tif", "zeros.tif", "--mask", "mask.tif"], file(""));
    expect([got.code, got.stderr]).toEqual([1, expect.stringMatching(message)]);
  });

  test("a mask and a nodata tag of the mask's own: both hold", async () => {
    await writeGeoTiff(file("tagged.tif"), { width, height, bands: [numbered(pixels)], nodata: 5 });
    expect(await countOf("--mask", "tagged.tif")).toBe(pixels - 2);
  });
});
