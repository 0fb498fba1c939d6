import { expect, test } from "vitest";
import {
  looksLikeClasses,
  maskPredicate,
  maskPreset,
  maskTestText,
  type MaskTest,
} from "../../../src/cli/decide/maskTest.ts";

const range = (first: number, last = first) => ({ first, last });
const passing = (test: MaskTest, values: readonly number[]) => values.filter(maskPredicate(test));

test("by default what is not 0 counts", () => {
  expect(passing({ kind: "default" }, [0, 1, 255, -1])).toEqual([1, 255, -1]);
});

test("every comparison has to hold", () => {
  const all = [
    { sign: ">=", bound: 2 },
    { sign: "!=", bound: 4 },
  ] as const;
  expect(passing({ kind: "valid", text: "", all }, [1, 2, 3, 4, 5])).toEqual([2, 3, 5]);
  for (const sign of ["=", "=="] as const) {
    expect(passing({ kind: "valid", text: "", all: [{ sign, bound: 1 }] }, [0, 1, 2])).toEqual([1]);
  }
});

test("classes, and ranges of them", () => {
  expect(passing({ kind: "classes", text: "", any: [range(4, 6), range(11)] }, [3, 4, 5, 6, 7, 10, 11])).toEqual([
    4, 5, 6, 11,
  ]);
});

test("bits that must all be clear, up to the last of 32", () => {
  const clouds: MaskTest = { kind: "bits", text: "", clear: [range(1, 4)] };
  // Landsat's clear land, clear water, cloud, cloud shadow, fill.
  expect(passing(clouds, [21824, 21952, 22280, 23888, 1])).toEqual([21824, 21952, 1]);
  expect(passing({ kind: "bits", text: "", clear: [range(31)] }, [2 ** 31, 2 ** 31 - 1, 1.5])).toEqual([2 ** 31 - 1]);
});

test("presets are the makers' own tests", () => {
  const of = (name: string) => maskPreset(name) as MaskTest;
  expect(passing(of("s2-scl"), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])).toEqual([4, 5, 6, 7, 11]);
  expect(passing(of("s2-cloud<40"), [0, 39, 40, 100])).toEqual([0, 39]);
  expect(passing(of("landsat-qa"), [21824, 21952, 22280, 23888, 54596, 1])).toEqual([21824, 21952]);
  expect([maskPreset("s2-cloud"), maskPreset("toString")]).toEqual([undefined, undefined]);
});

test("a test in words", () => {
  expect(["s2-scl", "s2-cloud<40", "landsat-qa"].map((name) => maskTestText(maskPreset(name) as MaskTest))).toEqual([
    "classes 4-7,11",
    "<40",
    "bits 0-4 clear",
  ]);
});

test("more than two values of 0 to 11 look like classes", () => {
  expect(looksLikeClasses(new Set([0, 1]))).toBe(false);
  expect(looksLikeClasses(new Set([0, 255]))).toBe(false);
  expect(looksLikeClasses(new Set([0, 4, 11]))).toBe(true);
  expect(looksLikeClasses(new Set([0, 4, 12]))).toBe(false);
});
