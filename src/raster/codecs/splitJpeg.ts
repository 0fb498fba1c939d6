/**
 * JPEGs of two or four channels, which the decoder has no way to give out as they are: each channel becomes a grey JPEG. Nothing is
 * decoded. In a sequential scan, the bits of a block depend on earlier blocks of its own channel only, so they are copied as they stand
 * (ITU-T T.81, annex F).
 */
import { jpegSegments } from "./declaredSize.ts";

/** By the next 16 bits of the data: the length of the code that they begin with, times 256, and its symbol. 0: no code. */
type Codes = Uint16Array;

const [baseline, extended, huffmanTables, startOfScan, restartInterval] = [0xc0, 0xc1, 0xc4, 0xda, 0xdd];

/** @throws Error for a JPEG that is not sequential, subsampled, or damaged */
export function splitJpeg(bytes: Uint8Array): Uint8Array[] {
  const segments = [...jpegSegments(bytes)];
  const segment = (marker: number) => segments.find((candidate) => candidate.marker === marker);
  const frame = segment(baseline) ?? segment(extended);
  const scan = segment(startOfScan);
  if (frame === undefined || scan === undefined || segment(restartInterval)) {
    throw new Error("JPEG data of several channels that are not in one sequential scan");
  }
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const [height, width] = [view.readUInt16BE(frame.start + 5), view.readUInt16BE(frame.start + 7)];
  const count = view.readUInt8(frame.start + 9);
  const tables = new Map<number, Codes>();
  for (const { marker, start, end } of segments) {
    if (marker === huffmanTables) readCodes(bytes.subarray(start + 4, end), tables);
  }
  const channels = Array.from({ length: count }, (_, i) => {
    const [id, sampling] = bytes.subarray(frame.start + 10 + 3 * i);
    const [scanId, selectors = 0] = bytes.subarray(scan.start + 5 + 2 * i);
    if (sampling !== 0x11 || id !== scanId) throw new Error("JPEG data of several channels that are subsampled");
    return {
      i,
      dc: tables.get(selectors >> 4),
      ac: tables.get(16 + (selectors & 15)),
      out: new BitWriter(bytes.length),
    };
  });
  const input = new BitReader(bytes, scan.end);
  const blocks = Math.ceil(width / 8) * Math.ceil(height / 8);
  for (let block = 0; block < blocks; block++) {
    for (const { dc, ac, out } of channels) {
      if (dc === undefined || ac === undefined) throw new Error("JPEG data without their tables");
      copyBlock(input, dc, ac, out);
    }
  }
  const shared = segments.filter(({ marker }) => marker === huffmanTables || marker === 0xdb);
  return channels.map(({ i, out }) =>
    Buffer.concat([
      Uint8Array.of(0xff, 0xd8),
      ...shared.map(({ start, end }) => bytes.subarray(start, end)),
      // Frame and scan of one channel.
      Uint8Array.of(0xff, bytes[frame.start + 1] as number, 0, 11),
      bytes.subarray(frame.start + 4, frame.start + 9),
      Uint8Array.of(1),
      bytes.subarray(frame.start + 10 + 3 * i, frame.start + 13 + 3 * i),
      Uint8Array.of(0xff, startOfScan, 0, 8, 1),
      bytes.subarray(scan.start + 5 + 2 * i, scan.start + 7 + 2 * i),
      Uint8Array.of(0, 63, 0),
      out.finish(),
      Uint8Array.of(0xff, 0xd9),
    ]),
  );
}

/** Copies a block: its first coefficient, then runs of zeros and what ends each of them. */
function copyBlock(input: BitReader, dc: Codes, ac: Codes, out: BitWriter): void {
  input.copyBits(input.copyCode(dc, out) & 15, out);
  for (let k = 1; k < 64; ) {
    const symbol = input.copyCode(ac, out);
    const [run, bits] = [symbol >> 4, symbol & 15];
    if (bits === 0 && run !== 15) return;
    input.copyBits(bits, out);
    k += run + 1;
  }
}

/** The tables of a segment, under their number, those of the other coefficients 16 above. */
function readCodes(bytes: Uint8Array, tables: Map<number, Codes>): void {
  for (let at = 0; at + 17 <= bytes.length; ) {
    const codes = new Uint16Array(2 ** 16);
    const lengths = bytes.subarray(at + 1, at + 17);
    let symbol = at + 17;
    let next = 0;
    for (let length = 1; length <= 16; length++) {
      for (let i = 0; i < (lengths[length - 1] as number); i++) {
        const end = next + 2 ** (16 - length);
        codes.fill((length << 8) | (bytes[symbol++] ?? 0), next, end);
        next = end;
      }
    }
    tables.set(bytes[at] as number, codes);
    at = symbol;
  }
}

/** Bits of a scan, in which a 0 follows 0xff, and which ends with a marker. */
class BitReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #bits = 0;
  #count = 0;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  /** The symbol of the next code, which goes to `out`. */
  copyCode(codes: Codes, out: BitWriter): number {
    this.#fill();
    const next = this.#count >= 16 ? this.#bits >>> (this.#count - 16) : this.#bits << (16 - this.#count);
    const code = codes[next & 0xffff] as number;
    if (code === 0) throw new Error("damaged JPEG data");
    this.copyBits(code >> 8, out);
    return code & 255;
  }

  /** Up to 16 bits. */
  copyBits(length: number, out: BitWriter): void {
    this.#fill();
    this.#count -= length;
    if (this.#count < 0) throw new Error("JPEG data that end early");
    out.write((this.#bits >>> this.#count) & (2 ** length - 1), length);
  }

  #fill(): void {
    while (this.#count <= 24 && this.#at < this.#bytes.length) {
      const byte = this.#bytes[this.#at] as number;
      if (byte === 0xff && this.#bytes[this.#at + 1] !== 0) return;
      this.#at += byte === 0xff ? 2 : 1;
      this.#bits = (this.#bits << 8) | byte;
      this.#count += 8;
    }
  }
}

class BitWriter {
  readonly #bytes: Uint8Array;
  #at = 0;
  #bits = 0;
  #count = 0;

  /** @param most bytes of the data that parts are taken of */
  constructor(most: number) {
    // In the worst case a 0 follows each byte.
    this.#bytes = new Uint8Array(2 * most + 4);
  }

  write(bits: number, length: number): void {
    this.#bits = (this.#bits << length) | bits;
    this.#count += length;
    while (this.#count >= 8) {
      this.#count -= 8;
      const byte = (this.#bits >>> this.#count) & 255;
      this.#bytes[this.#at++] = byte;
      if (byte === 0xff) this.#at++;
    }
  }

  /** The bytes, the last filled up with ones. */
  finish(): Uint8Array {
    this.write(127, 7);
    return this.#bytes.subarray(0, this.#at);
  }
}
