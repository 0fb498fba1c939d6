// The order of the axes of an array, which an NPY file does not say.

/** Sizes as if the channels came first. */
export interface Axes {
  readonly first: number;
  readonly second: number;
  readonly last: number;
}

/** Sensors have up to this many bands. */
const fewBands = 13;

/** Whether the last axis of an array, rather than its first, looks like that of the channels. */
export function looksChannelsLast({ first, second, last }: Axes): boolean {
  return (first > second && first > last) || (last <= fewBands && first > fewBands);
}
