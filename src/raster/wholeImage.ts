import type { BlockGrid } from "./BlockReader.ts";
import type { ByteSource } from "./ByteSource.ts";
import { conversion } from "./kinds.ts";
import { type SampleArray, type SampleType, sampleArrays } from "./samples.ts";

/** An image that can only be unpacked as a whole. */
export interface WholeImage {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly type: SampleType;
  /** All samples, those of a pixel side by side. */
  decode(): Promise<SampleArray>;
}

const maxBytes = 2 ** 28;
const stripBytes = 2 ** 20;

/**
 * A grid over an image that is unpacked with its first window and then kept.
 *
 * @throws RasterError for one that is larger than memory should be
 */
export function wholeImageGrid(source: ByteSource, image: WholeImage): BlockGrid {
  const { width, height, channels, type } = image;
  const rowBytes = width * channels * sampleArrays[type].BYTES_PER_ELEMENT;
  if (rowBytes * height > maxBytes) {
    throw source.error(
      `its ${width}×${height} pixels take ${Math.round((rowBytes * height) / 2 ** 20)} MiB, for they can only be unpacked ` +
        `together; ${conversion(source.path, "-co TILED=YES")} writes a file that can be read in parts`,
    );
  }
  const rows = Math.min(height, Math.max(1, Math.floor(stripBytes / rowBytes)));
  let samples: Promise<SampleArray> | undefined;
  return {
    width,
    height,
    samples: 1,
    bandCount: channels,
    type,
    block: { width, height: rows },
    interleaved: true,
    load: async (_sample, _band, row) => {
      samples ??= image.decode();
      const start = row * rows * width * channels;
      return (await samples).subarray(start, start + rows * width * channels);
    },
  };
}
