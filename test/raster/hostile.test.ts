import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, openSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { assert, asyncProperty, integer } from "fast-check";
import { describe, expect, test } from "vitest";
import { openRaster, RasterError, writeGeoTiff } from "../../src/raster/index.ts";
import { temporaryFolder } from "./folder.ts";
import { type TiffTags, tiffBytes } from "./tiffBytes.ts";

const file = temporaryFolder();

/** Opens and reads a corner of the pixels and of the mask; what fails must be a `RasterError` of one line. */
async function tryToRead(path: string): Promise<"read" | "refused"> {
  try {
    const raster = await openRaster(path);
    try {
      await raster.readWindow(0, 0, Math.min(raster.width, 8), Math.min(raster.height, 8));
      await raster.readMask(0, 0, 1, 1);
    } finally {
      await raster.close();
    }
    return "read";
  } catch (error) {
    expect(error).toBeInstanceOf(RasterError);
    const { message } = error as Error;
    expect(message).toContain(path);
    expect(message).not.toContain("\n");
    return "refused";
  }
}

async function expectRefusal(path: string, problem: RegExp) {
  await expect(openRaster(path)).rejects.toThrow(problem);
  expect(await tryToRead(path)).toBe("refused");
}

describe("what is no file", () => {
  test("nothing, a directory, a broken link", async () => {
    await expectRefusal(file("absent.tif"), /absent\.tif: no such file$/);
    mkdirSync(file("folder.tif"));
    await expectRefusal(file("folder.tif"), /is a directory/);
    symlinkSync(file("loop.tif"), file("loop.tif"));
    await expectRefusal(file("loop.tif"), /symbolic links/);
  });

  test.skipIf(process.platform === "win32")("a FIFO without a writer does not hang", async () => {
    execFileSync("mkfifo", [file("pipe.tif")]);
    await expectRefusal(file("pipe.tif"), /not a regular file/);
  });

  const root = process.getuid?.() === 0;
  if (root) console.warn("no permission: skipped, root may read everything");
  test.skipIf(root)("no permission", async () => {
    writeFileSync(file("secret.tif"), "II");
    chmodSync(file("secret.tif"), 0);
    await expectRefusal(file("secret.tif"), /permission denied/);
  });
});

describe("what is no raster", () => {
  test("empty, too short, other formats", async () => {
    const contents: [string, RegExp][] = [
      ["", /is empty/],
      ["II*", /no raster of a kind/],
      ["II*\0", /too short/],
      ["II*\0\0\0\0\0", /holds no image/],
      ["\x89PNG\r\n\x1a\n", /a PNG image without a header/],
      ["a line\nof text", /no raster of a kind that can be read: GeoTIFF, JPEG 2000, PNG, JPEG, NPY and NPZ are/],
    ];
    for (const [text, problem] of contents) {
      writeFileSync(file("other.tif"), text, "latin1");
      await expectRefusal(file("other.tif"), problem);
    }
  });
});

