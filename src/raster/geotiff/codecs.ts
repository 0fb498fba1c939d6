/** TIFF's compressions: from the bytes of a block in the file to the bytes of its samples. */
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import type { Layout } from "./layout.ts";
import { decodeLzw } from "./lzw.ts";

interface Codec {
  /** Whether the compression knows predictors; the tag means nothing beside the others. */
  readonly predicts: boolean;
  /** Samples come out in the byte order of this machine rather than in the file's. */
  readonly hostOrder?: boolean;
  /** At most `maxBytes` bytes, the size of a whole block: what a corrupt block can claim beyond that is an error. */
  decode(bytes: Uint8Array, maxBytes: number, layout: Layout): Promise<Uint8Array>;
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
    } else if (control > 128) {
      const run = 257 - control;
      output.fill(input[i++] ?? 0, at, at + run);
      at += run;
    }
  }
  return output.subarray(0, at);
}

/** Decoders of the geotiff package; loaded when a file needs one. */
async function decodeByLibrary(bytes: Uint8Array, compression: number, layout: Layout): Promise<Uint8Array> {
  const { getDecoder } = await import("geotiff");
  const parameters = {
    tileWidth: layout.block.width,
    tileHeight: layout.block.height,
    planarConfiguration: layout.interleaved ? 1 : 2,
    bitsPerSample: layout.bits,
    predictor: 1, // undone here, where byte order and 64-bit samples are looked after
    JPEGTables: layout.jpegTables,
    LercParameters: layout.lercParameters,
  };
  const decoder = await getDecoder(compression, parameters);
  return new Uint8Array(await decoder.decode(bytes.buffer as ArrayBuffer));
}

const zstd = 50000;
const lerc = 34887;
const jpeg = 7;

export const codecs: Record<number, Codec> = {
  1: { predicts: false, decode: async (bytes) => bytes },
  5: { predicts: true, decode: async (bytes, maxBytes) => decodeLzw(bytes, maxBytes) },
  [jpeg]: { predicts: false, decode: async (bytes, _, layout) => decodeByLibrary(bytes, jpeg, layout) },
  8: deflate,
  32946: deflate,
  32773: { predicts: false, decode: async (bytes, maxBytes) => decodePackBits(bytes, maxBytes) },
  [lerc]: {
    predicts: false,
    hostOrder: true,
    decode: async (bytes, _, layout) => decodeByLibrary(bytes, lerc, layout),
  },
  [zstd]: { predicts: true, decode: async (bytes, _, layout) => decodeByLibrary(bytes, zstd, layout) },
};

/** Names for the message, of compressions that are seen in the wild and cannot be read. */
export const unreadable: Record<number, string> = {
  2: "CCITT compression",
  3: "CCITT fax 3 compression",
  4: "CCITT fax 4 compression",
  6: "old-style JPEG compression",
  34712: "JPEG 2000 compression",
  34925: "LZMA compression",
  50001: "WebP compression",
  50002: "JPEG XL compression",
};
