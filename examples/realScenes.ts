// Real scenes beside the checkout, in ../shared/data: crops that open-source projects publish, which are not part of this one.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromFile } from "geotiff";

const pathOf = (name: string): string => join("..", "shared", "data", name);

/** Whether a scene is there. */
export const isPresent = (name: string): boolean => existsSync(pathOf(name));

export interface Scene {
  readonly width: number;
  readonly height: number;
  /** The numbers of each band as they are stored. */
  readonly bands: readonly ArrayLike<number>[];
}

export async function readTiff(name: string): Promise<Scene> {
  const tiff = await fromFile(pathOf(name));
  const { width, height, ...bands } = await (await tiff.getImage()).readRasters({ interleave: false });
  await tiff.close();
  return { width, height, bands: Object.values(bands) as unknown as readonly ArrayLike<number>[] };
}

/** Images of an NPY file of shape [images][height][width][bands], C order. */
export function readNpy(
  name: string,
  [images, height, width, bands]: readonly [number, number, number, number],
): Scene[] {
  const file = readFileSync(pathOf(name));
  const Type = name.endsWith("_u8.npy") ? Uint8Array : Float32Array;
  const numbers = new Type(images * height * width * bands);
  // The header, whatever its length, comes before the numbers.
  new Uint8Array(numbers.buffer).set(file.subarray(file.byteLength - numbers.byteLength));
  const size = height * width;
  return Array.from({ length: images }, (_, k) => ({
    width,
    height,
    bands: Array.from({ length: bands }, (_, b) =>
      Float32Array.from({ length: size }, (_, i) => numbers[(k * size + i) * bands + b]),
    ),
  }));
}
