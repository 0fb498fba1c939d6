// Colour ramps of the pictures, as palettes of 256 colours and as CSS gradients for the bars beside them.

export type Colour = readonly [red: number, green: number, blue: number];

/** Dark to light, even in lightness, told apart in grey and with any kind of colour vision. */
export const sequential: readonly Colour[] = [
  [22, 18, 56],
  [38, 67, 118],
  [31, 120, 132],
  [86, 171, 106],
  [197, 204, 78],
  [255, 240, 170],
];

/** Below zero blue, above it red, pale at zero. */
export const diverging: readonly Colour[] = [
  [24, 64, 140],
  [104, 157, 206],
  [238, 238, 234],
  [222, 136, 98],
  [148, 26, 40],
];

/** Missing and valid. */
export const binary: readonly Colour[] = [
  [176, 64, 48],
  [92, 156, 120],
];

/** The colour at `share`, from 0 to 1, of the way along a ramp. */
function colourAt(ramp: readonly Colour[], share: number): Colour {
  const place = Math.min(Math.max(share, 0), 1) * (ramp.length - 1);
  const i = Math.min(Math.floor(place), ramp.length - 2);
  const [from, to] = [ramp[i], ramp[i + 1]] as [Colour, Colour];
  const mix = (c: 0 | 1 | 2) => Math.round(from[c] + (to[c] - from[c]) * (place - i));
  return [mix(0), mix(1), mix(2)];
}

/** Red, green, blue, alpha of 256 colours: the first is transparent, for what is missing; the ramp follows. */
export function paletteOf(ramp: readonly Colour[]): Uint8Array {
  const palette = new Uint8Array(1024);
  for (let i = 1; i < 256; i++) palette.set([...colourAt(ramp, (i - 1) / 254), 255], i * 4);
  return palette;
}

export function gradientOf(ramp: readonly Colour[]): string {
  return `linear-gradient(to right, ${ramp.map((colour) => `rgb(${colour.join(" ")})`).join(", ")})`;
}
