import { readFileSync, writeFileSync } from "node:fs";
import { type SampleArray, writeGeoTiff } from "../../src/raster/index.ts";

/** What GDAL writes of bands beside their names. */
export interface Tagged {
  readonly width: number;
  readonly height: number;
  readonly bands: readonly SampleArray[];
  readonly scale?: number;
  readonly offset?: number;
  /** Whether the last band is tagged alpha. */
  readonly alpha?: boolean;
  /** Further metadata, by name. */
  readonly items?: Readonly<Record<string, string>>;
}

const metadataTag = 42112;
const photometricTag = 262;
const extraSamplesTag = 338;

/** A GeoTIFF with tags that our writer has none of: its directory is written anew behind the pixels. */
export async function writeTagged(
  path: string,
  { scale, offset, alpha, items: more = {}, ...image }: Tagged,
): Promise<void> {
  await writeGeoTiff(path, { ...image, interleave: alpha ? "pixel" : "band" });
  const bytes = readFileSync(path);
  const at = bytes.readUInt32LE(4);
  const count = bytes.readUInt16LE(at);
  const entries = new Map<number, Buffer>();
  for (let i = 0; i < count; i++) {
    const entry = Buffer.from(bytes.subarray(at + 2 + 12 * i, at + 14 + 12 * i));
    entries.set(entry.readUInt16LE(0), entry);
  }
  const ofFile = Object.entries(more).map(([name, value]) => `<Item name="${name}">${value}</Item>`);
  const ofBands = image.bands.flatMap((_, b) => [
    ...(scale === undefined ? [] : [`<Item name="SCALE" sample="${b}" role="scale">${scale}</Item>`]),
    ...(offset === undefined ? [] : [`<Item name="OFFSET" sample="${b}" role="offset">${offset}</Item>`]),
  ]);
  const items = [...ofFile, ...ofBands];
  const text = Buffer.from(`<GDALMetadata>${items.join("")}</GDALMetadata>\0`);
  if (items.length > 0) entries.set(metadataTag, entryOf(metadataTag, 2, text.length, bytes.length));
  if (alpha) {
    entries.set(photometricTag, entryOf(photometricTag, 3, 1, 2));
    entries.set(extraSamplesTag, entryOf(extraSamplesTag, 3, 1, 2));
  }
  const sorted = [...entries].sort(([a], [b]) => a - b).map(([, entry]) => entry);
  const head = Buffer.alloc(2);
  head.writeUInt16LE(sorted.length);
  const pad = Buffer.alloc(text.length % 2);
  bytes.writeUInt32LE(bytes.length + text.length + pad.length, 4);
  writeFileSync(path, Buffer.concat([bytes, text, pad, head, ...sorted, Buffer.alloc(4)]));
}

function entryOf(tag: number, type: number, count: number, value: number): Buffer {
  const entry = Buffer.alloc(12);
  entry.writeUInt16LE(tag, 0);
  entry.writeUInt16LE(type, 2);
  entry.writeUInt32LE(count, 4);
  entry.writeUInt32LE(value, 8);
  return entry;
}
