// Lists of pairs, and folders whose files go together by name.

import { mkdirSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { readPairs } from "../../src/cli/readPairs.ts";
import { writeGeoTiff } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { call, runJson } from "./run.ts";

const pairsOf = (text: string) => readPairs("list.csv", text);
const bare = { mask: undefined, name: undefined, labels: {} };

describe("a list", () => {
  test("without a heading: prediction, target, and perhaps a mask", () => {
    expect(pairsOf("a.tif,b.tif\nc.tif,d.tif,m.tif\n")).toEqual([
      { ...bare, pred: "a.tif", target: "b.tif" },
      { ...bare, pred: "c.tif", target: "d.tif", mask: "m.tif" },
    ]);
  });

  test.each([
    ["pred", "target"],
    ["Prediction", "reference"],
    ["PRED", "truth"],
    ["prediction", "gt"],
  ])("with a heading of %s and %s, in any order; more columns are labels", (pred, target) => {
    expect(pairsOf(`site,${target},name,${pred},mask\nAlps,t.tif,one,p.tif,\n`)).toEqual([
      { pred: "p.tif", target: "t.tif", mask: undefined, name: "one", labels: { site: "Alps" } },
    ]);
  });

  test.each([
    [";", "semicolons"],
    ["\t", "tabs"],
  ])("parted by %j", (separator) => {
    const lines = [
      ["pred", "target", "site"],
      ["p, 1.tif", '"t;\t2.tif"', "Alps"],
    ];
    expect(pairsOf(lines.map((line) => line.join(separator)).join("\r\n"))).toEqual([
      { ...bare, pred: "p, 1.tif", target: "t;\t2.tif", labels: { site: "Alps" } },
    ]);
  });

  test("as spreadsheets write it: a byte order mark, quotes, both line breaks, empty lines", () => {
    expect(pairsOf('\uFEFF"pred","target"\r\n\r\n"a ""b"".tif",c.tif\r\n')).toEqual([
      { ...bare, pred: 'a "b".tif', target: "c.tif" },
    ]);
  });

  test.each<[string, string, RegExp]>([
    ["no pairs", "pred,target\n", /^list\.csv: lists no pairs$/],
    ["half a heading", "pred,other\na,b\n", /expected a column target or reference or truth or gt, got pred, other/],
    ["too many cells", "a,b,c,d\n", /two or three paths .* in pair 1, got a, b, c, d/],
    ["a cell too many under a heading", "pred,target\na,b,c\n", /2 cells as in the heading in pair 1/],
    ["no target", "a.tif\n", /in pair 1, got a\.tif/],
  ])("%s is an error", (_, text, message) => {
    expect(() => pairsOf(text)).toThrow(message);
  });
});

describe("through the command", () => {
  const file = temporaryFolder();
  const [width, height] = [4, 3];
  const flat = (value: number) => new Uint8Array(width * height).fill(value);
  const write = (name: string, value: number, first = value) => {
    const band = flat(value);
    band[0] = first;
    return writeGeoTiff(file(name), { width, height, bands: [band] });
  };

  interface Archive {
    readonly pairs: readonly {
      readonly pred: string;
      readonly name?: string;
      readonly labels?: Record<string, string>;
      readonly scene: { rmse: number; validRatio: number };
    }[];
  }
  const archived = (...words: string[]) => runJson<Archive>(["evaluate", ...words], file(""));

  beforeAll(async () => {
    for (const folder of ["sr", "hr", "masks", "lists"]) mkdirSync(file(folder));
    for (const n of [1, 2]) {
      await write(`sr/s${n}_SR.tif`, 10 + n);
      await write(`hr/s${n}.tif`, 10);
      await write(`masks/s${n}.tif`, 1, n - 1);
    }
  });

  test("folders match by suffixes, and masks of a folder by name", async () => {
    const none = await call(["evaluate", "sr", "hr"], file(""));
    expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/no rasters of the same names \(--match/)]);
    for (const match of ["{}_SR.tif={}.tif", "{}_SR={}"]) {
      const { pairs } = await archived("sr", "hr", "--match", match, "--mask", "masks");
      expect(pairs.map(({ scene }) => [scene.rmse, scene.validRatio * 12])).toEqual([
        [1, 11],
        [2, 12],
      ]);
    }
    for (const wrong of ["{}_SR", "a=b", "{}=b", "{}{}={}"]) {
      expect((await call(["evaluate", "sr", "hr", "--match", wrong], file(""))).code).toBe(2);
    }
  });

  test("a mask that a folder has not is what is wrong with its pair", async () => {
    mkdirSync(file("few"), { recursive: true });
    await write("few/s1.tif", 1);
    const got = await call(["evaluate", "sr", "hr", "--match", "{}_SR={}", "--mask", "few"], file(""));
    expect([got.code, got.stdout]).toEqual([1, expect.stringMatching(/\nNot evaluated\n\nfew\/s2: no such file\n$/)]);
  });

  test("a list names masks, which add to --mask, pairs, and labels; paths are relative to it", async () => {
    const lines = ["name;mask;gt;prediction;site", "one;../masks/s1.tif;../hr/s1.tif;../sr/s1_SR.tif;Alps"];
    writeFileSync(file("lists/pairs.csv"), `${lines.join("\n")}\n`);
    await write("half.tif", 1, 0);
    const { pairs } = await archived("--pairs", "lists/pairs.csv");
    expect(pairs[0]).toMatchObject({ name: "one", labels: { site: "Alps" }, scene: { rmse: 1, validRatio: 11 / 12 } });
    // A test that stands before any --mask is that of the column.
    const inverted = await archived(
      "--pairs",
      "lists/pairs.csv",
      "--mask-classes",
      "0",
      "--mask",
      "half.tif",
      "--mask-valid",
      ">=0",
    );
    expect(inverted.pairs[0]?.scene.validRatio).toBe(1 / 12);
    const table = await call(["evaluate", "--pairs", "lists/pairs.csv"], file(""));
    expect(table.stdout).toMatch(/\none +\d/);
    const csv = await call(["evaluate", "--pairs", "lists/pairs.csv", "--csv"], file(""));
    expect(csv.stdout.split("\n")[0]).toMatch(/,error,name,site,files,/);
  });

  test("a pair that is listed twice counts once, and a note says so", async () => {
    writeFileSync(file("twice.csv"), "sr/s1_SR.tif,hr/s1.tif\nsr/s2_SR.tif,hr/s2.tif\nsr/s1_SR.tif,hr/s1.tif\n");
    const got = await call(["evaluate", "--pairs", "twice.csv", "--json"], file(""));
    expect(got.stderr).toContain("note: twice.csv: lists 1 pair again, which count once\n");
    expect((JSON.parse(got.stdout) as Archive).pairs).toHaveLength(2);
  });
});
