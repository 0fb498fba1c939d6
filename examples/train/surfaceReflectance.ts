// The task with real scenes: Sentinel-2's top-of-atmosphere reflectance to surface reflectance, trained on one date and held to
// another, two years later.

import { isPresent, readTiff } from "../realScenes.ts";
import { makeHoles, randomFrom } from "../scene.mjs";
import { type Pair, pairOf, type Task } from "./Task.ts";

/** Crops of one place that the R package sen2r publishes (inst/extdata/out), modified Copernicus Sentinel data. */
const dates = { training: "20170703", heldOut: "20190723" };

const bandNames = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B11", "B12"];
/** Place of the cirrus band, which only the top of the atmosphere has. */
const B10 = 9;
const reflectance = (numbers: ArrayLike<number>): Float32Array => Float32Array.from(numbers, (number) => number / 1e4);

/** Scene classes without a ground to see: shadow of clouds, clouds of medium and high probability, cirrus. */
const hidden = [3, 8, 9, 10];

/** @returns undefined where the files are not there */
export async function surfaceReflectance(): Promise<Task | undefined> {
  if (!isPresent(product("2A", dates.training, "BOA"))) return undefined;
  const training = await readScene(dates.training);
  const heldOut = await readScene(dates.heldOut);
  const random = randomFrom(7);
  return {
    title: "top-of-atmosphere to surface reflectance, Sentinel-2",
    bandNames,
    hidden: [12],
    // One date under many skies.
    training: Array.from({ length: 24 }, () => underClouds(training, random)),
    heldOut: pairOf(heldOut.input, heldOut.target, heldOut.holes, heldOut.width),
    patch: 20,
    batch: 8,
    steps: 500,
    rate: 0.005,
  };
}

interface Scene {
  readonly width: number;
  readonly input: readonly Float32Array[];
  readonly target: readonly Float32Array[];
  readonly holes: Uint8Array;
}

const product = (level: string, date: string, kind: string): string =>
  `sen2r_S2A${level}_${date}_022_Barbellino_${kind}_10.tif`;

async function readScene(date: string): Promise<Scene> {
  const top = await readTiff(product("1C", date, "TOA"));
  const surface = await readTiff(product("2A", date, "BOA"));
  const classes = await readTiff(product("2A", date, "SCL"));
  const { width, height } = top;
  // The classification's pixels are 20 m, the bands' 10 m.
  const holes = Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return hidden.includes(classes.bands[0][(y >> 1) * classes.width + (x >> 1)]) ? 1 : 0;
  });
  return {
    width,
    input: top.bands.filter((_, b) => b !== B10).map(reflectance),
    target: surface.bands.map(reflectance),
    holes,
  };
}

/** More holes in a scene: the generator's clouds and swath, four times smaller than it draws them. */
function underClouds({ width, input, target, holes }: Scene, random: () => number): Pair {
  const scale = 4;
  const large = makeHoles(random, scale * width, (scale * holes.length) / width);
  const all = holes.map((hole, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return hole || large[scale * (y * scale * width + x)] ? 1 : 0;
  });
  return pairOf(input, target, all, width);
}
