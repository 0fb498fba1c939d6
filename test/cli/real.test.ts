import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { writeGeoTiff } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { gradError, valueError } from "../support/compare.ts";
import { combinedReference, reference } from "../../reference/losses.ts";
import { type BandFigures, bandFigures } from "./bandStats.ts";
import { blur, flat, readImage, readNpy } from "./files.ts";
import { runJson } from "./run.ts";

/** Real satellite crops, not part of the project. */
const data = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const present = existsSync(data);
if (!present) console.warn(`the command line on real rasters: skipped, ${data} is not there`);

interface Evaluated {
  readonly dataRange: number;
  readonly bands: Record<string, BandFigures>;
}

interface Lost {
  readonly value: number;
  readonly gradientNorm: number;
  readonly terms: {
    groups: { band: string; loss: number; weight: number; validCount: number; totalCount: number }[];
  }[];
}

const figureNames = ["rmse", "mae", "bias", "psnr", "sam", "validCount", "validRatio"] as const;

function expectFigures(got: BandFigures | undefined, want: BandFigures): void {
  for (const name of figureNames) {
    // The mean error cancels: what is left of it is as good as the errors that were added up.
    const scale = name === "bias" ? want.mae : Math.abs(want[name]);
    expect(Math.abs((got?.[name] ?? Number.NaN) - want[name]), name).toBeLessThanOrEqual(1e-6 * scale);
  }
}

const norm = (grad: Float64Array) => Math.sqrt(grad.reduce((sum, g) => sum + g * g, 0));

