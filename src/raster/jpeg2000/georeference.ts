/** Where a JP2 file says that it lies: in a GeoTIFF without pixels (GeoJP2), or in GML (OGC 05-047). */
import { type ByteSource, inMemory, partOf } from "../ByteSource.ts";
import { epsgGeoreference, type Georeference, type GeoTransform } from "../georeference.ts";
import { type Directory, readDirectories } from "../geotiff/directory.ts";
import { readGeoreference } from "../geotiff/readGeoreference.ts";
import { type Box, readBoxes } from "./boxes.ts";

const geoJp2 = "b14bf8bd083d4b43a5ae8cd7d5a6ce03";
const uuidBytes = 16;
/** Descriptions are a few kilobytes. */
const maxBytes = 2 ** 22;

export async function readJp2Georeference(source: ByteSource, boxes: readonly Box[]): Promise<Georeference | null> {
  for (const { type, start, size } of boxes) {
    if (type !== "uuid" || size < uuidBytes || size > maxBytes) continue;
    const bytes = await source.read(start, size);
    if (Buffer.from(bytes.subarray(0, uuidBytes)).toString("hex") !== geoJp2) continue;
    const [directory] = await readDirectories(inMemory(source, bytes.subarray(uuidBytes)));
    const georeference = await readGeoreference(directory as Directory);
    if (georeference) return georeference;
  }
  for (const box of boxes) {
    const gml = box.type === "asoc" ? await findGml(partOf(source, box.start, box.size), 4) : null;
    const georeference = gml && parseGml(gml);
    if (georeference) return georeference;
  }
  return null;
}

/** The first text in XML below an association of boxes that holds a grid. */
async function findGml(source: ByteSource, depth: number): Promise<string | null> {
  for (const { type, start, size } of await readBoxes(source)) {
    const inside = partOf(source, start, size);
    if (type === "xml " && size <= maxBytes) {
      const text = Buffer.from(await inside.read(0, size)).toString("utf8");
      if (text.includes("RectifiedGrid")) return text;
    }
    const found = type === "asoc" && depth > 0 ? await findGml(inside, depth - 1) : null;
    if (found !== null) return found;
  }
  return null;
}

const numbersOf = (text: string | undefined) => (text?.trim().split(/[\s,]+/) ?? []).map(Number);

function parseGml(text: string): Georeference | null {
  const grid = /<(?:\w+:)?RectifiedGrid\b[\s\S]*?<\/(?:\w+:)?RectifiedGrid>/.exec(text)?.[0] ?? "";
  const origin = numbersOf(/<(?:\w+:)?(?:pos|coordinates)\b[^>]*>([^<]*)</.exec(grid)?.[1]);
  const steps = [...grid.matchAll(/<(?:\w+:)?offsetVector\b[^>]*>([^<]*)</g)].map(([, vector]) => numbersOf(vector));
  const code = Number(/srsName="[^"]*EPSG[^"]*?[:/](\d+)"/.exec(`${grid} ${text}`)?.[1]);
  const [a, b, acrossA, acrossB, downA, downB] = [origin, ...steps].flat() as number[] as unknown as GeoTransform;
  const isComplete = origin.length === 2 && steps.length === 2 && steps.every(({ length }) => length === 2);
  if (!isComplete || ![a, b, acrossA, acrossB, downA, downB].every(Number.isFinite)) return null;
  // The origin is the centre of the first pixel.
  const [cornerA, cornerB] = [a - (acrossA + downA) / 2, b - (acrossB + downB) / 2];
  // Some coordinate systems name the north first: a step to the right is one to the east.
  const transform: GeoTransform =
    Math.abs(acrossB) > Math.abs(acrossA)
      ? [cornerB, acrossB, downB, cornerA, acrossA, downA]
      : [cornerA, acrossA, downA, cornerB, acrossB, downB];
  if (!Number.isInteger(code)) return { crs: null, transform, keys: null };
  return epsgGeoreference(code, code >= 4000 && code < 5000 ? "geographic" : "projected", transform);
}
