import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { epsgGeoreference, openRaster, type Raster, writeGeoTiff } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { seeded } from "../support/data.ts";
import { reference } from "../../reference/losses.ts";
import { call, peakOf } from "./run.ts";

const file = temporaryFolder();
const [width, height] = [60, 40];
const pixels = width * height;
const random = seeded(5);
const names = ["B02", '<b onload="x">&'];
const target = names.map(() =>
  Float32Array.from({ length: pixels }, (_, i) => (i % 11 ? 0.2 + 0.6 * random() : -9999)),
);
const pred = target.map((band) => band.map((value) => Math.abs(value) + 0.1 * (random() - 0.5)));
const georeference = epsgGeoreference(32632, "projected", [600000, 10, 0, 5100000, 0, -10]);
let page = "";

beforeAll(async () => {
  await writeGeoTiff(file("pred.tif"), { width, height, bands: pred });
  const written = { width, height, bands: target, bandNames: names, nodata: -9999, georeference };
  await writeGeoTiff(file("target.tif"), written);
  const words = [
    "evaluate",
    "pred.tif",
    "target.tif",
    "--report",
    "out.html",
    "--maps",
    "maps",
    "--maps-abs",
    "--quiet",
  ];
  expect(await call(words, file(""))).toMatchObject({ code: 0, stderr: "" });
  page = readFileSync(file("out.html"), "utf8");
});

describe("the report", () => {
  test("is one file: no script, no address outside, nothing that was not escaped", () => {
    expect(page).not.toMatch(/<script|<link|<iframe|https?:|url\(|@import|<b onload/i);
    const sources = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url = ""]) => url.slice(0, 22));
    expect(new Set(sources)).toEqual(new Set(["data:image/png;base64,"]));
    expect(page).toContain("&lt;b onload=&quot;x&quot;&gt;&amp;");
  });

  test("shows pictures, charts and figures of every band", () => {
    // Prediction, target, error and validity of each band, and the spectral angle.
    expect(page.match(/<img /g)).toHaveLength(4 * names.length + 1);
    expect(page.match(/prediction over target, with the 1:1 line/g)).toHaveLength(names.length);
    expect(page.match(/histogram of the error/g)).toHaveLength(names.length);
    expect(page).toContain("Valid where target ≠ -9999; data range 1.");
    expect(page).toContain("EPSG:32632");
    const valid = target[0]?.filter((value) => value >= 0).length ?? 0;
    expect(page).toContain(`<td>${valid}</td>`);
    expect(page).toContain(`<td>${Math.sqrt(valid / pixels).toPrecision(4)}</td>`);
  });

  const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));
  if (!chromium) console.warn("the report in a browser: skipped, Chromium is not installed (test/install-tools.sh)");

  /** What a page says on its console, and what it asks the network for, by Chromium's own log. */
  function open(name: string): { console: string[]; requests: string[] } {
    const flags = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--enable-logging=stderr",
      "--disable-background-networking",
    ];
    const log = file(`${name}.net.json`);
    const words = [
      ...flags,
      `--log-net-log=${log}`,
      `--user-data-dir=${file("profile")}`,
      "--dump-dom",
      `file://${file(name)}`,
    ];
    const said = execFileSync("/bin/sh", ["-c", '"$0" "$@" 2>&1 >/dev/null', chromium ?? "", ...words], {
      encoding: "utf8",
    });
    const { events } = JSON.parse(readFileSync(log, "utf8")) as {
      events: { params?: { url?: string; initiator?: string } }[];
    };
    const ofPage = events.filter(
      ({ params }) => params?.initiator !== undefined && params.initiator !== "not an origin",
    );
    return {
      console: said.split("\n").filter((line) => line.includes(":CONSOLE")),
      requests: ofPage.flatMap(({ params }) => params?.url ?? []).filter((url) => /^https?:/.test(url)),
    };
  }

  test.skipIf(!chromium)("opens in a browser without a word on the console or a request", () => {
    expect(open("out.html")).toEqual({ console: [], requests: [] });
    // The same eyes see both where they are there.
    writeFileSync(file("bad.html"), '<img src="http://127.0.0.1:9/x.png"><script>console.error("oh")</script>');
    const bad = open("bad.html");
    expect(bad.console.join()).toContain("oh");
    expect(bad.requests).toContain("http://127.0.0.1:9/x.png");
  });
});

