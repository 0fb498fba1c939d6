import { writeAtomically } from "../RasterFile.ts";
import { bytesOf, hostIsLittleEndian, type SampleArray, sampleTypeOf, swapByteOrder } from "../samples.ts";
import { magic, npyTypes } from "./header.ts";

/**
 * Writes an array as an NPY file, version 1, C order, little-endian. It appears under its name when it is complete.
 *
 * @param shape sizes of the axes; their product is the length of `data`
 * @throws RangeError where it is not
 * @throws RasterError where the file cannot be written
 *
 * @example
 * await writeNpy("grad.npy", grad.data, [8, 3, 256, 256]);
 */
export async function writeNpy(path: string, data: SampleArray, shape: readonly number[]): Promise<void> {
  const count = shape.reduce((product, size) => product * size, 1);
  if (!shape.every((size) => Number.isInteger(size) && size >= 0) || count !== data.length) {
    throw new RangeError(`"shape": expected whole sizes for ${data.length} numbers, got [${shape.join(", ")}]`);
  }
  const type = sampleTypeOf(data);
  const code = Object.keys(npyTypes).find((key) => npyTypes[key] === type && key !== "b1" && key !== "f2") as string;
  const descr = `${data.BYTES_PER_ELEMENT === 1 ? "|" : "<"}${code}`;
  const tuple = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // The numbers start at a multiple of 64 bytes, so that they can be mapped into memory.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = Buffer.alloc(10 + length, " ");
  header.set(magic);
  header.set([1, 0], 6);
  header.writeUInt16LE(length, 8);
  header.write(`${text.padEnd(length - 1)}\n`, 10, "latin1");
  let bytes = bytesOf(data);
  if (!hostIsLittleEndian) {
    bytes = bytes.slice();
    swapByteOrder(bytes, data.BYTES_PER_ELEMENT);
  }
  await writeAtomically(path, async (file) => {
    await file.write(header);
    await file.write(bytes);
  });
}
