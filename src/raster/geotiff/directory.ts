/**
 * TIFF 6.0 and BigTIFF directories. Read here and not by the library that decodes the blocks, because that one misreads
 * offset tables of big-endian files and takes memory for whatever size a header states.
 */
import type { ByteSource } from "../ByteSource.ts";

export const Tag = {
  newSubfileType: 254,
  imageWidth: 256,
  imageLength: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planarConfiguration: 284,
  predictor: 317,
  tileWidth: 322,
  tileLength: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
  modelPixelScale: 33550,
  modelTiepoint: 33922,
  modelTransformation: 34264,
  geoKeyDirectory: 34735,
  geoDoubleParams: 34736,
  geoAsciiParams: 34737,
  gdalMetadata: 42112,
  gdalNodata: 42113,
  lercParameters: 50674,
} as const;

/** Reads a number of one of TIFF's field types. Rationals are not among them: no tag here has one. */
const fieldTypes: Record<number, { size: number; read(view: DataView, at: number, little: boolean): number }> = {
  1: { size: 1, read: (view, at) => view.getUint8(at) },
  2: { size: 1, read: (view, at) => view.getUint8(at) },
  3: { size: 2, read: (view, at, little) => view.getUint16(at, little) },
  4: { size: 4, read: (view, at, little) => view.getUint32(at, little) },
  6: { size: 1, read: (view, at) => view.getInt8(at) },
  7: { size: 1, read: (view, at) => view.getUint8(at) },
  8: { size: 2, read: (view, at, little) => view.getInt16(at, little) },
  9: { size: 4, read: (view, at, little) => view.getInt32(at, little) },
  11: { size: 4, read: (view, at, little) => view.getFloat32(at, little) },
  12: { size: 8, read: (view, at, little) => view.getFloat64(at, little) },
  13: { size: 4, read: (view, at, little) => view.getUint32(at, little) },
  16: { size: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
  17: { size: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  18: { size: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
};

interface Entry {
  readonly type: number;
  readonly count: number;
  /** The values themselves where the entry has room for them, otherwise where they stand in the file. */
  readonly place: DataView | number;
}

/** More values than any tag of a raster within reach needs: 2²⁴ blocks of 256×256 pixels are a million pixels squared. */
const maxValues = 2 ** 24;
const maxEntries = 4096;
const maxDirectories = 1024;

/** One image of a file: its tags, read when asked for. */
export class Directory {
  readonly file: ByteSource;
  readonly littleEndian: boolean;
  readonly #entries: ReadonlyMap<number, Entry>;

  constructor(file: ByteSource, littleEndian: boolean, entries: ReadonlyMap<number, Entry>) {
    this.file = file;
    this.littleEndian = littleEndian;
    this.#entries = entries;
  }

  has(tag: number): boolean {
    return this.#entries.has(tag);
  }

  /** The values of a tag, `undefined` where the directory has none. */
  async numbers(tag: number): Promise<Float64Array | undefined> {
    const entry = this.#entries.get(tag);
    if (entry === undefined) return undefined;
    const field = fieldTypes[entry.type];
    if (field === undefined) throw this.file.error(`tag ${tag} has the unknown field type ${entry.type}`);
    if (entry.count > maxValues) throw this.file.error(`tag ${tag} claims ${entry.count} values`);
    const { place } = entry;
    const view =
      typeof place === "number" ? new DataView((await this.file.read(place, entry.count * field.size)).buffer) : place;
    const values = new Float64Array(entry.count);
    for (let i = 0; i < entry.count; i++) values[i] = field.read(view, i * field.size, this.littleEndian);
    return values;
  }

  /** The first value of a tag, or `absent`. */
  async number(tag: number, absent: number): Promise<number> {
    return (await this.numbers(tag))?.[0] ?? absent;
  }

  /** The text of a tag, up to its first NUL. */
  async text(tag: number): Promise<string | undefined> {
    const codes = await this.numbers(tag);
    return codes && Buffer.from(codes).toString("utf8").split("\0", 1)[0];
  }
}

/** Every directory of the file in its chain, the full image first. */
export async function readDirectories(file: ByteSource): Promise<Directory[]> {
  if (file.size < 8) throw file.error("too short for a TIFF");
  const header = new DataView((await file.read(0, Math.min(16, file.size))).buffer);
  const little = header.getUint8(0) === 0x49;
  const big = header.getUint16(2, little) === 43;
  if (big && header.byteLength < 16) throw file.error("too short for a BigTIFF");
  const number = (view: DataView, at: number) =>
    big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);
  const [countSize, entrySize, pointerSize] = big ? [8, 20, 8] : [2, 12, 4];

  const directories: Directory[] = [];
  const seen = new Set<number>();
  for (let at = number(header, big ? 8 : 4); at !== 0; ) {
    if (seen.has(at) || seen.size === maxDirectories) throw file.error("its directories form a loop");
    seen.add(at);
    const head = new DataView((await file.read(at, countSize)).buffer);
    const count = big ? number(head, 0) : head.getUint16(0, little);
    if (count < 1 || count > maxEntries) throw file.error(`a directory of ${count} tags at byte ${at}`);
    const start = at + countSize;
    const view = new DataView((await file.read(start, count * entrySize + pointerSize)).buffer);
    const entries = new Map<number, Entry>();
    for (let i = 0; i < count; i++) {
      const entry = i * entrySize;
      const type = view.getUint16(entry + 2, little);
      const values = number(view, entry + 4);
      const room = new DataView(view.buffer, entry + 4 + pointerSize, pointerSize);
      const fits = values * (fieldTypes[type]?.size ?? 1) <= pointerSize;
      entries.set(view.getUint16(entry, little), { type, count: values, place: fits ? room : number(room, 0) });
    }
    directories.push(new Directory(file, little, entries));
    at = number(view, count * entrySize);
  }
  if (directories.length === 0) throw file.error("holds no image");
  return directories;
}
