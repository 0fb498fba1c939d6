import { rmSync, statSync, writeFileSync } from "node:fs";
import { deflateSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { openRaster, RasterError } from "../../src/raster/index.ts";
import { type SampleType, sampleArrays, sampleTypes } from "../../src/raster/samples.ts";
import { temporaryFolder } from "./folder.ts";
import { sampleBytes, type TiffImage, type TiffOptions, type TiffTags, tiffBytes } from "./tiffBytes.ts";

const file = temporaryFolder();

async function open(images: readonly TiffImage[], options?: TiffOptions) {
  const path = file("image.tif");
  writeFileSync(path, tiffBytes(images, options));
  return openRaster(path);
}

const width = 5;
const height = 7;
const bands = 3;

/** A number for each band, row and column that the type can hold and that shows every byte of it. */
function sampleAt(type: SampleType, band: number, y: number, x: number): number {
  const count = (band * height + y) * width + x + 1;
  if (type.startsWith("f")) return Math.fround(count * 1.37e-3 - 0.05);
  const bits = Number(type.slice(1));
  const value = (count * 0x9e3779b1) % 2 ** bits;
  return type.startsWith("i") && value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
}

function planes(type: SampleType): number[] {
  const samples: number[] = [];
  for (let b = 0; b < bands; b++)
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) samples.push(sampleAt(type, b, y, x));
  return samples;
}

/** The samples of the block at (left, top), padded with 99 where it reaches past the image. */
function block(type: SampleType, left: number, top: number, w: number, h: number, only?: number): number[] {
  const samples: number[] = [];
  const each = only === undefined ? [0, 1, 2] : [only];
  for (let y = top; y < top + h; y++)
    for (let x = left; x < left + w; x++)
      for (const b of each) samples.push(x < width && y < height ? sampleAt(type, b, y, x) : 99);
  return samples;
}

function typeTags(type: SampleType): TiffTags {
  const bits = Number(type.slice(1));
  return { 258: [bits, bits, bits], 277: 3, 339: Array(3).fill({ u: 1, i: 2, f: 3 }[type.charAt(0)]) };
}

const sizeTags = { 256: width, 257: height, 259: 1, 262: 1 };

/** The image above in 4×4 tiles or strips of 3 rows, bands together or apart. */
function image(type: SampleType, littleEndian: boolean, tiled: boolean, apart: boolean): TiffImage {
  const blocks: Buffer[] = [];
  for (const only of apart ? [0, 1, 2] : [undefined]) {
    for (let top = 0; top < height; top += tiled ? 4 : 3) {
      for (let left = 0; left < width; left += tiled ? 4 : width) {
        const rows = tiled ? 4 : Math.min(3, height - top);
        blocks.push(sampleBytes(block(type, left, top, tiled ? 4 : width, rows, only), type, littleEndian));
      }
    }
  }
  const organisation: TiffTags = tiled ? { 322: 4, 323: 4 } : { 278: 3 };
  return { blocks, tiled, tags: { ...sizeTags, ...typeTags(type), ...organisation, 284: apart ? 2 : 1 } };
}

describe("every type, byte order and organisation", () => {
  for (const littleEndian of [true, false]) {
    for (const big of [false, true]) {
      test(`${littleEndian ? "little" : "big"}-endian ${big ? "BigTIFF" : "TIFF"}`, async () => {
        for (const type of sampleTypes) {
          for (const [tiled, apart] of [
            [false, false],
            [false, true],
            [true, false],
            [true, true],
          ] as const) {
            const raster = await open([image(type, littleEndian, tiled, apart)], { littleEndian, big });
            expect([raster.width, raster.height, raster.bands.length, raster.type]).toEqual([
              width,
              height,
              bands,
              type,
            ]);
            const all = await raster.readWindow(0, 0, width, height);
            expect(all).toBeInstanceOf(sampleArrays[type]);
            expect(Array.from(all)).toEqual(planes(type));
            const window = await raster.readWindow(1, 2, 4, 3, [2, 0]);
            const expected: number[] = [];
            for (const b of [2, 0])
              for (let y = 2; y < 5; y++) for (let x = 1; x < 5; x++) expected.push(sampleAt(type, b, y, x));
            expect(Array.from(window)).toEqual(expected);
            await raster.close();
          }
        }
      });
    }
  }
});