describe.skipIf(!present)("on real rasters", () => {
  const file = temporaryFolder();

  test("Landsat-8 with nodata 0 against a blurred copy", async () => {
    const path = `${data}riotiler_L8_mosaic_cog1_u16x3.tif`;
    const target = await readImage(path);
    const isData = (value: number) => value !== 0;
    const blurred = target.bands.map((band) => blur(band, target.width, isData));
    await writeGeoTiff(file("l8.tif"), { ...target, bands: blurred });
    const { bands, dataRange } = await runJson<Evaluated>([
      ...["evaluate", file("l8.tif"), path, "--bands", "B4,B3,B2"],
      ...["--data-range", "65535"],
    ]);
    expect(Object.keys(bands)).toEqual(["B4", "B3", "B2"]);
    expect(dataRange).toBe(65535);
    for (const [b, got] of Object.values(bands).entries()) {
      expectFigures(got, bandFigures(blurred[b] ?? [], target.bands[b] ?? [], isData, dataRange));
    }

    const loss = await runJson<Lost>(["loss", file("l8.tif"), path, "--loss", "mae"]);
    const maes = Object.values(bands).map(({ mae }) => mae);
    const weights = Object.values(bands).map(({ validRatio }) => Math.sqrt(validRatio));
    const groups = loss.terms[0]?.groups ?? [];
    expect(
      valueError(
        groups.map((group) => group.loss),
        maes,
      ),
    ).toBe("");
    expect(
      valueError(
        groups.map((group) => group.weight),
        weights,
      ),
    ).toBe("");
    const sum = (terms: number[]) => terms.reduce((total, term) => total + term, 0);
    expect(valueError(loss.value, sum(maes.map((mae, b) => mae * (weights[b] ?? 0))) / sum(weights))).toBe("");
  });

  test("Sentinel-1: four stray NaN among the valid pixels are not valid", async () => {
    const path = `${data}riotiler_S1_gamma0VV_f32_nodata.tif`;
    const { width, height, bands } = await readImage(path);
    const target = bands[0] as Float32Array;
    const isData = (value: number) => value > 0;
    const pred = blur(target, width, isData);
    await writeGeoTiff(file("s1.tif"), { width, height, bands: [pred] });
    const stray = target.filter(Number.isNaN).length;
    expect(stray).toBe(4);

    const evaluated = await runJson<Evaluated>(["evaluate", file("s1.tif"), path, "--data-range", "1"]);
    expectFigures(evaluated.bands.Gamma0_VV, bandFigures(pred, target, isData, 1));

    const words = ["loss", file("s1.tif"), path, "--loss", "huber(delta=0.1)", "--grad", file("s1.npy")];
    const lost = await runJson<Lost>(words);
    const want = reference(
      { name: "huber", params: { delta: 0.1 } },
      { shape: [1, 1, height, width], pred, target },
      { valid: { above: 0 } },
    );
    expect(valueError(lost.value, want.value)).toBe("");
    expect(valueError(lost.gradientNorm, norm(want.grad))).toBe("");
    expect(lost.terms[0]?.groups[0]?.validCount).toBe(want.groups.validCount[0]);
    const grad = readNpy(file("s1.npy"));
    expect(grad.shape).toEqual([1, height, width]);
    expect(gradError(grad.data, want.grad)).toBe("");
    for (let i = 0; i < target.length; i++) {
      if (!isData(target[i] as number) && !Object.is(grad.data[i], 0)) expect.fail(`gradient at invalid pixel ${i}`);
    }
  });

  test("Sentinel-2: two dates of a scene, 13 bands, spectral angle", async () => {
    const path = `${data}eolearn_s2l1c_reference_scenes_5x101x100x13_f32.npy`;
    const [pred, target] = [await readImage(path, 0, "hwc"), await readImage(path, 3, "hwc")];
    const dates = [path, path, "--layout", "hwc", "--pred-sample", "1", "--target-sample", "4"];
    const lost = await runJson<Lost>(["loss", ...dates, "--loss", "sam", "--grad", file("s2.npy")]);
    const shape = [1, 13, target.height, target.width] as const;
    const want = reference({ name: "sam" }, { shape, pred: flat(pred.bands), target: flat(target.bands) });
    expect(valueError(lost.value, want.value)).toBe("");
    expect(valueError(lost.gradientNorm, norm(want.grad))).toBe("");
    const grad = readNpy(file("s2.npy"));
    expect(grad.shape).toEqual([1, 101, 100, 13]); // of the prediction's file
    const planes = new Float32Array(want.grad.length);
    for (let i = 0; i < planes.length; i++) {
      planes[(i % 13) * 10100 + Math.floor(i / 13)] = grad.data[i] as number;
    }
    expect(gradError(planes, want.grad)).toBe("");

    const { bands } = await runJson<Evaluated>(["evaluate", ...dates]);
    expect(Object.keys(bands)).toHaveLength(13);
    for (const [b, got] of Object.values(bands).entries()) {
      expectFigures(
        got,
        bandFigures(pred.bands[b] ?? [], target.bands[b] ?? [], () => true, 1),
      );
    }
  });

  test("Sentinel-2: top of atmosphere against surface reflectance, without B10, as reflectance", async () => {
    const toa = `${data}sen2r_S2A1C_20170703_022_Barbellino_TOA_10.tif`;
    const boa = `${data}sen2r_S2A2A_20170703_022_Barbellino_BOA_10.tif`;
    const scl = `${data}sen2r_S2A2A_20170703_022_Barbellino_SCL_10.tif`;
    const [pred, target, classes] = [await readImage(toa), await readImage(boa), await readImage(scl)];
    const chosen = pred.bands.filter((_, b) => b !== 9);
    const reflectance = (bands: Parameters<typeof flat>[0]) => flat(bands).map((stored) => stored * 1e-4);
    const problem = {
      shape: [1, 11, target.height, target.width] as const,
      pred: reflectance(chosen),
      target: reflectance(target.bands),
    };
    const words = [toa, boa, "--pred-bands", "1-9,11-12", "--scale", "1e-4"];
    const lost = await runJson<Lost>(["loss", ...words, "--loss", "0.5*sam + 0.5*mse", "--grad", file("grad.npy")]);
    const want = combinedReference(
      [
        { weight: 0.5, base: { name: "sam" } },
        { weight: 0.5, base: { name: "mse" } },
      ],
      problem,
    );
    expect(valueError(lost.value, want.value)).toBe("");
    expect(valueError(lost.gradientNorm, norm(want.grad))).toBe("");

    // The scene classification has pixels of 20 m, the bands of 10 m.
    const kept = [4, 5, 6];
    const counts = (i: number) => {
      const [x, y] = [i % target.width, Math.floor(i / target.width)];
      return kept.includes(classes.bands[0]?.[(y >> 1) * classes.width + (x >> 1)] as number);
    };
    const masked = await runJson<Evaluated>(["evaluate", ...words, "--mask", scl, "--mask-classes", kept.join()]);
    expect(masked.dataRange).toBe(1);
    for (const [b, got] of Object.values(masked.bands).entries()) {
      const plane = (data: Float32Array) => data.subarray(b * 1008, (b + 1) * 1008);
      expectFigures(
        got,
        bandFigures(plane(problem.pred), plane(problem.target), (_, i) => counts(i), 1),
      );
    }
    expect(Object.values(masked.bands)[0]?.validRatio).toBeLessThan(1);
  });
});
