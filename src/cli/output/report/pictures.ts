import { encodePng } from "../../../raster/index.ts";
import { type Colour, gradientOf, paletteOf } from "./colours.ts";
import { escapeHtml } from "./html.ts";
import type { Range } from "./statistics.ts";

/** Planes as palette indices: 0 for what is missing, 1 to 255 along the range. */
export function indicesOf(plane: Float32Array, { low, high }: Range): Uint8Array {
  const factor = 254 / (high - low);
  return Uint8Array.from(plane, (value) => {
    return Number.isNaN(value) ? 0 : 1 + Math.round(Math.min(Math.max((value - low) * factor, 0), 254));
  });
}

export function pngUrl(plane: Float32Array, width: number, range: Range, ramp: readonly Colour[]): string {
  const image = { width, height: plane.length / width, indices: indicesOf(plane, range), palette: paletteOf(ramp) };
  return `data:image/png;base64,${Buffer.from(encodePng(image)).toString("base64")}`;
}

/** A plane as a picture, what it shows above it, and a colour bar with the ends of its range below. */
export function picture(
  title: string,
  plane: Float32Array,
  width: number,
  range: Range,
  ramp: readonly Colour[],
  ends: readonly [string, string],
): string {
  const url = pngUrl(plane, width, range, ramp);
  return (
    `<figure><figcaption>${escapeHtml(title)}</figcaption>` +
    `<img src="${url}" alt="${escapeHtml(title)}" width="${width}" height="${plane.length / width}">` +
    `<div class="bar"><span>${escapeHtml(ends[0])}</span><i style="background:${gradientOf(ramp)}"></i>` +
    `<span>${escapeHtml(ends[1])}</span></div></figure>\n`
  );
}
