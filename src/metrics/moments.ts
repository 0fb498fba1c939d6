// What is gathered of a set of values so that sets can be joined: sums, and how far the values spread around their mean. The latter
// is not taken from Σx², which loses what a large mean has in common with it, but kept by itself:
//
//     joined spread = spread a + spread b + (mean a − mean b)² · wa·wb / (wa + wb)
//
// (Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance"). The angle between two vectors is of the same
// kind: t/p spreads around its mean α = Σpt / Σp², with weights p², by Σ(t − α·p)², and tan² θ = Σ(t − α·p)² / (α²·Σp²).

import type { Prepared } from "../arrays.ts";
import { groupSums } from "../compute.ts";
import { baseLoss } from "../losses/BaseLoss.ts";
import { Workspace } from "../workspace.ts";
import { padded, Strips } from "./strips.ts";

/** Σw, Σw·x and Σw·(x − mean x)². */
export interface Moments {
  readonly weight: number;
  readonly sum: number;
  readonly spread: number;
}

export const NO_MOMENTS: Moments = { weight: 0, sum: 0, spread: 0 };

/** Means closer than this share of their size are the same but for rounding; likewise what is left of squares. */
const ROUNDING = 2 ** -44;

export function join(a: Moments, b: Moments): Moments {
  const weight = a.weight + b.weight;
  const joined = { weight, sum: a.sum + b.sum, spread: a.spread + b.spread };
  if (a.weight === 0 || b.weight === 0) return joined;
  const [meanA, meanB] = [a.sum / a.weight, b.sum / b.weight];
  const apart = meanA - meanB;
  if (Math.abs(apart) <= ROUNDING * Math.abs(meanA)) return joined;
  return { ...joined, spread: joined.spread + apart * apart * (a.weight / weight) * b.weight };
}

/** Σw·x² */
export function squares({ weight, sum, spread }: Moments): number {
  return weight === 0 ? spread : spread + (sum / weight) * sum;
}

/** Σw·(x − mean)² from Σw·y and Σw·y² of y = x − x0, x0 being near the mean. */
function spread(weight: number, sum: number, square: number): number {
  const left = weight === 0 ? square : square - (sum / weight) * sum;
  return left <= ROUNDING * square ? 0 : left;
}

/** What a plane's figures are made of, d = pred − target. */
export interface PlaneMoments {
  /** Valid pixels. */
  readonly valid: number;
  /** Σ|d| */
  readonly absError: number;
  /** Of d, and of target: Σw is the number of pixels. */
  readonly error: Moments;
  readonly target: Moments;
  /** Of the angle: Σp², Σpt, Σ(t − α·p)². */
  readonly angle: Moments;
}

/** The loss whose kernel gathers the sums of the first pass, see BandMoments in assembly/moments.ts; groups are planes. */
export const bandMoments = baseLoss("evaluate", "moments", "BandMoments");

/** Where a record of BandMoments has what. */
const SUM = { valid: 0, pp: 1, pt: 3, d: 4, absD: 5, t: 8 } as const;

/** The moments of each plane, b * C + c, of a call of `bandMoments`: sums and means in a first pass, deviations in a second. */
export function planeMoments(prepared: Prepared): PlaneMoments[] {
  const { kernels, call, size } = prepared;
  const { exports } = kernels;
  const records = groupSums(kernels, call);
  const stride = exports.recordBytes() / 8;
  const sumsOf = (plane: number) => (name: keyof typeof SUM) => records[plane * stride + SUM[name]] as number;
  const deviations = Array.from({ length: call.geometry.groups }, () => new Float64Array(6));
  Workspace.use(kernels, (workspace) => {
    const room = workspace.area("deviations", 6 * 8);
    new Strips(workspace, prepared).each({}, ({ sample, channel, channels, rows, pred, target, stride: bytes }) => {
      for (let k = 0; k < channels; k++) {
        const plane = sample * size.channels + channel + k;
        const sum = sumsOf(plane);
        const own = deviations[plane] as Float64Array;
        const mean = (of: number, weight: number) => (weight === 0 ? 0 : of / weight);
        kernels.f64.set(own, room / 8);
        exports.deviations(
          pred + k * bytes,
          target + k * bytes,
          padded(rows * size.width),
          mean(sum("d"), sum("valid")),
          mean(sum("t"), sum("valid")),
          mean(sum("pt"), sum("pp")),
          room,
        );
        own.set(kernels.f64.subarray(room / 8, room / 8 + 6));
      }
    });
  });
  return deviations.map((own, plane) => {
    const sum = sumsOf(plane);
    const [d1, d2, t1, t2, pr, rr] = own as unknown as [number, number, number, number, number, number];
    const [valid, pp] = [sum("valid"), sum("pp")];
    return {
      valid,
      absError: sum("absD"),
      error: { weight: valid, sum: sum("d"), spread: spread(valid, d1, d2) },
      target: { weight: valid, sum: sum("t"), spread: spread(valid, t1, t2) },
      angle: { weight: pp, sum: sum("pt"), spread: spread(pp, pr, rr) },
    };
  });
}