describe("predictors", () => {
  /** Differences from the pixel to the left, modulo 2^bits, then the file's byte order. */
  function differences(type: SampleType, littleEndian: boolean): Buffer {
    const samples = new sampleArrays[type](block(type, 0, 0, width, height));
    const out = samples.slice();
    for (let i = 0; i < samples.length; i++)
      if (i % (width * bands) >= bands) out[i] = (samples[i] as number) - (samples[i - bands] as number);
    return sampleBytes(out, type, littleEndian);
  }

  test("2, horizontal differences, in both byte orders", async () => {
    for (const type of ["u8", "i8", "u16", "i16", "u32", "i32"] as const) {
      for (const littleEndian of [true, false]) {
        const blocks = [deflateSync(differences(type, littleEndian))];
        const tags = { ...sizeTags, ...typeTags(type), 259: 8, 317: 2 };
        const raster = await open([{ tags, blocks }], { littleEndian });
        expect(Array.from(await raster.readWindow(0, 0, width, height))).toEqual(planes(type));
        await raster.close();
      }
    }
  });

  test("2 means nothing to compressions without predictors", async () => {
    const blocks = [sampleBytes(block("u16", 0, 0, width, height), "u16")];
    const raster = await open([{ tags: { ...sizeTags, ...typeTags("u16"), 317: 2 }, blocks }]);
    expect(Array.from(await raster.readWindow(0, 0, width, height))).toEqual(planes("u16"));
    await raster.close();
  });

  function bytePlanes(type: "f32" | "f64"): Buffer {
    const size = Number(type.slice(1)) / 8;
    const samples = sampleBytes(block(type, 0, 0, width, height), type, false);
    const row = width * bands;
    const out = Buffer.alloc(samples.length);
    for (let y = 0; y < height; y++) {
      const start = y * row * size;
      for (let i = 0; i < row; i++)
        for (let b = 0; b < size; b++) out[start + b * row + i] = samples[start + i * size + b] as number;
      for (let i = row * size - 1; i >= bands; i--)
        out[start + i] = (out[start + i] as number) - (out[start + i - bands] as number);
    }
    return out;
  }

  test("3, differences of byte planes", async () => {
    for (const type of ["f32", "f64"] as const) {
      const tags = { ...sizeTags, ...typeTags(type), 259: 8, 317: 3 };
      const raster = await open([{ tags, blocks: [deflateSync(bytePlanes(type))] }]);
      expect(Array.from(await raster.readWindow(0, 0, width, height))).toEqual(planes(type));
      await raster.close();
    }
  });

  test("3 in a big-endian file, and 2 of odd widths, are refused", async () => {
    const three = { ...sizeTags, ...typeTags("f32"), 259: 8, 317: 3 };
    const blocks = [deflateSync(bytePlanes("f32"))];
    await expect(open([{ tags: three, blocks }], { littleEndian: false })).rejects.toThrow(/predictor 3/);
    const two = { ...sizeTags, 258: 24, 259: 8, 317: 2 };
    await expect(open([{ tags: two, blocks }])).rejects.toThrow(/predictor 2 of 24-bit/);
  });
});

