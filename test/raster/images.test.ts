import { writeFileSync } from "node:fs";
import { crc32, deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { encodePng, openRaster } from "../../src/raster/index.ts";
import { temporaryFolder } from "./folder.ts";

const file = temporaryFolder();

async function open(bytes: Uint8Array, name = "image.png", options = {}) {
  writeFileSync(file(name), bytes);
  return openRaster(file(name), options);
}

function chunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A PNG of rows that each begin with their filter. */
function png(
  {
    width,
    height,
    bits,
    colour,
    interlace = 0,
  }: Record<"width" | "height" | "bits" | "colour", number> & { interlace?: number },
  rows: Uint8Array,
  ...others: Buffer[]
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([bits, colour, 0, 0, interlace], 8);
  const data = chunk("IDAT", deflateSync(rows));
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return Buffer.concat([signature, chunk("IHDR", header), ...others, data, chunk("IEND", Buffer.alloc(0))]);
}

describe("PNG", () => {
  test("every filter", async () => {
    // Each row is 10, 20, 30 as differences from what its filter predicts.
    const rows = Uint8Array.of(0, 10, 20, 30, 1, 10, 10, 10, 2, 0, 0, 0, 3, 5, 5, 5, 4, 0, 0, 0);
    const raster = await open(png({ width: 3, height: 5, bits: 8, colour: 0 }, rows));
    expect(Array.from(await raster.readWindow(0, 0, 3, 3))).toEqual([10, 20, 30, 10, 20, 30, 10, 20, 30]);
    expect(Array.from(await raster.readWindow(0, 3, 3, 1))).toEqual([10, 20, 30]);
    expect(Array.from(await raster.readWindow(0, 4, 3, 1))).toEqual([10, 20, 30]);
    await raster.close();
  });

  test("interlaced, of any size", async () => {
    const passes = [
      [0, 0, 8, 8],
      [4, 0, 8, 8],
      [0, 4, 4, 8],
      [2, 0, 4, 4],
      [0, 2, 2, 4],
      [1, 0, 2, 2],
      [0, 1, 1, 2],
    ] as const;
    for (const [width, height, bits] of [
      [1, 1, 8],
      [3, 2, 8],
      [11, 9, 8],
      [11, 9, 16],
      [13, 5, 2],
    ] as const) {
      const value = (x: number, y: number) => (y * 31 + x * 7 + 1) % 2 ** bits;
      const rows: number[] = [];
      for (const [x0, y0, dx, dy] of passes) {
        for (let y = y0; y < height && x0 < width; y += dy) {
          rows.push(0);
          let text = "";
          for (let x = x0; x < width; x += dx) text += value(x, y).toString(2).padStart(bits, "0");
          for (const byte of text.match(/.{1,8}/g) ?? []) rows.push(Number.parseInt(byte.padEnd(8, "0"), 2));
        }
      }
      const raster = await open(png({ width, height, bits, colour: 0, interlace: 1 }, Uint8Array.from(rows)));
      const expected = Array.from({ length: width * height }, (_, i) => value(i % width, Math.floor(i / width)));
      expect(Array.from(await raster.readWindow(0, 0, width, height))).toEqual(expected);
      await raster.close();
    }
  });

  test("a palette's indices are its numbers, as labels are kept", async () => {
    const palette = Uint8Array.from({ length: 16 }, (_, i) => i * 9);
    const raster = await open(encodePng({ width: 2, height: 2, indices: Uint8Array.of(0, 3, 2, 1), palette }));
    expect(Array.from(await raster.readWindow(0, 0, 2, 2))).toEqual([0, 3, 2, 1]);
    expect([raster.format, raster.type, raster.maskSource]).toEqual(["PNG", "u8", null]);
    await raster.close();
  });

  test("alpha is a mask or a band; a transparent grey is nodata, a transparent colour a mask", async () => {
    const grey = { width: 2, height: 1, bits: 8, colour: 4 };
    const alpha = await open(png(grey, Uint8Array.of(0, 7, 0, 8, 255)));
    expect([alpha.maskSource, Array.from((await alpha.readMask(0, 0, 2, 1)) ?? [])]).toEqual(["alpha band", [0, 1]]);
    await alpha.close();
    const asBand = await open(png(grey, Uint8Array.of(0, 7, 0, 8, 255)), "image.png", { alpha: "data" });
    expect([asBand.alphaBand, Array.from(await asBand.readWindow(0, 0, 2, 1))]).toEqual([1, [7, 8, 0, 255]]);
    await asBand.close();

    const nodata = await open(png({ ...grey, colour: 0 }, Uint8Array.of(0, 7, 8), chunk("tRNS", Uint8Array.of(0, 7))));
    expect([nodata.bands[0]?.nodata, nodata.maskSource]).toEqual([7, null]);
    await nodata.close();
    const colour = chunk("tRNS", Uint8Array.of(0, 1, 0, 2, 0, 3));
    const masked = await open(png({ ...grey, colour: 2 }, Uint8Array.of(0, 1, 2, 3, 1, 2, 4), colour));
    expect([masked.maskSource, Array.from((await masked.readMask(0, 0, 2, 1)) ?? [])]).toEqual([
      "transparent colour",
      [0, 1],
    ]);
    await masked.close();
  });

  test("damage is found by its check sums and lengths", async () => {
    const size = { width: 2, height: 1, bits: 8, colour: 0 };
    const good = png(size, Uint8Array.of(0, 7, 8));
    for (let at = 8; at < good.length - 12; at++) {
      const damaged = Buffer.from(good);
      damaged[at] = (damaged[at] as number) ^ 16;
      const reading = open(damaged, "damaged.png").then(async (raster) => {
        await raster.readWindow(0, 0, 2, 1).finally(() => raster.close());
      });
      await expect(reading).rejects.toThrow(/damaged\.png: (is damaged|bytes \d+ to)/);
    }
    for (const [rows, problem] of [
      [Uint8Array.of(0, 7), /holds 2 bytes where 3 are needed/],
      [Uint8Array.of(5, 7, 8), /unknown filter 5/],
      [new Uint8Array(1e6), /is damaged/],
    ] as const) {
      const raster = await open(png(size, rows));
      await expect(raster.readWindow(0, 0, 2, 1)).rejects.toThrow(problem);
      await raster.close();
    }
    await expect(open(png({ ...size, width: 60000, height: 60000 }, new Uint8Array(9)))).rejects.toThrow(
      /60000×60000 pixels in/,
    );
    await expect(open(png({ ...size, bits: 3 }, new Uint8Array(9)))).rejects.toThrow(/colour type 0, 3 bits/);
  });
});

describe("files of other kinds are named, with the command that converts them", () => {
  for (const [name, start, problem] of [
    ["scene.nc", "CDF\x01", /is a netCDF file: gdalinfo lists its arrays, gdal_translate NETCDF:\S+:NAME scene-conv/],
    ["scene.h5", "\x89HDF\r\n\x1a\n", /is an HDF5 file/],
    [
      "scene.vrt",
      "<VRTDataset rasterXSize",
      /virtual raster of GDAL's: gdal_translate \S+scene\.vrt scene-converted\.tif/,
    ],
    ["scene.tif.gz", "\x1f\x8b\x08", /is compressed by gzip: gunzip -k/],
    ["scene.zip", "PK\x03\x04", /without a directory/],
    ["scene.jxl", "\xff\x0a\0\0", /is a JPEG XL image: djxl/],
    ["scene.webp", "RIFF\0\0\0\0WEBPVP8 ", /is a WebP image: gdal_translate/],
    ["scene.pt", "\x80\x02", /is a pickle of Python's: numpy\.save/],
    ["scene.tif", "version https://git-lfs.github.com/spec/v1\n", /Git LFS: git lfs pull/],
    ["scene.tif", "\n<!DOCTYPE html>", /web page/],
    ["a name.grib", "GRIB", /gdal_translate '\S+a name\.grib' 'a name-converted\.tif' converts it/],
  ] as const) {
    test(name + JSON.stringify(start), async () => {
      await expect(open(Buffer.from(start.padEnd(64, "\0"), "latin1"), name)).rejects.toThrow(problem);
    });
  }

  test("ENVI by the header beside it, products by their folder", async () => {
    writeFileSync(file("scene.hdr"), "ENVI\nsamples = 2");
    await expect(open(Buffer.from("1234"), "scene.img")).rejects.toThrow(
      /is an ENVI raster: gdal_translate \S+scene\.img/,
    );
    await expect(openRaster(file("scene.hdr"))).rejects.toThrow(
      /header of an ENVI raster: gdal_translate \S+\/scene scene-conv/,
    );
  });
});
