import { HALO, type PixelData, type Tensor, tensor } from "../../index.ts";
import type { Window } from "./grid.ts";
import type { Pair, Pixels } from "./Pair.ts";
import type { Found } from "./samples.ts";

/** Pixels on each side of a part that belong to its neighbours. */
export interface Sides {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** A part of an image: a core, and the pixels around it that belong to its neighbours, which its metrics look at. */
export interface Part {
  /** Where `pixels` lie, neighbours included. */
  readonly window: Window;
  readonly halo: Sides;
  readonly pixels: Pixels;
  /** What has been found in the pixels that no part before it had. */
  readonly found: Found;
}

/**
 * An image in columns of blocks, from the left, and each of these from the top down. Every pixel is read once: what the next part
 * below or to the right shares with this one is carried over, and a core ends `HALO` pixels before what has been read.
 */
export async function* readParts(pair: Pair, sample: number): AsyncGenerator<Part> {
  const { columns, rows } = pair.grid();
  /** By rows, the end of what has been read to the left. */
  const before: Pixels[] = [];
  for (const [c, { start: x, size: width }] of columns.entries()) {
    let above: Pixels | undefined;
    for (const [r, { start: y, size: height }] of rows.entries()) {
      const { pixels: fresh, found } = await pair.read({ x, y, width, height }, sample);
      const wide = before[r] ? join(before[r], fresh, across) : fresh;
      if (c < columns.length - 1) before[r] = end(wide, across);
      const pixels = above ? join(above, wide, down) : wide;
      above = r < rows.length - 1 ? end(pixels, down) : undefined;
      const [h, w] = pixels.target.shape.slice(-2) as [number, number];
      yield {
        window: { x: x + width - w, y: y + height - h, width: w, height: h },
        halo: {
          left: c === 0 ? 0 : HALO,
          right: c === columns.length - 1 ? 0 : HALO,
          top: r === 0 ? 0 : HALO,
          bottom: r === rows.length - 1 ? 0 : HALO,
        },
        pixels,
        found,
      };
    }
  }
}

/** Dimensions counted from the last. */
type Axis = 1 | 2;
const across: Axis = 1;
const down: Axis = 2;

function join(a: Pixels, b: Pixels, axis: Axis): Pixels {
  return {
    pred: joined(a.pred, b.pred, axis),
    target: joined(a.target, b.target, axis),
    mask: joinMasks(a, b, axis),
    weights: a.weights && b.weights && joined(a.weights, b.weights, axis),
    missing: joinMissing(a, b, axis),
  };
}

/** Of two parts one may have weights of 0, for which it has a mask, and the other none. */
function joinMasks(a: Pixels, b: Pixels, axis: Axis): Pixels["mask"] {
  if (a.mask === null && b.mask === null) return null;
  const like = (a.mask ?? b.mask)?.data as Uint8Array | Float32Array;
  const of = ({ mask, target }: Pixels) => {
    if (mask) return mask;
    const shape = target.shape.slice(-2) as [number, number];
    return tensor(sameType(like, shape[0] * shape[1]).fill(1) as typeof like, shape);
  };
  return joined(of(a), of(b), axis);
}

/** Of two parts one may miss something and the other nothing. */
function joinMissing(a: Pixels, b: Pixels, axis: Axis): Tensor<Uint8Array> | null {
  if (a.missing === null && b.missing === null) return null;
  const of = ({ missing, target }: Pixels) => missing ?? tensor(new Uint8Array(target.data.length), target.shape);
  return joined(of(a), of(b), axis);
}

/** The last pixels along an axis that the next part shares. */
function end({ pred, target, mask, weights, missing }: Pixels, axis: Axis): Pixels {
  return {
    pred: cut(pred, axis),
    target: cut(target, axis),
    mask: mask && cut(mask, axis),
    weights: weights && cut(weights, axis),
    missing: missing && cut(missing, axis),
  };
}

/** Both, one behind the other along the axis. */
function joined<Data extends PixelData>(first: Tensor<Data>, second: Tensor<Data>, axis: Axis): Tensor<Data> {
  const [a, b] = [runOf(first, axis), runOf(second, axis)];
  const data = sameType(first.data, first.data.length + second.data.length);
  for (let run = 0; run * a < first.data.length; run++) {
    data.set(first.data.subarray(run * a, (run + 1) * a), run * (a + b));
    data.set(second.data.subarray(run * b, (run + 1) * b), run * (a + b) + a);
  }
  return resized(second, data, axis, sizeOf(first, axis) + sizeOf(second, axis));
}

/** Copied, so that the rest can be let go. */
function cut<Data extends PixelData>(image: Tensor<Data>, axis: Axis): Tensor<Data> {
  const size = 2 * HALO;
  const run = runOf(image, axis);
  const kept = (run / sizeOf(image, axis)) * size;
  const runs = image.data.length / run;
  const data = sameType(image.data, runs * kept);
  for (let i = 0; i < runs; i++) data.set(image.data.subarray((i + 1) * run - kept, (i + 1) * run), i * kept);
  return resized(image, data, axis, size);
}

const sizeOf = ({ shape }: Tensor<PixelData>, axis: Axis) => shape.at(-axis) as number;

/** Numbers in a row that differ in nothing but their place along the axis and those behind it. */
const runOf = ({ shape }: Tensor<PixelData>, axis: Axis) =>
  shape.slice(-axis).reduce((product, size) => product * size);

function sameType<Data extends PixelData>(like: Data, length: number): Data {
  return new (like.constructor as new (length: number) => Data)(length);
}

function resized<Data extends PixelData>(
  { shape, scale, offset }: Tensor<Data>,
  data: Data,
  axis: Axis,
  size: number,
): Tensor<Data> {
  return tensor(
    data,
    shape.map((length, k) => (k === shape.length - axis ? size : length)),
    { scale, offset },
  );
}
