import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { assert, asyncProperty, boolean, constantFrom, integer, record } from "fast-check";
import { describe, expect, test } from "vitest";
import { epsgGeoreference, GeoTiffWriter, openRaster, RasterError, writeGeoTiff } from "../../src/raster/index.ts";
import { type SampleType, sampleArrays, sampleTypes } from "../../src/raster/samples.ts";
import { temporaryFolder } from "./folder.ts";

const file = temporaryFolder();

function planesOf(type: SampleType, count: number, pixels: number) {
  return Array.from({ length: count }, (_, b) => {
    return new sampleArrays[type](Array.from({ length: pixels }, (_, i) => ((i + 1) * 2654435 + b * 977) % 2 ** 31));
  });
}

test("every type, size, organisation and compression comes back as it was", async () => {
  const cases = record({
    type: constantFrom(...sampleTypes),
    width: integer({ min: 1, max: 70 }),
    height: integer({ min: 1, max: 70 }),
    count: integer({ min: 1, max: 4 }),
    compression: constantFrom("none" as const, "deflate" as const),
    interleave: constantFrom("band" as const, "pixel" as const),
    tile: constantFrom(undefined, 16, 48),
    rows: integer({ min: 1, max: 70 }),
    tilesAcross: integer({ min: 1, max: 4 }),
    bigTiff: boolean(),
  });
  await assert(
    asyncProperty(cases, async ({ type, width, height, count, rows, tile, tilesAcross, ...how }) => {
      const bands = planesOf(type, count, width * height);
      const description = { width, height, ...how, ...(tile && { tile }) };
      const writer = await GeoTiffWriter.create(file("out.tif"), type, count, description);
      const step = tile ? tilesAcross * tile : width;
      for (let x = 0; x < width; x += step) {
        const columns = { x, width: Math.min(step, width - x) };
        const isWithin = (_: number, i: number) => i % width >= x && i % width < x + columns.width;
        for (let y = 0; y < height; y += rows) {
          const wide = bands.map((band) => band.subarray(y * width, Math.min(y + rows, height) * width));
          if (step >= width) await writer.write(wide);
          else
            await writer.write(
              wide.map((band) => band.filter(isWithin)),
              columns,
            );
        }
      }
      await writer.finish();
      const raster = await openRaster(file("out.tif"));
      expect([raster.type, raster.width, raster.height, raster.bands.length]).toEqual([type, width, height, count]);
      const read = await raster.readWindow(0, 0, width, height);
      for (const [b, band] of bands.entries()) {
        expect(read.subarray(b * width * height, (b + 1) * width * height)).toEqual(band);
      }
      expect(await raster.readMask(0, 0, 1, 1)).toBeNull();
      await raster.close();
    }),
    { numRuns: 150 },
  );
});

test("nodata, names and georeference come back", async () => {
  const georeference = epsgGeoreference(32632, "projected", [600000, 10, 0, 5100000, 0, -10]);
  for (const nodata of [0, -9999.5, Number.NaN, -Infinity, -3.4028234663852886e38]) {
    const names = ["B02 <blue>", "β & γ"];
    const bands = planesOf("f32", 2, 6);
    await writeGeoTiff(file("out.tif"), { width: 3, height: 2, bands, nodata, georeference, bandNames: names });
    const raster = await openRaster(file("out.tif"));
    expect(raster.bands).toEqual(names.map((name) => ({ name, nodata })));
    expect(raster.georeference).toEqual(georeference);
    await raster.close();
  }
});

test("what may come near 4 GiB is a BigTIFF from the start", async () => {
  const description = { width: 20_000, height: 20_000, tile: 256 };
  for (const [count, version] of [
    [2, 42],
    [3, 43],
  ] as const) {
    const writer = await GeoTiffWriter.create(file("size.tif"), "f32", count, description);
    const name = readdirSync(file("")).find((name) => name.startsWith("size.tif.")) as string;
    expect([...readFileSync(file(name)).subarray(0, 4)]).toEqual([0x49, 0x49, version, 0]);
    await writer.discard();
  }
});

