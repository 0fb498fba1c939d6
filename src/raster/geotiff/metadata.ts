/** What GDAL keeps about a raster in two tags of its own: XML, and the nodata value as text. */
import type { Band } from "../Raster.ts";
import { type Directory, Tag } from "./directory.ts";

export interface Metadata {
  readonly nodata: number | null;
  /** By the index of the stored sample; a sample that nothing is said of is absent. */
  readonly names: ReadonlyMap<number, string>;
  readonly scales: ReadonlyMap<number, number>;
  readonly offsets: ReadonlyMap<number, number>;
  /** "Alpha", "Red", …: what a band is shown as. */
  readonly colours: ReadonlyMap<number, string>;
  /** Of the dataset as a whole, by name. */
  readonly items: ReadonlyMap<string, string>;
}

export async function readMetadata(directory: Directory): Promise<Metadata> {
  const items = new Map<string, string>();
  const roles = new Map<string, Map<number, string>>();
  const role = (name: string) => roles.get(name) ?? new Map<number, string>();
  const xml = (await directory.text(Tag.gdalMetadata)) ?? "";
  for (const [, attributes = "", text = ""] of xml.matchAll(/<Item\s([^<>]*)>([^<]*)<\/Item>/g)) {
    const { name, sample, role: key } = attributesOf(attributes);
    // Twice, for GDAL escapes the text once more than XML asks.
    const value = decodeEntities(decodeEntities(text));
    if (sample !== undefined && key !== undefined) roles.set(key, role(key).set(Number(sample), value));
    else if (name !== undefined) items.set(name, value);
  }
  return {
    nodata: parseNodata(await directory.text(Tag.gdalNodata)),
    names: role("description"),
    scales: numbersOf(role("scale")),
    offsets: numbersOf(role("offset")),
    colours: role("colorinterp"),
    items,
  };
}

function attributesOf(text: string): Partial<Record<string, string>> {
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

/** The band that a stored sample is. */
export function bandOf({ names, nodata, scales, offsets }: Metadata, sample: number): Band {
  const [scale, offset] = [scales.get(sample), offsets.get(sample)];
  const name = names.get(sample) || null;
  return { name, nodata, ...(scale !== undefined && { scale }), ...(offset !== undefined && { offset }) };
}

function numbersOf(texts: ReadonlyMap<number, string>): Map<number, number> {
  const numbers = [...texts].map(([sample, text]): [number, number] => [sample, Number(text || Number.NaN)]);
  return new Map(numbers.filter(([, number]) => Number.isFinite(number)));
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

const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,6})|#x([\da-f]{1,5})|(\w+));/gi, (whole, decimal, hexadecimal, name) => {
    if (name) return entities[name] ?? whole;
    return String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hexadecimal, 16));
  });
}
