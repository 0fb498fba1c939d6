import { describe, expect, test } from "vitest";
import { chooseBands, pairBands, pairLabels } from "../../../src/cli/decide/bands.ts";

const file = (path: string, ...names: (string | null)[]) => ({ path, names });
const pair = (pred: (string | null)[], target: (string | null)[], options = {}) =>
  pairBands({ pred: file("p.tif", ...pred), target: file("t.tif", ...target) }, options);

describe("both files name their bands", () => {
  test("the same names are paired by name, in the target's order", () => {
    expect(pair(["B04", "B03", "B02"], ["B02", "B03", "B04"])).toEqual({
      pred: [2, 1, 0],
      target: [0, 1, 2],
      names: ["B02", "B03", "B04"],
      isReordered: true,
    });
    expect(pair(["B02", "B03"], ["B02", "B03"])).toMatchObject({ pred: [0, 1], isReordered: false });
  });

  test("case and leading zeros make no other name", () => {
    expect(pair(["b3", "b2"], ["B02", "B03"])).toMatchObject({ pred: [1, 0], names: ["B02", "B03"] });
  });

  test("other names are an error that lists both", () => {
    const list = /^p\.tif and t\.tif: names of bands differ: red, nir and B04, B08 \(--pred-bands/;
    expect(() => pair(["red", "nir"], ["B04", "B08"])).toThrow(list);
    expect(() => pair(["B02", "B03"], ["B02", "B03", "B04"])).toThrow(/names of bands differ/);
  });

  test("names that come twice tell nothing apart", () => {
    expect(pair(["x", "x"], ["x", "x"])).toMatchObject({ pred: [0, 1], names: ["x (1)", "x (2)"] });
    expect(() => pair(["x", "x", "y"], ["x", "y", "x"])).toThrow(/names of bands differ/);
  });

  test("bands that are chosen of both files are paired in their order", () => {
    const options = { predBands: ["nir", "red"], targetBands: ["B08", "B04"] };
    expect(pair(["red", "nir"], ["B04", "B08"], options)).toMatchObject({ pred: [1, 0], target: [1, 0] });
  });

  test("bands that are chosen of one file take those of their names of the other, or else all in order", () => {
    expect(pair(["B02", "B03", "B10"], ["B03", "B02"], { predBands: ["B02", "B03"] })).toMatchObject({
      pred: [0, 1],
      target: [1, 0],
      isReordered: true,
    });
    expect(pair(["B02", "B03", "B10"], ["B03", "B02"], { targetBands: ["B02"] })).toMatchObject({
      pred: [0],
      target: [1],
    });
    expect(pair(["red", "nir"], ["B04", "B08"], { predBands: ["red", "nir"] })).toMatchObject({
      pred: [0, 1],
      target: [0, 1],
      names: ["B04", "B08"],
    });
  });
});

test("one file names them: in order, named after it", () => {
  expect(pair([null, null], ["B02", "B03"])).toMatchObject({ pred: [0, 1], names: ["B02", "B03"] });
  expect(pair(["B02", "B03"], [null, null])).toMatchObject({ target: [0, 1], names: ["B02", "B03"] });
});

test("neither does: in order, called by number", () => {
  expect(pair([null, null], [null, null])).toMatchObject({ pred: [0, 1], names: ["1", "2"] });
  expect(() => pair([null], [null, null])).toThrow(/number of bands differs: 1 and 2.*--pred-bands/);
});

test("a name is found without regard to case and leading zeros; a miss suggests the nearest", () => {
  const s2 = file("s2.tif", "B01", "B02", "B8A", "B10");
  expect(chooseBands(s2, ["b2", "b8a", "B1", "3-4"])).toEqual([1, 2, 0, 2, 3]);
  expect(() => chooseBands(s2, ["B8b"])).toThrow(
    's2.tif: expected bands among B01, B02, B8A, B10, or numbers from 1 to 4, got "B8b" (did you mean B8A?)',
  );
  expect(() => chooseBands(file("x.tif", null, null), ["B8A"])).toThrow(/expected bands among 1, 2, .*got "B8A"$/);
});

test("class labels are one band, whatever the prediction's are called", () => {
  const pred = file("p.tif", "water", "soil");
  expect(pairLabels({ pred, target: file("t.tif", "class") }, {})).toMatchObject({ pred: [0, 1], target: [0] });
  expect(() => pairLabels({ pred, target: file("t.tif", null, null) }, {})).toThrow(/class labels are one band, got 2/);
});
