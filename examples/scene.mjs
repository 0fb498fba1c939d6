// Made-up satellite scenes: fields along a river, the holes that clouds and the swath leave in them, and what a blurred, noisy
// instrument makes of them. Everything follows from the seed. Math.sin alone is the engine's own; it draws the river's course,
// which no last bit moves by a pixel.

/** @typedef {() => number} Random uniform in [0, 1) */

export const bandNames = ["B02", "B03", "B04", "B08"];

/** Reflectance of what covers the ground: blue, green, red, near infrared. */
const covers = {
  crop: [0.035, 0.075, 0.045, 0.42],
  meadow: [0.045, 0.09, 0.06, 0.31],
  stubble: [0.08, 0.12, 0.16, 0.27],
  soil: [0.1, 0.14, 0.19, 0.25],
  water: [0.05, 0.045, 0.025, 0.012],
};
const fieldCovers = [covers.crop, covers.meadow, covers.stubble, covers.soil];

/** Pixels of a field, on average. */
const FIELD = 1170;

/**
 * Uniform numbers in [0, 1): Weyl's sequence through a multiplying mixer.
 * @param {number} seed
 * @returns {Random}
 */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let bits = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
  };
}

/**
 * Noise in [-0.5, 0.5) of zero mean that varies over about `size` pixels: numbers on a coarse grid, smoothly interpolated.
 * @param {Random} random
 * @param {number} width
 * @param {number} height
 * @param {number} size
 */
export function smoothNoise(random, width, height, size) {
  const columns = Math.ceil(width / size) + 2;
  const grid = Float64Array.from({ length: columns * (Math.ceil(height / size) + 2) }, () => random() - 0.5);
  /** @param {number} x */
  const ease = (x) => x * x * (3 - 2 * x);
  return Float64Array.from({ length: width * height }, (_, i) => {
    const x = (i % width) / size;
    const y = Math.floor(i / width) / size;
    const at = Math.floor(y) * columns + Math.floor(x);
    const [u, v] = [ease(x % 1), ease(y % 1)];
    const above = grid[at] * (1 - u) + grid[at + 1] * u;
    const below = grid[at + columns] * (1 - u) + grid[at + columns + 1] * u;
    return above * (1 - v) + below * v;
  });
}

/**
 * Fields along a river: reflectance, a plane for each of `bandNames`. The texture is the land's, so it shows in all bands, more
 * or less.
 * @param {Random} random
 * @param {number} width
 * @param {number} height
 * @returns {Float32Array[]}
 */
export function makeGround(random, width, height) {
  const fields = Array.from({ length: Math.round((width * height) / FIELD) }, () => ({
    x: random() * width,
    y: random() * height,
    cover: fieldCovers[Math.floor(random() * fieldCovers.length)],
  }));
  const texture = smoothNoise(random, width, height, 5);
  const moisture = smoothNoise(random, width, height, 60);
  const bands = bandNames.map(() => new Float32Array(width * height));
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    /** @param {{ x: number, y: number }} field */
    const fieldDistance = (field) => Math.abs(field.x - x) + Math.abs(field.y - y);
    const field = fields.reduce((near, other) => (fieldDistance(other) < fieldDistance(near) ? other : near));
    const river = height * (0.55 + 0.18 * Math.sin(x / 55) + 0.05 * Math.sin(x / 17));
    const cover = Math.abs(y - river) < 5 ? covers.water : field.cover;
    for (const [b, band] of bands.entries()) {
      const grain = 0.02 * (random() - 0.5);
      band[i] = cover[b] * (1 + 0.35 * texture[i] + 0.4 * moisture[i] + grain);
    }
  }
  return bands;
}

/**
 * Where the satellite saw nothing: beyond the slanting edge of its swath, and under clouds. 1 there, 0 elsewhere.
 * @param {Random} random
 * @param {number} width
 * @param {number} height
 */
export function makeHoles(random, width, height) {
  const clouds = smoothNoise(random, width, height, 45);
  const wisps = smoothNoise(random, width, height, 12);
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const beyondSwath = (i % width) + 0.22 * Math.floor(i / width) > 0.93 * width;
    return beyondSwath || clouds[i] + 0.35 * wisps[i] > 0.2 ? 1 : 0;
  });
}

/**
 * The ground a little blurred, a little off, and noisy.
 * @param {Random} random
 * @param {readonly Float32Array[]} bands
 * @param {number} width
 * @param {number} height
 */
export function degrade(random, bands, width, height) {
  return bands.map((band, b) => {
    const blurred = blur(band, width, height);
    const haze = smoothNoise(random, width, height, 80);
    return blurred.map((value, i) => value * (1.01 + 0.01 * b) + 0.02 * haze[i] + 0.006 * (random() + random() - 1));
  });
}

/**
 * Mean over 3×3 pixels, the borders repeated.
 * @param {Float32Array} band
 * @param {number} width
 * @param {number} height
 */
export function blur(band, width, height) {
  /** @type {(value: number, size: number) => number} */
  const clamp = (value, size) => Math.min(Math.max(value, 0), size - 1);
  return band.map((_, i) => {
    let sum = 0;
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        sum += band[clamp(Math.floor(i / width) + dy, height) * width + clamp((i % width) + dx, width)];
      }
    }
    return sum / 9;
  });
}
