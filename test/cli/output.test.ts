// What results say, how they are laid out, and when a run fails over them.

import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { failedLines, type Gate } from "../../src/cli/output/gate.ts";
import { withLegend } from "../../src/cli/output/legend.ts";
import { sequential } from "../../src/cli/output/report/colours.ts";
import { formatNumber, formatTable, wrapped } from "../../src/cli/output/table.ts";
import type { Figures } from "../../src/cli/result.ts";
import { writeGeoTiff } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { seeded } from "../support/data.ts";
import { call, main, runJson } from "./run.ts";

const file = temporaryFolder();
const [width, height] = [30, 20];
const names = ["B02", "B03"];

type Stats = Record<string, number | string | null>;

/** Scenes that are worse and worse: the n-th is off by n/100. */
async function writeScene(folder: string, name: string, off: number): Promise<void> {
  const random = seeded(3);
  const bands = names.map(() => Float32Array.from({ length: width * height }, () => 0.1 + 0.5 * random() + off));
  await writeGeoTiff(file(`${folder}/${name}.tif`), { width, height, bands, bandNames: names });
}

beforeAll(async () => {
  for (const folder of ["pred", "target"]) mkdirSync(file(folder));
  for (let n = 0; n < 12; n++) {
    await writeScene("pred", `s${n}`, ((5 * n) % 12) / 100);
    await writeScene("target", `s${n}`, 0);
  }
});

const pair = ["evaluate", "pred/s1.tif", "target/s1.tif"];
const many = ["evaluate", "pred", "target"];

