import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { evaluate, tensor } from "../../src/index.ts";
import { writeGeoTiff, writeNpy } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { seeded } from "../support/data.ts";
import { call, main, peakOf, runJson } from "./run.ts";

const file = temporaryFolder();
const bands = ["red", "nir"];
type Stats = Record<string, number | null>;

interface Archive {
  readonly pairs: readonly { pred: string; error?: string; bands?: Record<string, Stats>; scene?: Stats }[];
  readonly failed: number;
  readonly total: { bands: Record<string, Stats>; scene: Stats };
}

/** Pairs of different sizes, valid to different shares. */
const images = [40, 25, 33, 18].map((width, n) => {
  const random = seeded(n + 1);
  const height = 30 + n;
  const target = Float32Array.from({ length: 2 * width * height }, () => (random() < 0.1 + 0.2 * n ? -1 : random()));
  return { width, height, target, pred: target.map((value) => value + 0.2 * (random() - 0.4)) };
});

/** The figures of images taken one after the other: of each alone, and of all, by the library itself. */
const archived = (...words: string[]) => runJson<Archive>(["evaluate", ...words, "--data-range", "1"], file(""));

beforeAll(async () => {
  for (const folder of ["pred", "target", "shards"]) mkdirSync(file(folder));
  for (const [n, { width, height, pred, target }] of images.entries()) {
    const planes = (data: Float32Array) => [data.subarray(0, width * height), data.subarray(width * height)];
    await writeGeoTiff(file(`pred/scene${n}.tif`), { width, height, bands: planes(pred) });
    const named = { width, height, bands: planes(target), bandNames: bands };
    await writeGeoTiff(file(`target/scene${n}.tif`), named);
  }
  writeFileSync(
    file("pairs.csv"),
    `pred,target\n${images.map((_, n) => `pred/scene${n}.tif,"target/scene${n}.tif"\n`).join("")}`,
  );
});

/** Pixels that count pooled over images: what a mean of the images' means is not. */
function pooledRmse(band: number): number {
  let [squares, count] = [0, 0];
  for (const { width, height, pred, target } of images) {
    for (let i = band * width * height; i < (band + 1) * width * height; i++) {
      if (!((target[i] as number) >= 0)) continue;
      squares += ((pred[i] as number) - (target[i] as number)) ** 2;
      count++;
    }
  }
  return Math.sqrt(squares / count);
}

