import { type SampleArray, sampleTypeOf } from "../samples.ts";
import { NpyWriter } from "./NpyWriter.ts";

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
  const writer = await NpyWriter.create(path, sampleTypeOf(data), shape);
  try {
    await writer.write(data, 0);
    await writer.finish();
  } catch (error) {
    await writer.discard();
    throw error;
  }
}
