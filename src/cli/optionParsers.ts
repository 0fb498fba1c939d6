// How the values of options are written, and read here: each parser takes the text and throws what commander reports.

import { InvalidArgumentError } from "commander";
import { WINDOWED, type WindowedFigure } from "../metrics/moments.ts";
import {
  type Comparison,
  isSign,
  type MaskTest,
  maskPreset,
  type NumberRange,
  presetNames,
} from "./decide/maskTest.ts";
import { UsageError } from "./errors.ts";
import { figureNames } from "./output/figures.ts";
import type { Bound } from "./output/gate.ts";

/** Infinities may be written inf, as most languages do. */
export function parseNumber(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text.replace(/^([+-]?)inf(inity)?$/i, "$1Infinity"));
  if (Number.isNaN(value)) throw new InvalidArgumentError(`Expected a number, got "${text}".`);
  return value;
}

export function parseFinite(text: string): number {
  const value = parseNumber(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError(`Expected a finite number, got "${text}".`);
  return value;
}

export function parsePositive(text: string): number {
  const value = parseNumber(text);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new InvalidArgumentError(`Expected a number above 0, got "${text}".`);
  }
  return value;
}

export function parseShare(text: string): number {
  const value = parseFinite(text);
  if (value < 0) throw new InvalidArgumentError(`Expected a share from 0, such as 0.01, got "${text}".`);
  return value;
}

export function parseCount(text: string): number {
  const value = parseNumber(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError(`Expected a whole number from 1, got "${text}".`);
  }
  return value;
}

export function parseDigits(text: string): number {
  const value = parseCount(text);
  if (value > 17) throw new InvalidArgumentError(`Expected 1 to 17 digits, got "${text}".`);
  return value;
}

/** "B02,B03,B04" */
export function parseWords(text: string): string[] {
  const words = text.split(",").map((word) => word.trim());
  if (words.includes("")) throw new InvalidArgumentError(`Expected words between commas, got "${text}".`);
  return words;
}

/** What results call the bands. */
export function parseNames(text: string): string[] {
  const names = parseWords(text);
  if (new Set(names).size < names.length) {
    throw new UsageError(`--bands: expected different names, got ${names.join(", ")}`);
  }
  return names;
}

/** "ssim,uqi" */
export function parseFigures(text: string): WindowedFigure[] {
  return parseWords(text).map((word) => {
    const figure = WINDOWED.find((name) => name === word);
    if (figure === undefined) throw new InvalidArgumentError(`Expected ${WINDOWED.join(", ")} or both, got "${word}".`);
    return figure;
  });
}

/** The name of any figure. */
export function parseFigure(text: string): string {
  if (figureNames.includes(text)) return text;
  throw new InvalidArgumentError(`Expected one of ${figureNames.join(", ")}, got "${text}".`);
}

/** Numbers that mark missing pixels, "nan" among them, or "none". */
export function parseNodata(text: string): number[] {
  if (text === "none") return [];
  return parseWords(text).map((word) => (word.toLowerCase() === "nan" ? Number.NaN : parseNumber(word)));
}

/** "{}_SR.tif={}.tif": how the names of a prediction and its target are made of what they share. */
export interface NamePatterns {
  readonly pred: string;
  readonly target: string;
}

export function parseMatch(text: string): NamePatterns {
  const [pred = "", target = "", ...rest] = text.split("=");
  const hasOne = (pattern: string) => pattern.split("{}").length === 2;
  if (rest.length > 0 || !hasOne(pred) || !hasOne(target)) {
    throw new InvalidArgumentError(
      `Expected two patterns with one {} each, such as "{}_SR.tif={}.tif", got "${text}".`,
    );
  }
  return { pred, target };
}

function parseComparison(word: string): Comparison {
  const [, sign = "", number = ""] = /^([<>!=]*)(.*)$/.exec(word) ?? [];
  if (!isSign(sign)) throw new InvalidArgumentError(`Expected a comparison such as ">20" or "!=0", got "${word}".`);
  return { sign, bound: parseNumber(number) };
}

/** ">20", or several that all have to hold: ">=20,<80". */
export function parseMaskCondition(text: string): MaskTest {
  return { kind: "valid", text, all: parseWords(text).map(parseComparison) };
}

/** "4,5,6" or "4-6,11" */
export function parseMaskClasses(text: string): MaskTest {
  const any = parseWords(text).map((word): NumberRange => {
    const [, first, last] = /^(-?[\d.]+)-(-?[\d.]+)$/.exec(word) ?? [];
    const range = { first: parseNumber(first ?? word), last: parseNumber(last ?? word) };
    if (range.first > range.last) throw new InvalidArgumentError(`Expected classes such as "4-6,11", got "${text}".`);
    return range;
  });
  return { kind: "classes", text, any };
}

const lastBit = 31;

/** "1-4", or "0,3-5", counted from 0 */
export function parseMaskBits(text: string): MaskTest {
  const clear = parseWords(text).map((word): NumberRange => {
    const [, first = "", last = first] = /^(\d+)(?:-(\d+))?$/.exec(word) ?? [];
    const range = { first: Number(first), last: Number(last) };
    if (first === "" || range.first > range.last || range.last > lastBit) {
      throw new InvalidArgumentError(`Expected bits from 0 to ${lastBit} such as "1-4", got "${text}".`);
    }
    return range;
  });
  return { kind: "bits", text, clear };
}

export function parseMaskPreset(text: string): MaskTest {
  const test = maskPreset(text);
  if (!test) throw new InvalidArgumentError(`Expected one of ${presetNames.join(", ")}, got "${text}".`);
  return test;
}

/** "psnr<40" of the scene, "B04.ssim<0.9" of a band. */
export function parseBound(text: string): Bound {
  const [, band, figure = "", comparison = ""] = /^\s*(?:(.+)\.)?(\w+)\s*([<>!=].*)$/.exec(text) ?? [];
  if (!figureNames.includes(figure)) {
    throw new InvalidArgumentError(
      `Expected a figure and a bound, such as "psnr<40" or "B04.ssim<0.9", of ${figureNames.join(", ")}, got "${text}".`,
    );
  }
  return { text, band, figure, fails: parseComparison(comparison.replaceAll(/\s/g, "")) };
}

/** The parser of an option that may be given more than once. */
export function repeated<Value>(parse: (text: string) => Value): (text: string, before?: Value[]) => Value[] {
  return (text, before = []) => [...before, parse(text)];
}
