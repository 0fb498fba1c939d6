import { rmSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { openRaster, type SampleArray, type SampleType, writeGeoTiff } from "../../src/raster/index.ts";
import { temporaryFolder } from "./folder.ts";
import {
  bandsOf,
  creation,
  differing,
  height,
  present,
  readAll,
  readByGdal,
  run,
  someOf,
  translate,
  width,
} from "./gdal.ts";

const file = temporaryFolder();
const sources: readonly SampleType[] = ["u8", "u16", "i16", "u32", "i32", "f32", "f64"];

/** How a file is made of three bands of a type. */
interface Case {
  readonly type: SampleType;
  readonly options: readonly string[];
  /** What the raster is of, where GDAL cannot write its numbers into a raw file. */
  readonly raw?: SampleType;
}

/** The cases in which the samples are not those that GDAL reads; one of `every` is tried. */
async function wrong(name: string, cases: readonly Case[], every = 1): Promise<string[]> {
  const problems: string[] = [];
  for (const { type, options, raw = type } of someOf(cases, every)) {
    const path = file(name);
    rmSync(path, { force: true });
    await translate(file(`${type}.tif`), path, options);
    const expected = await readByGdal(path, raw, raw === "f64" && type !== "f64" ? ["-ot", "Float64"] : []);
    const count = differing(await readAll(path, { alpha: "data" }), expected);
    if (count > 0) problems.push(`${type} ${options.join(" ")}: ${count} of ${expected.length}`);
  }
  return problems;
}

const bands = (...numbers: number[]) => numbers.flatMap((band) => ["-b", String(band)]);
const organisations = [
  { TILED: "YES", BLOCKXSIZE: 32, BLOCKYSIZE: 16 },
  { BLOCKYSIZE: 16, INTERLEAVE: "BAND" },
  { BLOCKYSIZE: 16 },
];

describe.skipIf(!present)("the very numbers that GDAL reads", () => {
  beforeAll(async () => {
    for (const type of sources) {
      // LERC cannot keep infinities.
      const bands = bandsOf(type).map((band) => band.map((value) => (value === Infinity ? 3 : value)));
      await writeGeoTiff(file(`${type}.tif`), { width, height, bands: bands as SampleArray[], compression: "none" });
    }
  });

  test("JPEG in TIFF: one to four bands, as colours or not", async () => {
    const cases = organisations.flatMap((blocks) =>
      [
        { options: { PHOTOMETRIC: "RGB" }, chosen: [] },
        { options: { PHOTOMETRIC: "MINISBLACK", JPEG_QUALITY: 95 }, chosen: [] },
        { options: { PHOTOMETRIC: "MINISBLACK" }, chosen: bands(2) },
        { options: { PHOTOMETRIC: "MINISBLACK", JPEG_QUALITY: 30 }, chosen: bands(1, 2) },
        { options: { PHOTOMETRIC: "MINISBLACK" }, chosen: bands(1, 2, 3, 2) },
      ].map(({ options, chosen }) => ({
        type: "u8" as const,
        options: [...chosen, ...creation({ COMPRESS: "JPEG", ...blocks, ...options })],
      })),
    );
    const [tiled, , strips] = organisations;
    for (const blocks of [tiled, strips]) {
      cases.push({ type: "u8", options: creation({ COMPRESS: "JPEG", PHOTOMETRIC: "YCBCR", ...blocks }) });
    }
    expect(await wrong("jpeg.tif", cases, 7)).toEqual([]);
  });

  test("LERC, alone and within deflate or zstd: every type, with NaN and with losses", async () => {
    const cases = ["LERC", "LERC_DEFLATE", "LERC_ZSTD"].flatMap((COMPRESS, i) =>
      sources.map((type, j): Case => {
        const losses = type.startsWith("f") && i === 1 ? { MAX_Z_ERROR: 0.01 } : {};
        // Floats of swapped bytes are none that LERC can keep: GDAL does not read them either.
        const ENDIANNESS = !type.startsWith("f") && (i + j) % 3 === 0 ? "BIG" : "LITTLE";
        // GDAL's own library does not read the mask of several bands of floats side by side.
        const blocks = organisations[type.startsWith("f") ? 1 : (i + j) % 3];
        return { type, options: creation({ COMPRESS, PHOTOMETRIC: "MINISBLACK", ENDIANNESS, ...losses, ...blocks }) };
      }),
    );
    for (const type of ["f32", "f64"] as const) {
      cases.push({ type, options: [...bands(2), ...creation({ COMPRESS: "LERC", ...organisations[0] })] });
    }
    // Floats side by side; an alpha band that becomes LERC's mask.
    cases.push({ type: "u8", raw: "f32", options: ["-ot", "Float32", ...creation({ COMPRESS: "LERC" })] });
    cases.push({ type: "u8", options: [...bands(1, 2), "-colorinterp_2", "alpha", ...creation({ COMPRESS: "LERC" })] });
    expect(await wrong("lerc.tif", cases, 7)).toEqual([]);
  });

  test("WebP: three and four bands, with and without losses", async () => {
    const cases = ["YES", "NO"].flatMap((WEBP_LOSSLESS) =>
      [bands(1, 2, 3), bands(1, 2, 3, 2)].flatMap((chosen) =>
        [organisations[0], organisations[2]].map((blocks): Case => {
          return { type: "u8", options: [...chosen, ...creation({ COMPRESS: "WEBP", WEBP_LOSSLESS, ...blocks })] };
        }),
      ),
    );
    expect(await wrong("webp.tif", cases, 5)).toEqual([]);
  });

  test("integers of 64 bits", async () => {
    for (const ot of ["Int64", "UInt64"]) {
      const cases = ["NONE", "DEFLATE", "LZW", "ZSTD"].map((COMPRESS, i): Case => {
        const options = { COMPRESS, ...(i > 0 && { PREDICTOR: 2 }), ENDIANNESS: i % 2 ? "BIG" : "LITTLE" };
        return { type: ot === "Int64" ? "i32" : "u32", raw: "f64", options: ["-ot", ot, ...creation(options)] };
      });
      expect(await wrong("wide.tif", cases, 4)).toEqual([]);
    }
  });

  test("JPEG 2000: one and three bands, whole or in tiles, with and without losses, every order of packets", async () => {
    const lossless = { REVERSIBLE: "YES", QUALITY: 100 };
    const tiles = { BLOCKXSIZE: 32, BLOCKYSIZE: 32, RESOLUTIONS: 3 };
    const jp2 = (options: Record<string, string | number>) => ["-of", "JP2OpenJPEG", ...creation(options)];
    const cases: Case[] = (["u8", "u16", "i16"] as const).flatMap((type) => [
      { type, options: jp2(lossless) },
      { type, options: jp2(tiles) },
      { type, options: [...bands(2), ...jp2({ ...tiles, ...lossless, PLT: "YES", TLM: "YES" })] },
    ]);
    for (const PROGRESSION of ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"]) {
      cases.push({ type: "u16", options: jp2({ ...tiles, ...lossless, PROGRESSION }) });
    }
    cases.push({ type: "u16", options: ["-scale", "0", "65535", "0", "4095", ...jp2({ ...lossless, NBITS: 12 })] });
    expect(await wrong("image.jp2", cases, 5)).toEqual([]);
    expect(await wrong("image.j2k", [{ type: "u16", options: jp2({ ...tiles, ...lossless, CODEC: "J2K" }) }])).toEqual(
      [],
    );
  });

  test("PNG: grey, colours, alpha, 1 to 16 bits", async () => {
    const png = ["-of", "PNG"];
    const cases: Case[] = (["u8", "u16"] as const).flatMap((type) =>
      [bands(1), bands(1, 2), bands(1, 2, 3), bands(1, 2, 3, 2)].map((chosen) => ({
        type,
        options: [...chosen, ...png],
      })),
    );
    for (const [NBITS, most] of [
      [1, 1],
      [2, 3],
      [4, 15],
    ] as const) {
      const scaled = ["-scale", "0", "255", "0", String(most)];
      cases.push({ type: "u8", options: [...bands(1), ...scaled, ...png, ...creation({ NBITS })] });
    }
    expect(await wrong("image.png", cases, 4)).toEqual([]);
  });

  test("JPEG images: grey, RGB, progressive", async () => {
    const jpeg = ["-of", "JPEG"];
    const cases: Case[] = [bands(1), bands(1, 2, 3)].flatMap((chosen) => [
      { type: "u8", options: [...chosen, ...jpeg] },
      { type: "u8", options: [...chosen, ...jpeg, ...creation({ PROGRESSIVE: "YES", QUALITY: 20 })] },
    ]);
    expect(await wrong("image.jpg", cases, 3)).toEqual([]);
  });

  test("windows of JPEG 2000 are parts of the whole", async () => {
    const options = ["-of", "JP2OpenJPEG", ...creation({ BLOCKXSIZE: 32, BLOCKYSIZE: 32 })];
    const raster = await openRaster(await translate(file("u16.tif"), file("windows.jp2"), options));
    expect(raster.tile).toEqual({ width: 32, height: 32 });
    const whole = await raster.readWindow(0, 0, width, height);
    for (const [x, y, w, h] of [
      [0, 0, 1, 1],
      [60, 40, 15, 13],
      [20, 10, 30, 30],
    ] as const) {
      const window = await raster.readWindow(x, y, w, h, [2, 0]);
      const expected = [2, 0].flatMap((band) =>
        Array.from({ length: w * h }, (_, i) => whole[(band * height + y + Math.floor(i / w)) * width + x + (i % w)]),
      );
      expect(Array.from(window)).toEqual(expected);
    }
    await raster.close();
  });

  test("JPEG 2000 lies where GDAL says, by its GeoTIFF or by its GML", async () => {
    for (const [srs, corners] of [
      ["EPSG:32632", ["600000", "5100000", "600750", "5099470"]],
      ["EPSG:4326", ["10", "50", "11", "49"]],
    ] as const) {
      for (const box of ["GeoJP2", "GMLJP2"]) {
        const other = box === "GeoJP2" ? "GMLJP2" : "GeoJP2";
        const options = ["-of", "JP2OpenJPEG", "-a_srs", srs, "-a_ullr", ...corners, ...creation({ [other]: "NO" })];
        const path = await translate(file("u8.tif"), file("placed.jp2"), options);
        const { geoTransform } = JSON.parse((await run("gdalinfo", ["-json", path])).stdout);
        const raster = await openRaster(path);
        expect([box, raster.georeference?.crs]).toEqual([box, srs]);
        for (const [i, value] of geoTransform.entries())
          expect(raster.georeference?.transform?.[i]).toBeCloseTo(value, 9);
        await raster.close();
      }
    }
  });

  test("what the decoders cannot give out is refused with the command that converts it", async () => {
    const jp2 = ["-of", "JP2OpenJPEG"];
    for (const [name, options, problem] of [
      ["two.jp2", [...bands(1, 2), ...jp2], /image of 2 bands is not supported.*; gdal_translate \S+two\.jp2/],
      [
        "sub.jp2",
        ["-outsize", "74", "52", "-colorinterp", "red,green,blue", ...jp2, ...creation({ YCBCR420: "YES" })],
        /subsampled bands are not supported/,
      ],
    ] as const) {
      await expect(openRaster(await translate(file("u8.tif"), file(name), options))).rejects.toThrow(problem);
    }
  });
});
