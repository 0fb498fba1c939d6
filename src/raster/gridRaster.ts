import { type BlockGrid, BlockReader, checkBands } from "./BlockReader.ts";
import type { Band, Raster } from "./Raster.ts";

/** What of a raster follows from its grid of blocks; the rest is its file's. */
export type GridRaster = Omit<Raster, "path" | "files" | "shape" | "format" | "georeference" | "pages" | "close">;

export interface GridDescription {
  /** What is known of a stored band; nothing by default. */
  band?(stored: number): Band;
  /** The stored band that is alpha. */
  readonly alpha?: number | undefined;
  readonly alphaIsMask?: boolean;
  /** A mask beside the bands. */
  readonly mask?: { readonly name: string; read: NonNullable<Raster["readMask"]> } | null;
}

/** A raster over a grid of blocks: an alpha band that serves as mask is no band of it. */
export function gridRaster(
  grid: BlockGrid,
  cacheBytes: number,
  { band = () => ({ name: null, nodata: null }), alpha, alphaIsMask = true, mask }: GridDescription = {},
): GridRaster {
  const reader = new BlockReader(grid, cacheBytes);
  const masking = alphaIsMask ? alpha : undefined;
  const stored = Array.from({ length: grid.bandCount }, (_, index) => index).filter((index) => index !== masking);
  const sources = [mask?.name, masking !== undefined && "alpha band"].filter(Boolean);
  return {
    width: grid.width,
    height: grid.height,
    samples: grid.samples,
    bands: stored.map(band),
    alphaBand: alphaIsMask ? null : (alpha ?? null),
    type: grid.type,
    tile: grid.block,
    maskSource: sources.join(" and ") || null,

    async readWindow(x, y, width, height, bands = stored.map((_, index) => index), sample = 0) {
      checkBands(bands, stored.length);
      const indices = bands.map((index) => stored[index] as number);
      return reader.read(x, y, width, height, indices, sample);
    },

    async readMask(x, y, width, height) {
      const beside = (await mask?.read(x, y, width, height)) ?? null;
      if (masking === undefined) return beside;
      return bothValid(isValid(await reader.read(x, y, width, height, [masking], 0)), beside);
    },
  };
}

/** 0 where a mask is 0, or an alpha of floats NaN. */
export function isValid(values: ArrayLike<number>): Uint8Array {
  return Uint8Array.from(values, (value) => (value === 0 || Number.isNaN(value) ? 0 : 1));
}

export function bothValid(mask: Uint8Array, other: Uint8Array | null): Uint8Array {
  return other ? mask.map((valid, i) => valid & (other[i] as number)) : mask;
}
