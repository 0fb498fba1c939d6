import { createRequire } from "node:module";

// Its ES module build lacks the file ending that Node asks for.
const { ssim } = createRequire(import.meta.url)("ssim.js");

/** SSIM of two grey 8-bit images by ssim.js; `algorithm` is its "original" (Wang's code) or "fast". */
export function open(algorithm, { width, height, pred, target }) {
  const images = [pred, target].map((grey) => ({ width, height, data: toRgba(grey) }));
  const run = () => ssim(...images, { ssim: algorithm, downsample: false, k1: 0.01, k2: 0.03, windowSize: 11 }).mssim;
  return { run, result: () => ({ value: 1 - run() }) };
}

function toRgba(grey) {
  const data = new Uint8ClampedArray(4 * grey.length);
  for (let i = 0; i < grey.length; i++) data.fill(grey[i], 4 * i, 4 * i + 3).fill(255, 4 * i + 3, 4 * i + 4);
  return data;
}
