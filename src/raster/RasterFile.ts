import { randomBytes } from "node:crypto";
import { rmSync, type Stats } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { type ByteSource, checkRange } from "./ByteSource.ts";
import { describeFolder } from "./kinds.ts";
import type { SourceFile } from "./Raster.ts";

/** A raster that cannot be read or written. The message is one line: the file, then what is wrong with it. */
export class RasterError extends Error {
  override readonly name = "RasterError";
  readonly path: string;

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path}: ${problem}`.replace(/\s+/g, " "), options);
    this.path = path;
  }
}

const systemProblems: Record<string, string> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "is a directory",
  ENOTDIR: "a part of the path is not a directory",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "name too long",
  EMFILE: "too many open files",
  ENOSPC: "no space left on the device",
  EROFS: "read-only file system",
};

function systemError(path: string, cause: unknown): RasterError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new RasterError(path, (code && systemProblems[code]) ?? message, { cause });
}

/** A file that is read range by range. Every range is checked against the file's size before memory is taken for it. */
export class RasterFile implements ByteSource {
  readonly path: string;
  readonly size: number;
  /** Time of the last modification, in milliseconds since 1970. */
  readonly modified: number;
  readonly #handle: FileHandle;

  private constructor(path: string, { size, mtimeMs }: Stats, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.modified = mtimeMs;
    this.#handle = handle;
  }

  static async open(path: string): Promise<RasterFile> {
    try {
      // Looked at before it is opened: opening a FIFO would wait for a writer.
      const status = await stat(path);
      if (status.isDirectory()) throw new RasterError(path, describeFolder(path));
      if (!status.isFile()) throw new RasterError(path, "is not a regular file");
      return new RasterFile(path, status, await open(path, "r"));
    } catch (cause) {
      throw cause instanceof RasterError ? cause : systemError(path, cause);
    }
  }

  get source(): SourceFile {
    const { path, size, modified } = this;
    return { path, bytes: size, modified };
  }

  /** `length` bytes from `offset`, in a buffer of their own. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw this.error(`ended at byte ${offset + done} while it was read`);
      done += bytesRead;
    }
    return bytes;
  }

  async #read(bytes: Uint8Array, start: number, length: number, position: number) {
    try {
      return await this.#handle.read(bytes, start, length, position);
    } catch (cause) {
      throw systemError(this.path, cause);
    }
  }

  error(problem: string, cause?: unknown): RasterError {
    return new RasterError(this.path, problem, cause === undefined ? undefined : { cause });
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Files that are being written, beside the names that they will have. */
const unfinished = new Set<string>();

/** Removes what an interrupted process would leave behind. At once, for it is about to end. */
export function removeUnfinished(): void {
  for (const path of unfinished) rmSync(path, { force: true });
}

/**
 * A file that appears under its name only when it is complete: written beside it, then renamed, so that a reader never
 * sees half of it and a run that dies leaves the old file as it was.
 */
export class AtomicFile {
  readonly path: string;
  position = 0;
  readonly #temporary: string;
  readonly #handle: FileHandle;

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  static async create(path: string): Promise<AtomicFile> {
    const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    // Renaming over a device or a pipe would put a file in its place.
    const there = await stat(path).catch(() => undefined);
    if (there && !there.isFile()) throw new RasterError(path, "is not a regular file");
    unfinished.add(temporary);
    try {
      return new AtomicFile(path, temporary, await open(temporary, "wx"));
    } catch (cause) {
      unfinished.delete(temporary);
      throw systemError(path, cause);
    }
  }

  /** Writes at `position`, or appends; `position` counts what was appended. */
  async write(bytes: Uint8Array, position?: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const start = (position ?? this.position) + done;
        done += (await this.#handle.write(bytes, done, bytes.length - done, start)).bytesWritten;
      }
    } catch (cause) {
      throw systemError(this.path, cause);
    }
    if (position === undefined) this.position += bytes.length;
  }

  async commit(): Promise<void> {
    try {
      await this.#handle.close();
      await rename(this.#temporary, this.path);
      unfinished.delete(this.#temporary);
    } catch (cause) {
      await this.#remove();
      throw systemError(this.path, cause);
    }
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await this.#remove();
  }

  async #remove(): Promise<void> {
    await rm(this.#temporary, { force: true });
    unfinished.delete(this.#temporary);
  }
}

/** Hands `write` a file that replaces `path` when it returns, and vanishes when it throws. */
export async function writeAtomically(path: string, write: (file: AtomicFile) => Promise<void>): Promise<void> {
  const file = await AtomicFile.create(path);
  try {
    await write(file);
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.commit();
}
