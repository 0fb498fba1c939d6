/**
 * What "right" means: SPEC's promises on numbers. A comparer returns a sentence that says what is wrong, or "" — so that tests read
 * `expect(valueError(got, want)).toBe("")` and print the sentence.
 */
import { at } from "../../reference/layout.ts";

const list = (x: number | ArrayLike<number>): number[] => (typeof x === "number" ? [x] : Array.from(x));

/** Every number within `tolerance` relative of the wanted one, or of `unit` where that is more; 0, ±Infinity and NaN must come out as such. */
export function valueError(
  got: number | ArrayLike<number>,
  want: number | ArrayLike<number>,
  tolerance = 1e-6,
  unit = 0,
): string {
  if ((typeof got === "number") !== (typeof want === "number"))
    return `got a ${typeof got === "number" ? "number" : "vector"}, want the other`;
  const [g, w] = [list(got), list(want)];
  if (g.length !== w.length) return `got ${g.length} numbers, want ${w.length}`;
  for (const [i, expected] of w.entries()) {
    const actual = at(g, i);
    const right = Number.isFinite(expected)
      ? Math.abs(actual - expected) <= tolerance * Math.max(Math.abs(expected), unit)
      : Object.is(actual, expected);
    if (!right) return `[${i}] got ${actual}, want ${expected} within ${tolerance} relative`;
  }
  return "";
}

/**
 * Every element within `tolerance · (|g| + max |g|)` of the wanted gradient. An element that is exactly 0 because its pixel is not valid is
 * the business of the poison tests.
 */
export function gradError(got: ArrayLike<number>, want: ArrayLike<number>, tolerance = 1e-6): string {
  if (got.length !== want.length) return `got ${got.length} elements, want ${want.length}`;
  let max = 0;
  for (let i = 0; i < want.length; i++) max = Math.max(max, Math.abs(at(want, i)));
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [at(got, i), at(want, i)];
    // Half a step of the denormal grid on top: float32 has nothing closer to offer.
    const allowed = tolerance * (Math.abs(w) + max) + 2 ** -150;
    if (!(Math.abs(g - w) <= allowed)) return `[${i}] got ${g}, want ${w} within ${allowed} (largest ${max})`;
  }
  return "";
}

/** The same bits, −0 and the payload of NaN included. */
export function bitsError(got: Float32Array | Float64Array, want: Float32Array | Float64Array): string {
  if (got.constructor !== want.constructor) return `got a ${got.constructor.name}, want a ${want.constructor.name}`;
  if (got.length !== want.length) return `got ${got.length} elements, want ${want.length}`;
  const [g, w] = [got, want].map((x) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength)) as [
    Uint8Array,
    Uint8Array,
  ];
  const byte = g.findIndex((x, i) => x !== w[i]);
  const i = Math.floor(byte / got.BYTES_PER_ELEMENT);
  return byte < 0 ? "" : `[${i}] got ${got[i]}, want the bits of ${want[i]}`;
}

/** The bits of a result's numbers. */
export const bitsOf = (value: number | ArrayLike<number>): Float64Array => Float64Array.from(list(value));

/** 0, of either sign, at every index where `zero` says so: a gradient that is 0 by convention. */
export function zeroError(got: ArrayLike<number>, zero: (i: number) => boolean): string {
  for (let i = 0; i < got.length; i++) if (zero(i) && got[i] !== 0) return `[${i}] got ${got[i]}, want 0`;
  return "";
}

/** +0, and not −0, at every index where `zero` says so: a gradient at a pixel that is not valid. */
export function positiveZeroError(got: ArrayLike<number>, zero: (i: number) => boolean): string {
  for (let i = 0; i < got.length; i++) if (zero(i) && !Object.is(got[i], 0)) return `[${i}] got ${got[i]}, want +0`;
  return "";
}
