/** How the tests speak of images: shape `[B, C, H, W]` always, the layout says how the elements lie in memory. */

export type Layout = "NCHW" | "NHWC";
export type Shape = readonly [batch: number, channels: number, height: number, width: number];

/** Element `i`, and an error where the array has none: an index that runs out of its array is a bug of the test. */
export function at(array: ArrayLike<number>, i: number): number {
  const x = array[i];
  if (x === undefined) throw new RangeError(`index ${i} of an array of ${array.length}`);
  return x;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, extent) => n * extent, 1);

/** Where the pixel `xy` (row by row) of channel `c` of sample `b` lies. */
export function offsetOf([, C, H, W]: Shape, layout: Layout, b: number, c: number, xy: number): number {
  return layout === "NCHW" ? (b * C + c) * H * W + xy : (b * H * W + xy) * C + c;
}

/** Which pixel of its plane element `offset` is. */
export const pixelOf = ([, C, H, W]: Shape, layout: Layout, offset: number): number =>
  (layout === "NCHW" ? offset : Math.floor(offset / C)) % (H * W);

/** The shape as the layout writes it. */
export const shapeIn = ([B, C, H, W]: Shape, layout: Layout): number[] =>
  layout === "NCHW" ? [B, C, H, W] : [B, H, W, C];

/** The same image in the other layout: `data` lies as `from` says, the copy that is returned lies as `to` says. */
export function relayout<T extends Float32Array | Float64Array | Uint8Array>(
  data: T,
  shape: Shape,
  from: Layout,
  to: Layout,
): T {
  const copy = data.slice() as T;
  const [B, C, H, W] = shape;
  for (let b = 0; b < B; b++)
    for (let c = 0; c < C; c++)
      for (let xy = 0; xy < H * W; xy++)
        copy[offsetOf(shape, to, b, c, xy)] = at(data, offsetOf(shape, from, b, c, xy));
  return copy;
}
