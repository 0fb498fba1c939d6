import { promisify } from "node:util";
import { crc32, inflate } from "node:zlib";
import { gridRaster } from "../gridRaster.ts";
import type { OpenOptions, Raster } from "../Raster.ts";
import type { RasterFile } from "../RasterFile.ts";
import { hostIsLittleEndian, type SampleArray, samplesFromBytes, swapByteOrder } from "../samples.ts";
import { wholeImageGrid } from "../wholeImage.ts";

/**
 * PNG (W3C, third edition): every colour type, depth and interlace. Read here on zlib, because the packages for it unpack whatever a file
 * states, without a limit, and pass over its check sums.
 */

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

export function isPng(start: Uint8Array): boolean {
  return signature.every((byte, i) => start[i] === byte);
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly channels: number;
  readonly colourType: number;
  readonly isInterlaced: boolean;
}

/** A chunk of the file: where its data are. */
interface Chunk {
  readonly name: string;
  readonly start: number;
  readonly size: number;
}

/** Channels by colour type, and the depths that it may have. A palette's indices are one channel: they are what labels are kept in. */
const colourTypes: Partial<Record<number, { readonly channels: number; readonly bits: readonly number[] }>> = {
  0: { channels: 1, bits: [1, 2, 4, 8, 16] },
  2: { channels: 3, bits: [8, 16] },
  3: { channels: 1, bits: [1, 2, 4, 8] },
  4: { channels: 2, bits: [8, 16] },
  6: { channels: 4, bits: [8, 16] },
};
const [greyType, rgbType] = [0, 2];
/** zlib's format cannot make more of a byte. */
const mostExpansion = 1032;

/** First column and row of each pass of an interlaced image, and the steps between its pixels. */
const adam7 = [
  { x: 0, y: 0, across: 8, down: 8 },
  { x: 4, y: 0, across: 8, down: 8 },
  { x: 0, y: 4, across: 4, down: 8 },
  { x: 2, y: 0, across: 4, down: 4 },
  { x: 0, y: 2, across: 2, down: 4 },
  { x: 1, y: 0, across: 2, down: 2 },
  { x: 0, y: 1, across: 1, down: 2 },
];
const inOnePass = [{ x: 0, y: 0, across: 1, down: 1 }];

const inflateAsync = promisify(inflate);

export async function openPng(file: RasterFile, options: OpenOptions, cacheBytes: number): Promise<Raster> {
  const chunks = await findChunks(file);
  const header = await readHeader(file, chunks);
  const { width, height, bits, channels } = header;
  const grid = wholeImageGrid(file, {
    width,
    height,
    channels,
    type: bits === 16 ? "u16" : "u8",
    decode: () => decode(file, header, chunks),
  });
  const transparent = await readTransparent(file, header, chunks);
  const [grey = null] = transparent;
  const { readWindow } = gridRaster(grid, cacheBytes);
  return {
    ...gridRaster(grid, cacheBytes, {
      band: () => ({ name: null, nodata: transparent.length === 1 ? grey : null }),
      alpha: channels % 2 === 0 ? channels - 1 : undefined,
      alphaIsMask: options.alpha !== "data",
      mask:
        transparent.length === 3 ? { name: "transparent colour", read: differsFrom(transparent, readWindow) } : null,
    }),
    path: file.path,
    files: [file.source],
    format: "PNG",
    shape: null,
    pages: [{ width, height, isRead: true }],
    georeference: null,
    close: () => file.close(),
  };
}

async function findChunks(file: RasterFile): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for (let at = signature.length; at + 12 <= file.size; ) {
    const head = Buffer.from(await file.read(at, 8));
    const size = head.readUInt32BE(0);
    const name = head.toString("latin1", 4);
    if (at + 12 + size > file.size) throw file.error(`is damaged: its chunk ${name} ends outside the file`);
    chunks.push({ name, start: at + 8, size });
    if (name === "IEND") break;
    at += 12 + size;
  }
  return chunks;
}

/** @throws RasterError where the check sum is another */
async function readChunk(file: RasterFile, { name, start, size }: Chunk): Promise<Buffer> {
  const bytes = Buffer.from(await file.read(start - 4, size + 8));
  if (crc32(bytes.subarray(0, size + 4)) !== bytes.readUInt32BE(size + 4)) {
    throw file.error(`is damaged: the check sum of its chunk ${name} is another`);
  }
  return bytes.subarray(4, size + 4);
}

async function readHeader(file: RasterFile, chunks: readonly Chunk[]): Promise<Header> {
  const [first] = chunks;
  if (first?.name !== "IHDR" || first.size !== 13) throw file.error("is damaged: a PNG image without a header");
  const bytes = await readChunk(file, first);
  const [width, height] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
  const [bits = 0, colourType = 0, , , interlace = 0] = bytes.subarray(8);
  const type = colourTypes[colourType];
  if (!type?.bits.includes(bits) || interlace > 1) {
    throw file.error(`is damaged: a PNG image of colour type ${colourType}, ${bits} bits, interlace ${interlace}`);
  }
  const { channels } = type;
  if (width === 0 || height === 0 || width * height * channels * (bits / 8) > mostExpansion * file.size) {
    throw file.error(`is damaged: ${width}×${height} pixels in ${file.size} bytes`);
  }
  return { width, height, bits, channels, colourType, isInterlaced: interlace === 1 };
}