describe("small integers and half floats", () => {
  test("1 to 24 bits, packed from the top, rows on whole bytes", async () => {
    for (const [bits, type] of [
      [1, "u8"],
      [3, "u8"],
      [7, "u8"],
      [12, "u16"],
      [15, "u16"],
      [20, "u32"],
      [24, "u32"],
    ] as const) {
      const value = (x: number, y: number) => ((y * 5 + x + 1) * 0x9e3779b1) % 2 ** bits;
      const rows: number[] = [];
      const expected: number[] = [];
      for (let y = 0; y < 2; y++) {
        let text = "";
        for (let x = 0; x < 5; x++) {
          text += value(x, y).toString(2).padStart(bits, "0");
          expected.push(value(x, y));
        }
        for (const byte of text.match(/.{1,8}/g) ?? []) rows.push(Number.parseInt(byte.padEnd(8, "0"), 2));
      }
      const raster = await open([{ tags: { 256: 5, 257: 2, 258: bits, 262: 1 }, blocks: [Uint8Array.from(rows)] }]);
      expect(raster.type).toBe(type);
      expect(Array.from(await raster.readWindow(0, 0, 5, 2))).toEqual(expected);
      await raster.close();
    }
  });

  test("half floats become float32", async () => {
    const bits = [0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0xfc00, 0x7e00, 0x3555];
    const expected = [0, -0, 1, -2, 65504, 2 ** -24, Infinity, -Infinity, Number.NaN, 0.333251953125];
    for (const littleEndian of [true, false]) {
      const tags = { 256: 10, 257: 1, 258: 16, 339: 3 };
      const raster = await open([{ tags, blocks: [sampleBytes(bits, "u16", littleEndian)] }], { littleEndian });
      expect(raster.type).toBe("f32");
      expect(Array.from(await raster.readWindow(0, 0, 10, 1))).toEqual(expected);
      await raster.close();
    }
  });
});

describe("compressions", () => {
  const rows = [...Array(40).fill(7), 1, 2, 3, 3, 3, 3];
  const tags = { 256: 46, 257: 1, 258: 8 };

  test("PackBits: runs, literals, the no-op", async () => {
    const packed = Uint8Array.of(128, 257 - 40, 7, 1, 1, 2, 257 - 4, 3);
    const raster = await open([{ tags: { ...tags, 259: 32773 }, blocks: [packed] }]);
    expect(Array.from(await raster.readWindow(0, 0, 46, 1))).toEqual(rows);
    await raster.close();
  });

  test("LZW: the example of the TIFF 6.0 specification", async () => {
    // Clear, 7, 258, 8, 8, 258, 6, 6, end: nine bits each.
    const codes = [256, 7, 258, 8, 8, 258, 6, 6, 257].map((code) => code.toString(2).padStart(9, "0")).join("");
    const bytes = Uint8Array.from(codes.match(/.{1,8}/g) ?? [], (byte) => Number.parseInt(byte.padEnd(8, "0"), 2));
    const raster = await open([{ tags: { 256: 9, 257: 1, 258: 8, 259: 5 }, blocks: [bytes] }]);
    expect(Array.from(await raster.readWindow(0, 0, 9, 1))).toEqual([7, 7, 7, 8, 8, 7, 7, 6, 6]);
    await raster.close();
  });

  test("one that cannot be read is named", async () => {
    for (const [code, name] of [
      [4, /CCITT fax 4 compression cannot be read here; gdal_translate -co COMPRESS=DEFLATE \S+image\.tif image-conv/],
      [34925, /LZMA/],
      [50002, /JPEG XL/],
      [12345, /compression 12345 is not known/],
    ] as const) {
      await expect(open([{ tags: { ...tags, 259: code }, blocks: [Uint8Array.of(1)] }])).rejects.toThrow(name);
    }
  });

  test("a block longer than it may be, shorter, or damaged", async () => {
    const deflated = (bytes: number) => deflateSync(Buffer.alloc(bytes));
    const damaged = deflated(46);
    damaged[3] = 0xff;
    for (const [bytes, problem] of [
      [deflated(10_000_000), /46/],
      [deflated(45), /45 bytes/],
      [damaged, /strip 0 cannot be read: /],
    ] as const) {
      const raster = await open([{ tags: { ...tags, 259: 8 }, blocks: [bytes] }]);
      await expect(raster.readWindow(0, 0, 46, 1)).rejects.toThrow(RasterError);
      await expect(raster.readWindow(0, 0, 46, 1)).rejects.toThrow(problem);
      await raster.close();
    }
  });
});

