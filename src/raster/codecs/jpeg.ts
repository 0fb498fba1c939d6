/** JPEG by libjpeg-turbo: the very numbers that every program built on libjpeg reads. */
import createDecoder from "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs";
import { type ImageSize, jpegSegments, jpegSize } from "./declaredSize.ts";
import { splitJpeg } from "./splitJpeg.ts";

export interface DecodedJpeg extends ImageSize {
  /** Channels of a pixel side by side: grey, or three. */
  readonly data: Uint8Array;
}

type Library = Awaited<ReturnType<typeof createDecoder>>;
let library: Promise<Library> | undefined;

/**
 * Channels of 8 bits: YCbCr becomes RGB; two or four are left as they are.
 *
 * @throws Error for damaged data, as far as they show it: JPEG has no checksum
 */
export async function decodeJpeg(bytes: Uint8Array): Promise<DecodedJpeg> {
  const { bits, channels } = jpegSize(bytes);
  if (bits !== 8) throw new Error(`a JPEG of ${bits} bits`);
  library ??= createDecoder({ print: () => {}, printErr: () => {} });
  const { JPEGDecoder } = await library;
  try {
    if (channels === 1 || channels === 3) return decodeBy(new JPEGDecoder(), bytes);
    return joined(splitJpeg(bytes).map((channel) => decodeBy(new JPEGDecoder(), channel)));
  } catch (cause) {
    // What it holds is lost where it has failed, and what it threw may be a number, which says nothing.
    library = undefined;
    throw cause instanceof Error ? cause : new Error("damaged JPEG data", { cause });
  }
}

function decodeBy(decoder: InstanceType<Library["JPEGDecoder"]>, bytes: Uint8Array): DecodedJpeg {
  decoder.getEncodedBuffer(bytes.length).set(bytes);
  decoder.decode();
  const { width, height, componentCount } = decoder.getFrameInfo();
  const data = decoder.getDecodedBuffer().slice();
  decoder.delete();
  return { width, height, channels: componentCount, data };
}

/** Grey images as the channels of one. */
function joined(images: readonly DecodedJpeg[]): DecodedJpeg {
  const [{ width, height }] = images as [DecodedJpeg];
  const channels = images.length;
  const data = new Uint8Array(width * height * channels);
  for (const [channel, image] of images.entries()) {
    for (let i = 0; i < width * height; i++) data[i * channels + channel] = image.data[i] as number;
  }
  return { width, height, channels, data };
}

const [applicationFirst, applicationLast] = [0xe0, 0xef];

/**
 * A JPEG of a TIFF's block as a stream of its own: with the tables that the blocks share, and with the word on its colours that the TIFF
 * has in a tag.
 *
 * @param isYcbcr otherwise three channels are left as they are
 */
export function standaloneJpeg(tables: Uint8Array | undefined, block: Uint8Array, isYcbcr: boolean): Uint8Array {
  const shared = tables ? [...jpegSegments(tables)].map(({ start, end }) => tables.subarray(start, end)) : [];
  const own = [...jpegSegments(block)];
  // Words on colours of its own mean nothing in a TIFF.
  const kept = own.filter(({ marker }) => marker < applicationFirst || marker > applicationLast);
  return Buffer.concat([
    Uint8Array.of(0xff, 0xd8),
    adobeSegment(isYcbcr),
    ...shared,
    ...kept.map(({ start, end }) => block.subarray(start, end)),
    block.subarray(own.at(-1)?.end),
  ]);
}

/** APP14: transform 1 is YCbCr, 0 is none. */
function adobeSegment(isYcbcr: boolean): Uint8Array {
  return Buffer.from(`\xff\xee\0\x0eAdobe\0\x64\0\0\0\0${isYcbcr ? "\x01" : "\0"}`, "latin1");
}
