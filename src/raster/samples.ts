/**
 * The types a raster's samples come in, and the arrays that hold them. Integers of 64 bits come as float64: those that float64 does not
 * hold are refused where they are read.
 */

export const sampleArrays = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
  i64: Float64Array,
  u64: Float64Array,
} as const;

export type SampleType = keyof typeof sampleArrays;

export type SampleArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** The types that have an array of their own, which tells them. */
export const sampleTypes = (Object.keys(sampleArrays) as SampleType[]).filter((type) => !/^[iu]64$/.test(type));

export function sampleTypeOf(samples: SampleArray): SampleType {
  const type = sampleTypes.find((candidate) => samples instanceof sampleArrays[candidate]);
  if (type === undefined) throw new TypeError(`"samples": expected a typed array of numbers, got ${typeof samples}`);
  return type;
}

/** A view of `bytes` as samples; a copy only where the bytes do not start on a multiple of the sample's size. */
export function samplesFromBytes(type: SampleType, bytes: Uint8Array): SampleArray {
  const array = sampleArrays[type];
  const size = array.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, Math.floor(aligned.byteLength / size));
}

export function bytesOf(samples: SampleArray): Uint8Array {
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
}

/**
 * Integers of 64 bits, given by their bytes in the order of this machine, as float64.
 *
 * @throws RangeError for one that float64 does not hold
 */
export function narrowIntegers(type: "i64" | "u64", bytes: Uint8Array): Float64Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const integers = new (type === "i64" ? BigInt64Array : BigUint64Array)(
    buffer as ArrayBuffer,
    byteOffset,
    byteLength / 8,
  );
  return Float64Array.from(integers, (integer) => {
    const number = Number(integer);
    if (BigInt(number) !== integer)
      throw new RangeError(`holds ${integer}, which no float has a number of its own for`);
    return number;
  });
}

export const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Reverses the bytes of every sample of `size` bytes, in place. */
export function swapByteOrder(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 2) buffer.swap16();
  else if (size === 4) buffer.swap32();
  else if (size === 8) buffer.swap64();
}

/** A half-precision float (IEEE 754 binary16), given by its 16 bits, as a number. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
}

/** Half-precision floats, given by their bits, widened to float32, which holds every one of them exactly. */
export function widenHalves(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, halfToNumber);
}

/**
 * Samples as float32: the same array where they are float32 already, a rounded copy otherwise.
 *
 * 8- and 16-bit integers are held exactly. 32-bit integers above 2²⁴ and float64 round to the nearest float32 (ties to
 * even), so neighbouring identifiers can coincide; float64 above 3.4e38 becomes ±Infinity. Compare with
 * `Math.fround(nodata)` afterwards, as GDAL does.
 *
 * @example
 * toFloat32(Uint32Array.of(16777217)); // Float32Array [16777216]
 */
export function toFloat32(samples: SampleArray): Float32Array {
  return samples instanceof Float32Array ? samples : new Float32Array(samples);
}
