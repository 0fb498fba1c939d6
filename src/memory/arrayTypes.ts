// Kinds of typed arrays, whichever realm (a frame of a page, a context of node:vm) they are of.

/** The kinds that kernels read. */
const KINDS = { Float32Array, Uint8Array, Int16Array, Uint16Array, Int32Array };

/** Arrays that the kernels read. */
export type KernelData = Float32Array | Uint8Array | Int16Array | Uint16Array | Int32Array;

/** Half precision, as `Float16Array` has it where the engine does, and ONNX Runtime in a `Uint16Array`. */
export interface Float16Data extends ArrayBufferView {
  readonly length: number;
  readonly [Symbol.toStringTag]: "Float16Array";
}

interface ViewConstructor {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): KernelData;
}

/** The kinds that are accepted; the last two are read as bytes and float32. */
export type ArrayName = keyof typeof KINDS | "Uint8ClampedArray" | "Float16Array";

export const PIXELS = [
  "Float32Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Float16Array",
] as const;
export const LABELS = ["Int32Array", "Uint8Array", "Uint8ClampedArray", "Float32Array"] as const;
export const BYTES = ["Uint8Array", "Uint8ClampedArray"] as const;
export const MASKS = [...BYTES, "Float32Array"] as const;
export const FLOATS = ["Float32Array"] as const;

type Tag = (this: unknown) => string | undefined;

const tag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
  ?.get as Tag;

/** "Float32Array" for such an array; `undefined` for whatever is no typed array, a proxy of one among it. */
export function arrayNameOf(data: unknown): string | undefined {
  return tag.call(data);
}

/** The same elements as an array of this realm that the kernels read: a view, and for float16 a copy. */
export function kernelData(data: ArrayBufferView & { readonly length: number }, name: ArrayName): KernelData {
  const { buffer, byteOffset, length } = data;
  if (name === "Float16Array") return float32Of(new Uint16Array(buffer, byteOffset, length));
  const Kind = KINDS[name === "Uint8ClampedArray" ? "Uint8Array" : name] as ViewConstructor;
  return data instanceof Kind ? data : new Kind(buffer, byteOffset, length);
}

/** float16, by their bits, as float32, which holds them all. */
function float32Of(halves: Uint16Array): Float32Array {
  const floats = new Float32Array(halves.length);
  const bits = new Int32Array(floats.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i] as number;
    const size = (half & 0x7fff) << 13;
    // Exponents are counted from −15, those of float32 from −127.
    bits[i] = size;
    floats[i] = (floats[i] as number) * 2 ** 112;
    const finite = size < 0x7c00 << 13;
    bits[i] = (finite ? (bits[i] as number) : size | 0x7f800000) | ((half & 0x8000) << 16);
  }
  return floats;
}
