/** Archives of arrays as numpy.savez writes them: ZIP files (APPNOTE 6.3) of NPY files. */
import { promisify } from "node:util";
import { crc32, inflateRaw } from "node:zlib";
import { type ByteSource, inMemory, partOf } from "../ByteSource.ts";
import type { OpenOptions, Raster } from "../Raster.ts";
import type { RasterFile } from "../RasterFile.ts";
import { describeKind } from "../kinds.ts";
import { openNpy } from "./openNpy.ts";

export function isZip(start: Uint8Array): boolean {
  return start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
}

interface Member {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  /** In the archive, and unpacked. */
  readonly packedBytes: number;
  readonly bytes: number;
  /** Where its local header stands. */
  readonly offset: number;
}

const [stored, deflated] = [0, 8];
/** What is compressed has to be in memory as a whole. */
const maxUnpackedBytes = 2 ** 28;
const maxDirectoryBytes = 2 ** 24;
const inflateAsync = promisify(inflateRaw);

export async function openNpz(
  file: RasterFile,
  start: Uint8Array,
  options: OpenOptions,
  cacheBytes: number,
): Promise<Raster> {
  const members = await readDirectory(file);
  const arrays = members.filter(({ name }) => name.endsWith(".npy"));
  const [array] = arrays;
  if (array === undefined) throw file.error(describeKind(file.path, start));
  if (arrays.length > 1) {
    const names = arrays.map(({ name }) => name.replace(/\.npy$/, ""));
    throw file.error(`holds the arrays ${names.join(", ")}, expected a single one: numpy.save writes one of them`);
  }
  return openNpy(file, options, cacheBytes, await unpack(file, array));
}

async function unpack(
  file: RasterFile,
  { name, method, crc, packedBytes, bytes, offset }: Member,
): Promise<ByteSource> {
  const header = Buffer.from(await file.read(offset, 30));
  const dataStart = offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const packed = partOf(file, dataStart, packedBytes);
  if (method === stored && bytes === packedBytes) {
    if ((await crcOf(packed)) !== crc) throw file.error(`${name} is damaged: its check sum is another`);
    return packed;
  }
  if (method !== deflated) throw file.error(`${name} is packed in a way that is not known (${method})`);
  if (bytes > maxUnpackedBytes) {
    throw file.error(
      `${name} unpacks to ${Math.round(bytes / 2 ** 20)} MiB: numpy.save writes it so that it can be read in parts`,
    );
  }
  let unpacked: Buffer;
  try {
    unpacked = await inflateAsync(await packed.read(0, packedBytes), { maxOutputLength: bytes });
  } catch (cause) {
    throw file.error(`${name} is damaged: ${(cause as Error).message}`, cause);
  }
  if (unpacked.length !== bytes || crc32(unpacked) !== crc)
    throw file.error(`${name} is damaged: its check sum is another`);
  return inMemory(file, unpacked);
}

/** The sum of all bytes, a few of them in memory at a time. */
async function crcOf(source: ByteSource): Promise<number> {
  const step = 2 ** 22;
  let crc = 0;
  for (let at = 0; at < source.size; at += step) {
    crc = crc32(await source.read(at, Math.min(step, source.size - at)), crc);
  }
  return crc;
}

const [directoryEnd, directoryEnd64, locator64, entryStart] = [0x06054b50, 0x06064b50, 0x07064b50, 0x02014b50];
/** What stands in place of a number that needs 64 bits. */
const tooLarge = 0xffffffff;

/** The members that the directory at the archive's end lists. */
async function readDirectory(file: RasterFile): Promise<Member[]> {
  // A comment of up to 64 KiB may follow.
  const tailBytes = Math.min(file.size, 22 + 65535 + 20);
  const tail = Buffer.from(await file.read(file.size - tailBytes, tailBytes));
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== directoryEnd) end--;
  if (end < 0) throw file.error("is damaged: a ZIP archive without a directory");
  let [count, size, start] = [tail.readUInt16LE(end + 10), tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16)];
  if (end >= 20 && tail.readUInt32LE(end - 20) === locator64) {
    const record = Buffer.from(await file.read(Number(tail.readBigUInt64LE(end - 12)), 56));
    if (record.readUInt32LE(0) !== directoryEnd64) throw file.error("is damaged: a ZIP archive without a directory");
    [count, size, start] = [32, 40, 48].map((at) => Number(record.readBigUInt64LE(at))) as [number, number, number];
  }
  if (size > maxDirectoryBytes) throw file.error(`is damaged: a directory of ${size} bytes`);
  const directory = Buffer.from(await file.read(start, size));
  const members: Member[] = [];
  for (let at = 0; members.length < count; ) {
    if (at + 46 > size || directory.readUInt32LE(at) !== entryStart)
      throw file.error("is damaged: its directory ends early");
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ];
    const extra = directory.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes);
    const [bytes, packedBytes, offset] = wideNumbers(
      extra,
      [24, 20, 42].map((field) => directory.readUInt32LE(at + field)),
    );
    members.push({
      name: directory.toString("utf8", at + 46, at + 46 + nameBytes),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      packedBytes: packedBytes as number,
      bytes: bytes as number,
      offset: offset as number,
    });
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
  return members;
}

/** Numbers that need 64 bits stand in an extra field, in their order. */
function wideNumbers(extra: Buffer, numbers: readonly number[]): number[] {
  const zip64 = 1;
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== zip64) continue;
    let next = at + 4;
    return numbers.map((number) => {
      if (number !== tooLarge || next + 8 > extra.length) return number;
      next += 8;
      return Number(extra.readBigUInt64LE(next - 8));
    });
  }
  return [...numbers];
}
