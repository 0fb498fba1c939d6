import { decode, getBlobInfo, load } from "lerc";
import { bytesOf, type SampleType, sampleArrays } from "../samples.ts";

/** The types of numbers, in the order of LERC's codes. */
const types: readonly SampleType[] = ["i8", "u8", "i16", "u16", "i32", "u32", "f32", "f64"];

/** What a block must be. */
export interface LercBlock {
  readonly type: SampleType;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/**
 * LERC by Esri's decoder, which checks the sum that version 2 has: the bytes of samples, those of a pixel side by side. Pixels that its
 * mask leaves out are NaN among floats; a mask of integers with a channel less than the block is that channel, 255 or 0.
 *
 * @throws Error for damaged data, and for a block of another type or size than `block`
 */
export async function decodeLerc(bytes: Uint8Array, block: LercBlock): Promise<Uint8Array> {
  await load();
  const { type, width, height, channels } = block;
  const info = getBlobInfo(bytes);
  const { dataType, depthCount, bandCount } = info;
  const found = depthCount * bandCount;
  const isMasked = type === "u8" && found === channels - 1;
  if (types[dataType] !== type || info.width !== width || info.height > height || (found !== channels && !isMasked)) {
    const [got, expected] = [
      `${info.width}×${info.height}×${found} ${types[dataType]}`,
      `${width}×${height}×${channels} ${type}`,
    ];
    throw new Error(`LERC data of ${got} in a block of ${expected}`);
  }
  const { pixels, mask, bandMasks } = decode(bytes, { returnInterleaved: true });
  const count = info.width * info.height;
  const out = new sampleArrays[type](count * channels);
  const missing = type.startsWith("f") ? Number.NaN : 0;
  for (const [band, samples] of pixels.entries()) {
    const valid = bandMasks?.[band] ?? mask;
    for (let i = 0; i < count; i++) {
      const isValid = valid?.[i] !== 0;
      for (let depth = 0; depth < depthCount; depth++) {
        out[i * channels + band * depthCount + depth] = isValid ? (samples[i * depthCount + depth] as number) : missing;
      }
      if (isMasked) out[i * channels + channels - 1] = isValid ? 255 : 0;
    }
  }
  return bytesOf(out);
}
