import {
  hostIsLittleEndian,
  narrowIntegers,
  type SampleArray,
  sampleArrays,
  samplesFromBytes,
  swapByteOrder,
  widenHalves,
} from "../samples.ts";
import { codecs } from "./codecs.ts";
import { bytesPerRow } from "./layout.ts";
import type { Layout } from "./storage.ts";
import { undoBytePlanes, undoDifferences } from "./predictor.ts";

/** Short data may stand for more than their share. */
const expansionSlack = 4096;

/**
 * The samples of a block, `rows × block.width × bands of the block`.
 *
 * @param absent fills blocks that the file leaves out, as sparse files do
 */
export async function decodeBlock(
  layout: Layout,
  band: number,
  row: number,
  column: number,
  absent: number,
): Promise<SampleArray> {
  const { file, block, bits, type, interleaved, predictor } = layout;
  const plane = interleaved ? 0 : band;
  const index = (plane * layout.blocksDown + row) * layout.blocksAcross + column;
  // The last strip ends with the image; a tile is always whole.
  const rows = layout.tiled ? block.height : Math.min(block.height, layout.height - row * block.height);
  const bandsInBlock = interleaved ? layout.samplesPerPixel : 1;
  const samplesPerRow = block.width * bandsInBlock;
  const byteCount = layout.byteCounts[index] as number;
  if (byteCount === 0) return new sampleArrays[type](rows * samplesPerRow).fill(absent);

  const compressed = await file.read(layout.offsets[index] as number, byteCount);
  try {
    const bytes = await unpack(layout, compressed, rows * bytesPerRow(layout));
    if (![8, 16, 32, 64].includes(bits)) return unpackBits(layout, bytes, rows, samplesPerRow);
    const size = bits / 8;
    if (predictor === 3) undoBytePlanes(bytes, block.width, bandsInBlock, size);
    if (layout.littleEndian !== hostIsLittleEndian) swapByteOrder(bytes, size);
    if (predictor === 2) undoDifferences(bytes, block.width, bandsInBlock, size);
    if (type === "i64" || type === "u64") return narrowIntegers(type, bytes);
    return layout.half ? widenHalves(samplesFromBytes("u16", bytes) as Uint16Array) : samplesFromBytes(type, bytes);
  } catch (cause) {
    const where = layout.tiled ? "tile" : "strip";
    throw file.error(`${where} ${index} cannot be read: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
}

/** @throws Error for data that cannot hold, or do not hold, `needed` bytes */
async function unpack(layout: Layout, compressed: Uint8Array, needed: number): Promise<Uint8Array> {
  const codec = codecs[layout.compression] as (typeof codecs)[number];
  if (needed > codec.mostExpansion * compressed.length + expansionSlack) {
    throw new Error(`${compressed.length} bytes cannot stand for ${needed}`);
  }
  const bytes = await codec.decode(compressed, layout.block.height * bytesPerRow(layout), layout);
  if (bytes.length < needed) throw new Error(`it holds ${bytes.length} bytes where ${needed} are needed`);
  return bytes.subarray(0, needed);
}

/** Integers of 1 to 24 bits, packed from the most significant bit on; each row starts on a byte. */
function unpackBits({ bits, type }: Layout, bytes: Uint8Array, rows: number, samplesPerRow: number): SampleArray {
  const samples = new sampleArrays[type](rows * samplesPerRow);
  const rowBytes = Math.ceil((samplesPerRow * bits) / 8);
  const mask = 2 ** bits - 1;
  for (let row = 0, to = 0; row < rows; row++) {
    let from = row * rowBytes;
    let held = 0;
    let heldBits = 0;
    for (let i = 0; i < samplesPerRow; i++) {
      for (; heldBits < bits; heldBits += 8) held = ((held & 0x7fffff) << 8) | (bytes[from++] as number);
      heldBits -= bits;
      samples[to++] = (held >>> heldBits) & mask;
    }
  }
  return samples;
}
