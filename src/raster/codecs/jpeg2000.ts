/** JPEG 2000 by OpenJPEG. */
import createDecoder from "@cornerstonejs/codec-openjpeg/decodewasmjs";

export interface DecodedJpeg2000 {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  readonly bits: number;
  readonly isSigned: boolean;
  /** Components of a pixel side by side, in 1 or 2 bytes each. */
  readonly bytes: Uint8Array;
}

let library: ReturnType<typeof createDecoder> | undefined;
/** What the library has said about the data that are being decoded. */
let complaints: string[] = [];

function note(line: string): void {
  if (/^\[(ERROR|WARNING)\]/.test(line)) complaints.push(line.replace(/^\[\w+\]\s*/, ""));
}

/** @throws Error for damaged data, as far as they show it */
export async function decodeJpeg2000(stream: Uint8Array): Promise<DecodedJpeg2000> {
  library ??= createDecoder({ print: note, printErr: note });
  const { J2KDecoder } = await library;
  complaints = [];
  try {
    const decoder = new J2KDecoder();
    decoder.getEncodedBuffer(stream.length).set(stream);
    decoder.decode();
    // It goes on after damage, with pixels that are none.
    if (complaints.length > 0) throw new Error(complaints[0]);
    const { width, height, componentCount, bitsPerSample, isSigned } = decoder.getFrameInfo();
    const bytes = decoder.getDecodedBuffer().slice();
    decoder.delete();
    return { width, height, components: componentCount, bits: bitsPerSample, isSigned, bytes };
  } catch (cause) {
    library = undefined;
    throw new Error(`damaged JPEG 2000 data${complaints.length > 0 ? ` (${complaints[0]?.trim()})` : ""}`, { cause });
  }
}
