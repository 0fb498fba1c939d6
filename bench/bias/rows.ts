// What it costs to measure masked images the usual way: each row computes a figure as it is mostly done, and over the valid pixels with
// the package, on a real scene. Predictions are blurred or other dates, as no model is needed to see the difference.

import {
  angleMap,
  errorMap,
  evaluate,
  FlexibleWeightedLoss,
  mse,
  ssim,
  ssimMap,
  type TensorView,
} from "valid-pixel-loss";
import { paintBands, paintPlane, type Picture } from "../../examples/figures.ts";
import { readNpy, readTiff } from "../../examples/realScenes.ts";

export interface Row {
  readonly name: string;
  /** What is done, and on what. */
  readonly usually: string;
  readonly scene: string;
  readonly figures: { readonly usual: string; readonly valid: string; readonly off: string };
  readonly pictures: readonly Picture[];
  /** What the pictures show, from left to right. */
  readonly caption: string;
}

interface Pair {
  readonly width: number;
  readonly height: number;
  readonly pred: Float32Array;
  /** NaN where it is missing. */
  readonly target: Float32Array;
}

const eoLearn = "eolearn_s2l1c_reference_scenes_5x101x100x13_f32.npy";
const eoLearnClouds = "more/eolearn_CLM_cloudmask_68x101x100x1_u8.npy";
const landsat = "riocloudmask_L8_LC80130312015295_B4_toa_f32.tif";
const mosaic = "riotiler_L8_mosaic_cog1_u16x3.tif";
const radar = "riotiler_S1_gamma0VV_f32_nodata.tif";

export const scenes = [eoLearn, eoLearnClouds, landsat, mosaic, radar];

export const rows: readonly (() => Promise<Row>)[] = [
  zeroFilledSsim,
  meanOfDecibels,
  zeroFilledPsnr,
  meanOfMeans,
  roundedAngles,
];

const view = (data: Float32Array, width: number, bands = 1): TensorView => ({
  data,
  shape: [1, bands, data.length / bands / width, width],
});

const zeroFilled = (values: Float32Array, target: Float32Array): Float32Array =>
  values.map((value, i) => (Number.isNaN(target[i]) ? 0 : value));

const percent = (share: number): string => `${share > 0 ? "+" : "−"}${Math.abs(100 * share).toFixed(0)} %`;
const missingShare = (target: Float32Array): string =>
  `${((100 * target.filter(Number.isNaN).length) / target.length).toFixed(0)} %`;

/** SSIM of two dates with zeros where clouds are, against that of the same pixels with the clouds away. */
async function zeroFilledSsim(): Promise<Row> {
  const dates = readNpy(eoLearn, [5, 101, 100, 13]);
  const skies = readNpy(eoLearnClouds, [68, 101, 100, 1]);
  const { width } = dates[0];
  const red = 3;
  const [pred, complete] = [dates[4].bands[red] as Float32Array, dates[2].bands[red] as Float32Array];
  const cloudy = (sky: number): number => sum(skies[sky].bands[0]) / complete.length;
  // The sky of the 68 that is nearest to being half clouded.
  const sky = Array.from(skies.keys()).sort((a, b) => Math.abs(cloudy(a) - 0.5) - Math.abs(cloudy(b) - 0.5))[0];
  const target = complete.map((value, i) => (skies[sky].bands[0][i] ? Number.NaN : value));
  const dataRange = 0.25;

  const filled = [zeroFilled(pred, target), zeroFilled(target, target)].map((image) => view(image, width));
  const valid = { min: 0 };
  const similarity = (a: TensorView, b: TensorView): number =>
    1 - new FlexibleWeightedLoss(ssim({ dataRange }), { valid }).forward(a, b).value;
  const [usual, over] = [similarity(filled[0], filled[1]), similarity(view(pred, width), view(target, width))];
  const truth = ssimMap(view(pred, width), view(complete, width), { dataRange }).data;
  const seen = Array.from(truth.keys()).filter((i) => !Number.isNaN(truth[i]) && !Number.isNaN(target[i]));
  const expected = seen.reduce((total, i) => total + truth[i], 0) / seen.length;

  const map = (a: TensorView, b: TensorView): Picture => paintPlane(ssimMap(a, b, { dataRange }).data, width, 0, 1);
  return {
    name: "SSIM",
    usually: "missing pixels filled with 0 in both images",
    scene: `Sentinel-2, red, two dates, ${missingShare(target)} under a real cloud mask; without clouds ${expected.toFixed(3)}`,
    figures: { usual: usual.toFixed(3), valid: over.toFixed(3), off: (usual - over).toFixed(3).replace(/^(?!-)/, "+") },
    pictures: [
      paintPlane(target, width, 0, 0.2),
      map(filled[0], filled[1]),
      map(view(pred, width), view(target, width)),
      map(view(pred, width), view(complete, width)),
    ],
    caption:
      "the target, its clouds grey; SSIM of zero-filled images; over valid pixels; and as it would be without clouds",
  };
}

