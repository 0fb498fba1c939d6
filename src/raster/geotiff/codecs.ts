/** TIFF's compressions: from the bytes of a block in the file to the bytes of its samples. */
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { checkJpeg, checkZstd } from "./claims.ts";
import type { Layout } from "./layout.ts";
import { decodeLzw } from "./lzw.ts";

interface Codec {
  /** Whether the compression knows predictors; the tag means nothing beside the others. */
  readonly predicts: boolean;
  /** At most `maxBytes` bytes, the size of a whole block: what a corrupt block claims beyond that is an error. */
  decode(bytes: Uint8Array, maxBytes: number, layout: Layout): Uint8Array | Promise<Uint8Array>;
}

const inflateAsync = promisify(inflate);

const deflate: Codec = {
  predicts: true,
  // One chunk of the right size, plus room that lets zlib see the end without asking for a second.
  decode: (bytes, maxBytes) =>
    inflateAsync(bytes, { chunkSize: Math.max(64, maxBytes + 8), maxOutputLength: maxBytes }),
};

function decodePackBits(input: Uint8Array, maxBytes: number): Uint8Array {
  const output = new Uint8Array(maxBytes);
  let at = 0;
  for (let i = 0; i < input.length && at < maxBytes; ) {
    const control = input[i++] as number;
    if (control < 128) {
      const literal = input.subarray(i, i + Math.min(control + 1, maxBytes - at));
      output.set(literal, at);
      at += literal.length;
      i += control + 1;
    } else if (control > 128 && i < input.length) {
      const end = Math.min(at + 257 - control, maxBytes);
      output.fill(input[i++] as number, at, end);
      at = end;
    }
  }
  return output.subarray(0, at);
}

/** The decoders of the geotiff package, loaded when a file needs one. */
async function decodeByLibrary(compression: number, bytes: Uint8Array, layout: Layout): Promise<Uint8Array> {
  const { getDecoder } = await import("geotiff");
  const decoder = await getDecoder(compression, {
    tileWidth: layout.block.width,
    tileHeight: layout.block.height,
    planarConfiguration: layout.interleaved ? 1 : 2,
    bitsPerSample: layout.bits,
    predictor: 1, // undone here, where byte order and 64-bit samples are looked after
    ...(layout.jpegTables && { JPEGTables: layout.jpegTables }),
  });
  return new Uint8Array(await decoder.decode(bytes.buffer as ArrayBuffer));
}

/** PhotometricInterpretation of brightness and two colour differences. */
export const ycbcr = 6;
export const jpeg = 7;

/** ITU-R BT.601 over the full range, as JFIF has it; in place. */
function ycbcrToRgb(pixels: Uint8Array): Uint8Array {
  const clamped = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
  for (let i = 0; i + 2 < pixels.length; i += 3) {
    const y = pixels[i] as number;
    const cb = (pixels[i + 1] as number) - 128;
    const cr = (pixels[i + 2] as number) - 128;
    clamped[i] = y + 1.402 * cr;
    clamped[i + 1] = y - 0.344136 * cb - 0.714136 * cr;
    clamped[i + 2] = y + 1.772 * cb;
  }
  return pixels;
}

const jpegCodec: Codec = {
  predicts: false,
  decode: async (bytes, _, layout) => {
    checkJpeg(bytes, layout.block.width, layout.block.height);
    const pixels = await decodeByLibrary(jpeg, bytes, layout);
    return layout.photometric === ycbcr ? ycbcrToRgb(pixels) : pixels;
  },
};

const zstd: Codec = {
  predicts: true,
  decode: (bytes, maxBytes, layout) => {
    checkZstd(bytes, maxBytes);
    return decodeByLibrary(50000, bytes, layout);
  },
};

export const codecs: Record<number, Codec> = {
  1: { predicts: false, decode: (bytes) => bytes },
  5: { predicts: true, decode: decodeLzw },
  [jpeg]: jpegCodec,
  8: deflate,
  32946: deflate,
  32773: { predicts: false, decode: decodePackBits },
  50000: zstd,
};

/** Names for the message, of compressions that are seen in the wild and cannot be read. */
export const unreadable: Record<number, string> = {
  2: "CCITT compression",
  3: "CCITT fax 3 compression",
  4: "CCITT fax 4 compression",
  6: "old-style JPEG compression",
  34712: "JPEG 2000 compression",
  // The decoder that comes with geotiff is wrong without a word: 8-bit tiles, and NaN becomes 0.
  34887: "LERC compression",
  34925: "LZMA compression",
  50001: "WebP compression",
  50002: "JPEG XL compression",
};
