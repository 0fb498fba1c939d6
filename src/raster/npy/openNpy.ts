import type { BlockGrid } from "../BlockReader.ts";
import type { ByteSource } from "../ByteSource.ts";
import { gridRaster } from "../gridRaster.ts";
import type { OpenOptions, Raster } from "../Raster.ts";
import type { RasterFile } from "../RasterFile.ts";
import {
  hostIsLittleEndian,
  narrowIntegers,
  type SampleArray,
  sampleArrays,
  samplesFromBytes,
  swapByteOrder,
  widenHalves,
} from "../samples.ts";
import { type NpyHeader, readNpyHeader } from "./header.ts";

/** One axis of the raster in the file: how many steps it has, and how many numbers a step skips. */
interface Axis {
  readonly size: number;
  readonly stride: number;
}

type Axes = Record<"sample" | "band" | "row" | "column", Axis>;

const blockBytes = 2 ** 20;
const maxRowBytes = 2 ** 28;

/**
 * @param array the array's own bytes, where it is a part of the file
 */
export async function openNpy(
  file: RasterFile,
  options: OpenOptions,
  cacheBytes: number,
  array: ByteSource = file,
): Promise<Raster> {
  const header = await readNpyHeader(array);
  const grid = npyGrid(array, header, readAxes(array, header, options.layout ?? "chw"));
  return {
    ...gridRaster(grid, cacheBytes),
    path: file.path,
    files: [file.source],
    format: array === file ? "NPY" : "NPZ",
    shape: header.shape,
    pages: [{ width: grid.width, height: grid.height, isRead: true }],
    georeference: null,
    close: () => file.close(),
  };
}

/** Sizes and strides by the meaning of the axes: (H, W), (C, H, W) or (H, W, C), each with a batch in front of it. */
function readAxes(
  file: ByteSource,
  { shape, fortranOrder, itemSize, dataOffset }: NpyHeader,
  layout: "chw" | "hwc",
): Axes {
  if (shape.length < 2 || shape.length > 4) {
    throw file.error(`an array of shape (${shape.join(", ")}) is no image: 2 to 4 dimensions are`);
  }
  const count = shape.reduce((product, size) => product * size, 1);
  if (count === 0) throw file.error(`an array of shape (${shape.join(", ")}) holds nothing`);
  const bytes = count * itemSize;
  if (!(dataOffset + bytes <= file.size)) {
    throw file.error(
      `shape (${shape.join(", ")}) needs ${bytes} bytes, but ${file.size - dataOffset} follow the header`,
    );
  }
  const image = layout === "chw" ? (["band", "row", "column"] as const) : (["row", "column", "band"] as const);
  const names =
    shape.length === 2 ? (["row", "column"] as const) : shape.length === 3 ? image : (["sample", ...image] as const);
  const axes: Axes = {
    sample: { size: 1, stride: 0 },
    band: { size: 1, stride: 0 },
    row: { size: 1, stride: 0 },
    column: { size: 1, stride: 0 },
  };
  const fastestFirst = fortranOrder ? names.map((_, i) => i) : names.map((_, i) => names.length - 1 - i);
  let stride = 1;
  for (const i of fastestFirst) {
    const size = shape[i] as number;
    axes[names[i] as keyof Axes] = { size, stride };
    stride *= size;
  }
  return axes;
}

/**
 * C order is rows of pixels as they are needed: a block is a group of whole rows. Fortran order runs down columns: a
 * block is a square that is gathered from a piece of each column.
 */
function npyGrid(file: ByteSource, header: NpyHeader, axes: Axes): BlockGrid {
  const { row, column, band } = axes;
  const width = column.size;
  const height = row.size;
  const interleaved = band.size === 1 || band.stride < column.stride;
  const bandsInBlock = interleaved ? band.size : 1;
  const pixelBytes = bandsInBlock * sampleArrays[header.type].BYTES_PER_ELEMENT;
  const byRows = column.stride < row.stride || width === 1;
  if (byRows && width * pixelBytes > maxRowBytes) throw file.error(`a row of ${width} pixels is too long`);
  const side = Math.max(1, Math.floor(Math.sqrt(blockBytes / pixelBytes)));
  const block = byRows
    ? { width, height: Math.min(height, Math.max(1, Math.floor(blockBytes / (width * pixelBytes)))) }
    : { width: Math.min(width, side), height: Math.min(height, side) };
  return {
    width,
    height,
    samples: axes.sample.size,
    bandCount: band.size,
    type: header.type,
    block,
    interleaved,
    load: (sample, bandIndex, blockRow, blockColumn) => {
      const top = blockRow * block.height;
      const left = blockColumn * block.width;
      const first =
        sample * axes.sample.stride +
        (interleaved ? 0 : bandIndex * band.stride) +
        top * row.stride +
        left * column.stride;
      const rows = Math.min(block.height, height - top);
      const columns = Math.min(block.width, width - left);
      if (byRows) return readNumbers(file, header, first, rows * columns * bandsInBlock);
      return gatherColumns(file, header, axes, first, rows, columns, bandsInBlock, block.width);
    },
  };
}

async function gatherColumns(
  file: ByteSource,
  header: NpyHeader,
  { row, column, band }: Axes,
  first: number,
  rows: number,
  columns: number,
  bands: number,
  blockWidth: number,
): Promise<SampleArray> {
  const samples = new sampleArrays[header.type](rows * blockWidth * bands);
  const span = (rows - 1) * row.stride + (bands - 1) * band.stride + 1;
  for (let x = 0; x < columns; x++) {
    const line = await readNumbers(file, header, first + x * column.stride, span);
    for (let y = 0; y < rows; y++) {
      const to = (y * blockWidth + x) * bands;
      for (let b = 0; b < bands; b++) samples[to + b] = line[y * row.stride + b * band.stride] as number;
    }
  }
  return samples;
}

/** `count` consecutive numbers of the file. */
async function readNumbers(file: ByteSource, header: NpyHeader, first: number, count: number): Promise<SampleArray> {
  const { itemSize, dataOffset, littleEndian, half, type } = header;
  const bytes = await file.read(dataOffset + first * itemSize, count * itemSize);
  if (littleEndian !== hostIsLittleEndian) swapByteOrder(bytes, itemSize);
  if (type === "i64" || type === "u64") return narrowed(file, type, bytes);
  return half ? widenHalves(samplesFromBytes("u16", bytes) as Uint16Array) : samplesFromBytes(type, bytes);
}

function narrowed(file: ByteSource, type: "i64" | "u64", bytes: Uint8Array): SampleArray {
  try {
    return narrowIntegers(type, bytes);
  } catch (cause) {
    throw file.error((cause as Error).message, cause);
  }
}
