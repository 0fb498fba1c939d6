import { execFile, execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import {
  epsgGeoreference,
  openRaster,
  type SampleArray,
  type SampleType,
  writeGeoTiff,
} from "../../src/raster/index.ts";
import { sampleArrays, samplesFromBytes } from "../../src/raster/samples.ts";
import { temporaryFolder } from "./folder.ts";

/** GDAL writes what we read, and reads what we write. `test/install-tools.sh` installs it. */
const present = (() => {
  try {
    execFileSync("gdalinfo", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("GDAL: skipped, gdalinfo is not installed (test/install-tools.sh)");
    return false;
  }
})();

const file = temporaryFolder();
const run = promisify(execFile);
const [width, height, count] = [75, 53, 3];
const pixels = width * height;

const limits: Partial<Record<SampleType, [number, number]>> = {
  u8: [0, 255],
  u16: [0, 65535],
  i16: [-32768, 32767],
  u32: [0, 4294967295],
  i32: [-2147483648, 2147483647],
  f32: [-3, 3],
  f64: [-3, 3],
};
const types = Object.keys(limits) as SampleType[];

/** Smooth ground, noise and plateaus, so that every codec has something to do; floats with NaN, Infinity and −0. */
function bandsOf(type: SampleType): SampleArray[] {
  const [low, high] = limits[type] as [number, number];
  let seed = 12345;
  const noise = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
  return Array.from({ length: count }, (_, b) => {
    const band = new sampleArrays[type](pixels);
    for (let i = 0; i < pixels; i++) {
      const level = i % width < 20 ? 0.3 : i % 3 ? 0.5 + 0.5 * Math.sin(i / 50 + b) : noise();
      const value = low + (high - low) * level;
      band[i] = type.startsWith("f") ? value : Math.floor(value);
    }
    if (type.startsWith("f")) band.set([Number.NaN, Infinity, -0], 10);
    return band;
  });
}

async function translate(from: string, to: string, options: readonly string[]): Promise<string> {
  await run("gdal_translate", ["-q", ...options, file(from), file(to)]);
  return file(to);
}

/** The pixels as GDAL reads them, planar. */
async function readByGdal(from: string, type: SampleType, options: readonly string[] = []): Promise<SampleArray> {
  const raw = await translate(from, `${from}.raw`, ["-of", "ENVI", "-co", "INTERLEAVE=BSQ", ...options]);
  return samplesFromBytes(type, new Uint8Array(readFileSync(raw)));
}

async function readAll(path: string): Promise<SampleArray> {
  const raster = await openRaster(path);
  try {
    return await raster.readWindow(0, 0, raster.width, raster.height);
  } finally {
    await raster.close();
  }
}

/** Bit for bit: NaN and −0 count. */
function differing(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let differences = a.length === b.length ? 0 : 1;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) differences++;
  return differences;
}

const creation = (options: Record<string, string | number>) =>
  Object.entries(options).flatMap(([name, value]) => ["-co", `${name}=${value}`]);

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
  for (const type of types) {
    test(`${type}: every lossless compression, predictor, organisation`, async () => {
      const expected = bandsOf(type).flatMap((band) => Array.from(band));
      const wrong: string[] = [];
      for (const [i, codec] of codecs.entries()) {
        if (codec.PREDICTOR === 3 && !type.startsWith("f")) continue;
        for (const [j, tiled] of [false, true].entries()) {
          for (const INTERLEAVE of ["PIXEL", "BAND"]) {
            // The byte order and BigTIFF alternate, so that each codec meets each of them.
            const ENDIANNESS = codec.PREDICTOR !== 3 && (INTERLEAVE === "PIXEL") === tiled ? "BIG" : "LITTLE";
            const BIGTIFF = (i + j) % 2 ? "YES" : "NO";
            const blocks = tiled ? { TILED: "YES", BLOCKXSIZE: 32, BLOCKYSIZE: 16 } : { BLOCKYSIZE: 7 };
            const options = creation({
              ...codec,
              ...blocks,
              INTERLEAVE,
              ENDIANNESS,
              BIGTIFF,
              PHOTOMETRIC: "MINISBLACK",
            });
            const path = await translate(`${type}.tif`, "out.tif", options);
            if (differing(await readAll(path), expected) > 0)
              wrong.push(options.filter((word) => word !== "-co").join(" "));
          }
        }
      }
      expect(wrong).toEqual([]);
    });
  }

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

  test("JPEG: grey and RGB within one step of libjpeg, YCbCr within what chroma smoothing changes", async () => {
    for (const [options, worst, mean] of [
      [{ INTERLEAVE: "PIXEL" }, 2, 0.2],
      [{ INTERLEAVE: "BAND" }, 2, 0.2],
      [{ PHOTOMETRIC: "YCBCR" }, 255, 12],
    ] as const) {
      const path = await translate("u8.tif", "jpeg.tif", creation({ COMPRESS: "JPEG", TILED: "YES", ...options }));
      const [ours, gdals] = [await readAll(path), await readByGdal("jpeg.tif", "u8")];
      const errors = Array.from(ours, (value, i) => Math.abs(value - (gdals[i] as number)));
      expect(Math.max(...errors)).toBeLessThanOrEqual(worst);
      expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(mean);
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

  test("what it compresses in ways we cannot read is refused", async () => {
    for (const COMPRESS of ["LERC", "LZMA", "WEBP"]) {
      const path = await translate("u8.tif", "no.tif", creation({ COMPRESS })).catch(() => null);
      // Not every build of GDAL has all of them.
      if (path) await expect(openRaster(path)).rejects.toThrow(/compression cannot be decoded here/);
    }
    const complex = await translate("f32.tif", "complex.tif", ["-ot", "CFloat32"]);
    await expect(openRaster(complex)).rejects.toThrow(/complex samples are not supported/);
  });
});

describe.skipIf(!present)("what we write", () => {
  test("GDAL reads the same pixels, nodata, names and place, without a warning", async () => {
    const georeference = epsgGeoreference(32632, "projected", [600000, 10, 0, 5100000, 0, -10]);
    const bandNames = ["B02 <blue>", "β & γ", "B04"];
    let bigTiff = false;
    for (const type of types) {
      bigTiff = !bigTiff;
      for (const compression of ["none", "deflate"] as const) {
        for (const interleave of ["band", "pixel"] as const) {
          for (const tile of [undefined, 32]) {
            const bands = bandsOf(type);
            // Alternates, and from type to type once more, so that each organisation meets both.
            bigTiff = !bigTiff;
            const organisation = { compression, interleave, bigTiff, ...(tile && { tile }) };
            await writeGeoTiff(file("ours.tif"), {
              width,
              height,
              bands,
              nodata: 7,
              bandNames,
              georeference,
              ...organisation,
            });
            const expected = bands.flatMap((band) => Array.from(band));
            expect(differing(await readByGdal("ours.tif", type), expected)).toBe(0);
          }
        }
      }
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