describe("validity", () => {
  const data = Uint8Array.of(1, 2, 3, 4);
  const main = { 256: 2, 257: 2, 258: 8 };

  test("nodata as GDAL writes it", async () => {
    const texts: [string, number | null][] = [
      ["0", 0],
      ["-9999 ", -9999],
      ["nan", Number.NaN],
      ["-nan", Number.NaN],
      ["-inf", -Infinity],
      ["-3.4028234663852886e+38", -3.4028234663852886e38],
      ["", null],
      ["none", null],
    ];
    for (const [text, nodata] of texts) {
      const raster = await open([{ tags: { ...main, 42113: text }, blocks: [data] }]);
      expect(raster.bands[0]?.nodata).toBe(nodata);
      await raster.close();
    }
  });

  test("a mask of one bit, after an overview and its own mask", async () => {
    const small = { ...main, 256: 1, 257: 1 };
    const raster = await open([
      { tags: main, blocks: [data] },
      { tags: { ...small, 254: 1 }, blocks: [data.subarray(0, 1)] },
      { tags: { ...small, 254: 5, 258: 1 }, blocks: [Uint8Array.of(0)] },
      { tags: { ...main, 254: 4, 258: 1, 262: 4 }, blocks: [Uint8Array.of(0b10000000, 0b11000000)] },
    ]);
    expect(raster.maskSource).toBe("internal mask");
    expect(Array.from((await raster.readMask(0, 0, 2, 2)) ?? [])).toEqual([1, 0, 1, 1]);
    expect(Array.from((await raster.readMask(1, 0, 1, 2)) ?? [])).toEqual([0, 1]);
    await raster.close();
  });

  test("an alpha band is the mask, unless told otherwise or GDAL calls it something else", async () => {
    const tags = { 256: 2, 257: 1, 258: [8, 8], 277: 2, 338: 2 };
    const blocks = [Uint8Array.of(10, 0, 20, 128)];
    const raster = await open([{ tags, blocks }]);
    expect([raster.bands.length, raster.maskSource]).toEqual([1, "alpha band"]);
    expect(Array.from(await raster.readWindow(0, 0, 2, 1))).toEqual([10, 20]);
    expect(Array.from((await raster.readMask(0, 0, 2, 1)) ?? [])).toEqual([0, 1]);
    await expect(raster.readWindow(0, 0, 2, 1, [1])).rejects.toThrow(RangeError);
    await raster.close();

    const asBand = await openRaster(raster.path, { alpha: "data" });
    expect(Array.from(await asBand.readWindow(0, 0, 2, 1))).toEqual([10, 20, 0, 128]);
    expect(await asBand.readMask(0, 0, 2, 1)).toBeNull();
    expect(asBand.alphaBand).toBe(1);
    await asBand.close();

    const metadata =
      '<GDALMetadata><Item name="COLORINTERP" sample="1" role="colorinterp">Undefined</Item></GDALMetadata>';
    const infrared = await open([{ tags: { ...tags, 42112: metadata }, blocks }]);
    expect([infrared.bands.length, infrared.maskSource]).toEqual([2, null]);
    await infrared.close();
  });

  test("an alpha band of signed integers or floats is a mask too; NaN is missing", async () => {
    for (const [kind, format, alphas] of [
      ["i16", 2, [-1, 0, 7]],
      ["f32", 3, [0.5, 0, Number.NaN]],
    ] as const) {
      const bits = Number(kind.slice(1));
      const tags = { 256: 3, 257: 1, 258: [bits, bits], 277: 2, 339: [format, format], 338: 2 };
      const raster = await open([
        {
          tags,
          blocks: [
            sampleBytes(
              alphas.flatMap((alpha, i) => [i + 1, alpha]),
              kind,
            ),
          ],
        },
      ]);
      expect(Array.from(await raster.readWindow(0, 0, 3, 1))).toEqual([1, 2, 3]);
      expect(Array.from((await raster.readMask(0, 0, 3, 1)) ?? [])).toEqual([1, 0, kind === "f32" ? 0 : 1]);
      await raster.close();
    }
  });

  test("an internal mask and an alpha band: both must allow a pixel", async () => {
    const raster = await open([
      { tags: { 256: 3, 257: 1, 258: [8, 8], 277: 2, 338: 2 }, blocks: [Uint8Array.of(1, 0, 2, 255, 3, 255)] },
      { tags: { 254: 4, 256: 3, 257: 1, 258: 8 }, blocks: [Uint8Array.of(255, 255, 0)] },
    ]);
    expect(raster.maskSource).toBe("internal mask and alpha band");
    expect(Array.from((await raster.readMask(0, 0, 3, 1)) ?? [])).toEqual([0, 1, 0]);
    await raster.close();
  });

  test("blocks that a sparse file leaves out hold nodata", async () => {
    const tags = { 256: 2, 257: 2, 258: 16, 339: 2, 278: 1, 42113: "-9999" };
    const blocks = [sampleBytes([5, 6], "i16"), new Uint8Array()];
    for (const compression of [1, 8]) {
      const stored = compression === 8 ? blocks.map((bytes) => (bytes.length ? deflateSync(bytes) : bytes)) : blocks;
      const raster = await open([{ tags: { ...tags, 259: compression }, blocks: stored }]);
      expect(Array.from(await raster.readWindow(0, 0, 2, 2))).toEqual([5, 6, -9999, -9999]);
      await raster.close();
    }
  });

  test("blocks left out hold the nearest number to nodata that their type has, as for GDAL", async () => {
    for (const [nodata, format, filled] of [
      ["-9999", 1, 0],
      ["99999", 1, 65535],
      ["-99999", 2, -32768],
      ["nan", 2, 0],
    ] as const) {
      const tags = { 256: 2, 257: 1, 258: 16, 259: 1, 339: format, 278: 1, 42113: nodata };
      const raster = await open([{ tags, blocks: [new Uint8Array()] }]);
      expect(Array.from(await raster.readWindow(0, 0, 2, 1)), nodata).toEqual([filled, filled]);
      await raster.close();
    }
  });
});

