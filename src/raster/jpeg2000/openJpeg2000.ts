import type { BlockGrid } from "../BlockReader.ts";
import { partOf } from "../ByteSource.ts";
import { gridRaster } from "../gridRaster.ts";
import { conversion } from "../kinds.ts";
import type { Raster } from "../Raster.ts";
import type { RasterFile } from "../RasterFile.ts";
import {
  hostIsLittleEndian,
  type SampleArray,
  type SampleType,
  sampleArrays,
  samplesFromBytes,
  sampleTypeOf,
  swapByteOrder,
} from "../samples.ts";
import { readBoxes } from "./boxes.ts";
import { type Codestream, readCodestream } from "./codestream.ts";
import { readJp2Georeference } from "./georeference.ts";

const signature = "0000000c6a5020200d0a870a";
const codestreamStart = "ff4fff51";

export function isJpeg2000(start: Uint8Array): boolean {
  const hex = Buffer.from(start.subarray(0, 12)).toString("hex");
  return hex === signature || hex.startsWith(codestreamStart);
}

/** The decoder takes some ten bytes a sample: what is larger would need more than a gigabyte. */
const maxTileSamples = 2 ** 26;

/** JPEG 2000, tile by tile, with the georeference that a JP2 file has in a box. */
export async function openJpeg2000(file: RasterFile, start: Uint8Array, cacheBytes: number): Promise<Raster> {
  const isBare = Buffer.from(start.subarray(0, 4)).toString("hex") === codestreamStart;
  const boxes = isBare ? [] : await readBoxes(file);
  const box = boxes.find(({ type }) => type === "jp2c");
  if (!isBare && box === undefined) throw file.error("holds no JPEG 2000 codestream");
  const stream = await readCodestream(box ? partOf(file, box.start, box.size) : file);
  const { width, height } = stream;
  return {
    ...gridRaster(tileGrid(file, stream), cacheBytes),
    path: file.path,
    files: [file.source],
    format: "JPEG 2000",
    shape: null,
    pages: [{ width, height, isRead: true }],
    georeference: await readJp2Georeference(file, boxes),
    close: () => file.close(),
  };
}

function tileGrid(file: RasterFile, stream: Codestream): BlockGrid {
  const { width, height, components, bits, isSigned, tile } = stream;
  const advice = `${conversion(file.path)} writes one that can be read`;
  if (components !== 1 && components !== 3) {
    throw file.error(`a JPEG 2000 image of ${components} bands is not supported, 1 or 3 are; ${advice}`);
  }
  if (bits > 16) throw file.error(`a JPEG 2000 image of ${bits} bits is not supported, up to 16 are; ${advice}`);
  if (tile.width * tile.height * components > maxTileSamples) {
    throw file.error(`its tiles of ${tile.width}×${tile.height} pixels are too large; ${advice}`);
  }
  const type = `${isSigned ? "i" : "u"}${bits > 8 ? 16 : 8}` as SampleType;
  return {
    width,
    height,
    samples: 1,
    bandCount: components,
    type,
    block: tile,
    interleaved: true,
    load: async (_sample, _band, row, column) => {
      const columns = Math.min(tile.width, width - column * tile.width);
      const rows = Math.min(tile.height, height - row * tile.height);
      try {
        const data = await stream.tileStream(row, column);
        const { decodeJpeg2000 } = await import("../codecs/jpeg2000.ts");
        const decoded = await decodeJpeg2000(data);
        const { bytes } = decoded;
        const expected = [columns, rows, components, bits, isSigned];
        const got = [decoded.width, decoded.height, decoded.components, decoded.bits, decoded.isSigned];
        if (expected.join() !== got.join())
          throw new Error(`it holds ${got.join("×")} where ${expected.join("×")} fit`);
        if (!hostIsLittleEndian && bits > 8) swapByteOrder(bytes, 2);
        return widened(samplesFromBytes(type, bytes), columns * components, tile.width * components, rows);
      } catch (cause) {
        const index = row * stream.tilesAcross + column;
        throw file.error(`tile ${index} is damaged: ${cause instanceof Error ? cause.message : cause}`, cause);
      }
    },
  };
}

/** Rows of `length` samples as rows of `step`. */
function widened(samples: SampleArray, length: number, step: number, rows: number): SampleArray {
  if (length === step) return samples;
  const out = new sampleArrays[sampleTypeOf(samples)](rows * step);
  for (let row = 0; row < rows; row++) out.set(samples.subarray(row * length, (row + 1) * length), row * step);
  return out;
}
