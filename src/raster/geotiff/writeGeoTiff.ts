import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { type Georeference, storedTransform } from "../georeference.ts";
import { AtomicFile } from "../RasterFile.ts";
import {
  bytesOf,
  hostIsLittleEndian,
  type SampleArray,
  type SampleType,
  sampleArrays,
  sampleTypeOf,
  swapByteOrder,
} from "../samples.ts";
import { Tag } from "./directory.ts";

/** What a GeoTIFF says of itself besides its pixels. */
export interface GeoTiffDescription {
  readonly width: number;
  readonly height: number;
  /** The number that marks missing pixels, NaN included. */
  readonly nodata?: number | null;
  /** Taken over from another raster (`raster.georeference`), or made by `epsgGeoreference`. */
  readonly georeference?: Georeference | null;
  readonly bandNames?: readonly string[];
  /** Default `"deflate"`. */
  readonly compression?: "none" | "deflate";
  /** Width and height of square tiles, a multiple of 16. Strips of whole rows where it is absent. */
  readonly tile?: number;
  /** Bands of a pixel side by side, or one plane per band (default). */
  readonly interleave?: "band" | "pixel";
  /** BigTIFF, which may be larger than 4 GiB. Always where the pixels come near that before they are compressed. */
  readonly bigTiff?: boolean;
}

/** Columns of an image, side by side. */
interface Columns {
  readonly x: number;
  readonly width: number;
}

const deflateAsync = promisify(deflate);
const stripBytes = 2 ** 16;
/** Less than the 4 GiB that classic TIFF ends at, for what deflate cannot compress grows a little. */
const classicBytes = 4e9;
const adobeDeflate = 8;

/** TIFF's code for the kind of number. */
const sampleFormats = { u: 1, i: 2, f: 3 } as Record<string, number>;

/**
 * Writes a GeoTIFF from the top down, a few rows at a time, holding one row of blocks in memory; where that is too much, in columns
 * of tiles from the left, each of them from the top down. Little-endian. The file appears under its name at `finish`.
 *
 * @example
 * const writer = await GeoTiffWriter.create("error.tif", "f32", 1, { width, height, nodata: Number.NaN, georeference });
 * try {
 *   for await (const rows of maps) await writer.write([rows]);
 *   await writer.finish();
 * } catch (error) {
 *   await writer.discard();
 *   throw error;
 * }
 */
export class GeoTiffWriter {
  readonly #file: AtomicFile;
  readonly #type: SampleType;
  readonly #bandCount: number;
  readonly #description: GeoTiffDescription;
  readonly #block: { width: number; height: number };
  readonly #bigTiff: boolean;
  /** The columns that are being written, and rows of them that have been: at first none, and all of them. */
  #columns: Columns = { x: 0, width: 0 };
  #rows: number;
  /** Rows waiting for a block row to be full, a plane per band. */
  #pending: SampleArray[] = [];
  #pendingRows = 0;
  /** Offsets and byte counts of the blocks written, row by row, by plane. */
  readonly #offsets: number[][];
  readonly #byteCounts: number[][];

