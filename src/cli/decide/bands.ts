// Which band of the prediction is compared with which of the target, and what the pair is called.

import { DataError } from "../errors.ts";
import type { SideName } from "./calibration.ts";

/** What is known of a file's bands. */
export interface BandFacts {
  readonly path: string;
  /** By band; `null` where the file gives it none. */
  readonly names: readonly (string | null)[];
}

export interface BandOptions {
  readonly predBands?: readonly string[];
  readonly targetBands?: readonly string[];
}

/** Bands of both files that are compared, as indices, one with the other. */
export interface BandPairs {
  readonly pred: readonly number[];
  readonly target: readonly number[];
  /** What results call them. */
  readonly names: readonly string[];
  /** Whether they are paired by name, in an order that differs from that of one file. */
  readonly isReordered: boolean;
}

/**
 * Files that both name their bands are paired by name. Where the names differ, or where only one file has names, the options or the
 * order decide.
 *
 * @throws DataError where the bands cannot be told apart, or differ in number
 */
export function pairBands(files: Record<SideName, BandFacts>, options: BandOptions): BandPairs {
  const { pred, target } = files;
  const chosen = {
    pred: chooseBands(pred, options.predBands),
    target: chooseBands(target, options.targetBands),
  };
  const free = (["pred", "target"] as const).filter((side) => options[`${side}Bands`] === undefined);
  if (isNamed(pred) && isNamed(target) && free.length > 0) {
    const byName = pairByName(files, chosen, free);
    if (byName) return byName;
    if (free.length === 2) throw namesDiffer(files);
  }
  if (chosen.pred.length !== chosen.target.length) {
    throw new DataError(
      `${pred.path} and ${target.path}: number of bands differs: ${chosen.pred.length} and ${chosen.target.length} ` +
        "(--pred-bands, --target-bands choose)",
    );
  }
  const named = isNamed(target) || !isNamed(pred) ? "target" : "pred";
  return { ...chosen, names: distinctNames(files[named], chosen[named]), isReordered: false };
}

/** All bands of a prediction of classes, and the one of their labels. */
export function pairLabels(files: Record<SideName, BandFacts>, options: BandOptions): BandPairs {
  const pred = chooseBands(files.pred, options.predBands);
  const target = chooseBands(files.target, options.targetBands);
  if (target.length !== 1) {
    throw new DataError(`${files.pred.path} and ${files.target.path}: class labels are one band, got ${target.length}`);
  }
  return { pred, target, names: distinctNames(files.target, target), isReordered: false };
}

/**
 * The bands of a file that `words` name: by its own names, whatever their case and leading zeros, by number from 1, or by a range of
 * numbers such as "1-9". All bands where nothing is chosen.
 *
 * @throws DataError for a band that the file does not have
 */
export function chooseBands({ path, names }: BandFacts, words: readonly string[] | undefined): number[] {
  if (words === undefined) return names.map((_, index) => index);
  return words.flatMap((word) => {
    const named = findName(names, word);
    if (named !== undefined) return [named];
    const [, first = "", last = first] = /^(\d+)(?:-(\d+))?$/.exec(word) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (from >= 1 && from <= to && to <= names.length) {
      return Array.from({ length: to - from + 1 }, (_, i) => from - 1 + i);
    }
    const shown = names.map(nameOf);
    const near = nearest(shown, word);
    throw new DataError(
      `${path}: expected bands among ${shown.join(", ")}, or numbers from 1 to ${names.length}, got "${word}"` +
        (near === undefined ? "" : ` (did you mean ${near}?)`),
    );
  });
}

/** A name as it is written, or else one that is the same but for case and leading zeros, if there is only one. */
function findName(names: readonly (string | null)[], word: string): number | undefined {
  const exact = names.indexOf(word);
  if (exact >= 0) return exact;
  const alike = names.flatMap((name, index) => (name !== null && folded(name) === folded(word) ? [index] : []));
  return alike.length === 1 ? alike[0] : undefined;
}

/** "B02", "b2" and "B2" are one name. */
export const folded = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replaceAll(/(?<!\d)0+(?=\d)/g, "");

const isNamed = ({ names }: BandFacts) => names.some((name) => name !== null);

/** A band that its file does not name goes by its number, from 1. */
const nameOf = (name: string | null | undefined, index: number) => name ?? String(index + 1);

/**
 * Each band of one file with the band of its name of the other: of files that nobody chose bands of, in the target's order; otherwise
 * the bands that were chosen, and of the other file those of their names. `undefined` where that is not to be had: a name is missing,
 * left over or comes twice.
 */
function pairByName(
  files: Record<SideName, BandFacts>,
  chosen: Record<SideName, number[]>,
  free: readonly SideName[],
): BandPairs | undefined {
  const [leader, follower] = free.includes("target") && free.length === 1 ? pairOf("pred") : pairOf("target");
  const keysOf = (side: SideName) => chosen[side].map((index) => folded(nameOf(files[side].names[index], index)));
  const [keys, others] = [keysOf(leader), keysOf(follower)];
  // Names that come twice tell nothing apart: such files are alike only as they stand.
  const isDistinct = new Set(keys).size === keys.length && new Set(others).size === others.length;
  const partners = keys.map((key, i) => (isDistinct ? others.indexOf(key) : others[i] === key ? i : -1));
  if (partners.includes(-1) || (free.length === 2 && others.length !== keys.length)) return undefined;
  const bands = { [leader]: chosen[leader], [follower]: partners.map((i) => chosen[follower][i] as number) };
  const { pred, target } = bands as Record<SideName, number[]>;
  const isReordered = partners.some((partner, i) => i > 0 && partner < (partners[i - 1] as number));
  return { pred, target, names: distinctNames(files.target, target), isReordered };
}

const pairOf = (leader: SideName): [SideName, SideName] =>
  leader === "pred" ? ["pred", "target"] : ["target", "pred"];

function namesDiffer({ pred, target }: Record<SideName, BandFacts>): DataError {
  const list = ({ names }: BandFacts) => names.map(nameOf).join(", ");
  return new DataError(
    `${pred.path} and ${target.path}: names of bands differ: ${list(pred)} and ${list(target)} ` +
      "(--pred-bands, --target-bands choose)",
  );
}

/** Names that tell bands apart: the file's, with their number where a name comes twice. */
function distinctNames({ names }: BandFacts, chosen: readonly number[]): string[] {
  const own = chosen.map((index) => nameOf(names[index], index));
  return own.map((name, i) => (own.indexOf(name) === own.lastIndexOf(name) ? name : `${name} (${i + 1})`));
}

/** The one of `names` that the fewest edits make of `word`, if they are fewer than half of it. */
function nearest(names: readonly string[], word: string): string | undefined {
  const ranked = names
    .map((name) => ({ name, edits: editDistance(folded(name), folded(word)) }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best && best.edits <= Math.max(1, Math.floor(word.length / 2)) ? best.name : undefined;
}

/** Insertions, deletions and replacements of characters between two words (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
