import { rmSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { epsgGeoreference, openRaster, type SampleType, writeGeoTiff } from "../../src/raster/index.ts";
import { temporaryFolder } from "./folder.ts";
import {
  bandsOf,
  creation,
  differing,
  height,
  present,
  readAll,
  readByGdal as readPathByGdal,
  run,
  someOf,
  translate as translatePath,
  types,
  width,
} from "./gdal.ts";

const file = temporaryFolder();
const translate = (from: string, to: string, options: readonly string[]) =>
  translatePath(file(from), file(to), options);
const readByGdal = (from: string, type: SampleType, options: readonly string[] = []) =>
  readPathByGdal(file(from), type, options);

describe.skipIf(!present)("what GDAL writes", () => {
  beforeAll(async () => {
    for (const type of types) {
      await writeGeoTiff(file(`${type}.tif`), { width, height, bands: bandsOf(type), compression: "none" });
    }
  });

  const codecs: Record<string, string | number>[] = [
    { COMPRESS: "NONE" },
    { COMPRESS: "PACKBITS" },
    ...["DEFLATE", "LZW", "ZSTD"].flatMap((COMPRESS) => [1, 2, 3].map((PREDICTOR) => ({ COMPRESS, PREDICTOR }))),
  ];

  test("every lossless compression, predictor, type and organisation", async () => {
    const cases = codecs.flatMap((codec, i) =>
      types.flatMap((type, t) => {
        if (codec.PREDICTOR === 3 && !type.startsWith("f")) return [];
        return [false, true].flatMap((tiled, j) =>
          ["PIXEL", "BAND"].map((INTERLEAVE) => {
            // The byte order and BigTIFF alternate, so that each codec meets each of them.
            const ENDIANNESS = codec.PREDICTOR !== 3 && (INTERLEAVE === "PIXEL") === tiled ? "BIG" : "LITTLE";
            const BIGTIFF = (i + j + t) % 2 ? "YES" : "NO";
            const blocks = tiled ? { TILED: "YES", BLOCKXSIZE: 32, BLOCKYSIZE: 16 } : { BLOCKYSIZE: 7 };
            return {
              type,
              creation: { ...codec, ...blocks, INTERLEAVE, ENDIANNESS, BIGTIFF, PHOTOMETRIC: "MINISBLACK" },
            };
          }),
        );
      }),
    );
    const wrong: object[] = [];
    for (const example of someOf(cases, 11)) {
      const path = await translate(`${example.type}.tif`, "out.tif", creation(example.creation));
      const expected = bandsOf(example.type).flatMap((band) => Array.from(band));
      if (differing(await readAll(path), expected) > 0) wrong.push(example);
    }
    expect(wrong).toEqual([]);
  });

  test("integers of 1 to 24 bits, half floats", async () => {
    for (const bits of [1, 2, 5, 7, 9, 12, 15, 17, 24]) {
      const type = bits < 8 ? "u8" : bits < 16 ? "u16" : "u32";
      const scale = [
        "-ot",
        { u8: "Byte", u16: "UInt16", u32: "UInt32" }[type],
        "-scale",
        "0",
        "255",
        "0",
        `${2 ** bits - 1}`,
      ];
      const path = await translate("u8.tif", "bits.tif", [...creation({ NBITS: bits }), ...scale]);
      expect(differing(await readAll(path), await readByGdal("bits.tif", type))).toBe(0);
    }
    for (const options of [{}, { COMPRESS: "DEFLATE", PREDICTOR: 3 }, { ENDIANNESS: "BIG" }]) {
      const path = await translate("f32.tif", "half.tif", creation({ NBITS: 16, ...options }));
      expect(differing(await readAll(path), await readByGdal("half.tif", "f32"))).toBe(0);
    }
  });

  test("a COG with overviews, an internal mask, one beside it and an alpha band", async () => {
    const cog = await translate("u16.tif", "cog.tif", ["-of", "COG", ...creation({ COMPRESS: "LZW", BLOCKSIZE: 128 })]);
    expect(differing(await readAll(cog), await readByGdal("cog.tif", "u16"))).toBe(0);

    const masking = ["--config", "GDAL_TIFF_INTERNAL_MASK", "YES", "-b", "1", "-mask", "2"];
    const beside = ["--config", "GDAL_TIFF_INTERNAL_MASK", "NO", "-b", "1", "-mask", "2"];
    const alpha = ["-b", "1", "-b", "2", "-colorinterp_2", "alpha"];
    for (const [options, source] of [
      [masking, "internal mask"],
      [beside, ".msk file"],
      [alpha, "alpha band"],
    ] as const) {
      const raster = await openRaster(await translate("u8.tif", "mask.tif", options));
      expect([raster.maskSource, raster.bands.length]).toEqual([source, 1]);
      const ours = (await raster.readMask(0, 0, width, height)) as Uint8Array;
      const gdals = Array.from(await readByGdal("mask.tif", "u8", ["-b", "mask"]), (value) => (value ? 1 : 0));
      expect(differing(ours, gdals)).toBe(0);
      expect(ours.includes(0) && ours.includes(1)).toBe(true);
      await raster.close();
      rmSync(file("mask.tif.msk"), { force: true });
    }
  });

  test("a sparse file", async () => {
    const options = ["-of", "GTiff", "-outsize", "300", "300", "-bands", "2", "-ot", "Int16", "-a_nodata", "-9999"];
    await run("gdal_create", ["-q", ...options, ...creation({ SPARSE_OK: "TRUE", TILED: "YES" }), file("sparse.tif")]);
    expect(new Set(await readAll(file("sparse.tif")))).toEqual(new Set([-9999]));
  });

  test("georeferences: geotransform, pixel centres, EPSG code", async () => {
    for (const point of ["Area", "Point"]) {
      const options = ["-mo", `AREA_OR_POINT=${point}`, "-a_srs", "EPSG:4326", "-a_ullr", "10", "50", "11", "49"];
      const raster = await openRaster(await translate("u8.tif", "geo.tif", options));
      expect(raster.georeference?.crs).toBe("EPSG:4326");
      const expected = [10, 1 / width, 0, 50, 0, -1 / height];
      for (const [i, value] of expected.entries()) expect(raster.georeference?.transform?.[i]).toBeCloseTo(value, 12);
      await raster.close();
    }
  });

  test("what it compresses in ways we cannot read is refused, with the command that converts it", async () => {
    const path = await translate("u8.tif", "no.tif", creation({ COMPRESS: "LZMA" })).catch(() => null);
    // Not every build of GDAL has it.
    if (path) await expect(openRaster(path)).rejects.toThrow(/LZMA compression cannot be read.*gdal_translate -co/);
    const complex = await translate("f32.tif", "complex.tif", ["-ot", "CFloat32"]);
    await expect(openRaster(complex)).rejects.toThrow(/complex samples are not supported/);
  });
});

describe.skipIf(!present)("what we write", () => {
  test("GDAL reads the same pixels, nodata, names and place, without a warning", async () => {
    const georeference = epsgGeoreference(32632, "projected", [600000, 10, 0, 5100000, 0, -10]);
    const bandNames = ["B02 <blue>", "β & γ", "B04"];
    // BigTIFF alternates, so that each organisation meets both.
    const cases = types.flatMap((type, t) =>
      (["none", "deflate"] as const).flatMap((compression) =>
        (["band", "pixel"] as const).flatMap((interleave) =>
          [undefined, 32].map((tile, i) => ({ type, compression, interleave, tile, bigTiff: (t + i) % 2 === 1 })),
        ),
      ),
    );
    for (const { type, tile, ...organisation } of [...someOf(cases, 5), ...cases.slice(-1)]) {
      const bands = bandsOf(type);
      const description = { width, height, bands, nodata: 7, bandNames, georeference, ...organisation };
      await writeGeoTiff(file("ours.tif"), { ...description, ...(tile && { tile }) });
      const expected = bands.flatMap((band) => Array.from(band));
      expect(differing(await readByGdal("ours.tif", type), expected)).toBe(0);
    }
    const { stdout, stderr } = await run("gdalinfo", ["-json", file("ours.tif")]);
    const info = JSON.parse(stdout);
    expect(stderr).toBe("");
    expect(info.geoTransform).toEqual([600000, 10, 0, 5100000, 0, -10]);
    expect(info.coordinateSystem.wkt).toContain('ID["EPSG",32632]]');
    expect(info.bands.map((band: { description: string }) => band.description)).toEqual(bandNames);
    expect(info.bands.map((band: { noDataValue: number }) => band.noDataValue)).toEqual([7, 7, 7]);
  });

  test("NaN as nodata is NaN to GDAL", async () => {
    await writeGeoTiff(file("nan.tif"), {
      width: 2,
      height: 1,
      bands: [Float32Array.of(Number.NaN, 1)],
      nodata: Number.NaN,
    });
    const { stdout } = await run("gdalinfo", ["-stats", file("nan.tif")]);
    expect(stdout).toContain("NoData Value=nan");
    expect(stdout).toContain("STATISTICS_VALID_PERCENT=50");
  });
});
