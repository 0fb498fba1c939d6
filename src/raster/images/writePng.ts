import { crc32, deflateSync } from "node:zlib";
import { writeAtomically } from "../RasterFile.ts";

/** Pixels of 8 bits a channel, row by row: one array, under the name of what it holds. */
export type PngImage = { readonly width: number; readonly height: number } & (
  | { readonly gray: Uint8Array }
  | { readonly rgb: Uint8Array }
  | { readonly rgba: Uint8Array }
  /** `palette` holds red, green, blue, alpha of up to 256 colours. */
  | { readonly indices: Uint8Array; readonly palette: Uint8Array }
);

interface Pixels {
  readonly name: string;
  readonly colourType: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

function pixelsOf(image: PngImage): Pixels {
  if ("gray" in image) return { name: "gray", colourType: 0, channels: 1, data: image.gray };
  if ("rgb" in image) return { name: "rgb", colourType: 2, channels: 3, data: image.rgb };
  if ("rgba" in image) return { name: "rgba", colourType: 6, channels: 4, data: image.rgba };
  return { name: "indices", colourType: 3, channels: 1, data: image.indices };
}

function chunk(name: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(data.length + 12);
  bytes.writeUInt32BE(data.length);
  bytes.write(name, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/** Rows with their filter in front: the difference from the row above, which photographs and maps compress better by. */
function filterRows({ data, channels, colourType }: Pixels, width: number, height: number): Uint8Array {
  const up = colourType === 3 ? 0 : 2;
  const row = width * channels;
  const rows = new Uint8Array(height * (row + 1));
  for (let y = 0; y < height; y++) {
    const to = y * (row + 1);
    rows[to] = up;
    rows.set(data.subarray(y * row, (y + 1) * row), to + 1);
    if (up === 0 || y === 0) continue;
    for (let i = 0; i < row; i++) {
      rows[to + 1 + i] = (rows[to + 1 + i] as number) - (data[(y - 1) * row + i] as number);
    }
  }
  return rows;
}

/**
 * An image as the bytes of a PNG file (W3C PNG, third edition), for a file or a `data:` URL.
 *
 * @throws RangeError where the array does not fit the size, or the palette is none
 *
 * @example
 * const url = `data:image/png;base64,${Buffer.from(encodePng({ width, height, gray })).toString("base64")}`;
 */
export function encodePng(image: PngImage): Uint8Array {
  const { width, height } = image;
  const pixels = pixelsOf(image);
  const expected = width * height * pixels.channels;
  if (!(Number.isInteger(width) && Number.isInteger(height) && width >= 1 && height >= 1)) {
    throw new RangeError(`"width", "height": expected whole numbers from 1, got ${width}, ${height}`);
  }
  if (pixels.data.length !== expected) {
    throw new RangeError(
      `"${pixels.name}": expected ${expected} values for ${width}×${height}, got ${pixels.data.length}`,
    );
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, pixels.colourType], 8);
  return Buffer.concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", header),
    ...("palette" in image ? paletteChunks(image.palette) : []),
    chunk("IDAT", deflateSync(filterRows(pixels, width, height))),
    chunk("IEND", new Uint8Array()),
  ]);
}

function paletteChunks(palette: Uint8Array): Buffer[] {
  if (palette.length === 0 || palette.length % 4 !== 0 || palette.length > 1024) {
    throw new RangeError(`"palette": expected 1 to 256 colours of 4 values, got ${palette.length} values`);
  }
  return [
    chunk(
      "PLTE",
      palette.filter((_, i) => i % 4 !== 3),
    ),
    chunk(
      "tRNS",
      palette.filter((_, i) => i % 4 === 3),
    ),
  ];
}

/** Writes an image as a PNG file, which appears under its name when it is complete. */
export async function writePng(path: string, image: PngImage): Promise<void> {
  const bytes = encodePng(image);
  await writeAtomically(path, (file) => file.write(bytes));
}
