import type { Georeference } from "./georeference.ts";
import type { SampleArray, SampleType } from "./samples.ts";

/** A band: its name ("B1", "B2", … where the file gives none) and the number that marks its missing pixels. */
export interface Band {
  readonly name: string;
  readonly nodata: number | null;
  /** What its file says that stored numbers are to be multiplied by, and then added; not applied. Absent: 1 and 0. */
  readonly scale?: number;
  readonly offset?: number;
}

/** A raster of any size on disk, read window by window. Made by `openRaster`. */
export interface Raster {
  readonly path: string;
  readonly format: "GeoTIFF" | "NPY";
  readonly width: number;
  readonly height: number;
  /** Images in the file, all of one size: the batch of an NPY file, 1 otherwise. */
  readonly samples: number;
  readonly bands: readonly Band[];
  /** The type of the stored numbers. Half floats count as `"f32"`, booleans and 1- to 7-bit integers as `"u8"`. */
  readonly type: SampleType;
  readonly georeference: Georeference | null;
  /** The file's own block in pixels. Windows of whole blocks, or of whole rows of blocks, decode nothing twice. */
  readonly tile: { readonly width: number; readonly height: number };
  /** Where `readMask` takes validity from. */
  readonly maskSource: "internal mask" | "alpha band" | null;

  /**
   * Samples as stored, planar: `bands.length × height × width`. Nodata is not applied.
   *
   * @param x left column of the window, `y` its top row; `width`, `height` in pixels, all inside the raster
   * @param bands indices into `Raster.bands`, in any order; all bands by default
   * @param sample which image of the batch
   * @throws RangeError for a window, band or sample that the raster does not have
   * @throws RasterError for a file that is truncated or corrupt there
   */
  readWindow(
    x: number,
    y: number,
    width: number,
    height: number,
    bands?: readonly number[],
    sample?: number,
  ): Promise<SampleArray>;

  /** Validity of `height × width` pixels, 1 = valid, 0 = missing; `null` where the file has neither mask nor alpha band. */
  readMask(x: number, y: number, width: number, height: number): Promise<Uint8Array | null>;

  close(): Promise<void>;
}

/** What `openRaster` may be told about a file. */
export interface OpenOptions {
  /** Axis order of an NPY file of three or more dimensions. Default `"chw"`. */
  readonly layout?: "chw" | "hwc";
  /** Whether an alpha band is validity (left out of `bands`) or a band like the others. Default `"mask"`. */
  readonly alpha?: "mask" | "band";
  /** Memory for decoded blocks, in bytes. At least one block is kept. Default 32 MiB. */
  readonly cacheBytes?: number;
}