describe("results say what they have measured", () => {
  interface Result {
    readonly version: string;
    readonly files: readonly { role: string; path: string; bytes: number; modified: string }[];
    readonly options: Record<string, unknown>;
    readonly bands: Record<string, Stats>;
    readonly scene: Stats;
  }

  test("as JSON", async () => {
    const words = [...pair, "--min", "-1", "--target-bands", "B02", "--pred-bands", "B03", "--data-range", "2"];
    const got = await runJson<Result>(words, file(""));
    expect(got.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(got.files.map(({ role, path }) => [role, path])).toEqual([
      ["pred", "pred/s1.tif"],
      ["target", "target/s1.tif"],
    ]);
    expect(got.files[0]?.bytes).toBe(readFileSync(file("pred/s1.tif")).length);
    expect(got.files[0]?.modified).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(got).toMatchObject({
      compared: [{ band: "B02", pred: 2, target: 1 }],
      valid: ["target ≥ -1"],
      predNodata: "skip",
      values: { pred: "v", target: "v" },
      dataRange: 2,
      options: { "--min": -1, "--target-bands": ["B02"], "--pred-bands": ["B03"], "--data-range": 2 },
    });
    expect([got.bands.B02?.coverage, got.scene.coverage]).toEqual([1, 1]);
  });

  test("as CSV, with a row of the scene", async () => {
    const { stdout } = await call([...pair, "--csv", "--min", "0"], file(""));
    const [heading = "", ...rows] = stdout.trimEnd().split("\n");
    expect(rows.map((row) => row.split(",")[0])).toEqual(["B02", "B03", "scene"]);
    expect(heading.split(",").slice(-8)).toEqual([
      ...["files", "valid", "predNodata", "predValues", "targetValues", "dataRange", "options", "version"],
    ]);
    for (const row of rows) {
      expect(row).toMatch(/pred\/s1\.tif \(\d+ bytes, .*Z\); target\/s1\.tif \(.*\)",target ≥ 0,skip,v,v,1,/);
      expect(row).toContain('"{""--min"":0}"');
    }
    const archive = (await call([...many, "--csv"], file(""))).stdout.trimEnd().split("\n");
    expect(archive).toHaveLength(1 + 13 * 3);
    expect(archive.at(-1)).toMatch(/^total,,scene,/);
  });

  test("as a page, of the name .html", async () => {
    expect(await call([...pair, "--output", "page.html"], file(""))).toEqual({ code: 0, stdout: "", stderr: "" });
    const page = readFileSync(file("page.html"), "utf8");
    expect(page).toMatch(/<h2>What was measured<\/h2>[\s\S]*pred\/s1\.tif, \d+ bytes/);
    await call([...many, "--output", "many.html"], file(""));
    expect(readFileSync(file("many.html"), "utf8")).toContain("12 pairs");
  });

  test("in the format of the name that it is written under, unless an option says another", async () => {
    await call([...pair, "--output", "x.json"], file(""));
    expect(JSON.parse(readFileSync(file("x.json"), "utf8")).scene.coverage).toBe(1);
    await call([...pair, "--output", "x.csv"], file(""));
    expect(readFileSync(file("x.csv"), "utf8")).toMatch(/^band,psnr/);
    expect((await call([...pair, "--json", "--output", "x.csv"], file(""))).code).toBe(2);
    const loss = await call(["loss", ...pair.slice(1), "--output", "x.html"], file(""));
    expect([loss.code, loss.stderr]).toEqual([2, expect.stringMatching(/ends in \.json, \.csv, got x\.html/)]);
  });

  test("of the loss too", async () => {
    const got = await runJson<Result>(["loss", ...pair.slice(1)], file(""));
    expect(got.files.map(({ path }) => path)).toEqual(["pred/s1.tif", "target/s1.tif"]);
    const { stdout } = await call(["loss", ...pair.slice(1), "--csv"], file(""));
    expect(stdout).toMatch(/^term,sample,band,loss,weight,validCount,totalCount,coverage,files,/);
  });
});

describe("tables", () => {
  test("fit 80 columns, whatever they hold", async () => {
    const long = "a-folder-of-a-long-name/and-a-file-of-a-longer-one-20170703.tif";
    const columns = ["pair", ...Array.from({ length: 14 }, (_, i) => `figure ${i}`)].map((heading, c) => {
      return { heading, align: c === 0 ? "left" : "right" } as const;
    });
    const table = formatTable(columns, [[long, ...Array.from({ length: 14 }, () => "-0.0001234")]]);
    const lines = table.split("\n");
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
    expect(table).toContain("-20170703.tif  -0.0001234");
    expect(table.match(/figure/g)).toHaveLength(14);
    for (const words of [pair, [...many, "--all"]]) {
      const { stdout } = await call(words, file(""));
      for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
    }
    expect(
      wrapped(`${"word ".repeat(40)}end`)
        .split("\n")
        .every((line) => line.length <= 80),
    ).toBe(true);
  });

  test("have four significant digits, or as many as are asked for", async () => {
    expect([0.123456, 12345.6, 1e-7 / 3, 40, 1e9 / 7, 0.95, Number.NaN].map((value) => formatNumber(value))).toEqual([
      ...["0.1235", "12350", "3.333e-8", "40", "142900000", "0.9500", "–"],
    ]);
    expect(formatNumber(0.123456, 2)).toBe("0.12");
    expect((await call(pair, file(""))).stdout).toMatch(/\nB02 +26\.02 +0\.05000 /);
    expect((await call([...pair, "--digits", "6"], file(""))).stdout).toMatch(/\nB02 +26\.0206 +0\.0500000 /);
  });

  test("begin with the total, and show the ten worst of many pairs by psnr", async () => {
    const { stdout } = await call(many, file(""));
    expect(stdout).toMatch(
      /^12 pairs\n\nAll together\n\nscene [\s\S]*\nband [\s\S]*\nThe 10 worst of 12 pairs by psnr\n\npair /,
    );
    const shown = [...stdout.matchAll(/\npred\/(s\d+)\.tif/g)].map(([, name]) => name);
    // Off by 11, 10, 9 … hundredths.
    expect(shown).toEqual(["s7", "s2", "s9", "s4", "s11", "s6", "s1", "s8", "s3", "s10"]);
    expect((await call([...many, "--all"], file(""))).stdout.match(/\npred\/s/g)).toHaveLength(12);
    const byBias = await call([...many, "--sort", "bias", "--all"], file(""));
    expect(byBias.stdout).toMatch(/Pairs, the worst first, by bias\n\npair +bias /);
    expect((await call([...many, "--sort", "beauty"], file(""))).code).toBe(2);
  });

  test("by rmse where psnr is not known", async () => {
    const { stdout, stderr } = await call([...many, "--scale", "1000"], file(""));
    expect(stdout).toContain("The 10 worst of 12 pairs by rmse\n");
    expect([...stdout.matchAll(/\npred\/(s\d+)\.tif/g)][0]?.[1]).toBe("s7");
    // One line for all of them.
    expect(stderr).toMatch(/^warning: 12 of 12 pairs: psnr, ssim and cpsnr need --data-range[^\n]*\n$/);
  });
});

describe("a gate", () => {
  const figures = {
    bands: [["B02", { psnr: 30, rmse: 0.1, ssim: 0.8, bias: -0.2, r2: Number.NaN, coverage: 1, validRatio: 0.5 }]],
    scene: { psnr: 30, rmse: 0.1, uqi: 0.7, coverage: 1, validRatio: 0.5 },
  } as unknown as Figures;
  const scene = { psnr: 30, rmse: 0.1, uqi: 0.7 };
  const B02 = { psnr: 30, rmse: 0.1, ssim: 0.8, bias: -0.2 };
  const lines = (baseline: object, tolerance = 0, dataRange: number | null = 1) => {
    const earlier = { path: "old.json", dataRange: 1, bands: { B02 }, scene, ...baseline };
    return failedLines({ bounds: [], baseline: earlier, tolerance } as Gate, figures, dataRange);
  };

  test("of a baseline fails where a figure is worse, whichever way that is", () => {
    expect(lines({})).toEqual([]);
    expect(lines({ scene: { psnr: 29, rmse: 0.2, uqi: 0.6, coverage: 0.9 } })).toEqual([]);
    expect(lines({ scene: { psnr: 30.1, rmse: 0.09, uqi: 0.71, validRatio: 0.9 } })).toEqual([
      ...["psnr is 30, worse than 30.1000 in old.json", "rmse is 0.100000, worse than 0.0900000 in old.json"],
      "uqi is 0.700000, worse than 0.710000 in old.json",
    ]);
    expect(lines({ bands: { B02: { bias: 0.1 } } })).toEqual([
      "B02.bias is -0.200000, worse than 0.100000 in old.json",
    ]);
    expect(lines({ bands: { B02: { bias: 0.3 } } })).toEqual([]);
  });

  test("allows a share of the earlier figure", () => {
    const worse = { scene: { psnr: 30.3, rmse: 0.0991 } };
    expect(lines(worse)).toHaveLength(2);
    expect(lines(worse, 0.01)).toEqual([]);
    expect(lines({ scene: { rmse: 0.098 } }, 0.01)).toHaveLength(1);
    expect(lines({ scene: { psnr: "Infinity" } }, 0.5)).toHaveLength(1);
  });

  test("fails over what is known no more, missing, or measured by another range", () => {
    expect(lines({ bands: { B02: { r2: 0.5, ssim: null } } })).toEqual(["B02.r2 is not known, but is in old.json"]);
    expect(lines({ bands: { B03: B02 } })).toEqual(["band B03 is missing, but is in old.json"]);
    expect(lines({}, 0, 255)).toEqual([
      "the data range is 255, but 1 in old.json: psnr, ssim and cpsnr do not compare",
    ]);
  });

  test("of bounds: exit code 3 and a line for each figure that fails, after the figures", async () => {
    const words = [...pair, "--fail-if", "psnr<40", "--fail-if", "B02.ssim < 0.1", "--fail-if", "B03.bias>0.04"];
    const got = await call(words, file(""));
    expect([got.code, got.stderr]).toEqual([
      3,
      'failed: psnr is 26.0206 (--fail-if "psnr<40")\nfailed: B03.bias is 0.0500000 (--fail-if "B03.bias>0.04")\n',
    ]);
    expect(got.stdout).toMatch(/^pred\/s1\.tif against/);
    expect((await call([...pair, "--fail-if", "psnr<20"], file(""))).code).toBe(0);
    // The mean over bands of what the scene has not.
    expect((await call([...many, "--fail-if", "mae>=0.01"], file(""))).code).toBe(3);
    const unknown = await call([...pair, "--scale", "1000", "--quiet", "--fail-if", "psnr<40"], file(""));
    expect([unknown.code, unknown.stderr]).toEqual([3, 'failed: psnr is not known (--fail-if "psnr<40")\n']);
    const elsewhere = await call([...pair, "--fail-if", "B04.psnr<40"], file(""));
    expect([elsewhere.code, elsewhere.stderr]).toEqual([1, expect.stringMatching(/band among B02, B03, got "B04"/)]);
    for (const wrong of ["psnr", "beauty<3", "psnr<low", "psnr~3"]) {
      expect((await call([...pair, "--fail-if", wrong], file(""))).code, wrong).toBe(2);
    }
  });

  test("of an earlier run, of one pair or of many", async () => {
    await call([...pair, "--output", "old.json"], file(""));
    await call([...many, "--output", "olds.json"], file(""));
    expect((await call([...pair, "--baseline", "old.json"], file(""))).code).toBe(0);
    expect((await call([...many, "--baseline", "olds.json"], file(""))).code).toBe(0);
    const worse = await call([...["evaluate", "pred/s7.tif", "target/s7.tif"], "--baseline", "old.json"], file(""));
    expect([worse.code, worse.stderr]).toEqual([
      3,
      expect.stringMatching(/^failed: psnr is 19\.17\d*, worse than 26\.02/),
    ]);
    const tolerant = ["--baseline", "old.json", "--tolerance", "9"];
    expect((await call(["evaluate", "pred/s7.tif", "target/s7.tif", ...tolerant], file(""))).code).toBe(0);
    writeFileSync(file("none.json"), "[]");
    expect(await call([...pair, "--baseline", "none.json"], file(""))).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "error: none.json: is no result of evaluate --json\n",
    });
    expect((await call([...pair, "--tolerance", "0.1"], file(""))).code).toBe(2);
  });
});

