import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { writeAtomically } from "../../raster/RasterFile.ts";
import { UsageError } from "../errors.ts";

/**
 * Refuses, before any work, a name that no file can be written under. Files replace what has their name, so anything but a
 * file, /dev/null above all, must not be named.
 */
export async function checkOutputFile(option: string, path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const there = await stat(path).catch(() => undefined);
  if (there && !there.isFile()) throw new UsageError(`${option}: expected the name of a file, got ${path}`);
  const folder = await stat(dirname(path)).catch(() => undefined);
  if (!folder?.isDirectory()) throw new UsageError(`${option}: there is no folder ${dirname(path)}`);
}

/**
 * Refuses, before any work, outputs that would replace what is read, or each other. Links to one file are that file.
 *
 * @param outputs paths by the options that name them; `undefined` where they are not given
 */
export async function checkApart(
  outputs: readonly (readonly [option: string, path: string | undefined])[],
  inputs: readonly (string | undefined)[],
): Promise<void> {
  const taken = new Map<string, string>();
  for (const path of inputs) if (path !== undefined) taken.set(await identityOf(path), "is read, too");
  for (const [option, path] of outputs) {
    if (path === undefined) continue;
    const identity = await identityOf(path);
    const use = taken.get(identity);
    if (use !== undefined) throw new UsageError(`${option}: ${path} ${use}`);
    taken.set(identity, `is where ${option} is written`);
  }
}

async function identityOf(path: string): Promise<string> {
  const there = await stat(path).catch(() => undefined);
  return there ? `${there.dev} ${there.ino}` : resolve(path);
}

/** Makes a folder for files to be written to, where it is not there yet. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new UsageError(`${path}: no folder can be made (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Writes a text that appears under its name when it is complete. */
export function writeText(path: string, text: string): Promise<void> {
  return writeAtomically(path, (file) => file.write(Buffer.from(text)));
}
