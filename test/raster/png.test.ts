import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { encodePng, type PngImage, writePng } from "../../src/raster/index.ts";
import { temporaryFolder } from "./folder.ts";

const file = temporaryFolder();

/** CRC-32 bit by bit, as the PNG specification defines it. */
function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

/** Chunks by name, every checksum checked. */
function chunks(png: Uint8Array): Map<string, Buffer> {
  const bytes = Buffer.from(png);
  expect(bytes.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
  const found = new Map<string, Buffer>();
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    expect(bytes.readUInt32BE(at + 8 + length)).toBe(crc(bytes.subarray(at + 4, at + 8 + length)));
    found.set(bytes.toString("latin1", at + 4, at + 8), bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return found;
}

/** The pixels of a PNG whose filters are none or up. */
function pixels(png: Uint8Array, width: number, height: number, channels: number): number[] {
  const rows = inflateSync(chunks(png).get("IDAT") as Buffer);
  const row = width * channels;
  const out: number[] = [];
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (row + 1)] as number;
    expect([0, 2]).toContain(filter);
    for (let i = 0; i < row; i++) {
      const above = filter === 2 && y > 0 ? (out[(y - 1) * row + i] as number) : 0;
      out.push(((rows[y * (row + 1) + 1 + i] as number) + above) & 255);
    }
  }
  return out;
}

const [width, height] = [7, 5];
const values = (channels: number) => Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 73) % 256);

describe("encodePng", () => {
  for (const [name, channels, type] of [
    ["gray", 1, 0],
    ["rgb", 3, 2],
    ["rgba", 4, 6],
  ] as const) {
    test(name, () => {
      const data = values(channels);
      const png = encodePng({ width, height, [name]: data } as unknown as PngImage);
      expect([...(chunks(png).get("IHDR") as Buffer)]).toEqual([0, 0, 0, width, 0, 0, 0, height, 8, type, 0, 0, 0]);
      expect(pixels(png, width, height, channels)).toEqual([...data]);
    });
  }

  test("palette, with a transparent colour", () => {
    const indices = values(1).map((value) => value % 2);
    const png = encodePng({ width, height, indices, palette: Uint8Array.of(1, 2, 3, 255, 4, 5, 6, 0) });
    expect([...(chunks(png).get("PLTE") as Buffer)]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...(chunks(png).get("tRNS") as Buffer)]).toEqual([255, 0]);
    expect(pixels(png, width, height, 1)).toEqual([...indices]);
  });

  test("arrays that do not fit", () => {
    expect(() => encodePng({ width, height, rgb: values(1) })).toThrow(/"rgb": expected 105 values for 7×5, got 35/);
    expect(() => encodePng({ width: 0, height, gray: values(0) })).toThrow(/"width"/);
    const indices = values(1);
    expect(() => encodePng({ width, height, indices, palette: new Uint8Array(7) })).toThrow(/"palette"/);
  });
});

test("writePng writes the same bytes", async () => {
  const image = { width, height, gray: values(1) };
  await writePng(file("a.png"), image);
  expect(new Uint8Array(readFileSync(file("a.png")))).toEqual(new Uint8Array(encodePng(image)));
});
