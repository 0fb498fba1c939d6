/** Undoes TIFF's predictors, in place, row by row. A row is `width` pixels of `stride` samples of `size` bytes. */
import { type SampleArray, samplesFromBytes } from "../samples.ts";

/** Predictor 2: every sample was stored as the difference from the one a pixel to the left, modulo 2^bits. */
export function undoDifferences(bytes: Uint8Array, width: number, stride: number, size: number): void {
  const row = width * stride;
  if (size === 8) {
    addLeft(new BigUint64Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 8)), row, stride);
    return;
  }
  const samples = samplesFromBytes(size === 1 ? "u8" : size === 2 ? "u16" : "u32", bytes);
  addLeftNumbers(samples, row, stride);
}

function addLeftNumbers(samples: SampleArray, row: number, stride: number): void {
  for (let start = 0; start < samples.length; start += row) {
    const end = Math.min(start + row, samples.length);
    for (let i = start + stride; i < end; i++) {
      samples[i] = (samples[i] as number) + (samples[i - stride] as number);
    }
  }
}

function addLeft(samples: BigUint64Array, row: number, stride: number): void {
  for (let start = 0; start < samples.length; start += row) {
    const end = Math.min(start + row, samples.length);
    for (let i = start + stride; i < end; i++) {
      samples[i] = (samples[i] as bigint) + (samples[i - stride] as bigint);
    }
  }
}

/**
 * Predictor 3: the bytes of a row of floats were stored as planes, most significant first, whatever the file's byte
 * order, then as differences of bytes. Leaves little-endian floats.
 */
export function undoBytePlanes(bytes: Uint8Array, width: number, stride: number, size: number): void {
  const count = width * stride;
  const row = count * size;
  const planes = new Uint8Array(row);
  for (let start = 0; start + row <= bytes.length; start += row) {
    for (let i = start + stride; i < start + row; i++) {
      bytes[i] = (bytes[i] as number) + (bytes[i - stride] as number);
    }
    planes.set(bytes.subarray(start, start + row));
    for (let plane = 0; plane < size; plane++) {
      const from = plane * count;
      for (let i = 0, to = start + size - 1 - plane; i < count; i++, to += size) {
        bytes[to] = planes[from + i] as number;
      }
    }
  }
}
