/** Images of integers: their element types, how they lie in memory, what their digital numbers stand for. */
import { type PixelData, type Tensor, tensor, zeros } from "../../src/index.ts";
import type { Base } from "../../reference/losses.ts";

export interface Calibration {
  readonly scale: number;
  readonly offset: number;
}

export interface Kind extends Calibration {
  readonly name: "uint8" | "int16" | "uint16";
  readonly Type: Uint8ArrayConstructor | Int16ArrayConstructor | Uint16ArrayConstructor;
  readonly least: number;
  readonly most: number;
}

/** From the stored range to reflectance. */
export const kinds: readonly Kind[] = [
  { name: "uint8", Type: Uint8Array, least: 0, most: 255, scale: 1 / 255, offset: 0 },
  { name: "int16", Type: Int16Array, least: -32768, most: 32767, scale: 1 / 65536, offset: 0.5 },
  { name: "uint16", Type: Uint16Array, least: 0, most: 65535, scale: 1e-4, offset: -0.1 },
];

/** What stored numbers stand for, and the float32 nearest to that. */
export const exact = (data: ArrayLike<number>, scale: number, offset: number) =>
  Float64Array.from(data, (v) => scale * v + offset);
export const rounded = (data: ArrayLike<number>, scale: number, offset: number) =>
  Float32Array.from(exact(data, scale, offset));

export type Memory = "staged" | "odd" | "in place";
export const threeWays = ["staged", "odd", "in place"] as const;

/** An integer tensor over a copy of `data`: the caller's, the caller's at an odd address of its elements, or the kernels'. */
export function integers(
  kind: Kind,
  data: ArrayLike<number>,
  of: readonly number[],
  memory: Memory,
): Tensor<PixelData> {
  const { Type, name, scale, offset } = kind;
  if (memory === "in place") {
    const owned = zeros(of, { type: name, scale, offset });
    owned.data.set(data);
    return owned;
  }
  const around = new Type(data.length + 8).fill(kind.most);
  const skip = memory === "odd" ? 3 : 0;
  around.set(data, skip);
  return tensor(around.subarray(skip, skip + data.length), of, { scale, offset });
}

/** Losses of the difference: an offset, which costs digits in float64 too, is none of their business. */
const ofDifferences = new Set([
  "mse",
  "rmse",
  "mae",
  "huber",
  "smoothL1",
  "charbonnier",
  "logCosh",
  "pinball",
  "tukey",
]);

/** The images that stored numbers stand for, to be held against exact arithmetic. */
export function exactly(
  base: Base,
  { scale, offset }: Calibration,
  p: ArrayLike<number>,
  t: ArrayLike<number>,
): { pred: Float64Array; target: Float32Array } {
  const zero = ofDifferences.has(base.name) ? 0 : offset;
  return { pred: exact(p, scale, zero), target: exact(t, scale, zero) as unknown as Float32Array };
}
