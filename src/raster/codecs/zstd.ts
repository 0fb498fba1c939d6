import zlib from "node:zlib";
import { zstdWindow } from "./declaredSize.ts";

/** What every decoder must be able to keep, by RFC 8878. */
const leastWindow = 2 ** 23;

/** Zstandard of the newest versions of Node. */
const native = (zlib as { zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array }).zstdDecompressSync;

/**
 * Zstandard (RFC 8878), at most `maxBytes` of it.
 *
 * @throws Error for data that are damaged, cut, or longer
 */
export async function decodeZstd(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const window = zstdWindow(bytes);
  if (window === null) throw new Error("no zstd frame");
  if (window > Math.max(2 * maxBytes, leastWindow)) throw new Error(`zstd data of ${window} bytes at once`);
  if (native) return native(bytes, { maxOutputLength: maxBytes });
  const { Decompress } = await import("fzstd");
  const out = new Uint8Array(maxBytes);
  let length = 0;
  const stream = new Decompress((chunk) => {
    if (length + chunk.length > maxBytes) throw new Error(`zstd data for more than ${maxBytes} bytes`);
    out.set(chunk, length);
    length += chunk.length;
  });
  stream.push(withWindow(bytes, maxBytes), true);
  return out.subarray(0, length);
}

const singleSegment = 0x20;

/** The frame with no larger window than its content needs: fzstd moves the whole window with each of its blocks. */
function withWindow(frame: Uint8Array, maxBytes: number): Uint8Array {
  if ((frame[4] as number) & singleSegment) return frame;
  const copy = frame.slice();
  copy[5] = Math.max(0, Math.ceil(Math.log2(maxBytes)) - 10) << 3;
  return copy;
}
