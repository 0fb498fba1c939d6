/** Seeded problems: the same data in every run, in the domain that each base loss is made for. */
import { at, type Layout, offsetOf, relayout, type Shape, sizeOf } from "../../reference/layout.ts";
import type { Base, PixelValues, Problem, Settings } from "../../reference/losses.ts";

/** Uniform in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Every base loss that looks at a pixel at a time, those with a parameter also at one that is not the default. */
export const bases: readonly Base[] = [
  { name: "mse" },
  { name: "mae" },
  { name: "rmse" },
  { name: "huber" },
  { name: "huber", params: { delta: 0.1 } },
  { name: "smoothL1" },
  { name: "smoothL1", params: { beta: 0.05 } },
  { name: "charbonnier" },
  { name: "charbonnier", params: { eps: 0.2 } },
  { name: "logCosh" },
  { name: "pinball" },
  { name: "pinball", params: { q: 0.9 } },
  { name: "tukey" },
  { name: "tukey", params: { c: 0.2 } },
  { name: "mape" },
  { name: "mape", params: { eps: 0.3 } },
  { name: "bce" },
  { name: "bceWithLogits" },
  { name: "poissonNLL" },
  { name: "poissonNLL", params: { logInput: false } },
  { name: "vectorAngle" },
  { name: "dice" },
  { name: "dice", params: { smooth: 0.25 } },
  { name: "sam" },
  { name: "sam", params: { pixels: "any" } },
  { name: "crossEntropy" },
  { name: "crossEntropy", params: { ignoreIndex: 1 } },
];

/** SSIM, in the ways that count windows with holes. */
export const ssims: readonly Base[] = [
  { name: "ssim", params: { dataRange: 1 } },
  { name: "ssim", params: { dataRange: 1, invalid: "zero" } },
];

export const everyBase: readonly Base[] = [...bases, ...ssims];

export const titleOf = ({ name, params }: Base): string =>
  [name, ...Object.entries(params ?? {}).map((entry) => entry.join("="))].join(" ");

/** Whether the loss looks across the channels of a pixel, so that its groups are samples. */
export const perPixel = ({ name }: Base): boolean => name === "sam" || name === "crossEntropy";

export const groupingsOf = (base: Base): ("sample" | "channel")[] =>
  perPixel(base) ? ["sample"] : ["sample", "channel"];

export const layouts: readonly Layout[] = ["NCHW", "NHWC"];
export const reductions = ["mean", "sum", "none"] as const;
export const weightings = ["sqrt", "linear", "uniform", 0.25] as const;

/** Every setting of a base loss. */
export const settingsOf = (base: Base): Settings[] =>
  groupingsOf(base).flatMap((groupBy) =>
    reductions.flatMap((reduction) =>
      weightings.flatMap((weighting) => layouts.map((layout) => ({ groupBy, reduction, weighting, layout }))),
    ),
  );

/** An upstream gradient that is not 1, of the form that the reduction asks for. */
export function upstreamOf(shape: Shape, { groupBy, reduction }: Settings): number | number[] {
  if (reduction !== "none") return -2.5;
  return Array.from(
    { length: groupBy === "sample" ? shape[0] : shape[0] * shape[1] },
    (_, g) => [1.5, 0, -0.75, 2][g % 4] ?? 0,
  );
}

/** A prediction and a target that are valid everywhere, one pair of numbers. */
function pairOf({ name, params }: Base, random: () => number): [pred: number, target: number] {
  const target = 0.05 + 0.9 * random();
  if (name === "bce") return [0.05 + 0.9 * random(), target];
  if (name === "bceWithLogits") return [8 * random() - 4, target];
  if (name === "poissonNLL")
    return [params?.logInput === false ? 0.1 + 3 * random() : 4 * random() - 2, 1 + Math.floor(5 * random())];
  return [target + 0.6 * (random() - 0.5), target];
}

