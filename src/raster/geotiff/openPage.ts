import { type BlockGrid, BlockReader, checkBands } from "../BlockReader.ts";
import { crsOf, type GeoKeys, type Georeference, readTransform } from "../georeference.ts";
import type { OpenOptions, Raster } from "../Raster.ts";
import { decodeBlock } from "./decodeBlock.ts";
import { type Directory, Tag } from "./directory.ts";
import { type Layout, readLayout } from "./layout.ts";
import { bandOf, readMetadata } from "./metadata.ts";
import type { TiffPage } from "./pages.ts";

/** What of a raster a page decides by itself. */
export type PageRaster = Omit<Raster, "path" | "files" | "format" | "samples" | "pages" | "close">;

export async function openPage(page: TiffPage, options: OpenOptions, cacheBytes: number): Promise<PageRaster> {
  const layout = await readLayout(page.image);
  const metadata = await readMetadata(page.image);
  const mask = page.mask && (await readMaskLayout(page.mask, layout));
  const alpha = alphaIndex(layout, metadata.colours);
  const alphaIsMask = alpha >= 0 && options.alpha !== "data";
  // Which stored sample each band is: all but an alpha band that serves as mask.
  const stored = Array.from({ length: layout.samplesPerPixel }, (_, index) => index).filter(
    (index) => !(alphaIsMask && index === alpha),
  );
  if (stored.length === 0) throw layout.file.error("holds an alpha band and nothing else");
  const pixels = new BlockReader(blockGrid(layout, fillOf(layout, metadata.nodata ?? 0)), cacheBytes);
  const validity = mask && new BlockReader(blockGrid(mask, 0), cacheBytes / 8);
  return {
    width: layout.width,
    height: layout.height,
    bands: stored.map((sample) => bandOf(metadata, sample)),
    alphaBand: alphaIsMask || alpha < 0 ? null : alpha,
    type: layout.type,
    georeference: await readGeoreference(page.image),
    tile: layout.block,
    maskSource: [mask && "internal mask", alphaIsMask && "alpha band"].filter(Boolean).join(" and ") || null,

    async readWindow(x, y, width, height, bands = stored.map((_, band) => band), sample = 0) {
      checkBands(bands, stored.length);
      return pixels.read(
        x,
        y,
        width,
        height,
        bands.map((band) => stored[band] as number),
        sample,
      );
    },

    async readMask(x, y, width, height) {
      const internal = validity && isValid(await validity.read(x, y, width, height, [0], 0));
      if (!alphaIsMask) return internal;
      return bothValid(isValid(await pixels.read(x, y, width, height, [alpha], 0)), internal);
    },
  };
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

/** 0 where a mask is 0, or an alpha of floats NaN. */
export function isValid(values: ArrayLike<number>): Uint8Array {
  return Uint8Array.from(values, (value) => (value === 0 || Number.isNaN(value) ? 0 : 1));
}

export function bothValid(mask: Uint8Array, other: Uint8Array | null): Uint8Array {
  return other ? mask.map((valid, i) => valid & (other[i] as number)) : mask;
}

/**
 * ExtraSamples 1 and 2 are alpha, premultiplied or not; extra samples follow the colours. GDAL's own word on what a band
 * is comes first: it marks any fourth 8-bit band as alpha in the tag. -1 where there is none.
 */
function alphaIndex({ samplesPerPixel, extraSamples }: Layout, colours: ReadonlyMap<number, string>): number {
  const first = samplesPerPixel - extraSamples.length;
  const extra = extraSamples.findIndex((kind, i) => {
    return (kind === 1 || kind === 2) && (colours.get(first + i) ?? "Alpha") === "Alpha";
  });
  return extra < 0 ? -1 : first + extra;
}

async function readMaskLayout(directory: Directory, { width, height }: Layout): Promise<Layout> {
  const mask = await readLayout(directory);
  if (mask.width !== width || mask.height !== height) {
    throw mask.file.error(`its mask has ${mask.width}×${mask.height} pixels, its image ${width}×${height}`);
  }
  if (mask.samplesPerPixel !== 1) throw mask.file.error("a mask per band is not supported");
  return mask;
}

async function readGeoreference(directory: Directory): Promise<Georeference | null> {
  const geoKeys = await directory.numbers(Tag.geoKeyDirectory);
  const keys: GeoKeys | null = geoKeys
    ? {
        directory: Array.from(geoKeys),
        doubles: Array.from((await directory.numbers(Tag.geoDoubleParams)) ?? []),
        ascii: (await directory.text(Tag.geoAsciiParams)) ?? "",
      }
    : null;
  const transform = readTransform(
    await directory.numbers(Tag.modelPixelScale),
    await directory.numbers(Tag.modelTiepoint),
    await directory.numbers(Tag.modelTransformation),
    keys,
  );
  return keys || transform ? { crs: keys && crsOf(keys), transform, keys } : null;
}