test("band names come from GDAL's metadata, the others are counted", async () => {
  const metadata =
    '<GDALMetadata>\n  <Item name="DESCRIPTION" sample="1" role="description">NIR &amp;lt;8&#228;&amp;gt; &amp;amp; &#99999999;</Item>\n</GDALMetadata>';
  const tags = { 256: 1, 257: 1, 258: [8, 8], 277: 2, 42112: metadata };
  const raster = await open([{ tags, blocks: [Uint8Array.of(1, 2)] }]);
  expect(raster.bands.map(({ name }) => name)).toEqual([null, "NIR <8ä> & &#99999999;"]);
  await raster.close();
});

test("one uncompressed strip as large as the image is read in pieces", async () => {
  const [w, h] = [3000, 700];
  const samples = Uint16Array.from({ length: w * h }, (_, i) => (i * 7) % 65521);
  const raster = await open([{ tags: { 256: w, 257: h, 258: 16 }, blocks: [sampleBytes(samples, "u16")] }]);
  expect(raster.tile.height).toBeLessThan(200);
  const window = await raster.readWindow(17, raster.tile.height - 1, 5, 3);
  const expected = [0, 1, 2].flatMap((row) => {
    const from = (raster.tile.height - 1 + row) * w + 17;
    return Array.from(samples.subarray(from, from + 5));
  });
  expect(Array.from(window)).toEqual(expected);
  await raster.close();
});

