/** The boxes of a JP2 file (ITU-T T.800, annex I). */
import type { ByteSource } from "../ByteSource.ts";

export interface Box {
  /** Four characters. */
  readonly type: string;
  readonly start: number;
  readonly size: number;
}

/** Far more than any file has. */
const maxBoxes = 4096;

/** The boxes that lie next to each other in a source: what they hold, without their heads. */
export async function readBoxes(source: ByteSource): Promise<Box[]> {
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= source.size && boxes.length < maxBoxes; ) {
    const head = Buffer.from(await source.read(at, Math.min(16, source.size - at)));
    const short = head.readUInt32BE(0);
    const isLong = short === 1 && head.length === 16;
    const length = isLong ? Number(head.readBigUInt64BE(8)) : short === 0 ? source.size - at : short;
    const headBytes = isLong ? 16 : 8;
    if (length < headBytes || at + length > source.size) {
      throw source.error(`its box at byte ${at} is ${length} bytes long, ${source.size - at} are left`);
    }
    boxes.push({ type: head.toString("latin1", 4, 8), start: at + headBytes, size: length - headBytes });
    at += length;
  }
  return boxes;
}
