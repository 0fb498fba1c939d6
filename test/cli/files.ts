import { readFileSync } from "node:fs";
import { openRaster, type SampleArray } from "../../src/raster/index.ts";

export interface Image {
  readonly width: number;
  readonly height: number;
  /** A plane of `height × width` per band. */
  readonly bands: readonly SampleArray[];
}

/** A whole raster. */
export async function readImage(path: string, sample = 0, layout: "chw" | "hwc" = "chw"): Promise<Image> {
  const raster = await openRaster(path, { layout });
  const { width, height } = raster;
  const bands: SampleArray[] = [];
  for (const index of raster.bands.keys()) bands.push(await raster.readWindow(0, 0, width, height, [index], sample));
  await raster.close();
  return { width, height, bands };
}

export const flat = (bands: readonly SampleArray[]): Float32Array => Float32Array.from(bands.flatMap((b) => [...b]));

/** Mean over 3×3 pixels, those that `valid` lets through; where there is none, the value itself. */
export function blur(band: SampleArray, width: number, valid: (value: number) => boolean): Float32Array {
  const height = band.length / width;
  return Float32Array.from(band, (value, i) => {
    const [x0, y0] = [i % width, Math.floor(i / width)];
    let [sum, count] = [0, 0];
    for (let y = Math.max(0, y0 - 1); y <= Math.min(height - 1, y0 + 1); y++) {
      for (let x = Math.max(0, x0 - 1); x <= Math.min(width - 1, x0 + 1); x++) {
        const near = band[y * width + x] as number;
        if (!valid(near)) continue;
        sum += near;
        count++;
      }
    }
    return count > 0 ? sum / count : value;
  });
}

/** An NPY file of float32, as NumPy would map it into memory. */
export function readNpy(path: string): { shape: number[]; data: Float32Array } {
  const bytes = readFileSync(path);
  const headerEnd = 10 + bytes.readUInt16LE(8);
  const header = bytes.subarray(10, headerEnd).toString("latin1");
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? "").split(",").filter((word) => word.trim() !== "");
  return { shape: shape.map(Number), data: new Float32Array(Uint8Array.from(bytes.subarray(headerEnd)).buffer) };
}
