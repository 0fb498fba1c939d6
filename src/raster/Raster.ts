import type { Georeference } from "./georeference.ts";
import type { SampleArray, SampleType } from "./samples.ts";

/** What a file says of one of its bands. */
export interface Band {
  /** `null` where the file gives it none. */
  readonly name: string | null;
  /** The stored number that marks missing pixels. */
  readonly nodata: number | null;
  /** The value of a pixel is `scale · stored + offset`. `readWindow` does not apply them. Absent: 1 and 0. */
  readonly scale?: number;
  readonly offset?: number;
}

/** An image of a file that holds several, as TIFFs of several pages do. */
export interface Page {
  readonly width: number;
  readonly height: number;
  /** Whether its bands are among `Raster.bands`. */
  readonly isRead: boolean;
}

/** A file on disk that a raster is read from. */
export interface SourceFile {
  readonly path: string;
  readonly bytes: number;
  /** Time of the last modification, in milliseconds since 1970. */
  readonly modified: number;
}

/** A raster of any size on disk, read window by window. Made by `openRaster`. */
export interface Raster {
  readonly path: string;
  /** The raster's own file first, then what was found beside it: a mask. */
  readonly files: readonly SourceFile[];
  readonly format: "GeoTIFF" | "JPEG 2000" | "PNG" | "JPEG" | "NPY" | "NPZ";
  readonly width: number;
  readonly height: number;
  /** Sizes of the axes of an array, in the order of its file; `null` for images. */
  readonly shape: readonly number[] | null;
  /** Images in the file, all of one size: the batch of an array, 1 otherwise. */
  readonly samples: number;
  readonly bands: readonly Band[];
  /**
   * One for most files. The bands of pages of one size follow each other in `bands`; of pages that differ in size, only the first
   * is read.
   */
  readonly pages: readonly Page[];
  /** The band that the file calls alpha: its index in `bands` if `alpha` is `"data"`, otherwise `null`. */
  readonly alphaBand: number | null;
  /** The type of the stored numbers. Half floats count as `"f32"`, booleans and 1- to 7-bit integers as `"u8"`. */
  readonly type: SampleType;
  readonly georeference: Georeference | null;
  /** The file's own block in pixels. Windows of whole blocks, or of whole rows of blocks, decode nothing twice. */
  readonly tile: { readonly width: number; readonly height: number };
  /** Where `readMask` takes validity from, in words: internal mask, .msk file, alpha band. */
  readonly maskSource: string | null;

  /**
   * Samples as stored, planar: `bands.length × height × width`. Nodata is not applied.
   *
   * @param x left column of the window, `y` its top row; `width`, `height` in pixels, all inside the raster
   * @param bands indices into `Raster.bands`, in any order; all bands by default
   * @param sample which image of the batch
   * @throws RangeError for a window, band or sample that the raster does not have
   * @throws RasterError for a file that is truncated or damaged there
   */
  readWindow(
    x: number,
    y: number,
    width: number,
    height: number,
    bands?: readonly number[],
    sample?: number,
  ): Promise<SampleArray>;

  /** Validity of `height × width` pixels, 1 = valid, 0 = missing; `null` where `maskSource` is. */
  readMask(x: number, y: number, width: number, height: number): Promise<Uint8Array | null>;

  close(): Promise<void>;
}

/** What `openRaster` may be told about a file. */
export interface OpenOptions {
  /** Axis order of an NPY file of three or more dimensions. Default `"chw"`. */
  readonly layout?: "chw" | "hwc";
  /** Whether an alpha band is a mask (0: missing), left out of `bands`, or a band like the others. Default `"mask"`. */
  readonly alpha?: "mask" | "data";
  /**
   * The page to read, from 0, of a file that has several; others do not mind it. Default: all, if they are of one size, otherwise the
   * first.
   */
  readonly page?: number;
  /** Memory for decoded blocks, in bytes. At least one block is kept. Default 32 MiB. */
  readonly cacheBytes?: number;
}
