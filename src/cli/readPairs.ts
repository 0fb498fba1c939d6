// Lists of pairs as spreadsheets and scripts write them.

import { DataError } from "./errors.ts";

/** A line of a list: paths as they are written, relative to the list. */
export interface ListedPair {
  readonly pred: string;
  readonly target: string;
  readonly mask: string | undefined;
  readonly weights: string | undefined;
  readonly name: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** Headings of the columns that mean something; others are labels. */
const headings = {
  pred: ["pred", "prediction"],
  target: ["target", "reference", "truth", "gt"],
  mask: ["mask"],
  weights: ["weights"],
  name: ["name"],
} as const;

type Column = keyof typeof headings;

const columnsInOrder: readonly Column[] = ["pred", "target", "mask"];

/**
 * The pairs of a list: under a heading, whose columns may come in any order; or without one, prediction, target and perhaps a mask. Cells
 * are parted by commas, semicolons or tabs.
 *
 * @throws DataError for a list that is none
 */
export function readPairs(path: string, text: string): ListedPair[] {
  // Spreadsheets begin their files with a byte order mark.
  const plain = text.replace(/^\uFEFF/, "");
  const lines = splitCells(plain, separatorOf(plain));
  const [first = []] = lines;
  const words = first.map((cell) => cell.toLowerCase());
  const find = (column: Column) => words.findIndex((word) => (headings[column] as readonly string[]).includes(word));
  const hasHeading = find("pred") >= 0 || find("target") >= 0;
  if (hasHeading) lines.shift();
  if (lines.length === 0) throw new DataError(`${path}: lists no pairs`);
  const width = hasHeading ? first.length : columnsInOrder.length;
  const indexOf = hasHeading ? find : (column: Column) => columnsInOrder.indexOf(column);
  for (const column of ["pred", "target"] as const) {
    if (indexOf(column) >= 0) continue;
    throw new DataError(`${path}: expected a column ${headings[column].join(" or ")}, got ${first.join(", ")}`);
  }
  const labels = hasHeading
    ? first.flatMap((heading, i) => (isMeant(words[i] as string) ? [] : [[heading, i] as const]))
    : [];
  return lines.map((cells, i) => {
    const cell = (column: Column) => cells[indexOf(column)] || undefined;
    const [pred, target] = [cell("pred"), cell("target")];
    if (pred === undefined || target === undefined || cells.length > width) {
      const expected = hasHeading
        ? `${width} cells as in the heading`
        : "two or three paths (prediction, target, mask)";
      throw new DataError(`${path}: expected ${expected} in pair ${i + 1}, got ${cells.join(", ")}`);
    }
    const own = Object.fromEntries(labels.map(([heading, at]) => [heading, cells[at] ?? ""]));
    return { pred, target, mask: cell("mask"), weights: cell("weights"), name: cell("name"), labels: own };
  });
}

const isMeant = (word: string) => Object.values(headings).some((names) => (names as readonly string[]).includes(word));

/** The separator that parts the first line into most cells. */
function separatorOf(text: string): string {
  const [line = ""] = text.split(/\r?\n/).filter((any) => any.trim() !== "");
  const unquoted = line.replaceAll(/"(?:[^"]|"")*"/g, "");
  const count = (separator: string) => unquoted.split(separator).length;
  return [",", ";", "\t"].sort((a, b) => count(b) - count(a))[0] as string;
}

/** The cells of each line that is not empty, as RFC 4180 has them: quotes around a cell may hold separators and line breaks. */
export function splitCells(text: string, separator = ","): string[][] {
  const lines: string[][] = [[]];
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^${separator}\\r\\n]*))(${separator}|\\r?\\n|$)`, "g");
  for (const [, quoted, plain = "", end] of text.matchAll(cell)) {
    lines.at(-1)?.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
    if (end !== separator) lines.push([]);
  }
  return lines.filter((cells) => cells.some((text) => text !== ""));
}