describe("headers that lie", () => {
  const good: TiffTags = { 256: 4, 257: 4, 258: 8 };
  const blocks = [new Uint8Array(16)];
  const cases: [string, TiffTags, RegExp][] = [
    ["no width", { 256: 0 }, /0×4 pixels/],
    ["no bands", { 277: 0 }, /0 bands/],
    ["four thousand million pixels squared", { 256: 4e9, 257: 4e9 }, /4000000000/],
    ["a row of two thousand million pixels", { 256: 2e9 }, /too long/],
    ["two thousand million rows of one strip", { 257: 2e9, 259: 8 }, /rewrite it tiled/],
    ["more blocks than are listed", { 257: 2e9, 278: 1 }, /needs 2000000000 blocks, but 1 are listed/],
    ["tiles of no size", { 322: 0, 323: 0, 324: 8, 325: 16 }, /blocks of 0×0/],
    ["tiles of 16 GiB", { 322: 131072, 323: 131072, 324: 8, 325: 16 }, /MiB each/],
    ["no bits", { 258: 0 }, /0-bit/],
    ["complex numbers", { 258: 64, 339: 6 }, /complex/],
    ["bands of different types", { 258: [8, 16], 277: 2 }, /different bit depths/],
    ["reversed bits", { 266: 2 }, /reversed/],
    ["offsets of nothing", { 273: [] }, /needs 1 blocks, but 0/],
  ];
  for (const [name, change, problem] of cases) {
    test(name, async () => {
      writeFileSync(file("lie.tif"), tiffBytes([{ tags: { ...good, ...change }, blocks }]));
      await expectRefusal(file("lie.tif"), problem);
    });
  }

  test("blocks beyond the end of the file", async () => {
    writeFileSync(file("far.tif"), tiffBytes([{ tags: { ...good, 273: 4e9 }, blocks }]));
    const raster = await openRaster(file("far.tif"));
    await expect(raster.readWindow(0, 0, 4, 4)).rejects.toThrow(/far\.tif: bytes 4000000000 to 4000000016 lie outside/);
    await raster.close();
  });

  test("directories in a loop", async () => {
    const bytes = tiffBytes([
      { tags: good, blocks },
      { tags: good, blocks },
    ]);
    // The last pointer of the file, which is 0, is made to point at the first directory.
    bytes.writeUInt32LE(bytes.readUInt32LE(4), bytes.length - 4);
    writeFileSync(file("loop2.tif"), bytes);
    await expectRefusal(file("loop2.tif"), /loop/);
  });

  test("a mask of another size, a mask for each band", async () => {
    const mask = { 254: 4, 256: 2, 257: 4, 258: 8 };
    writeFileSync(
      file("mask.tif"),
      tiffBytes([
        { tags: good, blocks },
        { tags: mask, blocks },
      ]),
    );
    await expectRefusal(file("mask.tif"), /its mask has 2×4 pixels, its image 4×4/);
    const masks = { ...good, 254: 4, 258: [8, 8], 277: 2 };
    writeFileSync(
      file("mask.tif"),
      tiffBytes([
        { tags: good, blocks },
        { tags: masks, blocks: [new Uint8Array(32)] },
      ]),
    );
    await expectRefusal(file("mask.tif"), /a mask per band/);
  });

  test("a zstd frame that repeats one byte for ever, a JPEG larger than its tile", async () => {
    const repeat = Buffer.from([0, 0, 0]);
    repeat.writeUIntLE((0x1fffff << 3) | (1 << 1), 0, 3);
    const frame = Buffer.concat([
      Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x58),
      ...Array(5000).fill(Buffer.concat([repeat, Uint8Array.of(7)])),
    ]);
    const huge = Buffer.from("ffd8ffc0001108ffffffff03011100021101031101", "hex");
    for (const [compression, block, problem] of [
      [50000, frame, /zstd data for more/],
      [7, huge, /65535×65535×3 pixels in a block of 4×4×1/],
    ] as const) {
      writeFileSync(file("bomb.tif"), tiffBytes([{ tags: { ...good, 259: compression }, blocks: [block] }]));
      const raster = await openRaster(file("bomb.tif"));
      await expect(raster.readWindow(0, 0, 4, 4)).rejects.toThrow(problem);
      await raster.close();
    }
  });
});

describe("damage", () => {
  async function scene(): Promise<Buffer> {
    const bands = [0, 1].map((b) => Uint16Array.from({ length: 400 }, (_, i) => i * 7 + b));
    await writeGeoTiff(file("scene.tif"), { width: 20, height: 20, bands, nodata: 0, tile: 16, bandNames: ["a", "b"] });
    return readFileSync(file("scene.tif"));
  }

  test("every truncation is refused", async () => {
    const bytes = await scene();
    const directory = bytes.readUInt32LE(4);
    // What may be cut off at the very end is padding after the last text.
    for (let length = 0; length < bytes.length - 1; length += length < directory - 7 ? 7 : 1) {
      writeFileSync(file("cut.tif"), bytes.subarray(0, length));
      expect(await tryToRead(file("cut.tif"))).toBe("refused");
    }
  });

  test("any byte changed: read or refused, never a crash", async () => {
    const bytes = await scene();
    const directory = bytes.readUInt32LE(4);
    const outcomes = { read: 0, refused: 0 };
    await assert(
      asyncProperty(
        integer({ min: 0, max: bytes.length - directory + 7 }),
        integer({ min: 0, max: 255 }),
        async (at, value) => {
          const damaged = Buffer.from(bytes);
          damaged[at < 8 ? at : directory + at - 8] = value;
          writeFileSync(file("damaged.tif"), damaged);
          outcomes[await tryToRead(file("damaged.tif"))]++;
        },
      ),
      { numRuns: 400 },
    );
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
  });

  test("a file that loses its end while it is open", async () => {
    await scene();
    const raster = await openRaster(file("scene.tif"));
    truncateSync(file("scene.tif"), 8);
    await expect(raster.readWindow(0, 0, 20, 20)).rejects.toThrow(/ended at byte \d+ while it was read/);
    await raster.close();
  });

  test("files that are refused are closed again", async () => {
    writeFileSync(file("lie.tif"), tiffBytes([{ tags: { 256: 0 }, blocks: [] }]));
    const before = openSync(file("lie.tif"), "r");
    for (let i = 0; i < 50; i++) await expect(openRaster(file("lie.tif"))).rejects.toThrow(RasterError);
    // Descriptors are given out lowest first: none of the fifty is still held.
    expect(openSync(file("lie.tif"), "r")).toBeLessThan(before + 10);
  });
});

test("options that are none", async () => {
  await expect(openRaster(file("x.tif"), { layout: "NHWC" as "hwc" })).rejects.toThrow(
    /"layout": expected "chw" or "hwc"/,
  );
  await expect(openRaster(file("x.tif"), { alpha: "yes" as "data" })).rejects.toThrow(/"alpha"/);
  await expect(openRaster(file("x.tif"), { cacheBytes: Number.NaN })).rejects.toThrow(/"cacheBytes"/);
});
