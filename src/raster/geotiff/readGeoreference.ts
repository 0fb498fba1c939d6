import { crsOf, type GeoKeys, type Georeference, readTransform } from "../georeference.ts";
import { type Directory, Tag } from "./directory.ts";

export async function readGeoreference(directory: Directory): Promise<Georeference | null> {
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
