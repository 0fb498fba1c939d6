// Files to look at: plots as SVG, pictures as PNG.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import * as Plot from "@observablehq/plot";
import { encode } from "fast-png";
import { parseHTML } from "linkedom";

export type Colour = readonly [red: number, green: number, blue: number];

/** Rows of pixels, red, green and blue each. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** What is missing. */
export const missing: Colour = [214, 218, 222];

/** A plot as the text of an SVG file, on white, so that it can be read in any theme. */
export function plot(title: string, options: Plot.PlotOptions): string {
  const { document } = parseHTML("<html></html>");
  const heading = Plot.text([title], {
    facet: "super",
    frameAnchor: "top-left",
    dy: -32,
    fontSize: 14,
    fontWeight: 600,
  });
  const svg = Plot.plot({
    document,
    marginTop: 44,
    marginBottom: 44,
    style: { background: "white", color: "#1f2328", fontSize: "12px" },
    ...options,
    marks: [heading, ...(options.marks ?? [])],
  } as Plot.PlotOptions);
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  // Names of classes that Plot draws at random would differ from run to run.
  return `${svg.outerHTML.replaceAll(/plot-[0-9a-f]{6}/g, "plot")}\n`;
}

export function writeText(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** A picture of a colour for each pixel. */
export function paint(width: number, height: number, colourAt: (i: number) => Colour): Picture {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data.set(colourAt(i), 3 * i);
  return { width, height, data };
}

/** Three planes as red, green and blue from 0 to `high`, grey where any is NaN. */
export function paintBands(
  [red, green, blue]: readonly [Float32Array, Float32Array, Float32Array],
  width: number,
  high: number,
): Picture {
  const byte = (value: number): number => Math.round(255 * Math.min(Math.max(value / high, 0), 1));
  return paint(width, red.length / width, (i) =>
    Number.isNaN(red[i] + green[i] + blue[i]) ? missing : [byte(red[i]), byte(green[i]), byte(blue[i])],
  );
}

/** Dark to light, even in lightness. */
const ramp: readonly Colour[] = [
  [22, 18, 56],
  [38, 67, 118],
  [31, 120, 132],
  [86, 171, 106],
  [197, 204, 78],
  [255, 240, 170],
];

/** A plane along a ramp of colours from `low` to `high`, grey where it is NaN. */
export function paintPlane(plane: ArrayLike<number>, width: number, low: number, high: number): Picture {
  return paint(width, plane.length / width, (i) => {
    if (Number.isNaN(plane[i])) return missing;
    const place = Math.min(Math.max((plane[i] - low) / (high - low), 0), 1) * (ramp.length - 1);
    const k = Math.min(Math.floor(place), ramp.length - 2);
    const mix = (c: 0 | 1 | 2): number => Math.round(ramp[k][c] + (ramp[k + 1][c] - ramp[k][c]) * (place - k));
    return [mix(0), mix(1), mix(2)];
  });
}

/** Pictures of one height side by side on white, each pixel a square of `zoom`; for 1/n, every n-th pixel of every n-th row. */
export function writePng(file: string, pictures: readonly Picture[], zoom = 1): void {
  const gap = 8;
  const height = Math.floor(zoom * pictures[0].height);
  const widths = pictures.map((picture) => Math.floor(zoom * picture.width));
  const width = widths.reduce((sum, width) => sum + width + gap, -gap);
  const data = new Uint8Array(width * height * 3).fill(255);
  let left = 0;
  for (const [k, picture] of pictures.entries()) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < widths[k]; x++) {
        const from = 3 * (Math.floor(y / zoom) * picture.width + Math.floor(x / zoom));
        data.set(picture.data.subarray(from, from + 3), 3 * (y * width + left + x));
      }
    }
    left += widths[k] + gap;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, encode({ width, height, data, channels: 3 }));
}
