// How the values of options are written, and read here: each parser takes the text and throws what commander reports.

import { InvalidArgumentError } from "commander";
import { WINDOWED, type WindowedFigure } from "../metrics/moments.ts";

export function parseNumber(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isNaN(value)) throw new InvalidArgumentError(`Expected a number, got "${text}".`);
  return value;
}

export function parsePositive(text: string): number {
  const value = parseNumber(text);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new InvalidArgumentError(`Expected a number above 0, got "${text}".`);
  }
  return value;
}

export function parseCount(text: string): number {
  const value = parseNumber(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError(`Expected a whole number from 1, got "${text}".`);
  }
  return value;
}

/** "B02,B03,B04" */
export function parseWords(text: string): string[] {
  const words = text.split(",").map((word) => word.trim());
  if (words.includes("")) throw new InvalidArgumentError(`Expected words between commas, got "${text}".`);
  return words;
}

/** "ssim,uqi" */
export function parseFigures(text: string): WindowedFigure[] {
  return parseWords(text).map((word) => {
    const figure = WINDOWED.find((name) => name === word);
    if (figure === undefined) throw new InvalidArgumentError(`Expected ${WINDOWED.join(", ")} or both, got "${word}".`);
    return figure;
  });
}

/** "4,5,6" */
export function parseNumbers(text: string): number[] {
  return parseWords(text).map(parseNumber);
}

/** Numbers that mark missing pixels, "nan" among them, or "none". */
export function parseNodata(text: string): number[] {
  if (text === "none") return [];
  return parseWords(text).map((word) => (word.toLowerCase() === "nan" ? Number.NaN : parseNumber(word)));
}

const comparisons = {
  ">": (value: number, bound: number) => value > bound,
  ">=": (value: number, bound: number) => value >= bound,
  "<": (value: number, bound: number) => value < bound,
  "<=": (value: number, bound: number) => value <= bound,
  "=": (value: number, bound: number) => value === bound,
  "!=": (value: number, bound: number) => value !== bound,
};

/** Comparisons that a number has to pass, every one of them. */
export type Condition = readonly { readonly sign: keyof typeof comparisons; readonly bound: number }[];

/** ">20", or several: ">=20,<80". */
export function parseCondition(text: string): Condition {
  return parseWords(text).map((word) => {
    const [, sign = "", number = ""] = /^([<>!=]*)(.*)$/.exec(word) ?? [];
    if (!Object.hasOwn(comparisons, sign)) {
      throw new InvalidArgumentError(`Expected a comparison such as ">20" or "!=0", got "${word}".`);
    }
    return { sign: sign as keyof typeof comparisons, bound: parseNumber(number) };
  });
}

export function passes(value: number, condition: Condition): boolean {
  return condition.every(({ sign, bound }) => comparisons[sign](value, bound));
}
