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
}

const deflateAsync = promisify(deflate);
const stripBytes = 2 ** 16;
const maxFileBytes = 2 ** 32 - 1;
const adobeDeflate = 8;

/** TIFF's code for the kind of number. */
const sampleFormats = { u: 1, i: 2, f: 3 } as Record<string, number>;

/**
 * Writes a GeoTIFF from the top down, a few rows at a time, holding one row of blocks in memory. Little-endian, classic
 * TIFF: larger than 4 GiB is an error. The file appears under its name at `finish`.
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
  /** Rows waiting for a block row to be full, a plane per band. */
  readonly #pending: SampleArray[];
  #pendingRows = 0;
  #rows = 0;
  /** Offsets and byte counts of the blocks written, by plane. */
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
    // The offset of the directory, unknown yet, follows the signature.
    await file.write(Uint8Array.of(0x49, 0x49, 42, 0, 0, 0, 0, 0));
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
    this.#pending = Array.from({ length: bandCount }, () => new sampleArrays[type](this.#block.height * width));
    this.#offsets = Array.from({ length: planes }, () => []);
    this.#byteCounts = Array.from({ length: planes }, () => []);
  }

  /** The next rows of each band, `rows × width` of the writer's type, any number of them. */
  async write(bands: readonly SampleArray[]): Promise<void> {
    const { width, height } = this.#description;
    const rows = (bands[0]?.length ?? 0) / width;
    if (bands.length !== this.#bandCount || bands.some((band) => band.length !== rows * width)) {
      const lengths = bands.map((band) => band.length).join(", ");
      throw new RangeError(`"bands": expected ${this.#bandCount} arrays of one length, got lengths [${lengths}]`);
    }
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

  /** Writes the directory and gives the file its name. */
  async finish(): Promise<void> {
    const { height } = this.#description;
    if (this.#rows !== height) throw new RangeError(`"bands": expected ${height} rows in all, got ${this.#rows}`);
    if (this.#file.position % 2 === 1) await this.#file.write(Uint8Array.of(0));
    const start = this.#file.position;
    const directory = encodeDirectory(this.#tags(), start);
    this.#checkSize(directory.length);
    await this.#file.write(directory);
    const pointer = Buffer.alloc(4);
    pointer.writeUInt32LE(start);
    await this.#file.write(pointer, 4);
    await this.#file.commit();
  }

  /** Gives up: nothing stays on disk. */
  async discard(): Promise<void> {
    await this.#file.discard();
  }

  async #writeBlocks(): Promise<void> {
    const { width, tile, compression } = this.#description;
    const rows = tile ?? this.#pendingRows;
    for (const [plane, offsets] of this.#offsets.entries()) {
      const bands = this.#offsets.length === 1 ? this.#pending : [this.#pending[plane] as SampleArray];
      for (let left = 0; left < width; left += this.#block.width) {
        const bytes = bytesOf(this.#cut(bands, left, rows));
        if (!hostIsLittleEndian) swapByteOrder(bytes, sampleArrays[this.#type].BYTES_PER_ELEMENT);
        const stored = compression === "none" ? bytes : await deflateAsync(bytes);
        this.#checkSize(stored.length);
        offsets.push(this.#file.position);
        this.#byteCounts[plane]?.push(stored.length);
        await this.#file.write(stored);
      }
    }
    this.#pendingRows = 0;
  }

  /** A block of pending rows from column `left`, bands interleaved; what lies beyond the image is 0. */
  #cut(bands: readonly SampleArray[], left: number, rows: number): SampleArray {
    const { width } = this.#description;
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

  #checkSize(more: number): void {
    if (this.#file.position + more > maxFileBytes) {
      throw new RangeError(`"path": expected less than 4 GiB, got more for ${this.#file.path}`);
    }
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
      tags.push([Tag.tileOffsets, "long", offsets], [Tag.tileByteCounts, "long", byteCounts]);
    } else {
      tags.push([Tag.rowsPerStrip, "long", [this.#block.height]]);
      tags.push([Tag.stripOffsets, "long", offsets], [Tag.stripByteCounts, "long", byteCounts]);
    }
    if (nodata != null) tags.push([Tag.gdalNodata, "ascii", nodataText(nodata)]);
    if (bandNames) tags.push([Tag.gdalMetadata, "ascii", bandNamesXml(bandNames)]);
    if (georeference) tags.push(...georeferenceTags(georeference));
    return tags;
  }
}

/**
 * Writes whole bands, all in memory, as a GeoTIFF: little-endian, classic TIFF, in strips or tiles.
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

const fieldTypes = {
  ascii: { code: 2, size: 1 },
  short: { code: 3, size: 2 },
  long: { code: 4, size: 4 },
  double: { code: 12, size: 8 },
} as const;

type TagValue =
  | [tag: number, type: "ascii", value: string]
  | [tag: number, type: "short" | "long" | "double", value: readonly number[]];

function encodeValue([, type, value]: TagValue): Buffer {
  if (type === "ascii") return Buffer.from(`${value}\0`, "utf8");
  const { size } = fieldTypes[type];
  const bytes = Buffer.alloc(value.length * size);
  for (const [i, number] of value.entries()) {
    if (type === "short") bytes.writeUInt16LE(number, i * size);
    else if (type === "long") bytes.writeUInt32LE(number, i * size);
    else bytes.writeDoubleLE(number, i * size);
  }
  return bytes;
}

/** A directory that starts at byte `start` of the file, followed by the values that do not fit into its entries. */
function encodeDirectory(tags: readonly TagValue[], start: number): Buffer {
  const sorted = [...tags].sort(([a], [b]) => a - b);
  const head = Buffer.alloc(2 + sorted.length * 12 + 4);
  const tail: Buffer[] = [];
  let end = start + head.length;
  head.writeUInt16LE(sorted.length);
  for (const [i, tag] of sorted.entries()) {
    const at = 2 + i * 12;
    const { code, size } = fieldTypes[tag[1]];
    const value = encodeValue(tag);
    head.writeUInt16LE(tag[0], at);
    head.writeUInt16LE(code, at + 2);
    head.writeUInt32LE(value.length / size, at + 4);
    if (value.length <= 4) {
      head.set(value, at + 8);
    } else {
      head.writeUInt32LE(end, at + 8);
      const padded = value.length % 2 === 0 ? value : Buffer.concat([value, Buffer.alloc(1)]);
      tail.push(padded);
      end += padded.length;
    }
  }
  return Buffer.concat([head, ...tail]);
}
