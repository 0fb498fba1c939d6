import { withMaskFile } from "./geotiff/maskFile.ts";
import { openGeoTiff } from "./geotiff/openGeoTiff.ts";
import { isJpeg, openJpeg } from "./images/openJpeg.ts";
import { isPng, openPng } from "./images/openPng.ts";
import { isJpeg2000, openJpeg2000 } from "./jpeg2000/openJpeg2000.ts";
import { describeKind } from "./kinds.ts";
import { magic as npyMagic } from "./npy/header.ts";
import { openNpy } from "./npy/openNpy.ts";
import { isZip, openNpz } from "./npy/openNpz.ts";
import type { OpenOptions, Raster } from "./Raster.ts";
import { RasterFile } from "./RasterFile.ts";

const defaultCacheBytes = 32 * 2 ** 20;
/** Enough to tell every kind of file. */
const headBytes = 512;

/**
 * Opens a raster; its first bytes tell what it is. Only the header is read; pixels come window by window.
 *
 * - GeoTIFF: both byte orders, BigTIFF, tiles and strips, bands together or apart, integers of 1 to 64 bits, floats of 16 to 64;
 *   uncompressed, deflate, LZW, PackBits, zstd, JPEG, LERC and WebP with their predictors; internal masks, alpha bands, pages.
 *   Overviews are passed over.
 * - JPEG 2000 of one or three bands, tile by tile, with its georeference; PNG and JPEG images.
 * - NPY, and NPZ of one array: versions 1 to 3, C and Fortran order, both byte orders, (H, W), (C, H, W) or (H, W, C) by `layout`, and
 *   a batch of those.
 *
 * A GeoTIFF `.msk` beside the raster is its mask, as for GDAL.
 *
 * @throws RasterError for what cannot be read: no such file, a directory, a FIFO, another format, truncated or damaged
 * data, sizes that the file cannot hold, and whatever of the formats is not supported
 * @throws RangeError for an option that is none
 *
 * @example
 * const raster = await openRaster("scene.tif");
 * for (let y = 0; y < raster.height; y += raster.tile.height) {
 *   const rows = Math.min(raster.tile.height, raster.height - y);
 *   const samples = await raster.readWindow(0, y, raster.width, rows); // bands × rows × width
 * }
 * await raster.close();
 */
export async function openRaster(path: string, options: OpenOptions = {}): Promise<Raster> {
  const { cacheBytes = defaultCacheBytes } = options;
  checkOptions(options);
  const file = await RasterFile.open(path);
  try {
    if (file.size === 0) throw file.error("is empty");
    const start = await file.read(0, Math.min(headBytes, file.size));
    return await withMaskFile(await openByKind(file, start, options, cacheBytes), cacheBytes);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openByKind(
  file: RasterFile,
  start: Uint8Array,
  options: OpenOptions,
  cacheBytes: number,
): Promise<Raster> {
  if (isTiff(start)) return openGeoTiff(file, options, cacheBytes);
  if (npyMagic.every((byte, i) => start[i] === byte)) return openNpy(file, options, cacheBytes);
  if (isZip(start)) return openNpz(file, start, options, cacheBytes);
  if (isJpeg2000(start)) return openJpeg2000(file, start, cacheBytes);
  if (isPng(start)) return openPng(file, options, cacheBytes);
  if (isJpeg(start)) return openJpeg(file, cacheBytes);
  throw file.error(describeKind(file.path, start));
}

function checkOptions({ layout = "chw", alpha = "mask", page = 0, cacheBytes = 0 }: OpenOptions): void {
  if (layout !== "chw" && layout !== "hwc") throw new RangeError(`"layout": expected "chw" or "hwc", got "${layout}"`);
  if (alpha !== "mask" && alpha !== "data") throw new RangeError(`"alpha": expected "mask" or "data", got "${alpha}"`);
  if (!(Number.isInteger(page) && page >= 0))
    throw new RangeError(`"page": expected a whole number from 0, got ${page}`);
  if (!(cacheBytes >= 0)) throw new RangeError(`"cacheBytes": expected a number from 0, got ${cacheBytes}`);
}

/** "II" or "MM", then 42, or 43 for BigTIFF, in that byte order. */
function isTiff(start: Uint8Array): boolean {
  const [a, b, c, d] = start;
  const version = a === 0x49 ? c : d;
  const zero = a === 0x49 ? d : c;
  return a === b && (a === 0x49 || a === 0x4d) && (version === 42 || version === 43) && zero === 0;
}