describe("many pairs", () => {
  test("each has its figures, and the total is pooled", async () => {
    const { pairs, failed, total } = await archived("pred", "target");
    expect([pairs.length, failed]).toEqual([images.length, 0]);
    for (const [n, { width, height, pred, target }] of images.entries()) {
      const shape = [2, height, width];
      const want = evaluate(tensor(pred, shape), tensor(target, shape), { bands, dataRange: 1 });
      expect(pairs[n]).toMatchObject(JSON.parse(JSON.stringify(want)));
    }
    for (const [b, name] of bands.entries()) {
      const stats = total.bands[name] as Stats;
      expect(Math.abs((stats.rmse as number) - pooledRmse(b))).toBeLessThan(1e-9 * pooledRmse(b));
      const ssims = pairs.map((pair) => pair.bands?.[name]?.ssim as number);
      const mean = ssims.reduce((sum, ssim) => sum + ssim, 0) / ssims.length;
      expect(Math.abs((stats.ssim as number) - mean)).toBeLessThan(1e-12);
    }
  });

  test("a list of pairs, workers, and shards that are merged give the same figures to the last bit", async () => {
    const want = (await archived("pred", "target")).total;
    expect((await archived("--pairs", "pairs.csv")).total).toEqual(want);
    expect((await archived("pred", "target", "--workers", "3")).total).toEqual(want);
    const [heading = "", ...lines] = readFileSync(file("pairs.csv"), "utf8").trimEnd().split("\n");
    for (const [name, part] of [
      ["a", lines.slice(0, 2)],
      // One pair in both shards, as a scheduler that tries again leaves it, counts once.
      ["b", lines.slice(1)],
    ] as const) {
      writeFileSync(file(`${name}.csv`), [heading, ...part].join("\n"));
      await archived("--pairs", `${name}.csv`, "--resume", `${name}.json`);
    }
    const merged = await runJson<Archive>(["merge", "a.json", "b.json", "--state", "both.json"], file(""));
    expect(merged.total).toEqual(want);
    expect((await runJson<Archive>(["merge", "both.json"], file(""))).total).toEqual(want);
  });

  test("a list as spreadsheets write it: a byte order mark, quotes, both line breaks", async () => {
    writeFileSync(
      file("sheet.csv"),
      '\uFEFF"pred/scene0.tif","target/scene0.tif"\r\n"pred/scene1.tif",target/scene1.tif\r\n',
    );
    const got = await archived("--pairs", "sheet.csv");
    expect(got.pairs.map(({ pred }) => pred)).toEqual(["pred/scene0.tif", "pred/scene1.tif"]);
  });

  test("a run that is killed goes on where it stood, and ends with the same figures", async () => {
    const want = await archived("pred", "target", "--resume", "whole.json");
    const text = readFileSync(file("whole.json"), "utf8");
    const lines = text.split("\n");
    // Whatever a run leaves that is killed: any number of lines, the last cut anywhere.
    for (const cut of [1, 2, 3]) {
      for (const share of [0, 0.5, 1]) {
        const last = lines[cut] as string;
        writeFileSync(file("cut.json"), `${lines.slice(0, cut).join("\n")}\n${last.slice(0, share * last.length)}`);
        expect(await archived("pred", "target", "--resume", "cut.json")).toEqual(want);
        expect(readFileSync(file("cut.json"), "utf8")).toBe(text);
      }
    }
    // And one that is.
    rmSync(file("killed.json"), { force: true });
    const child = spawn(
      process.execPath,
      [main, "evaluate", "pred", "target", "--data-range", "1", "--resume", "killed.json"],
      {
        cwd: file(""),
      },
    );
    const ended = new Promise((resolve) => child.on("close", resolve));
    setTimeout(() => child.kill("SIGKILL"), 250);
    await ended;
    expect(await archived("pred", "target", "--resume", "killed.json")).toEqual(want);
  });

  test("what is done is not done again", async () => {
    const fresh = await archived("pred", "target", "--resume", "kept.json");
    const kept = readFileSync(file("kept.json"), "utf8");
    writeFileSync(file("kept.json"), kept.replaceAll('"absError":"0x', '"absError":"0x1'));
    const { total } = await archived("pred", "target", "--resume", "kept.json");
    expect(total.bands.red?.mae).toBeGreaterThan(fresh.total.bands.red?.mae as number);
  });

  test("options that decide on the figures may not change between runs", async () => {
    await archived("pred", "target", "--resume", "options.json");
    const other = ["--resume", "options.json", "--min", "0.5", "--target-bands", "nir,red"];
    const got = await call(["evaluate", "pred", "target", ...other], file(""));
    expect(got).toMatchObject({ code: 1, stdout: "" });
    expect(got.stderr).toBe(
      "error: options.json: was begun with other options: --data-range not given (before: 1); " +
        "--min 0.5 (before: not given); --target-bands nir,red (before: not given)\n",
    );
    const nodata = ["evaluate", "pred", "target", "--resume", "nodata.json"];
    expect((await call([...nodata, "--nodata", "nan,7"], file(""))).code).toBe(0);
    expect((await call([...nodata, "--nodata", "nan,7"], file(""))).code).toBe(0);
    const infinite = await call([...nodata, "--nodata=Infinity,7"], file(""));
    expect(infinite.stderr).toMatch(/other options: --nodata Infinity,7 \(before: NaN,7\)\n$/);
    const masked = await call([...nodata, "--nodata", "nan,7", "--mask", "pred/scene0.tif"], file(""));
    expect(masked.stderr).toMatch(/other options: --mask pred\/scene0\.tif \(≠ 0\) \(before: not given\)\n$/);
  });

  test("a file that has changed is measured again, and the run says so", async () => {
    const state = ["--resume", "changed.json"];
    const before = await archived("pred", "target", ...state);
    const { width, height, target } = images[1] as (typeof images)[1];
    const planes = [target.subarray(0, width * height), target.subarray(width * height)];
    const path = file("pred/scene1.tif");
    const kept = readFileSync(path);
    await writeGeoTiff(path, { width, height, bands: planes });
    const got = await call(["evaluate", "pred", "target", ...state, "--data-range", "1", "--json"], file(""));
    expect(got.stderr).toContain(
      "warning: pred/scene1.tif: has changed since it was measured, and is measured again\n",
    );
    const after = JSON.parse(got.stdout) as Archive;
    expect(after.pairs.map(({ scene }) => scene?.rmse === 0)).toEqual([false, true, false, false]);
    expect(after.pairs[0]).toEqual(before.pairs[0]);
    writeFileSync(path, kept);
  });
});

