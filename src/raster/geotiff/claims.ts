/** What compressed blocks claim about their size, looked at before decoders that believe it take memory. */

/** @throws Error for a JPEG stream that is not `width` pixels wide, or higher than `height` */
export function checkJpeg(bytes: Uint8Array, width: number, height: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 2; at + 9 <= bytes.length && view.getUint8(at) === 0xff; ) {
    const marker = view.getUint8(at + 1);
    // Start of frame: C0 to CF but for three that are tables.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      const [lines, columns] = [view.getUint16(at + 5), view.getUint16(at + 7)];
      if (columns === width && lines <= height) return;
      throw new Error(`a JPEG of ${columns}×${lines} pixels in a block of ${width}×${height}`);
    }
    at += 2 + view.getUint16(at + 2);
  }
  throw new Error("a JPEG without a frame");
}

const zstdBlockBytes = 2 ** 17;
/** Encoders may cut their input into blocks smaller than they need be; this is far beyond what they do. */
const zstdSlack = 64;

/** RFC 8878. @throws Error for a frame that could become far larger than `maxBytes`: its blocks are counted, not decoded */
export function checkZstd(bytes: Uint8Array, maxBytes: number): void {
  const descriptor = bytes[4] ?? 0;
  const single = (descriptor & 0x20) !== 0;
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  const dictionaryId = [0, 1, 2, 4][descriptor & 3] as number;
  const limit = Math.min(maxBytes * zstdSlack + zstdBlockBytes, maxBytes + 2 ** 30);
  let possible = 0;
  for (let at = 5 + (single ? 0 : 1) + dictionaryId + contentSize; at + 3 <= bytes.length; ) {
    const header = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
    const kind = (header >> 1) & 3;
    const size = header >> 3;
    const [raw, repeated] = [0, 1];
    possible += kind === raw || kind === repeated ? size : zstdBlockBytes;
    if (possible > limit) throw new Error(`zstd data for more than the ${maxBytes} bytes of the block`);
    if (header & 1) return;
    at += 3 + (kind === repeated ? 1 : size);
  }
}