test("figures of shards have the same bits in every order and split", async () => {
  const lines = Array.from({ length: 12 }, (_, n) => `pred/s${n}.tif,target/s${n}.tif`);
  const whole = await runJson<{ total: object }>([...many], file(""));
  const splits = [
    [lines.slice(0, 7), lines.slice(7)],
    [lines.slice(7).reverse(), lines.slice(0, 3), lines.slice(3, 7).reverse()],
  ];
  for (const split of splits) {
    const states: string[] = [];
    for (const [n, part] of split.entries()) {
      writeFileSync(file("shard.csv"), part.join("\n"));
      states.push(`shard${split.length}${n}.json`);
      await call(["evaluate", "--pairs", "shard.csv", "--resume", states[n] as string, "--quiet"], file(""));
    }
    for (const order of [states, states.toReversed()]) {
      expect((await runJson<{ total: object }>(["merge", ...order], file(""))).total).toEqual(whole.total);
    }
  }
});

describe("pictures", () => {
  test("have a legend below: a bar in the colours of the ramp, and the numbers of its ends", () => {
    const plane = Float32Array.from({ length: 200 * 10 }, (_, i) => (i % 200) / 199);
    const image = withLegend(plane, 200, { low: 0, high: 1 }, sequential) as {
      rgba: Uint8Array;
      width: number;
      height: number;
    };
    const at = (x: number, y: number) => [
      ...image.rgba.subarray((y * image.width + x) * 4, (y * image.width + x) * 4 + 4),
    ];
    expect([image.width, image.height > 30]).toEqual([200, true]);
    // The bar's ends have the colours of the plane's.
    expect([at(4, 15), at(195, 15)]).toEqual([at(0, 0), at(199, 0)]);
    const dark = (from: number, to: number) => {
      let count = 0;
      for (let y = 20; y < image.height; y++) for (let x = from; x < to; x++) if (at(x, y)[0] === 0) count++;
      return count;
    };
    // "0" left, "≥ 1" right, nothing between them.
    expect(dark(0, 20)).toBeGreaterThan(20);
    expect(dark(160, 200)).toBeGreaterThan(20);
    expect(dark(60, 140)).toBe(0);
    // There is room for the numbers below a picture of a few pixels.
    expect(withLegend(new Float32Array(6), 3, { low: -1, high: 1 }, sequential).width).toBe(160);
  });
});

test.each(["SIGINT", "SIGTERM"] as const)("%s leaves no temporary file behind", async (signal) => {
  const [wide, high] = [3000, 3000];
  const plane = Uint16Array.from({ length: wide * high }, (_, i) => (i * 7919) % 4000);
  const folder = `maps-${signal}`;
  await writeGeoTiff(file("big.tif"), { width: wide, height: high, bands: [plane], tile: 512 });
  const words = ["evaluate", "big.tif", "big.tif", "--without", "ssim,uqi", "--maps", folder, "--quiet"];
  const child = spawn(process.execPath, [main, ...words], { cwd: file(""), stdio: "ignore" });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on("close", (_, by) => resolve(by)));
  const there = () => {
    try {
      return readdirSync(file(folder));
    } catch {
      return [];
    }
  };
  while (!there().some((name) => name.endsWith(".tmp")) && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(there().some((name) => name.endsWith(".tmp"))).toBe(true);
  child.kill(signal);
  expect(await ended).toBe(signal);
  expect(there()).toEqual([]);
});
