// Where a prediction is wrong, pixel by pixel.

import { join } from "node:path";
import { GeoTiffWriter, writePng } from "../../raster/index.ts";
import type { Pair } from "../pair/Pair.ts";
import { signedErrors, spectralAngles } from "./errorMaps.ts";
import { withLegend } from "./legend.ts";
import { type Colour, diverging, sequential } from "./report/colours.ts";
import { Preview } from "./report/Preview.ts";
import { quantiles, type Range, rangeOf } from "./report/statistics.ts";

/** The GeoTIFFs of a folder of maps. */
export const mapFiles = (folder: string): [error: string, angle: string, abs: string] => [
  join(folder, "error.tif"),
  join(folder, "angle.tif"),
  join(folder, "abs.tif"),
];

/**
 * Writes `error.tif`, prediction − target of each band, and `angle.tif`, the spectral angle in radians, as float32 with NaN where a pixel
 * does not count, in the place of the target; and a PNG of each to look at. Of a batch, the first image.
 *
 * @param withAbs whether to write `abs.tif`, the absolute error, too
 */
export async function writeMaps(folder: string, pair: Pair, withAbs: boolean): Promise<void> {
  const { width, height, bands } = pair;
  const description = { width, height, georeference: pair.target.raster.georeference, nodata: Number.NaN, tile };
  const [errorFile, angleFile, absFile] = mapFiles(folder);
  const files: GeoTiffWriter[] = [];
  const create = async (path: string, names: readonly string[]) => {
    const file = await GeoTiffWriter.create(path, "f32", names.length, { ...description, bandNames: names });
    files.push(file);
    return file;
  };
  const preview = new Preview(pair);
  try {
    const error = await create(errorFile, bands);
    const angle = bands.length > 1 ? await create(angleFile, ["angle [rad]"]) : undefined;
    const abs = withAbs ? await create(absFile, bands) : undefined;
    for (const window of pair.windows(tile)) {
      const { pixels } = await pair.read(window);
      preview.add(window, pixels);
      const errors = planesOf(signedErrors(pixels, pair), bands.length);
      await error.write(errors, window);
      await abs?.write(
        errors.map((plane) => plane.map(Math.abs)),
        window,
      );
      await angle?.write([spectralAngles(pixels, pair)], window);
    }
    for (const file of files) await file.finish();
  } catch (error) {
    for (const file of files) await file.discard();
    throw error;
  }
  const names = pictureNames(bands);
  for (const [b, { error }] of preview.bands().entries()) {
    const absolute = error.map(Math.abs);
    const top = upTo(absolute);
    const signed = { low: -top.high, high: top.high };
    await writePicture(join(folder, `error_${names[b]}.png`), error, preview, signed, diverging);
    if (withAbs) await writePicture(join(folder, `abs_${names[b]}.png`), absolute, preview, top, sequential);
  }
  if (bands.length > 1) {
    const angles = preview.angles();
    await writePicture(join(folder, "angle.png"), angles, preview, upTo(angles), sequential);
  }
}

/** Side of the tiles of the maps. */
const tile = 256;

function planesOf(values: Float32Array, count: number): Float32Array[] {
  const plane = values.length / count;
  return Array.from({ length: count }, (_, b) => values.subarray(b * plane, (b + 1) * plane));
}

/** From 0 to what a hundredth of the values lies beyond. */
function upTo(values: Float32Array): Range {
  const [top = 0] = quantiles(values, 0.99);
  return rangeOf(0, top);
}

async function writePicture(
  path: string,
  plane: Float32Array,
  { width }: Preview,
  range: Range,
  ramp: readonly Colour[],
): Promise<void> {
  await writePng(path, withLegend(plane, width, range, ramp));
}

/** A band's name may hold what a file's must not. Those that are left alike, also to file systems without case, get their number. */
function pictureNames(bands: readonly string[]): string[] {
  const names = bands.map((name) => name.replaceAll(/[^\p{L}\p{N}._-]+/gu, "_"));
  const folded = names.map((name) => name.toLowerCase());
  return names.map((name, b) => (folded.indexOf(folded[b] as string) === b ? name : `${name}-${b + 1}`));
}
