import { HALO, type Halo, type PixelData, type Tensor, tensor } from "../index.ts";
import type { Pair, Pixels, Window } from "./Pair.ts";

/** A part of an image: a core of whole rows, and the rows of its neighbours above and below that its metrics look at. */
export interface Strip {
  /** Where `pixels` lie, neighbours included. */
  readonly window: Window;
  readonly halo: Required<Pick<Halo, "top" | "bottom">>;
  readonly pixels: Pixels;
}

/**
 * An image from the top down. Every row is read once: what the next strip shares with this one is carried over, and a core ends
 * `HALO` rows before what has been read.
 */
export async function* readStrips(pair: Pair, sample: number): AsyncGenerator<Strip> {
  const windows = pair.windows();
  let above: Pixels | undefined;
  for (const [i, window] of windows.entries()) {
    const fresh = await pair.read(window, sample);
    const pixels: Pixels = above ? join(above, fresh) : fresh;
    const height = rowsOf(pixels);
    const halo = { top: i === 0 ? 0 : HALO, bottom: i === windows.length - 1 ? 0 : HALO };
    yield { window: { ...window, y: window.y + window.height - height, height }, halo, pixels };
    above = lastRows(pixels, 2 * HALO);
  }
}

const rowsOf = ({ target }: Pixels) => target.shape.at(-2) as number;

function join(above: Pixels, below: Pixels): Pixels {
  return {
    pred: joinRows(above.pred, below.pred),
    target: joinRows(above.target, below.target),
    mask: above.mask && below.mask && joinRows(above.mask, below.mask),
  };
}

function lastRows({ pred, target, mask }: Pixels, rows: number): Pixels {
  return { pred: cutRows(pred, rows), target: cutRows(target, rows), mask: mask && cutRows(mask, rows) };
}

/** Planes of both, one below the other. */
function joinRows<Data extends PixelData>(above: Tensor<Data>, below: Tensor<Data>): Tensor<Data> {
  const [a, b] = [planeOf(above), planeOf(below)];
  const planes = above.data.length / a;
  const data = sameType(above.data, above.data.length + below.data.length);
  for (let plane = 0; plane < planes; plane++) {
    data.set(above.data.subarray(plane * a, (plane + 1) * a), plane * (a + b));
    data.set(below.data.subarray(plane * b, (plane + 1) * b), plane * (a + b) + a);
  }
  return reshaped(below, data, (above.shape.at(-2) as number) + (below.shape.at(-2) as number));
}

/** The last rows of every plane, copied. */
function cutRows<Data extends PixelData>(image: Tensor<Data>, rows: number): Tensor<Data> {
  const plane = planeOf(image);
  const size = rows * (image.shape.at(-1) as number);
  const planes = image.data.length / plane;
  const data = sameType(image.data, planes * size);
  for (let i = 0; i < planes; i++) data.set(image.data.subarray((i + 1) * plane - size, (i + 1) * plane), i * size);
  return reshaped(image, data, rows);
}

const planeOf = ({ shape }: Tensor<PixelData>) => (shape.at(-2) as number) * (shape.at(-1) as number);

function sameType<Data extends PixelData>(like: Data, length: number): Data {
  return new (like.constructor as new (length: number) => Data)(length);
}

function reshaped<Data extends PixelData>(
  { shape, scale, offset }: Tensor<Data>,
  data: Data,
  rows: number,
): Tensor<Data> {
  return tensor(data, [...shape.slice(0, -2), rows, shape.at(-1) as number], { scale, offset });
}