test("uncompressed strips are cut at whole pieces", async () => {
  // 13 rows of 200 000 bytes a strip: cut to single rows, for 13 has no smaller divisor.
  const [w, h] = [100_000, 30];
  const samples = Uint16Array.from({ length: w * h }, (_, i) => (i * 31) % 65521);
  const blocks = [0, 13, 26].map((top) => sampleBytes(samples.subarray(top * w, Math.min(top + 13, h) * w), "u16"));
  const raster = await open([{ tags: { 256: w, 257: h, 258: 16, 278: 13 }, blocks }]);
  expect(raster.tile.height).toBe(1);
  for (let y = 0; y < h; y++) {
    expect(Array.from(await raster.readWindow(w - 2, y, 2, 1))).toEqual(
      Array.from(samples.subarray(y * w + w - 2, (y + 1) * w)),
    );
  }
  await raster.close();
});

test("windows that the raster does not have are errors that say so", async () => {
  const raster = await open([{ tags: { 256: 2, 257: 2, 258: 8 }, blocks: [Uint8Array.of(1, 2, 3, 4)] }]);
  for (const [x, y, w, h] of [
    [-1, 0, 1, 1],
    [0, 0, 3, 1],
    [0, 0, 1, 0],
    [0.5, 0, 1, 1],
    [0, 0, Number.NaN, 1],
  ] as const) {
    await expect(raster.readWindow(x, y, w, h)).rejects.toThrow(/"window": expected whole pixels inside 2×2/);
  }
  await expect(raster.readWindow(0, 0, 1, 1, [1])).rejects.toThrow(/"bands"/);
  await expect(raster.readWindow(0, 0, 1, 1, [0], 1)).rejects.toThrow(/"sample"/);
  expect(Array.from(await raster.readWindow(0, 0, 2, 2))).toEqual([1, 2, 3, 4]);
  await raster.close();
});

describe("pages", () => {
  const page = (first: number, tags: TiffTags = {}): TiffImage => ({
    tags: { 256: 2, 257: 1, 258: 8, ...tags },
    blocks: [Uint8Array.of(first, first + 1)],
  });

  test("of one size are bands, one page after the other; one of them can be chosen", async () => {
    const names = '<GDALMetadata><Item name="DESCRIPTION" sample="0" role="description">May</Item></GDALMetadata>';
    const two = { ...page(20, { 277: 2, 258: [8, 8] }), blocks: [Uint8Array.of(20, 30, 21, 31)] };
    const raster = await open([page(10), two, page(40, { 42112: names, 42113: "7" })]);
    expect(raster.bands).toEqual([
      { name: null, nodata: null },
      { name: null, nodata: null },
      { name: null, nodata: null },
      { name: "May", nodata: 7 },
    ]);
    expect(raster.pages.map(({ isRead }) => isRead)).toEqual([true, true, true]);
    expect(Array.from(await raster.readWindow(0, 0, 2, 1))).toEqual([10, 11, 20, 21, 30, 31, 40, 41]);
    expect(Array.from(await raster.readWindow(1, 0, 1, 1, [3, 0, 2]))).toEqual([41, 11, 31]);
    await expect(raster.readWindow(0, 0, 1, 1, [4])).rejects.toThrow(RangeError);
    await raster.close();

    const second = await openRaster(raster.path, { page: 1 });
    expect(Array.from(await second.readWindow(0, 0, 2, 1))).toEqual([20, 21, 30, 31]);
    expect(second.pages.map(({ isRead }) => isRead)).toEqual([false, true, false]);
    await second.close();
    await expect(openRaster(raster.path, { page: 3 })).rejects.toThrow(/expected a page from 1 to 3, got 4/);
  });

  test("of other sizes are told of and left out; overviews and masks are no pages", async () => {
    const raster = await open([
      page(10),
      page(1, { 254: 1 }),
      { tags: { 254: 4, 256: 2, 257: 1, 258: 8 }, blocks: [Uint8Array.of(255, 0)] },
      { tags: { 256: 1, 257: 1, 258: 8 }, blocks: [Uint8Array.of(99)] },
    ]);
    expect(raster.pages).toEqual([
      { width: 2, height: 1, isRead: true },
      { width: 1, height: 1, isRead: false },
    ]);
    expect(Array.from((await raster.readMask(0, 0, 2, 1)) ?? [])).toEqual([1, 0]);
    expect(raster.bands).toHaveLength(1);
    await raster.close();
  });

  test("of different types, or with masks of their own, are refused together", async () => {
    const wide = { tags: { 256: 2, 257: 1, 258: 16 }, blocks: [new Uint8Array(4)] };
    await expect(open([page(1), wide])).rejects.toThrow(/page 1 holds u8, page 2 u16: --page takes one/);
    const mask = { tags: { 254: 4, 256: 2, 257: 1, 258: 8 }, blocks: [Uint8Array.of(255, 0)] };
    await expect(open([page(1), page(2), mask])).rejects.toThrow(/page 2 of 2 has a mask of its own: --page/);
  });
});

