// Where a prediction is wrong, pixel by pixel.

import { join } from "node:path";
import { GeoTiffWriter, writePng } from "../raster/index.ts";
import type { Pair, Pixels } from "./Pair.ts";
import { paletteOf, sequential } from "./report/colours.ts";
import { Preview } from "./report/Preview.ts";
import { indicesOf } from "./report/pictures.ts";
import { quantiles, rangeOf } from "./report/statistics.ts";
import { validBy } from "./validity.ts";

/** The GeoTIFFs of a folder of maps. */
export const mapFiles = (folder: string): [error: string, angle: string] => [
  join(folder, "error.tif"),
  join(folder, "angle.tif"),
];

/**
 * Writes `error.tif`, |prediction − target| of each band, and `angle.tif`, the spectral angle in radians, as float32 with NaN
 * where a pixel is not valid, in the place of the target; and a PNG of each to look at. Of a batch, the first image.
 */
export async function writeMaps(folder: string, pair: Pair): Promise<void> {
  const { width, height, bands } = pair;
  const { georeference } = pair.target;
  const description = { width, height, georeference, nodata: Number.NaN, tile };
  const [errorFile, angleFile] = mapFiles(folder);
  const files = [await GeoTiffWriter.create(errorFile, "f32", bands.length, { ...description, bandNames: bands })];
  const preview = new Preview(pair);
  try {
    if (bands.length > 1) {
      files.push(await GeoTiffWriter.create(angleFile, "f32", 1, { ...description, bandNames: ["angle [rad]"] }));
    }
    for (const window of pair.windows(tile)) {
      const pixels = await pair.read(window);
      preview.add(window, pixels);
      // A few rows at a time, for as float32 they take several times the memory.
      for (let row = 0; row < window.height; row += rowsAtOnce) {
        const span = [row * window.width, Math.min(row + rowsAtOnce, window.height) * window.width] as const;
        const [pred, target] = [validPlanes(pixels, "pred", pair, span), validPlanes(pixels, "target", pair, span)];
        const errors = pred.map((plane, b) => plane.map((p, i) => Math.abs(p - (target[b]?.[i] as number))));
        await files[0]?.write(errors, window);
        await files[1]?.write([spectralAngles(pred, target)], window);
      }
    }
    for (const file of files) await file.finish();
  } catch (error) {
    for (const file of files) await file.discard();
    throw error;
  }
  const fileNames = pictureNames(bands);
  for (const [b, { error }] of preview.bands.entries()) {
    await writePicture(folder, `error_${fileNames[b]}`, error.map(Math.abs), preview);
  }
  if (bands.length > 1) await writePicture(folder, "angle", preview.angles(), preview);
}

const rowsAtOnce = 32;

/** Side of the tiles of the maps. */
const tile = 256;

/** The pixels [first, end) of a side's bands in the units of the images, NaN where they are not valid. */
function validPlanes(
  { pred, target, mask }: Pixels,
  side: "pred" | "target",
  { bands, rule }: Pair,
  [first, end]: readonly [number, number],
): Float32Array[] {
  const isValid = validBy(rule);
  const { data, scale, offset } = side === "pred" ? pred : target;
  const plane = data.length / bands.length;
  return bands.map((_, b) => {
    const values = new Float32Array(end - first).fill(Number.NaN);
    for (let i = first; i < end; i++) {
      const at = b * plane + i;
      if (mask?.data[i] === 0 || !isValid(target.data[at] as number)) continue;
      values[i - first] = (data[at] as number) * scale + offset;
    }
    return values;
  });
}

async function writePicture(
  folder: string,
  name: string,
  plane: Float32Array,
  { width, height }: Preview,
): Promise<void> {
  const [top = 0] = quantiles(plane, 0.99);
  const image = { width, height, indices: indicesOf(plane, rangeOf(0, top)), palette: paletteOf(sequential) };
  await writePng(join(folder, `${name}.png`), image);
}

/** A band's name may hold what a file's must not. Those that are left alike, also to file systems without case, get their number. */
function pictureNames(bands: readonly string[]): string[] {
  const names = bands.map((name) => name.replaceAll(/[^\p{L}\p{N}._-]+/gu, "_"));
  const folded = names.map((name) => name.toLowerCase());
  return names.map((name, b) => (folded.indexOf(folded[b] as string) === b ? name : `${name}-${b + 1}`));
}

/**
 * Angle in radians between the spectra of every pixel, NaN where a band of it is NaN: 2·atan2(|u − v|, |u + v|) of the unit
 * spectra u, v. Two spectra of zeros are at angle 0, one at π/2.
 */
export function spectralAngles(pred: readonly Float32Array[], target: readonly Float32Array[]): Float32Array {
  const lengthAt = (bands: readonly Float32Array[], i: number) => {
    let sum = 0;
    for (const band of bands) sum += (band[i] as number) ** 2;
    return Math.sqrt(sum);
  };
  return new Float32Array(pred[0]?.length ?? 0).map((_, i) => {
    const [p, t] = [lengthAt(pred, i), lengthAt(target, i)];
    if (p === 0 || t === 0) return p === t ? 0 : Math.PI / 2 + 0 * (p + t);
    let [apart, together] = [0, 0];
    for (let b = 0; b < pred.length; b++) {
      const u = (pred[b]?.[i] as number) / p;
      const v = (target[b]?.[i] as number) / t;
      apart += (u - v) ** 2;
      together += (u + v) ** 2;
    }
    return 2 * Math.atan2(Math.sqrt(apart), Math.sqrt(together));
  });
}
