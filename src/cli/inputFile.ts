import { RasterFile } from "../raster/RasterFile.ts";

/**
 * The text of a file.
 *
 * @throws RasterError for what is no file that can be read, a FIFO among them, which would be waited for
 */
export async function readText(path: string): Promise<string> {
  const file = await RasterFile.open(path);
  try {
    return Buffer.from(await file.read(0, file.size)).toString("utf8");
  } finally {
    await file.close();
  }
}
