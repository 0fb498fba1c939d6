// Seeded scenes: what a model is trained on, some of the pixels under clouds.

const CLOUDED = 0.3;

/** What `makeScene` is given, by the name of the number of elements: shape [B, C, H, W] and the share under clouds. */
export const SCENES = {
  "64K": [[1, 4, 128, 128], CLOUDED],
  "1M": [[4, 4, 256, 256], CLOUDED],
  "4M": [[4, 4, 512, 512], CLOUDED],
  "25M": [[8, 3, 1024, 1024], CLOUDED],
};

/** Digital numbers as Sentinel-2 stores them: reflectance = number · scale + offset, and 0 is nodata. */
export const SCALE = 1e-4;
export const OFFSET = -0.1;

/**
 * A pair of images of `shape`, the share `clouded` of each sample without data. Digital numbers are the origin, so that
 * integers and floats hold the same scene; the nodata number 0 becomes a negative reflectance, which the default rule
 * `target >= 0` takes for invalid.
 */
export function makeScene(shape, clouded) {
  const [batch, channels, height, width] = shape;
  const plane = height * width;
  const random = uniform(1);
  const predNumbers = new Uint16Array(batch * channels * plane);
  const targetNumbers = new Uint16Array(batch * channels * plane);
  const classes = new Int32Array(batch * plane);
  for (let b = 0; b < batch; b++) {
    const clouds = smoothField(random, height, width, 48);
    const limit = quantile(clouds, clouded);
    const relief = smoothField(random, height, width, 12);
    for (let i = 0; i < plane; i++) {
      classes[b * plane + i] = clouds[i] < limit ? -1 : Math.min(channels - 1, Math.floor(relief[i] * channels));
    }
    for (let c = 0; c < channels; c++) {
      const base = 1500 + 700 * c;
      const first = (b * channels + c) * plane;
      for (let i = 0; i < plane; i++) {
        const truth = base + 3000 * relief[i] + 300 * random();
        predNumbers[first + i] = truth + 600 * (random() - 0.45);
        targetNumbers[first + i] = clouds[i] < limit ? 0 : truth;
      }
    }
  }
  const pred = toReflectance(predNumbers);
  return {
    shape,
    pred,
    target: toReflectance(targetNumbers),
    logits: toLogits(pred),
    classes,
    predNumbers,
    targetNumbers,
  };
}

/**
 * What the package takes digital numbers for: scale · number + offset, in float32. Losses of the difference get that without
 * rounding, as they take the difference of the numbers first.
 */
export function calibrated(numbers, { ofDifference }) {
  const [scale, offset] = [Math.fround(SCALE), Math.fround(OFFSET)];
  if (ofDifference) return Float64Array.from(numbers, (number) => scale * number + offset);
  return Float32Array.from(numbers, (number) => Math.fround(scale * number) + offset);
}

function toReflectance(numbers) {
  const reflectance = new Float32Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) reflectance[i] = numbers[i] * SCALE + OFFSET;
  return reflectance;
}

/** Reflectance spread over about ±3, where the curves of the losses on logits bend. */
function toLogits(reflectance) {
  const logits = new Float32Array(reflectance.length);
  for (let i = 0; i < logits.length; i++) logits[i] = 12 * (reflectance[i] - 0.3);
  return logits;
}

/** xorshift32: uniform in [0, 1), the same everywhere. */
export function uniform(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Random values on a lattice of `cell` pixels, bilinear between: blobs, not salt. */
export function smoothField(random, height, width, cell) {
  const columns = Math.ceil(width / cell) + 2;
  const lattice = Float64Array.from({ length: columns * (Math.ceil(height / cell) + 2) }, random);
  const field = new Float64Array(height * width);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / cell);
    const v = y / cell - row;
    for (let x = 0; x < width; x++) {
      const column = Math.floor(x / cell);
      const u = x / cell - column;
      const i = row * columns + column;
      const top = lattice[i] * (1 - u) + lattice[i + 1] * u;
      const bottom = lattice[i + columns] * (1 - u) + lattice[i + columns + 1] * u;
      field[y * width + x] = top * (1 - v) + bottom * v;
    }
  }
  return field;
}

/** The value below which `share` of the field lies, up to the sampling of every 61st pixel. */
export function quantile(field, share) {
  const sorted = field.filter((_, i) => i % 61 === 0).sort();
  return sorted[Math.floor(share * sorted.length)];
}
