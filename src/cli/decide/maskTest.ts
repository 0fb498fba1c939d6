// Which values of a mask file let a pixel count.

/** A comparison with a number. */
export interface Comparison {
  readonly sign: keyof typeof comparisons;
  readonly bound: number;
}

const comparisons = {
  ">": (value: number, bound: number) => value > bound,
  ">=": (value: number, bound: number) => value >= bound,
  "<": (value: number, bound: number) => value < bound,
  "<=": (value: number, bound: number) => value <= bound,
  "=": (value: number, bound: number) => value === bound,
  "==": (value: number, bound: number) => value === bound,
  "!=": (value: number, bound: number) => value !== bound,
};

export type Sign = Comparison["sign"];

export const isSign = (text: string): text is Sign => Object.hasOwn(comparisons, text);

export const compares = (value: number, { sign, bound }: Comparison): boolean => comparisons[sign](value, bound);

/** From the first number to the last; of a single one, both are that. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** The test of a mask: one of the options that may follow `--mask`. Plain data, as threads and state files have it. */
export type MaskTest =
  | { readonly kind: "default" }
  /** Every comparison has to hold. */
  | { readonly kind: "valid"; readonly text: string; readonly all: readonly Comparison[] }
  | { readonly kind: "classes"; readonly text: string; readonly any: readonly NumberRange[] }
  /** Bits that must all be clear, from 0. */
  | { readonly kind: "bits"; readonly text: string; readonly clear: readonly NumberRange[] }
  /** No test: the share of each pixel that is valid, from 0 to 1. */
  | { readonly kind: "soft" }
  /** Nor this: what each pixel counts. */
  | { readonly kind: "weights" };

/** Whether a mask's numbers are taken as they are, in place of a yes or no. */
export const isNumeric = ({ kind }: MaskTest): boolean => kind === "soft" || kind === "weights";

/** The predicate of a test. A value that is no whole number of 32 bits has no bits to look at, and does not count. */
export function maskPredicate(test: MaskTest): (value: number) => boolean {
  switch (test.kind) {
    case "soft":
    case "weights":
    case "default":
      return (value) => value !== 0;
    case "valid":
      return (value) => test.all.every((comparison) => compares(value, comparison));
    case "classes":
      return (value) => test.any.some(({ first, last }) => value >= first && value <= last);
    case "bits": {
      const bits = bitsOf(test.clear);
      return (value) => Number.isInteger(value) && Math.abs(value) < 2 ** 32 && (value & bits) === 0;
    }
  }
}

function bitsOf(ranges: readonly NumberRange[]): number {
  let bits = 0;
  for (const { first, last } of ranges) for (let bit = first; bit <= last; bit++) bits |= 2 ** bit;
  return bits;
}

/** "classes 4-6,11", "bits 0-4 clear", "<=40", "≠ 0" */
export function maskTestText(test: MaskTest): string {
  if (test.kind === "default") return "≠ 0";
  if (test.kind === "soft") return "shares from 0 to 1";
  if (test.kind === "weights") return "weights";
  if (test.kind === "bits") return `bits ${test.text} clear`;
  return test.kind === "classes" ? `classes ${test.text}` : test.text;
}

/** What products call by a name: the test that their makers recommend. */
const presets: Record<string, MaskTest> = {
  // Vegetation, bare soil, water, unclassified, snow.
  "s2-scl": { kind: "classes", text: "4-7,11", any: [range(4, 7), range(11)] },
  // Fill, dilated cloud, cirrus, cloud, cloud shadow.
  "landsat-qa": { kind: "bits", text: "0-4", clear: [range(0, 4)] },
};

export const presetNames: readonly string[] = ["s2-scl", "s2-cloud<40", "landsat-qa"];

/** The test of that name; `undefined` where there is none. "s2-cloud<40" is a probability of clouds in percent below 40. */
export function maskPreset(name: string): MaskTest | undefined {
  const cloud = /^s2-cloud<(\d+(?:\.\d+)?)$/.exec(name)?.[1];
  if (cloud !== undefined) return { kind: "valid", text: `<${cloud}`, all: [{ sign: "<", bound: Number(cloud) }] };
  return Object.hasOwn(presets, name) ? presets[name] : undefined;
}

function range(first: number, last = first): NumberRange {
  return { first, last };
}

/** The classes of Sentinel-2's scene classification, which is taken for a plain mask by mistake. */
const sceneClasses = 11;

/** Whether the values that were seen of a mask of bytes look like classes rather than like yes and no. */
export function looksLikeClasses(seen: ReadonlySet<number>): boolean {
  return seen.size > 2 && [...seen].every((value) => value >= 0 && value <= sceneClasses);
}
