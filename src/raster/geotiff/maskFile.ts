import { stat } from "node:fs/promises";
import { bothValid, isValid } from "../gridRaster.ts";
import type { Raster } from "../Raster.ts";
import { RasterFile } from "../RasterFile.ts";
import { readDirectories } from "./directory.ts";
import { readMetadata } from "./metadata.ts";
import { openPage } from "./openPage.ts";
import { findPages, type TiffPage } from "./pages.ts";

/** Of INTERNAL_MASK_FLAGS_1: one mask for all bands. */
const perDataset = 2;

/**
 * The raster with the mask that GDAL would take from the file `.msk` beside it: a TIFF that says what kind of mask it is. An internal
 * mask comes first, and a `.msk` file without that word is none.
 */
export async function withMaskFile(raster: Raster, cacheBytes: number): Promise<Raster> {
  if (raster.maskSource?.includes("internal mask")) return raster;
  const path = `${raster.path}.msk`;
  if (!(await stat(path).catch(() => undefined))?.isFile()) return raster;
  const file = await RasterFile.open(path);
  try {
    const [page] = (await findPages(await readDirectories(file))) as [TiffPage];
    const flags = (await readMetadata(page.image)).items.get("INTERNAL_MASK_FLAGS_1");
    if (flags === undefined) {
      await file.close();
      return raster;
    }
    const mask = await openPage(page, { alpha: "data" }, cacheBytes / 8);
    if (mask.width !== raster.width || mask.height !== raster.height) {
      throw file.error(`has ${mask.width}×${mask.height} pixels, its image ${raster.width}×${raster.height}`);
    }
    if ((Number(flags) & perDataset) === 0 && raster.bands.length > 1) {
      throw file.error("a mask per band is not supported");
    }
    return {
      ...raster,
      files: [...raster.files, file.source],
      maskSource: raster.maskSource ? `.msk file and ${raster.maskSource}` : ".msk file",
      async readMask(x, y, width, height) {
        const beside = isValid(await mask.readWindow(x, y, width, height, [0]));
        return bothValid(beside, await raster.readMask(x, y, width, height));
      },
      async close() {
        await file.close();
        await raster.close();
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