test("maps hold the signed error, on request its size, and the spectral angle in the target's place, NaN where it is not valid", async () => {
  const rasters = await Promise.all(
    ["maps/error.tif", "maps/angle.tif", "target.tif", "maps/abs.tif"].map((name) => openRaster(file(name))),
  );
  const [error, angle, written, abs] = rasters as [Raster, Raster, Raster, Raster];
  expect(error.georeference).toEqual(written.georeference);
  expect([error.type, error.bands.map(({ name }) => name), error.bands[0]?.nodata]).toEqual(["f32", names, Number.NaN]);
  const errors = await error.readWindow(0, 0, width, height);
  const angles = await angle.readWindow(0, 0, width, height);
  expect(await abs.readWindow(0, 0, width, height)).toEqual(errors.map(Math.abs));
  for (let i = 0; i < pixels; i++) {
    const at = (bands: readonly Float32Array[]) => bands.map((band) => band[i] as number);
    const valid = at(target).every((value) => value >= 0);
    for (const [b, band] of target.entries()) {
      const want = valid ? (pred[b]?.[i] as number) - (band[i] as number) : Number.NaN;
      expect(errors[b * pixels + i]).toBe(Math.fround(want));
    }
    const problem = {
      shape: [1, 2, 1, 1] as const,
      pred: Float32Array.from(at(pred)),
      target: Float32Array.from(at(target)),
    };
    const want = valid ? reference({ name: "sam" }, problem).value : Number.NaN;
    if (valid) expect(Math.abs((angles[i] as number) - (want as number))).toBeLessThanOrEqual(1e-6 * (want as number));
    else expect(angles[i]).toBeNaN();
  }
  for (const raster of rasters) await raster.close();
  for (const picture of ["angle", "error_B02", "error__b_onload_x_", "abs_B02"]) {
    expect(
      readFileSync(file(`maps/${picture}.png`))
        .subarray(1, 4)
        .toString(),
    ).toBe("PNG");
  }
});

describe("maps of an image wider than a part", () => {
  test("hold every pixel in its place", async () => {
    // A row of tiles as large as these is too much to keep: columns of 4096 and 44.
    const [width, height] = [4_140, 300];
    const plane = Uint16Array.from({ length: width * height }, (_, i) => 1 + ((i * 7919) % 1000));
    const shifted = plane.map((value, i) => value + (i % 60));
    const image = { width, height, tile: 1024 };
    await writeGeoTiff(file("wide_target.tif"), { ...image, bands: [plane, plane] });
    await writeGeoTiff(file("wide_pred.tif"), { ...image, bands: [shifted, plane] });
    const words = ["evaluate", "wide_pred.tif", "wide_target.tif", "--maps", "wide", "--quiet"];
    expect(await call(words, file(""))).toMatchObject({ code: 0, stderr: "" });
    const error = await openRaster(file("wide/error.tif"));
    const angle = await openRaster(file("wide/angle.tif"));
    const errors = await error.readWindow(0, 0, width, height, [0]);
    const angles = await angle.readWindow(0, 0, width, height);
    expect(errors.findIndex((value, i) => value !== i % 60)).toBe(-1);
    const want = (i: number) => Math.atan2(shifted[i] as number, plane[i] as number) - Math.PI / 4;
    expect(angles.findIndex((value, i) => Math.abs(value - want(i)) > 1e-6)).toBe(-1);
    await error.close();
    await angle.close();
  });

  test("take memory that does not grow with it", async () => {
    // A row of tiles is 86 MB in each file, and 57 MB in each of the maps' rows.
    const plane = new Uint16Array(14_000 * 1_030).fill(1000);
    const image = { width: 14_000, height: 1_030, tile: 1024, interleave: "pixel" } as const;
    await writeGeoTiff(file("huge.tif"), { ...image, bands: [plane, plane, plane] });
    expect(await peakOf(["evaluate", "huge.tif", "huge.tif", "--maps", "huge"], file(""))).toBeLessThan(300);
  }, 120_000);
});

test("a report of a band that is valid nowhere is still a report", async () => {
  const bands = [new Float32Array(pixels).fill(-9999), target[1] as Float32Array];
  await writeGeoTiff(file("half.tif"), { width, height, bands, nodata: -9999 });
  const words = ["evaluate", "pred.tif", "half.tif", "--report", "none.html", "--quiet"];
  expect(await call(words, file(""))).toMatchObject({ code: 0, stderr: "" });
  expect(readFileSync(file("none.html"), "utf8")).toMatch(/<td>–<\/td>/);
  expect(readFileSync(file("none.html"), "utf8")).not.toMatch(/NaN[^.]/);
});

test("names of bands are not cut off at the left of their bars, and a prediction beside the target's range is in sight", async () => {
  const bright = pred.map((band) => band.map((value) => value + 5));
  await writeGeoTiff(file("bright.tif"), { width, height, bands: bright });
  const long = ["B05 vegetation red edge", "W".repeat(60)];
  const words = ["evaluate", "bright.tif", "target.tif", "--bands", long.join(), "--report", "bright.html", "--quiet"];
  expect(await call(words, file(""))).toMatchObject({ code: 0, stderr: "" });
  const html = readFileSync(file("bright.html"), "utf8");
  const labels = [...html.matchAll(/<text x="(\d+)" y="[^"]*" text-anchor="end">([^<]*)<\/text><rect class="ink"/g)];
  expect(labels.map(([, , name]) => name)).toContain(long[0]);
  for (const [, x, name = ""] of labels) expect(Number(x), name).toBeGreaterThan(6 * name.length);
  // Both ends of the one range of pictures and scatter plot.
  expect(html).toMatch(/≤ 0\.2\d*<[\s\S]*≥ 5\.\d+</);
});

test("maps of bands whose names are one as names of files", async () => {
  const words = ["evaluate", "pred.tif", "target.tif", "--bands", "nir/red,NIR red", "--maps", "alike", "--quiet"];
  expect(await call(words, file(""))).toMatchObject({ code: 0, stderr: "" });
  const pictures = ["angle.png", "error_NIR_red-2.png", "error_nir_red.png"];
  expect(
    readdirSync(file("alike"))
      .filter((name) => name.endsWith(".png"))
      .sort(),
  ).toEqual(pictures);
});
