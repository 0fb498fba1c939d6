/**
 * The size that compressed data state of themselves. It is compared with what is expected before a decoder that believes it takes
 * memory.
 */

export interface ImageSize {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** A segment of a JPEG stream in front of its first scan: its marker, and where it begins and ends. */
export interface JpegSegment {
  readonly marker: number;
  readonly start: number;
  readonly end: number;
}

const startOfScan = 0xda;

/** The segments between SOI and the first scan, which is the last of them; without the scan's data. */
export function* jpegSegments(bytes: Uint8Array): Generator<JpegSegment> {
  const view = viewOf(bytes);
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = view.getUint8(at + 1);
    // Any number of 0xff may stand before a marker.
    if (view.getUint8(at) === 0xff && marker === 0xff) {
      at++;
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    if (view.getUint8(at) !== 0xff || end > bytes.length) return;
    yield { marker, start: at, end };
    if (marker === startOfScan) return;
    at = end;
  }
}

/** @throws Error for a JPEG stream without a frame */
export function jpegSize(bytes: Uint8Array): ImageSize & { readonly bits: number } {
  const view = viewOf(bytes);
  for (const { marker, start, end } of jpegSegments(bytes)) {
    // Start of frame: C0 to CF but for three that are tables.
    if (marker < 0xc0 || marker > 0xcf || [0xc4, 0xc8, 0xcc].includes(marker) || end < start + 10) continue;
    return {
      bits: view.getUint8(start + 4),
      height: view.getUint16(start + 5),
      width: view.getUint16(start + 7),
      channels: view.getUint8(start + 9),
    };
  }
  throw new Error("a JPEG without a frame");
}

/** RFC 9649: lossy, lossless or extended. @throws Error for what is no WebP */
export function webpSize(bytes: Uint8Array): ImageSize {
  const view = viewOf(bytes);
  const name = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 30 || name(0) !== "RIFF" || name(8) !== "WEBP") throw new Error("no WebP data");
  const kind = name(12);
  if (kind === "VP8 ") {
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff, channels: 3 };
  }
  if (kind === "VP8L") {
    const sizes = view.getUint32(21, true);
    return { width: (sizes & 0x3fff) + 1, height: ((sizes >>> 14) & 0x3fff) + 1, channels: sizes & (1 << 28) ? 4 : 3 };
  }
  if (kind !== "VP8X") throw new Error(`WebP data of the unknown kind "${kind}"`);
  const size = (at: number) => 1 + view.getUint16(at, true) + 2 ** 16 * view.getUint8(at + 2);
  return { width: size(24), height: size(27), channels: view.getUint8(20) & 0x10 ? 4 : 3 };
}

/** RFC 8878. The bytes that a decoder keeps of what it has decoded; `null` for what is no frame. */
export function zstdWindow(bytes: Uint8Array): number | null {
  const view = viewOf(bytes);
  if (bytes.length < 9 || view.getUint32(0, true) !== 0xfd2fb528) return null;
  const descriptor = view.getUint8(4);
  if ((descriptor & 0x20) === 0) {
    const window = view.getUint8(5);
    const base = 2 ** (10 + (window >> 3));
    return base + (base / 8) * (window & 7);
  }
  // A single segment is as large as its content.
  const at = 5 + ([0, 1, 2, 4][descriptor & 3] as number);
  const sizes = [
    () => view.getUint8(at),
    () => view.getUint16(at, true) + 256,
    () => view.getUint32(at, true),
    () => Number(view.getBigUint64(at, true)),
  ];
  return at + 8 <= bytes.length ? (sizes[descriptor >> 6] as () => number)() : null;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