  /** @throws TypeError, RangeError for a description that makes no image */
  static async create(
    path: string,
    type: SampleType,
    bandCount: number,
    description: GeoTiffDescription,
  ): Promise<GeoTiffWriter> {
    checkDescription(bandCount, description);
    const file = await AtomicFile.create(path);
    const writer = new GeoTiffWriter(file, type, bandCount, description);
    // The offset of the directory, unknown yet, ends the header.
    await file.write(writer.#bigTiff ? header(43, 8, 16) : header(42, 0, 8));
    return writer;
  }

  private constructor(file: AtomicFile, type: SampleType, bandCount: number, description: GeoTiffDescription) {
    const { width, height, tile, interleave } = description;
    const planes = interleave === "pixel" ? 1 : bandCount;
    const rowBytes = width * (bandCount / planes) * sampleArrays[type].BYTES_PER_ELEMENT;
    const stripRows = Math.min(height, Math.max(1, Math.floor(stripBytes / rowBytes)));
    this.#file = file;
    this.#type = type;
    this.#bandCount = bandCount;
    this.#description = description;
    this.#block = tile ? { width: tile, height: tile } : { width, height: stripRows };
    const blocks = Math.ceil(width / this.#block.width) * Math.ceil(height / this.#block.height);
    const blockBytes = (this.#block.width / width) * this.#block.height * rowBytes;
    this.#bigTiff = description.bigTiff === true || blocks * blockBytes * planes > classicBytes;
    this.#rows = height;
    this.#offsets = Array.from({ length: planes }, () => []);
    this.#byteCounts = Array.from({ length: planes }, () => []);
  }

  /**
   * The next rows of each band, `rows × width` of the writer's type, any number of them.
   *
   * @param columns whole tiles, but for the last one at the right edge, that all rows of are written before those of the next columns are;
   * the whole width by default
   */
  async write(
    bands: readonly SampleArray[],
    columns: Columns = { x: 0, width: this.#description.width },
  ): Promise<void> {
    const { height } = this.#description;
    const { width } = columns;
    const rows = (bands[0]?.length ?? 0) / width;
    if (bands.length !== this.#bandCount || bands.some((band) => band.length !== rows * width)) {
      const lengths = bands.map((band) => band.length).join(", ");
      throw new RangeError(`"bands": expected ${this.#bandCount} arrays of one length, got lengths [${lengths}]`);
    }
    this.#moveTo(columns);
    if (!Number.isInteger(rows) || this.#rows + rows > height) {
      throw new RangeError(
        `"bands": expected whole rows of ${width} pixels, ${height} in all, got ${this.#rows + rows}`,
      );
    }
    if (bands.some((band) => sampleTypeOf(band) !== this.#type)) {
      throw new TypeError(
        `"bands": expected ${sampleArrays[this.#type].name}s, got ${bands.map(sampleTypeOf).join(", ")}`,
      );
    }
    for (let row = 0; row < rows; ) {
      const count = Math.min(rows - row, this.#block.height - this.#pendingRows);
      for (const [b, band] of bands.entries()) {
        (this.#pending[b] as SampleArray).set(
          band.subarray(row * width, (row + count) * width),
          this.#pendingRows * width,
        );
      }
      row += count;
      this.#rows += count;
      this.#pendingRows += count;
      if (this.#pendingRows === this.#block.height || this.#rows === height) await this.#writeBlocks();
    }
  }

  /** Goes on with the columns that are being written, or to the ones beside them. */
  #moveTo({ x, width }: Columns): void {
    const { width: imageWidth, height } = this.#description;
    const { x: left, width: before } = this.#columns;
    const unfinished = this.#rows < height;
    if (unfinished && x === left && width === before) return;
    const end = x + width;
    const isEdge = end === imageWidth || (end < imageWidth && end % this.#block.width === 0);
    if (unfinished || x !== left + before || !(width > 0) || !isEdge) {
      const expected = unfinished ? `those from ${left} on, ${before}` : `whole tiles from ${left + before} on`;
      throw new RangeError(`"columns": expected ${expected}, got ${width} from ${x} on`);
    }
    this.#columns = { x, width };
    this.#rows = 0;
    this.#pending = Array.from(
      { length: this.#bandCount },
      () => new sampleArrays[this.#type](this.#block.height * width),
    );
  }

  /** Writes the directory and gives the file its name. */
  async finish(): Promise<void> {
    const { width, height } = this.#description;
    if (this.#rows !== height) throw new RangeError(`"bands": expected ${height} rows in all, got ${this.#rows}`);
    const done = this.#columns.x + this.#columns.width;
    if (done !== width) throw new RangeError(`"columns": expected ${width} in all, got ${done}`);
    if (this.#file.position % 2 === 1) await this.#file.write(Uint8Array.of(0));
    const start = this.#file.position;
    await this.#file.write(encodeDirectory(this.#tags(), start, this.#bigTiff));
    const { size, encode } = this.#bigTiff ? fieldTypes.long8 : fieldTypes.long;
    const pointer = Buffer.alloc(size);
    encode(pointer, start, 0);
    await this.#file.write(pointer, size);
    await this.#file.commit();
  }

  /** Gives up: nothing stays on disk. */
  async discard(): Promise<void> {
    await this.#file.discard();
  }

  async #writeBlocks(): Promise<void> {
    const { width, tile, compression } = this.#description;
    const { width: blockWidth, height: blockHeight } = this.#block;
    const rows = tile ?? this.#pendingRows;
    const blockRow = Math.ceil(this.#rows / blockHeight) - 1;
    for (const [plane, offsets] of this.#offsets.entries()) {
      const bands = this.#offsets.length === 1 ? this.#pending : [this.#pending[plane] as SampleArray];
      for (let left = 0; left < this.#columns.width; left += blockWidth) {
        const bytes = bytesOf(this.#cut(bands, left, rows));
        if (!hostIsLittleEndian) swapByteOrder(bytes, sampleArrays[this.#type].BYTES_PER_ELEMENT);
        const stored = compression === "none" ? bytes : await deflateAsync(bytes);
        const block = blockRow * Math.ceil(width / blockWidth) + (this.#columns.x + left) / blockWidth;
        offsets[block] = this.#file.position;
        (this.#byteCounts[plane] as number[])[block] = stored.length;
        await this.#file.write(stored);
      }
    }
    this.#pendingRows = 0;
  }

  /** A block of pending rows from the pending column `left`, bands interleaved; what lies beyond the image is 0. */
  #cut(bands: readonly SampleArray[], left: number, rows: number): SampleArray {
    const { width } = this.#columns;
    const block = new sampleArrays[this.#type](rows * this.#block.width * bands.length);
    const right = Math.min(left + this.#block.width, width);
    for (const [b, band] of bands.entries()) {
      for (let y = 0; y < this.#pendingRows; y++) {
        let to = y * this.#block.width * bands.length + b;
        for (let x = left; x < right; x++, to += bands.length) block[to] = band[y * width + x] as number;
      }
    }
    return block;
  }

  #tags(): TagValue[] {
    const { width, height, nodata, georeference, bandNames, compression, tile, interleave } = this.#description;
    const bandCount = this.#bandCount;
    const each = (value: number) => new Array<number>(bandCount).fill(value);
    const offsets = this.#offsets.flat();
    const byteCounts = this.#byteCounts.flat();
    const tags: TagValue[] = [
      [Tag.imageWidth, "long", [width]],
      [Tag.imageLength, "long", [height]],
      [Tag.bitsPerSample, "short", each(sampleArrays[this.#type].BYTES_PER_ELEMENT * 8)],
      [Tag.compression, "short", [compression === "none" ? 1 : adobeDeflate]],
      [Tag.photometric, "short", [1]],
      [Tag.samplesPerPixel, "short", [bandCount]],
      [Tag.planarConfiguration, "short", [interleave === "pixel" ? 1 : 2]],
      [Tag.sampleFormat, "short", each(sampleFormats[this.#type.charAt(0)] as number)],
    ];
    if (bandCount > 1) tags.push([Tag.extraSamples, "short", new Array<number>(bandCount - 1).fill(0)]);
    if (tile) {
      tags.push([Tag.tileWidth, "long", [tile]], [Tag.tileLength, "long", [tile]]);
      tags.push([Tag.tileOffsets, this.#bigTiff ? "long8" : "long", offsets], [Tag.tileByteCounts, "long", byteCounts]);
    } else {
      tags.push([Tag.rowsPerStrip, "long", [this.#block.height]]);
      tags.push(
        [Tag.stripOffsets, this.#bigTiff ? "long8" : "long", offsets],
        [Tag.stripByteCounts, "long", byteCounts],
      );
    }
    if (nodata != null) tags.push([Tag.gdalNodata, "ascii", nodataText(nodata)]);
    if (bandNames) tags.push([Tag.gdalMetadata, "ascii", bandNamesXml(bandNames)]);
    if (georeference) tags.push(...georeferenceTags(georeference));
    return tags;
  }
}

/**
 * Writes whole bands, all in memory, as a GeoTIFF: little-endian, in strips or tiles.
 *
 * @param image `bands` are planes of `height × width`, all of one type, which is the file's
 * @throws TypeError, RangeError for arrays or a description that make no image
 * @throws RasterError where the file cannot be written
 *
 * @example
 * await writeGeoTiff("pred.tif", { width, height, bands: [red, green, blue], nodata: -1, bandNames: ["B04", "B03", "B02"] });
 */
export async function writeGeoTiff(
  path: string,
  image: GeoTiffDescription & { readonly bands: readonly SampleArray[] },
): Promise<void> {
  const { bands, ...description } = image;
  const first = bands[0];
  if (first === undefined) throw new RangeError('"bands": expected at least one, got none');
  const writer = await GeoTiffWriter.create(path, sampleTypeOf(first), bands.length, description);
  try {
    await writer.write(bands);
    await writer.finish();
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

function checkDescription(bandCount: number, { width, height, tile, bandNames }: GeoTiffDescription): void {
  const check = (name: string, value: number, most: number) => {
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw new RangeError(`"${name}": expected a whole number from 1 to ${most}, got ${value}`);
    }
  };
  check("width", width, 2 ** 31 - 1);
  check("height", height, 2 ** 31 - 1);
  check("bands", bandCount, 65535);
  if (tile !== undefined && !(Number.isInteger(tile) && tile >= 16 && tile % 16 === 0 && tile <= 4096)) {
    throw new RangeError(`"tile": expected a multiple of 16 up to 4096, got ${tile}`);
  }
  if (bandNames && bandNames.length !== bandCount) {
    throw new RangeError(`"bandNames": expected ${bandCount}, one per band, got ${bandNames.length}`);
  }
}

function nodataText(nodata: number): string {
  return Number.isNaN(nodata) ? "nan" : String(nodata).replace("Infinity", "inf");
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function bandNamesXml(names: readonly string[]): string {
  // GDAL escapes the text before it writes it as XML, which escapes it again, and so undoes it twice.
  const items = names.map(
    (name, band) =>
      `  <Item name="DESCRIPTION" sample="${band}" role="description">${escapeXml(escapeXml(name))}</Item>\n`,
  );
  return `<GDALMetadata>\n${items.join("")}</GDALMetadata>\n`;
}

function georeferenceTags(georeference: Georeference): TagValue[] {
  const tags: TagValue[] = [];
  const transform = storedTransform(georeference);
  if (transform) {
    const [x, xByColumn, xByRow, y, yByColumn, yByRow] = transform;
    if (xByRow === 0 && yByColumn === 0 && xByColumn > 0 && yByRow < 0) {
      tags.push([Tag.modelPixelScale, "double", [xByColumn, -yByRow, 0]]);
      tags.push([Tag.modelTiepoint, "double", [0, 0, 0, x, y, 0]]);
    } else {
      const matrix = [xByColumn, xByRow, 0, x, yByColumn, yByRow, 0, y, 0, 0, 0, 0, 0, 0, 0, 1];
      tags.push([Tag.modelTransformation, "double", matrix]);
    }
  }
  if (georeference.keys) {
    const { directory, doubles, ascii } = georeference.keys;
    tags.push([Tag.geoKeyDirectory, "short", directory]);
    if (doubles.length > 0) tags.push([Tag.geoDoubleParams, "double", doubles]);
    if (ascii !== "") tags.push([Tag.geoAsciiParams, "ascii", ascii]);
  }
  return tags;
}

/** The bytes in front of a TIFF: its version, and what else tells its kind, with 0 up to its end. */
function header(version: number, pointerBytes: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set([0x49, 0x49, version, 0, pointerBytes]);
  return bytes;
}

/** TIFF's code for a kind of number, its size in bytes, and how it is written. */
const fieldTypes = {
  ascii: { code: 2, size: 1 },
  short: { code: 3, size: 2, encode: (bytes: Buffer, value: number, at: number) => bytes.writeUInt16LE(value, at) },
  long: { code: 4, size: 4, encode: (bytes: Buffer, value: number, at: number) => bytes.writeUInt32LE(value, at) },
  double: { code: 12, size: 8, encode: (bytes: Buffer, value: number, at: number) => bytes.writeDoubleLE(value, at) },
  long8: {
    code: 16,
    size: 8,
    encode: (bytes: Buffer, value: number, at: number) => bytes.writeBigUInt64LE(BigInt(value), at),
  },
} as const;

type TagValue =
  | [tag: number, type: "ascii", value: string]
  | [tag: number, type: "short" | "long" | "long8" | "double", value: readonly number[]];

function encodeValue([, type, value]: TagValue): Buffer {
  if (type === "ascii") return Buffer.from(`${value}\0`, "utf8");
  const { size, encode } = fieldTypes[type];
  const bytes = Buffer.alloc(value.length * size);
  for (const [i, number] of value.entries()) encode(bytes, number, i * size);
  return bytes;
}

/** A directory that starts at byte `start` of the file, followed by the values that do not fit into its entries. */
function encodeDirectory(tags: readonly TagValue[], start: number, bigTiff: boolean): Buffer {
  // The number of tags, then of each its number, type, count and values, then where the next directory is: nowhere.
  const pointer = bigTiff ? fieldTypes.long8 : fieldTypes.long;
  const count = bigTiff ? fieldTypes.long8 : fieldTypes.short;
  const entryBytes = 4 + 2 * pointer.size;
  const sorted = [...tags].sort(([a], [b]) => a - b);
  const head = Buffer.alloc(count.size + sorted.length * entryBytes + pointer.size);
  const tail: Buffer[] = [];
  let end = start + head.length;
  count.encode(head, sorted.length, 0);
  for (const [i, tag] of sorted.entries()) {
    const at = count.size + i * entryBytes;
    const { code, size } = fieldTypes[tag[1]];
    const value = encodeValue(tag);
    head.writeUInt16LE(tag[0], at);
    head.writeUInt16LE(code, at + 2);
    pointer.encode(head, value.length / size, at + 4);
    const place = at + 4 + pointer.size;
    if (value.length <= pointer.size) {
      head.set(value, place);
    } else {
      pointer.encode(head, end, place);
      const padded = value.length % 2 === 0 ? value : Buffer.concat([value, Buffer.alloc(1)]);
      tail.push(padded);
      end += padded.length;
    }
  }
  return Buffer.concat([head, ...tail]);
}
