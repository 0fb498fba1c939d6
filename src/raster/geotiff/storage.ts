import type { ByteSource } from "../ByteSource.ts";
import type { SampleType } from "../samples.ts";

/** How the samples of a TIFF image are stored. */
export interface Layout {
  readonly file: ByteSource;
  readonly width: number;
  readonly height: number;
  readonly samplesPerPixel: number;
  readonly bits: number;
  /** What the samples become in memory. */
  readonly type: SampleType;
  /** Stored as 16-bit floats, which become float32. */
  readonly half: boolean;
  readonly littleEndian: boolean;
  readonly compression: number;
  readonly predictor: number;
  readonly photometric: number;
  readonly extraSamples: readonly number[];
  /** A block holds all samples of its pixels; otherwise one. */
  readonly interleaved: boolean;
  readonly tiled: boolean;
  readonly block: { readonly width: number; readonly height: number };
  readonly blocksAcross: number;
  readonly blocksDown: number;
  readonly offsets: Float64Array;
  readonly byteCounts: Float64Array;
  readonly jpegTables: Uint8Array | undefined;
  readonly lercParameters: readonly number[];
}
