import { describe, expect, test } from "vitest";
import { looksChannelsLast } from "../../../src/cli/decide/axes.ts";
import { calibrationsOf, calibrationText, type StoredFacts } from "../../../src/cli/decide/calibration.ts";
import {
  askForDataRange,
  decideDataRange,
  isWithinUnit,
  joinExtents,
  NO_EXTENT,
} from "../../../src/cli/decide/dataRange.ts";
import { ruleText, whichPixelsCount } from "../../../src/cli/decide/validPixels.ts";

describe("which pixels count", () => {
  const silent = { nodata: null, mask: null, hasNaN: false };
  const bare = { valid: { nodata: [] }, isDefault: false };

  test("a target that says nothing: target ≥ 0", () => {
    expect(whichPixelsCount(silent, {}, false)).toEqual({ valid: { min: 0, nodata: [] }, isDefault: true });
  });

  test.each([
    ["a nodata tag", { ...silent, nodata: -9999 }, {}, false, { valid: { nodata: [-9999] }, isDefault: false }],
    [
      "a tag of NaN",
      { ...silent, nodata: Number.NaN },
      {},
      false,
      { valid: { nodata: [Number.NaN] }, isDefault: false },
    ],
    ["its own mask", { ...silent, mask: "internal mask" }, {}, false, bare],
    ["NaN among its pixels", { ...silent, hasNaN: true }, {}, false, bare],
    ["a mask file", silent, {}, true, bare],
    ["nodata that is given", silent, { nodata: [7] }, false, { valid: { nodata: [7] }, isDefault: false }],
  ] as const)("%s decides alone, without a rule on values", (_, says, options, hasMask, rule) => {
    expect(whichPixelsCount(says, options, hasMask)).toEqual(rule);
  });

  test("the file's own nodata, repeated on the command line, changes nothing", () => {
    const tagged = { ...silent, nodata: -9999 };
    expect(whichPixelsCount(tagged, { nodata: [-9999] }, false)).toEqual(whichPixelsCount(tagged, {}, false));
  });

  test("--nodata none takes the tag away: the default holds again if nothing else speaks", () => {
    const tagged = { ...silent, nodata: -9999 };
    expect(whichPixelsCount(tagged, { nodata: [] }, false).isDefault).toBe(true);
    expect(whichPixelsCount({ ...tagged, mask: ".msk file" }, { nodata: [] }, false)).toEqual(bare);
    expect(whichPixelsCount({ ...tagged, hasNaN: true }, { nodata: [] }, false)).toEqual(bare);
  });

  test.each([["min"], ["above"], ["max"], ["below"]])("%s replaces the default and adds to nodata", (bound) => {
    const options = { [bound]: 5 };
    expect(whichPixelsCount(silent, options, false)).toEqual({ valid: { [bound]: 5, nodata: [] }, isDefault: false });
    const tagged = { ...silent, nodata: -1, mask: "internal mask" };
    expect(whichPixelsCount(tagged, options, true).valid).toEqual({ [bound]: 5, nodata: [-1] });
  });

  test("in words", () => {
    expect(ruleText({ min: 0, nodata: [255] })).toBe("target ≥ 0, target ≠ 255");
    expect(ruleText({ above: 1, below: 9 })).toBe("target > 1, target < 9");
    expect(ruleText({ nodata: [Number.NaN] })).toBe("target is not NaN");
  });
});

describe("scale and offset", () => {
  const tagged = (scale: number, offset: number, isFloat = false): StoredFacts => ({
    isFloat,
    tags: [{ scale, offset }],
  });
  const plain = (isFloat: boolean) => tagged(1, 0, isFloat);
  const s2 = { pred: tagged(1e-4, 0), target: tagged(1e-4, -0.1) };

  test("each file by its own tags", () => {
    expect(calibrationsOf("pred", s2, {})).toEqual([{ scale: 1e-4, offset: 0 }]);
    expect(calibrationsOf("target", s2, {})).toEqual([{ scale: 1e-4, offset: -0.1 }]);
  });

  test("options replace them one by one", () => {
    expect(calibrationsOf("target", s2, { targetScale: 2 })).toEqual([{ scale: 2, offset: -0.1 }]);
    expect(calibrationsOf("target", s2, { predScale: 2 })).toEqual([{ scale: 1e-4, offset: -0.1 }]);
    expect(calibrationsOf("target", s2, { scale: 2, offset: 1 })).toEqual([{ scale: 2, offset: 1 }]);
    expect(calibrationsOf("pred", s2, { scale: 2, predScale: 3 })).toEqual([{ scale: 3, offset: 0 }]);
  });

  test("numbers as they are stored", () => {
    expect(calibrationsOf("target", s2, { raw: true })).toEqual([{ scale: 1, offset: 0 }]);
  });

  test("what is given for both leaves floats beside digital numbers alone", () => {
    const mixed = { pred: plain(true), target: plain(false) };
    expect(calibrationsOf("pred", mixed, { scale: 2 })).toEqual([{ scale: 1, offset: 0 }]);
    expect(calibrationsOf("target", mixed, { scale: 2 })).toEqual([{ scale: 2, offset: 0 }]);
    expect(calibrationsOf("pred", mixed, { predScale: 2 })).toEqual([{ scale: 2, offset: 0 }]);
    const floats = { pred: plain(true), target: plain(true) };
    expect(calibrationsOf("pred", floats, { scale: 2 })).toEqual([{ scale: 2, offset: 0 }]);
  });

  test("in words", () => {
    expect(calibrationText([{ scale: 1e-4, offset: -0.1 }])).toBe("0.0001·v − 0.1");
    expect(calibrationText([{ scale: 1, offset: 3 }])).toBe("v + 3");
    expect(calibrationText([{ scale: 2, offset: 0 }])).toBe("2·v");
    expect(
      calibrationText([
        { scale: 2, offset: 0 },
        { scale: 3, offset: 0 },
      ]),
    ).toBe("by the tags of each band");
  });
});

describe("the data range", () => {
  const unknown = { bothBytes: false, isBeyondUnit: true };

  test("is given, or certain, or unknown", () => {
    expect(decideDataRange(10000, unknown)).toBe(10000);
    expect(decideDataRange(undefined, { bothBytes: true, isBeyondUnit: true })).toBe(255);
    expect(decideDataRange(undefined, { bothBytes: false, isBeyondUnit: false })).toBe(1);
    expect(decideDataRange(undefined, unknown)).toBeNull();
  });

  test("values within [0, 1], ends included", () => {
    expect([0, 1, -1e-9, 1 + 1e-9].map((x) => isWithinUnit({ min: x, max: x }))).toEqual([true, true, false, false]);
    expect(joinExtents(NO_EXTENT, { min: 3, max: 4 })).toEqual({ min: 3, max: 4 });
  });

  test("asks for it with the target's own extent", () => {
    expect(askForDataRange({ min: 1, max: 10234 })).toMatch(/need --data-range.*from 1 to 10234/);
  });
});

test("an array whose last axis looks like its channels", () => {
  const last = (first: number, second: number, last: number) => looksChannelsLast({ first, second, last });
  expect(last(100, 90, 13)).toBe(true);
  expect(last(100, 90, 80)).toBe(true);
  expect(last(20, 90, 13)).toBe(true);
  expect(last(3, 90, 80)).toBe(false);
  expect(last(13, 40, 13)).toBe(false);
  expect(last(20, 90, 14)).toBe(false);
  expect(last(100, 100, 20)).toBe(false);
});