/** PSNR of tiles, averaged in decibels, against that of all valid pixels. */
async function meanOfDecibels(): Promise<Row> {
  const pair = blurred(await readTiff(landsat));
  const { tiles, psnrOf } = tilesOf(pair);
  const each = tiles.map(({ error }) => psnrOf(error)).filter(Number.isFinite);
  const usual = sum(each) / each.length;
  const valid = psnr(pair.pred, pair.target, pair.width);
  return {
    name: "PSNR",
    usually: "the mean of the tiles' PSNR",
    scene: `Landsat 8, red, against its 3×3 mean, tiles of ${TILE}², ${missingShare(pair.target)} beyond the swath`,
    figures: decibels(usual, valid),
    pictures: [paintPlane(pair.target, pair.width, 0, 0.25), paintTiles(pair, (tile) => psnrOf(tile.error), 30, 60)],
    caption: "the scene; PSNR of each tile, 30 to 60 dB: what is dark and smooth lifts the mean",
  };
}

/** PSNR with zeros in both images where the target is missing, against that of the valid pixels. */
async function zeroFilledPsnr(): Promise<Row> {
  const scene = await readTiff(mosaic);
  const pair = blurred(scene);
  const { width, pred, target } = pair;
  const range = 2 ** 16 - 1;
  const usual = psnr(zeroFilled(pred, target), zeroFilled(target, target), width, range);
  const valid = psnr(pred, target, width, range);
  const shown = scene.bands.map((band) => Float32Array.from(band, (number) => (number === 0 ? Number.NaN : number)));
  return {
    name: "PSNR",
    usually: "differences multiplied by the mask, divided by all pixels",
    scene: `Landsat 8 mosaic against its 3×3 mean, ${missingShare(target)} nodata`,
    figures: decibels(usual, valid),
    pictures: [
      paintBands([shown[0], shown[1], shown[2]], width, 20000),
      paintPlane(zeroFilled(errorMap(view(pred, width), view(target, width)).data, target), width, 0, 2000),
      paintPlane(errorMap(view(pred, width), view(target, width)).data, width, 0, 2000),
    ],
    caption: "the scene; its errors as they are averaged, zeros included; its errors where there is a scene",
  };
}

/** The mean of the tiles' mean squared errors, against that of all valid pixels, as root. */
async function meanOfMeans(): Promise<Row> {
  const pair = blurred(await readTiff(radar));
  const { tiles } = tilesOf(pair);
  const usual = Math.sqrt(sum(tiles.map(({ error }) => error)) / tiles.length);
  const [all] = Object.values(
    evaluate(view(pair.pred, pair.width), view(pair.target, pair.width), { dataRange: 1 }).bands,
  );
  const most = tiles.reduce((a, b) => (b.error > a.error ? b : a));
  return {
    name: "RMSE",
    usually: "the mean of the tiles' mean squared errors",
    scene:
      `Sentinel-1 against its 3×3 mean, tiles of ${TILE}², ${missingShare(pair.target)} nodata; ` +
      `one tile with ${most.count} valid pixels has ${((100 * most.error) / sum(tiles.map(({ error }) => error))).toFixed(0)} % of the sum`,
    figures: { usual: usual.toFixed(3), valid: all.rmse.toFixed(3), off: percent(usual / all.rmse - 1) },
    pictures: [
      paintPlane(pair.target, pair.width, 0, 0.5),
      paintTiles(pair, (tile) => Math.sqrt(tile.error), 0, 0.5),
      paintTiles(pair, (tile) => tile.count / TILE ** 2, 0, 1),
    ],
    caption: "the scene; RMSE of each tile, 0 to 0.5; the share of each that is valid",
  };
}

