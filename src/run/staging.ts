// Which elements of an array some units need: what is copied to the kernels' memory where the caller's own arrays lie elsewhere.

import type { KernelData } from "../memory/arrayTypes.ts";
import type { Operand } from "../plan/call.ts";
import type { Geometry } from "../plan/geometry.ts";

/** Units of a window, and the pixels around them that inputs are read for. */
export interface Units {
  readonly from: number;
  readonly to: number;
  readonly reach: number;
}

/** Whether an operand has planes of its own, of consecutive pixels; a mask that is broadcast may not. */
export function planar({ strides, linear }: Operand): boolean {
  return linear && strides.pixel === 1 && strides.channel > 0;
}

export function bytesOf(array: KernelData, start: number, length: number): Uint8Array {
  const bytes = array.BYTES_PER_ELEMENT;
  return new Uint8Array(array.buffer, array.byteOffset + start * bytes, length * bytes);
}

/** Pixels to either side that come with a unit of an operand. */
function around({ role }: Operand, { reach }: Units): number {
  return role === "Grad" ? 0 : reach;
}

/** First pixel, first element and pixels of a unit whose planes are staged apart; its unit plane is a sample. */
export function unitOf(operand: Operand, { pixels, tile, tilesPerPlane }: Geometry, units: Units) {
  const { strides } = operand;
  const more = around(operand, units);
  const first = (units.from % tilesPerPlane) * tile;
  const pixel = Math.max(0, first - more);
  const start = Math.floor(units.from / tilesPerPlane) * strides.sample + pixel * strides.pixel;
  return { pixel, start, length: Math.min(first + tile + more, pixels) - pixel };
}

/** The range of an operand's elements that units [from, to) touch; inputs are read for some pixels to either side, too. */
export function span(operand: Operand, geometry: Geometry, units: Units) {
  const { strides, consecutive, linear, extent } = operand;
  const { from, to } = units;
  const { pixels, tile, tilesPerPlane, planes, channels } = geometry;
  const firstPlane = Math.floor(from / tilesPerPlane);
  const lastPlane = Math.floor((to - 1) / tilesPerPlane);
  const offset = (plane: number, pixel: number) =>
    Math.floor(plane / planes) * strides.sample + (plane % planes) * strides.channel + pixel * strides.pixel;
  if (consecutive || (linear && firstPlane === lastPlane)) {
    const more = around(operand, units);
    const lastPixel = Math.min((((to - 1) % tilesPerPlane) + 1) * tile + more, pixels) - 1;
    const start = offset(firstPlane, Math.max(0, (from % tilesPerPlane) * tile - more));
    return { start, length: offset(lastPlane, lastPixel) + (channels - 1) * strides.channel + 1 - start };
  }
  const start = Math.floor(firstPlane / planes) * strides.sample;
  return { start, length: Math.floor(lastPlane / planes) * strides.sample + extent - start };
}