/** What can stand for "no data" under the default rule, target ≥ 0. */
const holes = [Number.NaN, -1, -9999, Number.NEGATIVE_INFINITY, -1e-30];

/** Planes of SSIM's windows' size have a single centre: here as many as the planes of `shape` have pixels. */
const withRoom = ({ name }: Base, [B, C, H, W]: Shape): Shape =>
  name === "ssim" ? [B, C, H + 10, W + 10] : [B, C, H, W];

/**
 * A problem with the share `invalid` of its targets knocked out, NCHW, with room for the windows of `ssim`. The last channel of the last
 * sample has no valid pixel at all.
 */
export function problemOf(base: Base, extent: Shape, seed: number, invalid = 0.3): Problem {
  const random = seeded(seed);
  const shape = withRoom(base, extent);
  const [B, C, H, W] = shape;
  const n = sizeOf(shape);
  const pred = new Float32Array(n);
  if (base.name === "crossEntropy") {
    for (let i = 0; i < n; i++) pred[i] = 6 * random() - 3;
    const target = Int32Array.from({ length: B * H * W }, () => (random() < invalid ? -1 : Math.floor(C * random())));
    return { shape, pred, target };
  }
  const target = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    [pred[i], target[i]] = pairOf(base, random);
    const empty = invalid > 0 && B * C > 2 && i >= n - H * W;
    if (empty || random() < invalid) target[i] = at(holes, Math.floor(holes.length * random()));
  }
  return { shape, pred, target };
}

/** The problem, given in NCHW, as it lies in `layout`. */
export function inLayout(problem: Problem, layout: Layout): Problem {
  const { shape, pred, target, mask, weights } = problem;
  if (layout === "NCHW") return problem;
  const move = <T extends Float32Array | Float64Array | Uint8Array>(data: T, of: Shape) =>
    relayout(data, of, "NCHW", layout);
  const labels = !(target instanceof Float32Array && target.length === pred.length);
  /** What is broadcast has channels where its shape says so: of class labels, and of what goes with them, there are none. */
  const moveValues = <T extends Uint8Array | Float32Array>({ data, shape }: PixelValues<T>): PixelValues<T> => {
    if (labels) return { data, shape };
    const [b, c, h, w] = [...Array<number>(4 - shape.length).fill(1), ...shape] as unknown as Shape;
    return { data: move(data, [b, c, h, w]), shape: [b, h, w, c] };
  };
  return {
    ...problem,
    pred: move(pred, shape),
    target: labels ? target : move(target as Float32Array, shape),
    ...(mask ? { mask: moveValues(mask) } : {}),
    ...(weights ? { weights: moveValues(weights) } : {}),
  };
}

/**
 * Which elements of pred (in `layout`) the loss may not look at under the default rule: their pixel is not valid, or, where a loss takes
 * whole pixels, not counted.
 */
export function invalidOf(base: Base, problem: Problem, layout: Layout): boolean[] {
  const { shape, target, mask } = problem;
  const [B, C, H, W] = shape;
  const invalid = new Array<boolean>(sizeOf(shape)).fill(true);
  for (let b = 0; b < B; b++)
    for (let xy = 0; xy < H * W; xy++) {
      const offsets = Array.from({ length: C }, (_, c) => offsetOf(shape, layout, b, c, xy));
      const valid =
        base.name === "crossEntropy"
          ? offsets.map(() => {
              const i = b * H * W + xy;
              return at(target, i) >= 0 && target[i] !== base.params?.ignoreIndex && mask?.data[i] !== 0;
            })
          : offsets.map((o) => at(target, o) >= 0 && mask?.data[o] !== 0);
      const needed = base.name !== "sam" ? 1 : base.params?.pixels === "any" ? 2 : C;
      if (valid.filter(Boolean).length >= needed) for (const [c, o] of offsets.entries()) invalid[o] = !valid[c];
    }
  return invalid;
}