test("columns that are no whole tiles, or out of order, are refused", async () => {
  const description = { width: 40, height: 2, tile: 16 };
  const writer = await GeoTiffWriter.create(file("out.tif"), "u8", 1, description);
  const write = (x: number, width: number, rows: number) => writer.write([new Uint8Array(width * rows)], { x, width });
  await expect(write(16, 16, 2)).rejects.toThrow('"columns": expected whole tiles from 0 on, got 16 from 16 on');
  await expect(write(0, 20, 2)).rejects.toThrow("got 20 from 0 on");
  await write(0, 16, 1);
  await expect(write(16, 24, 2)).rejects.toThrow('"columns": expected those from 0 on, 16, got 24 from 16 on');
  await write(0, 16, 1);
  await expect(writer.finish()).rejects.toThrow('"columns": expected 40 in all, got 16');
  await write(16, 24, 2);
  await writer.finish();
});

test("many rows in strips: more than one strip, the last one short", async () => {
  const [width, height] = [1000, 333];
  const bands = planesOf("u16", 2, width * height);
  await writeGeoTiff(file("out.tif"), { width, height, bands });
  const raster = await openRaster(file("out.tif"));
  expect(raster.tile.height).toBeLessThan(height);
  expect(height % raster.tile.height).not.toBe(0);
  expect((await raster.readWindow(0, 300, width, 33, [1])).toString()).toBe(bands[1]?.subarray(300 * width).toString());
  await raster.close();
});

describe("errors", () => {
  const image = { width: 3, height: 2, bands: [new Uint8Array(6)] };
  const cases: [string, object, ErrorConstructor, RegExp][] = [
    ["no bands", { bands: [] }, RangeError, /"bands": expected at least one/],
    ["too few rows", { bands: [new Uint8Array(3)] }, RangeError, /expected 2 rows in all, got 1/],
    ["too many rows", { bands: [new Uint8Array(9)] }, RangeError, /got 3/],
    ["half a row", { bands: [new Uint8Array(5)] }, RangeError, /whole rows of 3/],
    ["bands of two lengths", { bands: [new Uint8Array(6), new Uint8Array(3)] }, RangeError, /lengths \[6, 3\]/],
    ["bands of two types", { bands: [new Uint8Array(6), new Int8Array(6)] }, TypeError, /expected Uint8Arrays/],
    ["a width of nothing", { width: 0 }, RangeError, /"width": expected a whole number .* got 0/],
    ["an odd tile", { tile: 20 }, RangeError, /"tile": expected a multiple of 16/],
    ["names for other bands", { bandNames: ["a", "b"] }, RangeError, /"bandNames": expected 1/],
  ];
  for (const [name, change, kind, message] of cases) {
    test(name, async () => {
      const writing = writeGeoTiff(file("wrong.tif"), { ...image, ...change });
      await expect(writing).rejects.toThrow(kind);
      await expect(writing).rejects.toThrow(message);
    });
  }

  test("leave no file behind, and the old one as it was", async () => {
    writeFileSync(file("kept.tif"), "as it was");
    const before = readdirSync(dirname(file(""))).sort();
    await expect(writeGeoTiff(file("kept.tif"), { ...image, height: 3 })).rejects.toThrow(RangeError);
    expect(readdirSync(dirname(file(""))).sort()).toEqual(before);
    await expect(writeGeoTiff(file("none/out.tif"), image)).rejects.toThrow(RasterError);
  });

  test("put no file in the place of what is none", async () => {
    const fifo = file("fifo");
    execFileSync("mkfifo", [fifo]);
    await expect(writeGeoTiff(fifo, image)).rejects.toThrow(/fifo: is not a regular file/);
    expect(statSync(fifo).isFIFO()).toBe(true);
    await expect(writeGeoTiff(dirname(fifo), image)).rejects.toThrow(/is not a regular file/);
  });
});
