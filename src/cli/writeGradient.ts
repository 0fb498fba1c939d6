import type { Tensor } from "../index.ts";
import { writeNpy } from "../raster/index.ts";
import { readNpyHeader } from "../raster/npy/header.ts";
import { RasterFile } from "../raster/RasterFile.ts";
import type { Pair } from "./Pair.ts";

/**
 * Writes the gradient, `[B, C, H, W]`, as NPY of the prediction's shape: its axes are in the order of the file it came from, and
 * it has a batch where that has one. A GeoTIFF is (C, H, W).
 */
export async function writeGradient(path: string, grad: Tensor, pair: Pair): Promise<void> {
  const [samples, channels, height, width] = grad.shape as [number, number, number, number];
  const dimensions = await dimensionsOf(pair);
  const batch = dimensions === 4 ? [samples] : [];
  if (dimensions === 2) await writeNpy(path, grad.data, [height, width]);
  else if (pair.layout === "chw") await writeNpy(path, grad.data, [...batch, channels, height, width]);
  else await writeNpy(path, channelsLast(grad), [...batch, height, width, channels]);
}

async function dimensionsOf({ pred }: Pair): Promise<number> {
  if (pred.format !== "NPY") return 3;
  const file = await RasterFile.open(pred.path);
  try {
    return (await readNpyHeader(file)).shape.length;
  } finally {
    await file.close();
  }
}

function channelsLast({ data, shape }: Tensor): Float32Array {
  const [samples, channels, height, width] = shape as [number, number, number, number];
  const plane = height * width;
  const out = new Float32Array(data.length);
  for (let sample = 0; sample < samples; sample++) {
    for (let channel = 0; channel < channels; channel++) {
      const from = (sample * channels + channel) * plane;
      let to = sample * channels * plane + channel;
      for (let i = 0; i < plane; i++, to += channels) out[to] = data[from + i] as number;
    }
  }
  return out;
}
