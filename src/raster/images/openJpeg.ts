import { jpegSize } from "../codecs/declaredSize.ts";
import { gridRaster } from "../gridRaster.ts";
import { conversion } from "../kinds.ts";
import type { Raster } from "../Raster.ts";
import type { RasterFile } from "../RasterFile.ts";
import { wholeImageGrid } from "../wholeImage.ts";

export function isJpeg(start: Uint8Array): boolean {
  return start[0] === 0xff && start[1] === 0xd8 && start[2] === 0xff;
}

/** Frames begin behind metadata, which may hold a preview. */
const maxHeadBytes = 2 ** 24;
/** A bit per block of 8×8 pixels of progressive data, over colours that are shared by up to 16 pixels. */
export const mostJpegExpansion = 2048;

/** A JPEG image: grey or RGB of 8 bits. */
export async function openJpeg(file: RasterFile, cacheBytes: number): Promise<Raster> {
  let size: ReturnType<typeof jpegSize>;
  try {
    size = jpegSize(await file.read(0, Math.min(maxHeadBytes, file.size)));
  } catch (cause) {
    throw file.error(`is damaged: ${(cause as Error).message}`, cause);
  }
  const { width, height, channels, bits } = size;
  if (bits !== 8 || (channels !== 1 && channels !== 3)) {
    const advice = `${conversion(file.path)} writes one that can be read`;
    throw file.error(`a JPEG image of ${channels} channels of ${bits} bits is not supported; ${advice}`);
  }
  if (width === 0 || height === 0 || width * height * channels > mostJpegExpansion * file.size) {
    throw file.error(`is damaged: ${width}×${height} pixels in ${file.size} bytes`);
  }
  const grid = wholeImageGrid(file, {
    width,
    height,
    channels,
    type: "u8",
    decode: async () => {
      const { decodeJpeg } = await import("../codecs/jpeg.ts");
      const decoded = await decodeJpeg(await file.read(0, file.size)).catch((cause: Error) => {
        throw file.error(`is damaged: ${cause.message}`, cause);
      });
      return decoded.data;
    },
  });
  return {
    ...gridRaster(grid, cacheBytes),
    path: file.path,
    files: [file.source],
    format: "JPEG",
    shape: null,
    pages: [{ width, height, isRead: true }],
    georeference: null,
    close: () => file.close(),
  };
}
