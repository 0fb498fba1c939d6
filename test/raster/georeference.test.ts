import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  compareGeoreference,
  epsgGeoreference,
  type GeoTransform,
  openRaster,
  writeGeoTiff,
} from "../../src/raster/index.ts";
import { temporaryFolder } from "./folder.ts";
import { type TiffTags, tiffBytes } from "./tiffBytes.ts";

const file = temporaryFolder();

async function georeferenceOf(tags: TiffTags) {
  writeFileSync(
    file("geo.tif"),
    tiffBytes([{ tags: { 256: 1, 257: 1, 258: 8, ...tags }, blocks: [Uint8Array.of(1)] }]),
  );
  const raster = await openRaster(file("geo.tif"));
  await raster.close();
  return raster.georeference;
}

describe("reading", () => {
  const place = { 33550: [10, 20, 0], 33922: [2, 3, 0, 1000, 5000, 0] };

  test("scale and tiepoint", async () => {
    const georeference = await georeferenceOf(place);
    expect(georeference).toEqual({ crs: null, keys: null, transform: [980, 10, 0, 5060, 0, -20] });
  });

  test("a matrix", async () => {
    const matrix = [1, 2, 0, 300, 4, -5, 0, 600, 0, 0, 0, 0, 0, 0, 0, 1];
    expect((await georeferenceOf({ 34264: matrix }))?.transform).toEqual([300, 1, 2, 600, 4, -5]);
  });

  test("coordinates of pixel centres are moved to the corner", async () => {
    const keys = [1, 1, 0, 1, 1025, 0, 1, 2];
    expect((await georeferenceOf({ ...place, 34735: keys }))?.transform).toEqual([975, 10, 0, 5070, 0, -20]);
  });

  test("codes and citations", async () => {
    const projected = [1, 1, 0, 2, 2048, 0, 1, 4326, 3072, 0, 1, 32632];
    expect((await georeferenceOf({ 34735: projected }))?.crs).toBe("EPSG:32632");
    const geographic = [1, 1, 0, 1, 2048, 0, 1, 4326];
    expect((await georeferenceOf({ 34735: geographic }))?.crs).toBe("EPSG:4326");
    const own = [1, 1, 0, 3, 1026, 34737, 9, 0, 2048, 0, 1, 4326, 3072, 0, 1, 32767];
    expect((await georeferenceOf({ 34735: own, 34737: "My grid!|WGS 84|" }))?.crs).toBe("My grid!");
  });

  test("none", async () => {
    expect(await georeferenceOf({})).toBeNull();
  });
});

test("what is written is read back: north up, rotated, and of pixel centres", async () => {
  const transforms: GeoTransform[] = [
    [600000, 10, 0, 5100000, 0, -10],
    [600000, 8, 6, 5100000, 6, -8],
    [600000, 10, 0, 5100000, 0, 10],
  ];
  for (const transform of transforms) {
    for (const rasterType of [1, 2]) {
      const { crs, keys } = epsgGeoreference(32632, "projected", transform);
      const directory = (keys?.directory ?? []).map((value, i) => (i === 11 ? rasterType : value));
      const georeference = { crs, transform, keys: { directory, doubles: [], ascii: "" } };
      await writeGeoTiff(file("geo.tif"), { width: 2, height: 1, bands: [new Uint8Array(2)], georeference });
      const raster = await openRaster(file("geo.tif"));
      expect(raster.georeference).toEqual(georeference);
      await raster.close();
    }
  }
});

describe("compareGeoreference", () => {
  const transform: GeoTransform = [600000, 10, 0, 5100000, 0, -10];
  const placed = (change: { width?: number; code?: number; transform?: GeoTransform }) => ({
    width: change.width ?? 1000,
    height: 500,
    georeference: epsgGeoreference(change.code ?? 32632, "projected", change.transform ?? transform),
  });

  test("says nothing of equals, of rounding, or of what only one of them states", async () => {
    expect(await compareGeoreference(placed({}), placed({}))).toEqual([]);
    expect(
      await compareGeoreference(placed({}), placed({ transform: [600000.001, 10, 0, 5100000, 0, -10.0000001] })),
    ).toEqual([]);
    expect(await compareGeoreference(placed({}), { width: 1000, height: 500, georeference: null })).toEqual([]);
  });

  test("says in what they differ", async () => {
    expect(await compareGeoreference(placed({}), placed({ width: 999 }))).toEqual([
      "size differs: 1000×500 and 999×500 pixels",
    ]);
    expect(await compareGeoreference(placed({}), placed({ code: 32633 }))).toEqual([
      "CRS differs: EPSG:32632 and EPSG:32633",
    ]);
    const half = await compareGeoreference(placed({}), placed({ transform: [600005, 10, 0, 5100000, 0, -10] }));
    expect(half).toHaveLength(1);
    expect(half[0]).toMatch(/^geotransform differs by 0.5 pixels: \[600000, 10, 0/);
    // The same origin, pixels a little larger: off by one at the far side.
    expect(
      await compareGeoreference(placed({}), placed({ transform: [600000, 10.01, 0, 5100000, 0, -10] })),
    ).toHaveLength(1);
  });

  test("coordinate systems without a code are compared by their numbers", async () => {
    const own = (meridian: number, citation: string) => ({
      width: 1,
      height: 1,
      georeference: {
        crs: citation,
        transform: null,
        keys: { directory: [1, 1, 0, 2, 3072, 0, 1, 32767, 3080, 34736, 1, 0], doubles: [meridian], ascii: citation },
      },
    });
    expect(await compareGeoreference(own(9, "a grid"), own(9, "A Grid"))).toEqual([]);
    expect(await compareGeoreference(own(9, "a grid"), own(15, "a grid"))).toEqual(["CRS differs: a grid and a grid"]);
  });
});