/** Spectral angle by the arc cosine in float32 against the package's. */
async function roundedAngles(): Promise<Row> {
  const [{ width, bands }] = readNpy(eoLearn, [5, 101, 100, 13]);
  const size = bands[0].length;
  const target = new Float32Array(bands.length * size);
  for (const [b, band] of bands.entries()) target.set(band, b * size);
  const pred = target.map((value) => value * 1.02);
  const cosines = Float32Array.from({ length: size }, (_, i) => cosine32(pred, target, i, size));
  const angles = cosines.map((cosine) => Math.acos(cosine));
  const undefinedShare = angles.filter(Number.isNaN).length / size;
  const clamped = cosines.map((cosine) => Math.acos(Math.min(cosine, 1)));
  const right = angleMap(view(pred, width, bands.length), view(target, width, bands.length)).data;
  const [usual, valid] = [sum(clamped) / size, sum(right) / size];
  return {
    name: "SAM",
    usually: "arc cosine of the cosine, in float32",
    scene: "Sentinel-2, 13 bands, against itself times 1.02: the angle is 0 but for rounding",
    figures: {
      usual: `${usual.toExponential(1)} rad, clamped; else NaN at ${(100 * undefinedShare).toFixed(0)} % of the pixels`,
      valid: `${valid.toExponential(1)} rad`,
      off: `× ${(usual / valid).toExponential(0).replace("e+", "e")}`,
    },
    pictures: [
      paintBands([bands[3], bands[2], bands[1]] as [Float32Array, Float32Array, Float32Array], width, 0.4),
      paintPlane(angles, width, 0, 6e-4),
      paintPlane(right, width, 0, 6e-4),
    ],
    caption: "the scene; angles by arc cosine, 0 to 6e-4 rad, NaN grey; the package's on the same scale",
  };
}

/** The cosine of the angle between two pixels as float32 has it. */
function cosine32(pred: Float32Array, target: Float32Array, i: number, size: number): number {
  const f = Math.fround;
  let [dot, predSquare, targetSquare] = [0, 0, 0];
  for (let k = i; k < pred.length; k += size) {
    dot = f(dot + f(pred[k] * target[k]));
    predSquare = f(predSquare + f(pred[k] * pred[k]));
    targetSquare = f(targetSquare + f(target[k] * target[k]));
  }
  return f(dot / f(f(Math.sqrt(predSquare)) * f(Math.sqrt(targetSquare))));
}

const TILE = 64;

interface Tile {
  /** Mean squared error of its valid pixels. */
  readonly error: number;
  readonly count: number;
}

/** The tiles with any valid pixel. */
function tilesOf(pair: Pair): { tiles: readonly Tile[]; psnrOf: (error: number) => number } {
  const tiles = allTiles(pair).flat();
  return { tiles: tiles.filter(({ count }) => count > 0), psnrOf: (error) => -10 * Math.log10(error) };
}

/** Rows of tiles. */
function allTiles({ width, height, pred, target }: Pair): Tile[][] {
  const criterion = new FlexibleWeightedLoss(mse());
  return Array.from({ length: Math.ceil(height / TILE) }, (_, row) =>
    Array.from({ length: Math.ceil(width / TILE) }, (_, column) => {
      const tileWidth = Math.min(TILE, width - column * TILE);
      const tileHeight = Math.min(TILE, height - row * TILE);
      const tile = (image: Float32Array): TensorView =>
        view(
          Float32Array.from({ length: tileWidth * tileHeight }, (_, i) => {
            const [x, y] = [i % tileWidth, Math.floor(i / tileWidth)];
            return image[(row * TILE + y) * width + column * TILE + x];
          }),
          tileWidth,
        );
      const { groups } = criterion.forward(tile(pred), tile(target));
      return { error: groups.loss[0], count: groups.validCount[0] };
    }),
  );
}

function paintTiles(pair: Pair, shown: (tile: Tile) => number, low: number, high: number): Picture {
  const tiles = allTiles(pair);
  const values = pair.target.map((_, i) => {
    const tile = tiles[Math.floor(i / pair.width / TILE)][Math.floor((i % pair.width) / TILE)];
    return tile.count > 0 ? shown(tile) : Number.NaN;
  });
  return paintPlane(values, pair.width, low, high);
}

/** The first band, missing where it is 0 or NaN, and as prediction the mean of the valid pixels of each 3×3. */
function blurred({
  width,
  height,
  bands,
}: {
  width: number;
  height: number;
  bands: readonly ArrayLike<number>[];
}): Pair {
  const target = Float32Array.from(bands[0], (number) => (number === 0 ? Number.NaN : number));
  const pred = target.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    let [total, count] = [0, 0];
    for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++) {
      for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
        const value = target[v * width + u];
        if (Number.isNaN(value)) continue;
        total += value;
        count++;
      }
    }
    return count === 0 ? 0 : total / count;
  });
  return { width, height, pred, target };
}

const psnr = (pred: Float32Array, target: Float32Array, width: number, dataRange = 1): number =>
  evaluate(view(pred, width), view(target, width), { dataRange }).scene.psnr;

const decibels = (usual: number, valid: number) => ({
  usual: `${usual.toFixed(2)} dB`,
  valid: `${valid.toFixed(2)} dB`,
  off: `${usual > valid ? "+" : "−"}${Math.abs(usual - valid).toFixed(2)} dB`,
});

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}
