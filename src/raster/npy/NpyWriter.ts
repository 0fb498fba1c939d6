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
import { magic, npyTypes } from "./header.ts";

/**
 * Writes an NPY file, version 1, C order, little-endian, in pieces of any order. It appears under its name at `finish`.
 *
 * @example
 * const writer = await NpyWriter.create("grad.npy", "f32", [height, width]);
 * try {
 *   for await (const { top, rows } of bottomUp) await writer.write(rows, top * width);
 *   await writer.finish();
 * } catch (error) {
 *   await writer.discard();
 *   throw error;
 * }
 */
export class NpyWriter {
  readonly #file: AtomicFile;
  readonly #type: SampleType;
  readonly #count: number;
  #written = 0;

  private constructor(file: AtomicFile, type: SampleType, count: number) {
    this.#file = file;
    this.#type = type;
    this.#count = count;
  }

  /**
   * @param shape sizes of the axes
   * @throws RangeError for a shape that is none
   * @throws RasterError where the file cannot be written
   */
  static async create(path: string, type: SampleType, shape: readonly number[]): Promise<NpyWriter> {
    if (!shape.every((size) => Number.isInteger(size) && size >= 0)) {
      throw new RangeError(`"shape": expected whole sizes, got [${shape.join(", ")}]`);
    }
    const file = await AtomicFile.create(path);
    await file.write(encodeHeader(type, shape));
    return new NpyWriter(
      file,
      type,
      shape.reduce((product, size) => product * size, 1),
    );
  }

  /** Numbers that follow each other in the file, from the one on that has `first` before it. None may be written twice. */
  async write(numbers: SampleArray, first: number): Promise<void> {
    if (sampleTypeOf(numbers) !== this.#type) {
      throw new TypeError(`"numbers": expected a ${sampleArrays[this.#type].name}, got ${sampleTypeOf(numbers)}`);
    }
    if (!(Number.isInteger(first) && first >= 0 && first + numbers.length <= this.#count)) {
      throw new RangeError(`"first": expected a place for ${numbers.length} of ${this.#count} numbers, got ${first}`);
    }
    let bytes = bytesOf(numbers);
    if (!hostIsLittleEndian) {
      bytes = bytes.slice();
      swapByteOrder(bytes, numbers.BYTES_PER_ELEMENT);
    }
    // What was appended is the header.
    await this.#file.write(bytes, this.#file.position + first * numbers.BYTES_PER_ELEMENT);
    this.#written += numbers.length;
  }

  /** Gives the file its name. */
  async finish(): Promise<void> {
    if (this.#written !== this.#count) {
      throw new RangeError(`"numbers": expected ${this.#count} in all, got ${this.#written}`);
    }
    await this.#file.commit();
  }

  /** Gives up: nothing stays on disk. */
  async discard(): Promise<void> {
    await this.#file.discard();
  }
}

function encodeHeader(type: SampleType, shape: readonly number[]): Buffer {
  const code = Object.keys(npyTypes).find((key) => npyTypes[key] === type && key !== "b1" && key !== "f2") as string;
  const descr = `${sampleArrays[type].BYTES_PER_ELEMENT === 1 ? "|" : "<"}${code}`;
  const tuple = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // The numbers start at a multiple of 64 bytes, so that they can be mapped into memory.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = Buffer.alloc(10 + length, " ");
  header.set(magic);
  header.set([1, 0], 6);
  header.writeUInt16LE(length, 8);
  header.write(`${text.padEnd(length - 1)}\n`, 10, "latin1");
  return header;
}
