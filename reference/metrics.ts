/**
 * The metrics by their textbook formulas in float64: lists of valid pixels, deviations from means, a window at every place. Slow and
 * plain; images are NCHW.
 */
import { at, offsetOf } from "./layout.ts";
import { type Problem, reference as lossReference } from "./losses.ts";
import { ssim } from "./ssim.ts";

const range = (n: number): number[] => [...Array(n).keys()];
const sum = (xs: readonly number[]): number => xs.reduce((total, x) => total + x, 0);
export const mean = (xs: readonly number[]): number => sum(xs) / xs.length;
const meanOf = <T>(xs: readonly T[], f: (x: T) => number): number => mean(xs.map(f));

interface Pixel {
  readonly p: number;
  readonly t: number;
}

/** The valid pixels of a plane, `undefined` where one is not. */
function planeOf({ shape, pred, target, mask }: Problem, b: number, c: number): (Pixel | undefined)[] {
  return range(shape[2] * shape[3]).map((xy) => {
    const i = offsetOf(shape, "NCHW", b, c, xy);
    const [p, t] = [at(pred, i), at(target, i)];
    return t >= 0 && (mask ? at(mask.data, i) : 1) !== 0 ? { p, t } : undefined;
  });
}

const isPixel = (pixel: Pixel | undefined): pixel is Pixel => pixel !== undefined;

/** Wang & Bovik's Q of some pixels: 4 σxy x̄ ȳ / ((σx² + σy²)(x̄² + ȳ²)), each of the two quotients 1 where it is 0/0. */
function quality(pixels: readonly Pixel[]): number {
  const [x, y] = [meanOf(pixels, ({ p }) => p), meanOf(pixels, ({ t }) => t)];
  const n = pixels.length - 1;
  const varX = sum(pixels.map(({ p }) => (p - x) ** 2)) / n;
  const varY = sum(pixels.map(({ t }) => (t - y) ** 2)) / n;
  const covariance = sum(pixels.map(({ p, t }) => (p - x) * (t - y))) / n;
  const luminance = x === 0 && y === 0 ? 1 : (2 * x * y) / (x ** 2 + y ** 2);
  const structure = varX === 0 && varY === 0 ? 1 : (2 * covariance) / (varX + varY);
  return luminance * structure;
}

/** Q of all windows with at least 32 valid pixels. */
function qualities(plane: (Pixel | undefined)[], height: number, width: number): number[] {
  return range(Math.max(0, height - 7)).flatMap((top) =>
    range(Math.max(0, width - 7)).flatMap((left) => {
      const pixels = range(64)
        .map((k) => plane[(top + Math.floor(k / 8)) * width + left + (k % 8)])
        .filter(isPixel);
      return pixels.length >= 32 ? [quality(pixels)] : [];
    }),
  );
}

/** What `evaluate` has to answer, bands named by `bands`. */
export function evaluation(problem: Problem, bands: readonly string[], dataRange: number, ratio = 1) {
  const { shape } = problem;
  const [B, C, H, W] = shape;
  const planes = range(C).map((c) => range(B).map((b) => planeOf(problem, b, c)));
  const decibels = (rms: number) => 20 * Math.log10(dataRange / rms);
  const rms = (xs: readonly number[]) => Math.sqrt(meanOf(xs, (x) => x * x));
  const errors = planes.map((samples) =>
    samples
      .flat()
      .filter(isPixel)
      .map(({ p, t }) => p - t),
  );
  const angles = lossReference({ name: "vectorAngle" }, problem, { groupBy: "channel" }).groups;
  const spectral = lossReference({ name: "sam" }, problem).groups;

  const stats = planes.map((samples, c) => {
    const d = at2(errors, c);
    const t = samples
      .flat()
      .filter(isPixel)
      .map((pixel) => pixel.t);
    const [meanD, meanT] = [mean(d), mean(t)];
    const total = sum(t.map((x) => (x - meanT) ** 2));
    const centres = range(B).flatMap((b) => {
      if (H < 11 || W < 11) return [];
      const plane = at2(samples, b);
      const pred = plane.map((pixel) => pixel?.p ?? 0);
      const target = plane.map((pixel) => pixel?.t ?? Number.NaN);
      const { map } = ssim({ pred, target, width: W, height: H }, { lo: -Infinity, invalid: "normalize", dataRange });
      const counted = Array.from(map).filter((x) => !Number.isNaN(x));
      return counted.length ? [mean(counted)] : [];
    });
    return {
      psnr: d.length ? decibels(rms(d)) : Number.NaN,
      rmse: rms(d),
      mae: meanOf(d, Math.abs),
      bias: meanD,
      ssim: mean(centres),
      sam: meanOf(
        range(B).filter((b) => at(angles.validCount, b * C + c) > 0),
        (b) => at(angles.loss, b * C + c),
      ),
      r2: total === 0 ? Number.NaN : 1 - sum(d.map((x) => x * x)) / total,
      cpsnr: d.length ? decibels(rms(d.map((x) => x - meanD))) : Number.NaN,
      validCount: d.length,
      validRatio: d.length / (B * H * W),
    };
  });
  const seen = range(C).filter((c) => at2(errors, c).length > 0);
  const q = planes.flat().map((plane) => qualities(plane, H, W));
  const counted = sum(spectral.validCount);
  const scene = {
    sam: sum(spectral.loss.map((loss, b) => loss * at(spectral.validCount, b))) / counted,
    ergas:
      100 *
      ratio *
      Math.sqrt(
        meanOf(seen, (c) => {
          const targets = at2(planes, c).flat().filter(isPixel);
          return (rms(at2(errors, c)) / meanOf(targets, ({ t }) => t)) ** 2;
        }),
      ),
    uqi: mean(q.filter((windows) => windows.length > 0).map(mean)),
    psnr: counted + errors.flat().length ? decibels(rms(errors.flat())) : Number.NaN,
    rmse: rms(errors.flat()),
    validRatio: errors.flat().length / (B * C * H * W),
  };
  return { bands: Object.fromEntries(bands.map((name, c) => [name, at2(stats, c)])), scene };
}

function at2<T>(list: readonly T[], i: number): T {
  const x = list[i];
  if (x === undefined) throw new RangeError(`index ${i} of an array of ${list.length}`);
  return x;
}