/** The grey or the colour that stands for missing pixels; nothing where the image names none. */
async function readTransparent(
  file: RasterFile,
  { colourType, channels }: Header,
  chunks: readonly Chunk[],
): Promise<number[]> {
  const chunk = chunks.find(({ name }) => name === "tRNS");
  if (chunk === undefined || (colourType !== greyType && colourType !== rgbType)) return [];
  const bytes = await readChunk(file, chunk);
  if (bytes.length !== 2 * channels) throw file.error("is damaged: its transparent colour has other channels");
  return Array.from({ length: channels }, (_, channel) => bytes.readUInt16BE(2 * channel));
}

/** A mask of the pixels that are of another colour. */
function differsFrom(colour: readonly number[], readWindow: Raster["readWindow"]): Raster["readMask"] {
  return async (x, y, width, height) => {
    const samples = await readWindow(x, y, width, height);
    const pixels = width * height;
    return Uint8Array.from({ length: pixels }, (_, i) =>
      colour.some((value, channel) => samples[channel * pixels + i] !== value) ? 1 : 0,
    );
  };
}

async function decode(file: RasterFile, header: Header, chunks: readonly Chunk[]): Promise<SampleArray> {
  const { width, height, bits, channels, isInterlaced } = header;
  const parts: Buffer[] = [];
  for (const chunk of chunks) if (chunk.name === "IDAT") parts.push(await readChunk(file, chunk));
  const passes = (isInterlaced ? adam7 : inOnePass).map((pass) => {
    const columns = Math.ceil((width - pass.x) / pass.across);
    const rows = columns > 0 ? Math.ceil((height - pass.y) / pass.down) : 0;
    return { ...pass, columns, rows, rowBytes: Math.ceil((columns * channels * bits) / 8) };
  });
  // A byte in front of each row names its filter.
  const expected = passes.reduce((sum, { rows, rowBytes }) => sum + rows * (rowBytes + 1), 0);
  let filtered: Buffer;
  try {
    filtered = await inflateAsync(Buffer.concat(parts), { maxOutputLength: expected + 1 });
  } catch (cause) {
    throw file.error(`is damaged: ${(cause as Error).message}`, cause);
  }
  if (filtered.length !== expected) {
    throw file.error(`is damaged: it holds ${filtered.length} bytes where ${expected} are needed`);
  }
  const sampleBytes = bits === 16 ? 2 : 1;
  const pixelBytes = channels * sampleBytes;
  const out = new Uint8Array(width * height * pixelBytes);
  let at = 0;
  for (const { x, y, across, down, columns, rows, rowBytes } of passes) {
    let above: Uint8Array = new Uint8Array(rowBytes);
    for (let row = 0; row < rows; row++, at += rowBytes + 1) {
      const bytes = filtered.subarray(at + 1, at + 1 + rowBytes);
      if (!undoFilter(filtered[at] as number, bytes, above, Math.max(1, (channels * bits) / 8))) {
        throw file.error(`is damaged: a row of it has the unknown filter ${filtered[at]}`);
      }
      const start = (y + row * down) * width + x;
      if (bits < 8) unpackBits(bytes, bits, columns, out, start, across);
      else
        for (let column = 0; column < columns; column++) {
          const to = (start + column * across) * pixelBytes;
          for (let b = 0; b < pixelBytes; b++) out[to + b] = bytes[column * pixelBytes + b] as number;
        }
      above = bytes;
    }
  }
  if (bits === 16 && hostIsLittleEndian) swapByteOrder(out, 2);
  return samplesFromBytes(bits === 16 ? "u16" : "u8", out);
}

/** Samples of 1, 2 or 4 bits, the first in the highest. */
function unpackBits(
  bytes: Uint8Array,
  bits: number,
  count: number,
  out: Uint8Array,
  start: number,
  step: number,
): void {
  for (let i = 0; i < count; i++) {
    const shift = 8 - bits - ((i * bits) % 8);
    out[start + i * step] = ((bytes[(i * bits) >> 3] as number) >> shift) & (2 ** bits - 1);
  }
}

/**
 * Turns a row's differences from its neighbours into its bytes, in place.
 *
 * @param above the row above, zeros in front of the first
 * @param step bytes to the pixel on the left
 * @returns whether the filter is one
 */
function undoFilter(filter: number, row: Uint8Array, above: Uint8Array, step: number): boolean {
  const left = (i: number) => (i < step ? 0 : (row[i - step] as number));
  const up = (i: number) => above[i] as number;
  const upLeft = (i: number) => (i < step ? 0 : (above[i - step] as number));
  const predict = [
    () => 0,
    left,
    up,
    (i: number) => (left(i) + up(i)) >> 1,
    (i: number) => paeth(left(i), up(i), upLeft(i)),
  ][filter];
  if (predict === undefined) return false;
  if (filter > 0) for (let i = 0; i < row.length; i++) row[i] = (row[i] as number) + predict(i);
  return true;
}

/** Of left, above and above left, the one nearest to left + above − above left; the first of them where two are as near. */
function paeth(a: number, b: number, c: number): number {
  const [toA, toB, toC] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  if (toA <= toB && toA <= toC) return a;
  return toB <= toC ? b : c;
}
