import type { BlockGrid } from "../BlockReader.ts";
import { type GridRaster, gridRaster, isValid } from "../gridRaster.ts";
import type { OpenOptions, Raster } from "../Raster.ts";
import { decodeBlock } from "./decodeBlock.ts";
import type { Directory } from "./directory.ts";
import { readLayout } from "./layout.ts";
import type { Layout } from "./storage.ts";
import { bandOf, readMetadata } from "./metadata.ts";
import type { TiffPage } from "./pages.ts";
import { readGeoreference } from "./readGeoreference.ts";

/** What of a raster a page decides by itself. */
export type PageRaster = GridRaster & Pick<Raster, "georeference">;

export async function openPage(page: TiffPage, options: OpenOptions, cacheBytes: number): Promise<PageRaster> {
  const layout = await readLayout(page.image);
  const metadata = await readMetadata(page.image);
  const alpha = alphaIndex(layout, metadata.colours);
  if (alpha === 0 && layout.samplesPerPixel === 1) throw layout.file.error("holds an alpha band and nothing else");
  const fill = fillOf(layout, metadata.nodata ?? 0);
  return {
    ...gridRaster(blockGrid(layout, fill), cacheBytes, {
      band: (sample) => bandOf(metadata, sample),
      alpha,
      alphaIsMask: options.alpha !== "data",
      mask: page.mask && (await openMask(page.mask, layout, cacheBytes / 8)),
    }),
    georeference: await readGeoreference(page.image),
  };
}

async function openMask(directory: Directory, { width, height }: Layout, cacheBytes: number) {
  const mask = await readLayout(directory);
  if (mask.width !== width || mask.height !== height) {
    throw mask.file.error(`its mask has ${mask.width}×${mask.height} pixels, its image ${width}×${height}`);
  }
  if (mask.samplesPerPixel !== 1) throw mask.file.error("a mask per band is not supported");
  const { readWindow } = gridRaster(blockGrid(mask, 0), cacheBytes);
  const read: Raster["readMask"] = async (...window) => isValid(await readWindow(...window));
  return { name: "internal mask", read };
}

function blockGrid(layout: Layout, absent: number): BlockGrid {
  return {
    width: layout.width,
    height: layout.height,
    samples: 1,
    bandCount: layout.samplesPerPixel,
    type: layout.type,
    block: layout.block,
    interleaved: layout.interleaved,
    load: (_, band, row, column) => decodeBlock(layout, band, row, column, absent),
  };
}

/** What blocks that the file leaves out are full of: nodata, or as GDAL has it the nearest number that the type can hold. */
function fillOf({ type, bits }: Layout, nodata: number): number {
  if (type.startsWith("f")) return nodata;
  const [low, high] = type.startsWith("u") ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  return Math.min(Math.max(Number.isNaN(nodata) ? 0 : nodata, low), high);
}

/**
 * ExtraSamples 1 and 2 are alpha, premultiplied or not; extra samples follow the colours. GDAL's own word on what a band
 * is comes first: it marks any fourth 8-bit band as alpha in the tag.
 */
function alphaIndex(
  { samplesPerPixel, extraSamples }: Layout,
  colours: ReadonlyMap<number, string>,
): number | undefined {
  const first = samplesPerPixel - extraSamples.length;
  const extra = extraSamples.findIndex((kind, i) => {
    return (kind === 1 || kind === 2) && (colours.get(first + i) ?? "Alpha") === "Alpha";
  });
  return extra < 0 ? undefined : first + extra;
}
