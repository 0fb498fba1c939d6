/** Bytes that are read range by range: of a file, of a part of one, or of what was unpacked from one. */
export interface ByteSource {
  readonly path: string;
  readonly size: number;
  /** `length` bytes from `offset`, in a buffer of their own. @throws RasterError for what lies outside */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** An error that names the file. */
  error(problem: string, cause?: unknown): Error;
}

/** `size` bytes of a source from `start` on, as a source of their own. */
export function partOf(source: ByteSource, start: number, size: number): ByteSource {
  const { path } = source;
  const error = source.error.bind(source);
  return {
    path,
    size,
    error,
    async read(offset, length) {
      checkRange(this, offset, length);
      return source.read(start + offset, length);
    },
  };
}

/** Bytes in memory that came from a file. */
export function inMemory(source: ByteSource, bytes: Uint8Array): ByteSource {
  const { path } = source;
  const error = source.error.bind(source);
  return {
    path,
    size: bytes.length,
    error,
    async read(offset, length) {
      checkRange(this, offset, length);
      return bytes.slice(offset, offset + length);
    },
  };
}

/** @throws RasterError for a range that is not within the source */
export function checkRange(source: ByteSource, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= source.size)) {
    throw source.error(
      `bytes ${offset} to ${offset + length} lie outside the ${source.size} bytes of the file: truncated?`,
    );
  }
}
