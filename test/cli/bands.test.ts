// Bands by name and by page, through files.

import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { writeGeoTiff } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { call, runJson } from "./run.ts";

const file = temporaryFolder();
const [width, height] = [6, 4];
const flat = (value: number, count = width * height) => new Uint8Array(count).fill(value);

interface Result {
  readonly compared: readonly { band: string; pred: number; target: number }[];
  readonly bands: Record<string, { rmse: number }>;
}

const evaluated = (...words: string[]) => runJson<Result>(["evaluate", ...words], file(""));
const rmses = ({ bands }: Result) => Object.entries(bands).map(([name, { rmse }]) => `${name} ${rmse}`);

beforeAll(async () => {
  const image = { width, height };
  await writeGeoTiff(file("s2.tif"), {
    ...image,
    bands: [2, 3, 4].map((v) => flat(v)),
    bandNames: ["B02", "B03", "B04"],
  });
  await writeGeoTiff(file("rgb.tif"), {
    ...image,
    bands: [4, 3, 2].map((v) => flat(v)),
    bandNames: ["b4", "b3", "b2"],
  });
  await writeGeoTiff(file("plain.tif"), { ...image, bands: [4, 3, 2].map((v) => flat(v)) });
  await writeGeoTiff(file("other.tif"), { ...image, bands: [2, 3].map((v) => flat(v)), bandNames: ["red", "nir"] });
});

test("bands that both files name are paired by name, and a note says that their order differs", async () => {
  const got = await call(["evaluate", "rgb.tif", "s2.tif", "--json"], file(""));
  expect(got.stderr).toBe("note: rgb.tif and s2.tif: bands are paired by name; their order differs\n");
  const result = JSON.parse(got.stdout) as Result;
  expect(rmses(result)).toEqual(["B02 0", "B03 0", "B04 0"]);
  expect(result.compared[0]).toEqual({ band: "B02", pred: 3, target: 1 });
  expect((await call(["evaluate", "s2.tif", "s2.tif"], file(""))).stderr).toBe("");
});

test("names of one file alone: by position, named after it; without any: by number", async () => {
  expect(rmses(await evaluated("plain.tif", "s2.tif"))).toEqual(["B02 2", "B03 0", "B04 2"]);
  expect(rmses(await evaluated("s2.tif", "plain.tif"))).toEqual(["B02 2", "B03 0", "B04 2"]);
  expect(Object.keys((await evaluated("plain.tif", "plain.tif")).bands)).toEqual(["1", "2", "3"]);
});

test("names that differ are an error that lists both, unless bands are chosen", async () => {
  const got = await call(["evaluate", "other.tif", "s2.tif"], file(""));
  expect([got.code, got.stderr]).toEqual([
    1,
    expect.stringMatching(/names of bands differ: red, nir and B02, B03, B04 \(--pred-bands, --target-bands choose\)/),
  ]);
  expect(rmses(await evaluated("other.tif", "s2.tif", "--target-bands", "b2,b3"))).toEqual(["B02 0", "B03 0"]);
  const missed = await call(["evaluate", "s2.tif", "s2.tif", "--pred-bands", "B05"], file(""));
  expect(missed.stderr).toMatch(/got "B05" \(did you mean B0\d\?\)/);
});

describe("a TIFF of several pages", () => {
  /** Puts single-page files of ours one behind the other: the last directory of each leads to the next. */
  function chain(path: string, parts: readonly string[]): void {
    let bytes = readFileSync(file(parts[0] as string));
    for (const part of parts.slice(1)) {
      const next = readFileSync(file(part));
      const [base, at] = [bytes.length, next.readUInt32LE(4)];
      const count = next.readUInt16LE(at);
      for (let i = 0; i < count; i++) {
        const entry = at + 2 + 12 * i;
        const [tag, type, values] = [
          next.readUInt16LE(entry),
          next.readUInt16LE(entry + 2),
          next.readUInt32LE(entry + 4),
        ];
        const size = ([0, 1, 1, 2, 4][type] ?? 8) * values;
        // Offsets: of values that have no room in the entry, and of the strips.
        if (size > 4 || tag === 273) next.writeUInt32LE(next.readUInt32LE(entry + 8) + base, entry + 8);
      }
      bytes = Buffer.concat([bytes, next]);
      let last = bytes.readUInt32LE(4);
      for (let follow = last; follow !== 0; follow = bytes.readUInt32LE(last + 2 + 12 * bytes.readUInt16LE(last)))
        last = follow;
      bytes.writeUInt32LE(base + at, last + 2 + 12 * bytes.readUInt16LE(last));
    }
    writeFileSync(file(path), bytes);
  }

  beforeAll(async () => {
    for (const value of [5, 6, 7])
      await writeGeoTiff(file(`page${value}.tif`), { width, height, bands: [flat(value)] });
    await writeGeoTiff(file("small.tif"), { width: 3, height: 2, bands: [flat(9, 6)] });
    chain("pages.tif", ["page5.tif", "page6.tif", "page7.tif"]);
    chain("mixed.tif", ["page5.tif", "small.tif"]);
  });

  test("of one size: they are bands, and --page takes one, of each file that has several", async () => {
    await writeGeoTiff(file("six.tif"), { width, height, bands: [flat(6)] });
    expect(rmses(await evaluated("pages.tif", "plain.tif"))).toEqual(["1 1", "2 3", "3 5"]);
    expect(rmses(await evaluated("pages.tif", "six.tif", "--page", "3"))).toEqual(["1 1"]);
    const beyond = await call(["evaluate", "pages.tif", "six.tif", "--page", "4"], file(""));
    expect(beyond.stderr).toBe("error: pages.tif: expected a page from 1 to 3, got 4\n");
  });

  test("that differ in size: the first, with a note", async () => {
    const got = await call(["evaluate", "mixed.tif", "page6.tif", "--json"], file(""));
    expect(got.stderr).toMatch(
      /^note: mixed\.tif: has 2 pages that differ in size: the first, of 6×4 pixels, is taken/,
    );
    expect(rmses(JSON.parse(got.stdout))).toEqual(["1 1"]);
    const second = await call(["evaluate", "mixed.tif", "small.tif", "--page", "2"], file(""));
    expect([second.code, second.stderr]).toEqual([0, ""]);
  });
});