describe("broken pairs", () => {
  beforeAll(async () => {
    for (const folder of ["pred2", "target2"]) mkdirSync(file(folder));
    const { width, height, pred, target } = images[0] as (typeof images)[0];
    for (const [folder, data] of [
      ["pred2", pred],
      ["target2", target],
    ] as const) {
      await writeNpy(file(`${folder}/good.npy`), data, [2, height, width]);
      await writeNpy(file(`${folder}/other.npy`), data.subarray(0, width * height), [1, height, width]);
      writeFileSync(file(`${folder}/text.tif`), "no raster");
    }
    writeFileSync(file("pred2/alone.npy"), "no matter");
  });

  test.each([["1"], ["2"]])("are named and counted, and stop no other, with %s workers", async (workers) => {
    const words = ["evaluate", "pred2", "target2", "--workers", workers, "--json", "--data-range", "1", "--min", "0"];
    const got = await call(words, file(""));
    expect(got.code).toBe(1);
    const { pairs, failed } = JSON.parse(got.stdout) as Archive;
    expect(pairs.map(({ error }) => error)).toEqual([
      undefined,
      expect.stringMatching(/other\.npy: do not go with the pairs before: .*bands/),
      expect.stringMatching(/^pred2\/text\.tif: is no raster of a kind that can be read: /),
    ]);
    expect(failed).toBe(2);
    expect(got.stderr.split("\n").filter((line) => line.startsWith("warning: "))).toHaveLength(3);
    expect(got.stderr).toContain("warning: pred2/alone.npy: has no counterpart\n");
    expect(got.stderr).toMatch(/\nerror: 3 of 4 pairs could not be evaluated\n$/);
    const kept = await call([...words, "--keep-going"], file(""));
    expect([kept.code, kept.stdout]).toEqual([0, got.stdout]);
    expect(kept.stderr).toMatch(/\nwarning: 3 of 4 pairs could not be evaluated\n$/);
  });

  test("fail the run, which still prints the rest, and lists them last", async () => {
    const got = await call(["evaluate", "pred2", "target2", "--quiet"], file(""));
    expect(got.code).toBe(1);
    expect(got.stdout).toContain("3 pairs, 2 of them could not be evaluated");
    expect(got.stdout).toMatch(
      /\nNot evaluated\n\n.*other\.npy: do not go(.|\n)*\npred2\/text\.tif: is no raster of a kind(.|\n)*\n$/,
    );
    expect(got.stderr).toBe("error: 3 of 4 pairs could not be evaluated\n");
  });

  test("are an error where they are all there is", async () => {
    writeFileSync(file("broken.csv"), "pred2/text.tif,target2/text.tif\n");
    const got = await call(["evaluate", "--pairs", "broken.csv"], file(""));
    expect([got.code, got.stdout]).toEqual([1, ""]);
    expect(got.stderr).toMatch(/^error: none of 1 pairs could be evaluated: pred2\/text\.tif.*\n$/);
  });

  test.each<[string, string[], number, RegExp]>([
    ["a list that is not there", ["evaluate", "--pairs", "no.csv"], 1, /no\.csv: no such file/],
    ["a list beside files", ["evaluate", "a", "b", "--pairs", "pairs.csv"], 2, /--pairs stands in place/],
    [
      "folders without anything in common",
      ["evaluate", "shards", "target"],
      1,
      /no rasters of the same names \(--match/,
    ],
    ["no workers", ["evaluate", "pred", "target", "--workers", "0"], 2, /--workers.*from 1/],
    ["maps of many", ["evaluate", "pred", "target", "--maps", "m"], 2, /--maps is for a single pair/],
    ["a state file that is none", ["merge", "pairs.csv"], 1, /pairs\.csv: is no state file/],
    ["a state file that is not there", ["merge", "no.json"], 1, /no\.json: no such file/],
  ])("%s", async (_, words, code, message) => {
    const got = await call(words, file(""));
    expect(got.stderr).toMatch(message);
    expect(got.stderr).toMatch(/^error: [^\n]+\n$/);
    expect([got.code, got.stdout]).toEqual([code, ""]);
  });
});

describe("an image larger than a part", () => {
  test.each([
    // Rows of 66 000 numbers make parts of the fewest rows there may be, and a last one of 6.
    ["rows", [33_000, 70], 16],
    // A row of tiles as large as these is too much to keep: a last column of 3.
    ["columns and rows", [4_099, 300], 1024],
  ] as const)(
    "has the figures of the whole: every sum, SSIM and UQI across edges of %s",
    async (_, size, tile) => {
      const [width, height] = size;
      const random = seeded(9);
      const stored = Uint16Array.from({ length: 2 * width * height }, (_, i) => {
        const row = Math.floor(i / width) % height;
        return random() < 0.1 ? 0 : 1000 + 20 * row + Math.floor(500 * random());
      });
      const predicted = stored.map((value) => value + Math.floor(60 * random()));
      const image = { width, height, nodata: 0 };
      const planes = (data: Uint16Array) => [data.subarray(0, width * height), data.subarray(width * height)];
      await writeGeoTiff(file("large_pred.tif"), { ...image, bands: planes(predicted) });
      await writeGeoTiff(file("large.tif"), { ...image, bands: planes(stored), tile });
      const measured = (...more: string[]) =>
        runJson<Archive["total"]>(
          ["evaluate", "large_pred.tif", "large.tif", "--data-range", "10000", ...more],
          file(""),
        );
      const got = await measured();
      expect(await measured("--workers", "3")).toEqual(got);
      const fewer = await measured("--without", "uqi,ssim");
      const unlike = (stats: Stats) => ({ ...stats, ssim: null });
      expect(fewer.bands).toEqual(Object.fromEntries(Object.entries(got.bands).map(([name, b]) => [name, unlike(b)])));
      expect(fewer.scene).toEqual({ ...got.scene, uqi: null });
      const shape = [2, height, width];
      const want = evaluate(tensor(predicted, shape), tensor(stored, shape), {
        bands: ["1", "2"],
        dataRange: 10000,
        valid: { nodata: 0 },
      });
      const close = (a: Stats, b: object) => {
        for (const [name, value] of Object.entries(b)) {
          expect(Math.abs((a[name] as number) - value), name).toBeLessThanOrEqual(1e-12 * Math.abs(value));
        }
      };
      for (const [name, stats] of Object.entries(want.bands)) close(got.bands[name] as Stats, stats);
      close(got.scene, want.scene);
    },
    180_000,
  );

  test("takes memory that does not grow with its width", async () => {
    // 16 rows: more of the small tiles are kept than parts of them should be wide.
    const [width, height] = [350_000, 16];
    const plane = new Uint16Array(width * height).fill(1000);
    const image = { width, height, tile: 16, interleave: "pixel" } as const;
    await writeGeoTiff(file("long.tif"), { ...image, bands: [plane, plane, plane] });
    expect(await peakOf(["evaluate", "long.tif", "long.tif"], file(""))).toBeLessThan(300);
  }, 60_000);

  test("takes memory that does not grow with it, nor with its tiles", async () => {
    // A row of tiles is 86 MB in each file.
    const [width, height] = [14_000, 1_100];
    const plane = new Uint16Array(width * height).fill(1000);
    await writeGeoTiff(file("wide.tif"), {
      width,
      height,
      bands: [plane, plane, plane],
      tile: 1024,
      interleave: "pixel",
    });
    expect(await peakOf(["evaluate", "wide.tif", "wide.tif"], file(""))).toBeLessThan(300);
  }, 60_000);
});