test("65535 bands are refused before anything is made for each of them", async () => {
  const tags = { 256: 1, 257: 1, 277: 65535, 258: Array(65535).fill(8) };
  await expect(open([{ tags, blocks: [new Uint8Array(65535)] }])).rejects.toThrow(/65535 bands.*up to 4096/);
});

test("a raster says which file it comes from, how large it is and when it was changed", async () => {
  const raster = await open([{ tags: { 256: 1, 257: 1, 258: 8 }, blocks: [Uint8Array.of(1)] }]);
  const { size, mtimeMs } = statSync(raster.path);
  expect(raster.files).toEqual([{ path: raster.path, bytes: size, modified: mtimeMs }]);
  await raster.close();
});

describe("a .msk file beside the raster", () => {
  const image = { tags: { 256: 3, 257: 1, 258: [8, 8], 277: 2 }, blocks: [Uint8Array.of(1, 2, 3, 4, 5, 6)] };
  const mask = (tags: TiffTags, values = [255, 0, 1]) => {
    const flags = '<GDALMetadata><Item name="INTERNAL_MASK_FLAGS_1">2</Item></GDALMetadata>';
    const kept = { 256: 3, 257: 1, 258: 8, 42112: flags, ...tags };
    writeFileSync(file("image.tif.msk"), tiffBytes([{ tags: kept, blocks: [Uint8Array.from(values)] }]));
  };
  afterEach(() => rmSync(file("image.tif.msk"), { force: true }));

  test("is its mask, and one of its files", async () => {
    mask({});
    const raster = await open([image]);
    expect(raster.maskSource).toBe(".msk file");
    expect(raster.files.map(({ path }) => path)).toEqual([file("image.tif"), file("image.tif.msk")]);
    expect(Array.from((await raster.readMask(0, 0, 3, 1)) ?? [])).toEqual([1, 0, 1]);
    expect(Array.from((await raster.readMask(1, 0, 2, 1)) ?? [])).toEqual([0, 1]);
    await raster.close();
  });

  test("is left alone where there is an internal mask, or where it does not say that it is a mask", async () => {
    mask({});
    const internal = { tags: { 254: 4, 256: 3, 257: 1, 258: 8 }, blocks: [Uint8Array.of(0, 255, 255)] };
    const both = await open([image, internal]);
    expect([both.maskSource, both.files.length]).toEqual(["internal mask", 1]);
    await both.close();
    mask({ 42112: "" });
    const plain = await open([image]);
    expect([plain.maskSource, await plain.readMask(0, 0, 3, 1)]).toEqual([null, null]);
    await plain.close();
  });

  test("that does not fit is an error", async () => {
    mask({ 256: 2 });
    await expect(open([image])).rejects.toThrow(/image\.tif\.msk: has 2×1 pixels, its image 3×1/);
    mask({ 42112: '<GDALMetadata><Item name="INTERNAL_MASK_FLAGS_1">0</Item></GDALMetadata>' });
    await expect(open([image])).rejects.toThrow(/image\.tif\.msk: a mask per band is not supported/);
  });
});
