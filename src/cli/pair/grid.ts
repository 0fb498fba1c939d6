// The parts that an image is read in.

import type { Raster } from "../../raster/index.ts";

/** A rectangle of pixels, all inside the image. */
export interface Window {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A range of columns or rows. */
export interface Span {
  readonly start: number;
  readonly size: number;
}

/** Columns and rows of the parts of an image. */
export interface PartGrid {
  readonly columns: readonly Span[];
  readonly rows: readonly Span[];
}

/** Memory for the decoded blocks of each file: 10 tiles of 512² pixels of 3 bands in 16 bits. */
export const cacheBytes = 2 ** 24;

/** Numbers of all bands that a window is to hold: 2 MB in 16 bits. */
const windowNumbers = 2 ** 20;

/** So that parts with some pixels of their neighbours have more of their own. */
const fewest = 32;

/**
 * The parts that two files are best read in, each column from the top down: as wide as the blocks of a row are kept meanwhile, so that
 * none is decoded twice, unless the fewest rows of it would be too much; and as high as memory is well spent on.
 *
 * @param channels bands that are read of a file
 * @param step columns end at multiples of this
 */
export function partGrid(files: readonly [Raster, Raster], channels: number, step = 1): PartGrid {
  const [{ width, height }] = files;
  // Columns of the file that fewer can be kept of: strips beside tall tiles are decoded once for each of them.
  const [{ kept, block }] = files
    .map((raster) => ({ kept: cacheBytes / (raster.tile.height * pixelBytes(raster)), block: raster.tile.width }))
    .sort((a, b) => a.kept - b.kept) as [{ kept: number; block: number }];
  const widest = Math.min(kept, windowNumbers / (fewest * channels));
  const blocks = Math.max(Math.floor(widest / block), Math.ceil(fewest / block));
  const columns = Math.min(width, Math.max(step, Math.floor((blocks * block) / step) * step));
  const blockRows = Math.max(...files.map(({ tile }) => tile.height));
  const wanted = Math.max(fewest, Math.floor(windowNumbers / (columns * channels)));
  return { columns: spans(width, columns), rows: spans(height, rowsAtOnce(wanted, blockRows, kept >= columns)) };
}

/** @param isKept whether blocks stay decoded until all of their rows have been read */
function rowsAtOnce(wanted: number, block: number, isKept: boolean): number {
  if (wanted >= block) return Math.floor(wanted / block) * block;
  return isKept ? Math.ceil(block / Math.ceil(block / wanted)) : block;
}

/** The parts of a grid, in the order that they are best read in. */
export function windowsOf({ columns, rows }: PartGrid): Window[] {
  return columns.flatMap(({ start: x, size: width }) =>
    rows.map(({ start: y, size: height }) => ({ x, y, width, height })),
  );
}

/** What covers `length` in steps of `step`. */
function spans(length: number, step: number): Span[] {
  return Array.from({ length: Math.ceil(length / step) }, (_, i) => {
    return { start: i * step, size: Math.min(step, length - i * step) };
  });
}

/** Of all bands, for blocks may hold them all. */
const pixelBytes = ({ bands, type }: Raster) => bands.length * (Number(type.slice(1)) / 8);
