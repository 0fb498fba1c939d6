// Pictures with a legend below: a bar of their colours, and the numbers that its ends stand for.

import type { PngImage } from "../../raster/index.ts";
import { type Colour, paletteOf } from "./report/colours.ts";
import { short } from "./report/html.ts";
import { indicesOf } from "./report/pictures.ts";
import type { Range } from "./report/statistics.ts";

const margin = 4;
const barHeight = 8;
/** Pixels of a dot of the letters. */
const dot = 2;
const letterWidth = 4 * dot;
const letterHeight = 5 * dot;
const stripHeight = margin + barHeight + margin + letterHeight + margin;
/** So that the numbers have room beside each other. */
const leastWidth = 160;

/** Letters of 3 × 5 dots: rows from the top, a digit of eight for each, its bits from the left. */
const letters: Record<string, string> = {
  "0": "75557",
  "1": "26227",
  "2": "71747",
  "3": "71717",
  "4": "55711",
  "5": "74717",
  "6": "74757",
  "7": "71122",
  "8": "75757",
  "9": "75717",
  ".": "00002",
  "-": "00700",
  "+": "02720",
  e: "03743",
  "≤": "12427",
  "≥": "42127",
  " ": "00000",
};

/** A plane in the colours of the ramp along the range, transparent where it is NaN, above its legend. */
export function withLegend(plane: Float32Array, width: number, range: Range, ramp: readonly Colour[]): PngImage {
  const height = plane.length / width;
  const canvas = new Canvas(Math.max(width, leastWidth), height + stripHeight);
  const palette = paletteOf(ramp);
  const indices = indicesOf(plane, range);
  for (let i = 0; i < indices.length; i++) {
    canvas.set(i % width, Math.floor(i / width), colourOf(palette, indices[i] as number));
  }
  canvas.fill(0, height, canvas.width, stripHeight, white);
  const barWidth = canvas.width - 2 * margin;
  for (let x = 0; x < barWidth; x++) {
    const index = 1 + Math.round((254 * x) / (barWidth - 1));
    canvas.fill(margin + x, height + margin, 1, barHeight, colourOf(palette, index));
  }
  const top = height + margin + barHeight + margin;
  const [low, high] = [range.low === 0 ? "0" : `≤ ${short(range.low)}`, `≥ ${short(range.high)}`];
  canvas.write(low, margin, top);
  canvas.write(high, canvas.width - margin - high.length * letterWidth + dot, top);
  if (range.low === -range.high) canvas.write("0", Math.round((canvas.width - letterWidth + dot) / 2), top);
  return { width: canvas.width, height: canvas.height, rgba: canvas.rgba };
}

type Rgba = readonly [red: number, green: number, blue: number, alpha: number];

const white: Rgba = [255, 255, 255, 255];
const black: Rgba = [0, 0, 0, 255];

const colourOf = (palette: Uint8Array, index: number): Rgba => {
  const [red = 0, green = 0, blue = 0, alpha = 0] = palette.subarray(index * 4, index * 4 + 4);
  return [red, green, blue, alpha];
};

/** A picture to draw on, transparent to begin with. */
class Canvas {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.rgba = new Uint8Array(width * height * 4);
  }

  set(x: number, y: number, colour: Rgba): void {
    this.rgba.set(colour, (y * this.width + x) * 4);
  }

  fill(left: number, top: number, width: number, height: number, colour: Rgba): void {
    for (let y = top; y < top + height; y++) for (let x = left; x < left + width; x++) this.set(x, y, colour);
  }

  /** A text from its upper left corner; letters that there are no dots for are left out. */
  write(text: string, left: number, top: number): void {
    for (const [n, letter] of [...text].entries()) {
      for (const [row, bits] of [...(letters[letter] ?? "")].entries()) {
        for (let column = 0; column < 3; column++) {
          if ((Number(bits) & (4 >> column)) === 0) continue;
          this.fill(left + n * letterWidth + column * dot, top + row * dot, dot, dot, black);
        }
      }
    }
  }
}
