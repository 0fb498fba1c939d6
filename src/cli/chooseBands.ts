import type { Band, Raster } from "../raster/index.ts";
import { DataError } from "./errors.ts";

/**
 * Indices of the bands that `words` name: by the file's own names, by number from 1, or by a range of numbers such as "1-9".
 * All bands where nothing is chosen.
 *
 * @throws DataError for a band that the file does not have
 */
export function chooseBands({ path, bands }: Raster, words: readonly string[] | undefined): number[] {
  if (words === undefined) return bands.map((_, index) => index);
  return words.flatMap((word) => {
    const named = bands.findIndex(({ name }) => name === word);
    if (named >= 0) return [named];
    const [, first = "", last = first] = /^(\d+)(?:-(\d+))?$/.exec(word) ?? [];
    const from = Number(first);
    const to = Number(last);
    if (!(from >= 1 && from <= to && to <= bands.length)) {
      const names = bands.map(nameOf).join(", ");
      throw new DataError(
        `${path}: expected bands among ${names}, or numbers from 1 to ${bands.length}, got "${word}"`,
      );
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from - 1 + i);
  });
}

/** A band that its file does not name goes by its number, from 1. */
const nameOf = (band: Band | undefined, index: number) => band?.name ?? String(index + 1);

/** Names that tell bands apart: the file's, with their number where a name comes twice. */
export function nameBands({ bands }: Raster, chosen: readonly number[]): string[] {
  const names = chosen.map((index) => nameOf(bands[index], index));
  return names.map((name, i) => (names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${i + 1})`));
}
