// Codecs that come without types. What is declared is what is used.

declare module "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs" {
  interface Decoder {
    getEncodedBuffer(length: number): Uint8Array;
    decode(): void;
    getDecodedBuffer(): Uint8Array;
    getFrameInfo(): { width: number; height: number; bitsPerSample: number; componentCount: number; isSigned: boolean };
    delete(): void;
  }
  export default function create(options: {
    print(line: string): void;
    printErr(line: string): void;
  }): Promise<{ JPEGDecoder: new () => Decoder }>;
}

declare module "@cornerstonejs/codec-openjpeg/decodewasmjs" {
  interface Decoder {
    getEncodedBuffer(length: number): Uint8Array;
    decode(): void;
    getDecodedBuffer(): Uint8Array;
    getFrameInfo(): { width: number; height: number; bitsPerSample: number; componentCount: number; isSigned: boolean };
    delete(): void;
  }
  export default function create(options: {
    print(line: string): void;
    printErr(line: string): void;
  }): Promise<{ J2KDecoder: new () => Decoder }>;
}
