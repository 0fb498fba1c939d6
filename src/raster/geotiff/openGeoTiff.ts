import { type BlockGrid, BlockReader } from "../BlockReader.ts";
import { crsOf, type GeoKeys, type Georeference, readTransform } from "../georeference.ts";
import type { Band, OpenOptions, Raster } from "../Raster.ts";
import type { RasterFile } from "../RasterFile.ts";
import { decodeBlock } from "./decodeBlock.ts";
import { type Directory, readDirectories, Tag } from "./directory.ts";
import { type Layout, readLayout } from "./layout.ts";

export async function openGeoTiff(file: RasterFile, options: OpenOptions, cacheBytes: number): Promise<Raster> {
  const directories = await readDirectories(file);
  const main = directories[0] as Directory;
  const layout = await readLayout(main);
  const nodata = parseNodata(await main.text(Tag.gdalNodata));
  const metadata = await main.text(Tag.gdalMetadata);
  const names = metadataItems(metadata, "description");
  const scales = metadataItems(metadata, "scale");
  const offsets = metadataItems(metadata, "offset");
  const alpha = options.alpha === "band" ? -1 : alphaIndex(layout, metadataItems(metadata, "colorinterp"));
  const mask = await findMask(directories, layout);

  // Which stored sample each band is: all but an alpha band that serves as mask.
  const stored = Array.from({ length: layout.samplesPerPixel }, (_, index) => index).filter((index) => index !== alpha);
  if (stored.length === 0) throw file.error("holds an alpha band and nothing else");
  const pixels = new BlockReader(blockGrid(layout, fillOf(layout, nodata ?? 0)), cacheBytes);
  const validity = mask && new BlockReader(blockGrid(mask, 0), cacheBytes / 8);

  return {
    path: file.path,
    format: "GeoTIFF",
    width: layout.width,
    height: layout.height,
    samples: 1,
    bands: stored.map(
      (index, band): Band => ({
        name: names.get(index) ?? `B${band + 1}`,
        nodata,
        ...(scales.has(index) && { scale: Number(scales.get(index)) }),
        ...(offsets.has(index) && { offset: Number(offsets.get(index)) }),
      }),
    ),
    type: layout.type,
    georeference: await readGeoreference(main),
    tile: layout.block,
    maskSource: mask ? "internal mask" : alpha >= 0 ? "alpha band" : null,

    readWindow(x, y, width, height, bands = stored.map((_, band) => band), sample = 0) {
      // An index out of range is passed on as it is, so that the error names it.
      const samples = bands.map((band) => stored[band] ?? layout.samplesPerPixel + Math.abs(band));
      return pixels.read(x, y, width, height, samples, sample);
    },

    async readMask(x, y, width, height) {
      if (validity) return nonZero(await validity.read(x, y, width, height, [0], 0));
      return alpha >= 0 ? nonZero(await pixels.read(x, y, width, height, [alpha], 0)) : null;
    },

    close: () => file.close(),
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

function nonZero(values: ArrayLike<number>): Uint8Array {
  return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
}

/** GDAL writes the number as text: "0", "-9999 ", "nan", "-3.4028234663852886e+38". */
function parseNodata(text: string | undefined): number | null {
  const word = text?.trim().toLowerCase();
  if (word === undefined || word === "") return null;
  const infinity = /^([+-]?)inf(inity)?$/.exec(word);
  if (infinity) return infinity[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^[+-]?nan$/.test(word)) return Number.NaN;
  const value = Number(word);
  return Number.isNaN(value) ? null : value;
}

/** What GDAL's metadata says of the stored samples in one role ("description", "colorinterp"), by their index. */
function metadataItems(xml: string | undefined, role: string): Map<number, string> {
  const items = new Map<number, string>();
  for (const [, attributes = "", text = ""] of xml?.matchAll(/<Item\s([^<>]*)>([^<]*)<\/Item>/g) ?? []) {
    const sample = /\bsample="(\d+)"/.exec(attributes);
    if (!sample || !attributes.includes(`role="${role}"`)) continue;
    // Twice, for GDAL escapes the text once more than XML asks.
    items.set(Number(sample[1]), decodeEntities(decodeEntities(text)));
  }
  return items;
}

const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,6})|#x([\da-f]{1,5})|(\w+));/gi, (whole, decimal, hexadecimal, name) => {
    if (name) return entities[name] ?? whole;
    return String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hexadecimal, 16));
  });
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

const transparencyMask = 4;
const reducedResolution = 1;

/** The mask of the full image: a further directory of its size; those of overviews are marked as reduced too. */
async function findMask(directories: readonly Directory[], { width, height }: Layout): Promise<Layout | null> {
  for (const directory of directories.slice(1)) {
    const kind = await directory.number(Tag.newSubfileType, 0);
    if ((kind & transparencyMask) === 0 || (kind & reducedResolution) !== 0) continue;
    const mask = await readLayout(directory);
    if (mask.width !== width || mask.height !== height) {
      throw mask.file.error(`its mask has ${mask.width}×${mask.height} pixels, its image ${width}×${height}`);
    }
    if (mask.samplesPerPixel !== 1) throw mask.file.error("a mask per band is not supported");
    return mask;
  }
  return null;
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
