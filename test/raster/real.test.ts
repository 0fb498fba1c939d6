import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { compareGeoreference, openRaster, type Raster } from "../../src/raster/index.ts";

/** Real satellite crops, not part of the project. Their figures are those of the README beside them, read by GDAL. */
const data = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const present = existsSync(data);
if (!present) console.warn(`real rasters: skipped, ${data} is not there`);

const whole = (raster: Raster, sample = 0) => raster.readWindow(0, 0, raster.width, raster.height, undefined, sample);

const share = (values: Iterable<number>, is: (value: number) => boolean) => {
  let [count, total] = [0, 0];
  for (const value of values) {
    total++;
    if (is(value)) count++;
  }
  return count / total;
};

describe.skipIf(!present)("real rasters", () => {
  test("Landsat-8 COG: uint16, deflate, 256-px tiles, nodata 0", async () => {
    const raster = await openRaster(`${data}riotiler_L8_mosaic_cog1_u16x3.tif`);
    expect([raster.bands.length, raster.height, raster.width, raster.type]).toEqual([3, 790, 779, "u16"]);
    expect(raster.tile).toEqual({ width: 256, height: 256 });
    expect(raster.georeference?.crs).toBe("EPSG:32618");
    const samples = await whole(raster);
    expect(share(samples, (value) => value === raster.bands[0]?.nodata)).toBeCloseTo(0.325, 3);

    // Windows of any cut are parts of the whole.
    for (const [x, y, w, h] of [
      [0, 0, 1, 1],
      [250, 250, 20, 20],
      [778, 789, 1, 1],
      [0, 511, 779, 3],
    ] as const) {
      const window = await raster.readWindow(x, y, w, h, [1]);
      for (let i = 0; i < w * h; i++) {
        const at = (raster.height + y + Math.floor(i / w)) * raster.width + x + (i % w);
        expect(window[i]).toBe(samples[at]);
      }
    }
    await raster.close();
  });

  test("Landsat-8 reflectance: float32, deflate, strips, no nodata", async () => {
    for (const band of [2, 3, 4, 5]) {
      const raster = await openRaster(`${data}riocloudmask_L8_LC80130312015295_B${band}_toa_f32.tif`);
      expect([raster.height, raster.width, raster.type, raster.bands[0]?.nodata]).toEqual([458, 508, "f32", null]);
      expect(share(await whole(raster), (value) => value === 0)).toBeCloseTo(0.132, 3);
      await raster.close();
    }
  });

  test("Sentinel-1: float32, LZW, a named band, nodata 0 and four stray NaN", async () => {
    const raster = await openRaster(`${data}riotiler_S1_gamma0VV_f32_nodata.tif`);
    expect(raster.bands).toEqual([{ name: "Gamma0_VV", nodata: 0 }]);
    const samples = await whole(raster);
    expect(share(samples, (value) => value === 0)).toBeCloseTo(0.511, 3);
    // Sorting a typed array puts NaN last.
    const sorted = samples.sort();
    expect(sorted.slice(-5).map((value) => (Number.isNaN(value) ? 1 : 0))).toEqual(Float32Array.of(0, 1, 1, 1, 1));
    expect(sorted.at(-5)).toBeCloseTo(29.8, 1);
    await raster.close();
  });

  test("an internal mask of one bit", async () => {
    const raster = await openRaster(`${data}riotiler_rgb_internal_mask.tif`);
    expect([raster.bands.length, raster.height, raster.width, raster.type]).toEqual([3, 232, 383, "u8"]);
    expect(raster.maskSource).toBe("internal mask");
    const mask = (await raster.readMask(0, 0, 383, 232)) as Uint8Array;
    expect(share(mask, (value) => value === 1)).toBeCloseTo(0.969, 3);
    await raster.close();
  });

  test("Sentinel-2: top of atmosphere, surface and scene classification", async () => {
    const toa = await openRaster(`${data}sen2r_S2A1C_20170703_022_Barbellino_TOA_10.tif`);
    const boa = await openRaster(`${data}sen2r_S2A2A_20170703_022_Barbellino_BOA_10.tif`);
    const scl = await openRaster(`${data}sen2r_S2A2A_20170703_022_Barbellino_SCL_10.tif`);
    expect([toa.bands.length, boa.bands.length, scl.bands.length]).toEqual([12, 11, 1]);
    expect([toa.bands[0]?.nodata, toa.type, scl.type]).toEqual([65535, "u16", "u8"]);
    expect(share(await whole(toa), (value) => value === 65535)).toBe(0);
    expect(await compareGeoreference(toa, boa)).toEqual([]);
    expect(await compareGeoreference(toa, scl)).toHaveLength(2);
    for (const raster of [toa, boa, scl]) await raster.close();
  });

  test("eo-learn: a batch of five dates, NHWC float32", async () => {
    const raster = await openRaster(`${data}eolearn_s2l1c_reference_scenes_5x101x100x13_f32.npy`, { layout: "hwc" });
    expect([raster.samples, raster.height, raster.width, raster.bands.length]).toEqual([5, 101, 100, 13]);
    // Reflectances of one place: the dates differ, and none is missing.
    const dates = await Promise.all([0, 1, 2, 3, 4].map((sample) => whole(raster, sample)));
    for (const [i, date] of dates.entries()) {
      expect(share(date, (value) => value > 0 && value < 1)).toBe(1);
      expect(date).not.toEqual(dates[(i + 1) % 5]);
    }
    await raster.close();
  });
});
