/** TIFF's compressions: from the bytes of a block in the file to the bytes of its samples. */
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { type ImageSize, jpegSize, webpSize } from "../codecs/declaredSize.ts";
import type { Layout } from "./storage.ts";
import { decodeLzw } from "./lzw.ts";

interface Codec {
  /** Whether the compression knows predictors; the tag means nothing beside the others. */
  readonly predicts: boolean;
  /** The most bytes that a byte of it can stand for: a file cannot hold blocks that are larger by more. */
  readonly mostExpansion: number;
  /** At most `maxBytes` bytes, the size of a whole block: what a damaged block states beyond that is an error. */
  decode(bytes: Uint8Array, maxBytes: number, layout: Layout): Uint8Array | Promise<Uint8Array>;
}

const inflateAsync = promisify(inflate);

/** One chunk of the right size, plus room that lets zlib see the end without asking for a second. */
function decodeDeflate(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  return inflateAsync(bytes, { chunkSize: Math.max(64, maxBytes + 8), maxOutputLength: maxBytes });
}

const deflate: Codec = { predicts: true, mostExpansion: 1032, decode: decodeDeflate };

function decodePackBits(input: Uint8Array, maxBytes: number): Uint8Array {
  const output = new Uint8Array(maxBytes);
  let at = 0;
  for (let i = 0; i < input.length && at < maxBytes; ) {
    const control = input[i++] as number;
    if (control < 128) {
      const literal = input.subarray(i, i + control + 1);
      if (at + literal.length > maxBytes) throw new Error(`it holds more than ${maxBytes} bytes`);
      output.set(literal, at);
      at += literal.length;
      i += control + 1;
    } else if (control > 128 && i < input.length) {
      const end = at + 257 - control;
      if (end > maxBytes) throw new Error(`it holds more than ${maxBytes} bytes`);
      output.fill(input[i++] as number, at, end);
      at = end;
    }
  }
  return output.subarray(0, at);
}

async function decodeZstd(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const codec = await import("../codecs/zstd.ts");
  return codec.decodeZstd(bytes, maxBytes);
}

/** PhotometricInterpretation of brightness and two colour differences. */
export const ycbcr = 6;
export const jpeg = 7;

const channelsOf = ({ interleaved, samplesPerPixel }: Layout) => (interleaved ? samplesPerPixel : 1);

/** @throws Error for an image that is not as wide as a block, or higher, or has other channels */
function checkSize({ width, height, channels }: ImageSize, layout: Layout): void {
  const { block } = layout;
  const expected = channelsOf(layout);
  if (width !== block.width || height > block.height || channels !== expected) {
    throw new Error(`${width}×${height}×${channels} pixels in a block of ${block.width}×${block.height}×${expected}`);
  }
}

async function decodeJpeg(bytes: Uint8Array, _: number, layout: Layout): Promise<Uint8Array> {
  checkSize(jpegSize(bytes), layout);
  const codec = await import("../codecs/jpeg.ts");
  const { data } = await codec.decodeJpeg(codec.standaloneJpeg(layout.jpegTables, bytes, layout.photometric === ycbcr));
  return data;
}

async function decodeWebp(bytes: Uint8Array, _: number, layout: Layout): Promise<Uint8Array> {
  const size = webpSize(bytes);
  const channels = channelsOf(layout);
  // An image that is opaque may come without alpha.
  checkSize({ ...size, channels: size.channels === 3 && channels === 4 ? 4 : size.channels }, layout);
  const codec = await import("../codecs/webp.ts");
  const pixels = await codec.decodeWebp(bytes);
  if (channels === 4) return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.length);
  return new Uint8Array(pixels.length * 0.75).map((_, i) => pixels[i + Math.floor(i / 3)] as number);
}

/** LercParameters: the version, and what was done to the result. */
const [lercDeflate, lercZstd] = [1, 2];
/** A LERC block that does not get smaller has some bytes of its own. */
const lercOverhead = 2 ** 16;

async function decodeLerc(bytes: Uint8Array, maxBytes: number, layout: Layout): Promise<Uint8Array> {
  const limit = 2 * maxBytes + lercOverhead;
  const [, wrapped] = layout.lercParameters;
  let blob = bytes;
  if (wrapped === lercDeflate) blob = await decodeDeflate(bytes, limit);
  else if (wrapped === lercZstd) blob = await decodeZstd(bytes, limit);
  else if (wrapped) throw new Error(`LERC data in the unknown compression ${wrapped}`);
  const codec = await import("../codecs/lerc.ts");
  return codec.decodeLerc(blob, { ...layout.block, type: layout.type, channels: channelsOf(layout) });
}

export const codecs: Record<number, Codec> = {
  1: { predicts: false, mostExpansion: 1, decode: (bytes) => bytes },
  // A code of 12 bits can stand for a string of 3837 bytes.
  5: { predicts: true, mostExpansion: 2558, decode: decodeLzw },
  // A bit per block of 8×8 pixels of progressive data, over colours that are shared by up to 16 pixels.
  [jpeg]: { predicts: false, mostExpansion: 2048, decode: decodeJpeg },
  8: deflate,
  32946: deflate,
  32773: { predicts: false, mostExpansion: 64, decode: decodePackBits },
  // A block of one value, of any size.
  34887: { predicts: false, mostExpansion: Number.POSITIVE_INFINITY, decode: decodeLerc },
  // Four bytes repeat a byte 2¹⁷ times.
  50000: { predicts: true, mostExpansion: 2 ** 15, decode: decodeZstd },
  50001: { predicts: false, mostExpansion: Number.POSITIVE_INFINITY, decode: decodeWebp },
};

/** Compressions that are seen in the wild and cannot be read, for the message. */
export const unreadable: Record<number, string> = {
  2: "CCITT",
  3: "CCITT fax 3",
  4: "CCITT fax 4",
  6: "old-style JPEG",
  34712: "JPEG 2000",
  34925: "LZMA",
  50002: "JPEG XL",
};
