import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { type OpenOptions, openRaster, type SampleArray, type SampleType } from "../../src/raster/index.ts";
import { sampleArrays, samplesFromBytes } from "../../src/raster/samples.ts";

/** GDAL writes what we read, and reads what we write. `test/install-tools.sh` installs it. */
export const present = (() => {
  try {
    execFileSync("gdalinfo", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("GDAL: skipped, gdalinfo is not installed (test/install-tools.sh)");
    return false;
  }
})();

/** All cases where they are asked for (`npm run test:rasters`), otherwise one of `every`. */
export function someOf<Case>(cases: readonly Case[], every: number): readonly Case[] {
  return process.env.RASTERS === "all" ? cases : cases.filter((_, i) => i % every === 0);
}

export const run = promisify(execFile);
export const [width, height, count] = [75, 53, 3];
export const pixels = width * height;

const limits: Partial<Record<SampleType, [number, number]>> = {
  u8: [0, 255],
  u16: [0, 65535],
  i16: [-32768, 32767],
  u32: [0, 4294967295],
  i32: [-2147483648, 2147483647],
  f32: [-3, 3],
  f64: [-3, 3],
};
export const types = Object.keys(limits) as SampleType[];

/** Smooth ground, noise and plateaus, so that every codec has something to do; floats with NaN, Infinity and −0. */
export function bandsOf(type: SampleType): SampleArray[] {
  const [low, high] = limits[type] as [number, number];
  let seed = 12345;
  const noise = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
  return Array.from({ length: count }, (_, b) => {
    const band = new sampleArrays[type](pixels);
    for (let i = 0; i < pixels; i++) {
      const level = i % width < 20 ? 0.3 : i % 3 ? 0.5 + 0.5 * Math.sin(i / 50 + b) : noise();
      const value = low + (high - low) * level;
      band[i] = type.startsWith("f") ? value : Math.floor(value);
    }
    if (type.startsWith("f")) band.set([Number.NaN, Infinity, -0], 10);
    return band;
  });
}

/** Writes one file as another. @returns the path of the other */
export async function translate(from: string, to: string, options: readonly string[]): Promise<string> {
  await run("gdal_translate", ["-q", ...options, from, to]);
  return to;
}

/** The pixels as GDAL reads them, planar. */
export async function readByGdal(
  from: string,
  type: SampleType,
  options: readonly string[] = [],
): Promise<SampleArray> {
  const raw = await translate(from, `${from}.raw`, ["-of", "ENVI", "-co", "INTERLEAVE=BSQ", ...options]);
  return samplesFromBytes(type, new Uint8Array(readFileSync(raw)));
}

export async function readAll(path: string, options: OpenOptions = {}): Promise<SampleArray> {
  const raster = await openRaster(path, options);
  try {
    return await raster.readWindow(0, 0, raster.width, raster.height);
  } finally {
    await raster.close();
  }
}

/** Bit for bit: NaN and −0 count. */
export function differing(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let differences = a.length === b.length ? 0 : 1;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) differences++;
  return differences;
}

export const creation = (options: Record<string, string | number>) =>
  Object.entries(options).flatMap(([name, value]) => ["-co", `${name}=${value}`]);
