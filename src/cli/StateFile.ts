import { type FileHandle, open } from "node:fs/promises";
import { BandMetrics } from "../index.ts";
import { encode } from "../metrics/json.ts";
import { DataError } from "./errors.ts";
import { readText } from "./inputFile.ts";
import type { Job, Measured } from "./measure.ts";
import { writeText } from "./outputFile.ts";

/** What a state file keeps of a pair: its metrics, or what was wrong with it. */
export type PairState = Job & (Measured | { readonly error: string });

const format = "valid-pixel-loss/evaluation";
const version = 1;

/**
 * What has been measured, a line of JSON per pair behind a line that says how. Lines are added as pairs are done: a run that is killed
 * leaves at most its last line unfinished, which is then as if it had never been begun.
 */
export class StateFile {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /**
   * Opens a state file to go on with, or begins one, and returns what has been measured.
   *
   * @param options all that decides on the figures: a file that was begun with others is refused
   */
  static async resume(path: string, options: object): Promise<{ state: StateFile; pairs: PairState[] }> {
    const before = await readState(path);
    // As the file has them: NaN and infinities, of nodata, are told apart, and what is undefined is left out.
    if (before && JSON.stringify(before.options) !== JSON.stringify(encode(options))) {
      throw new DataError(`${path}: was begun with other options: ${JSON.stringify(before.options)}`);
    }
    // What could not be evaluated is tried again.
    const pairs = before?.pairs.filter((pair) => "metrics" in pair) ?? [];
    // Written anew, without a line that was left unfinished.
    await writeState(path, encode(options) as object, pairs);
    return { state: new StateFile(await open(path, "a")), pairs };
  }

  /** Adds a pair. */
  async add(pair: PairState): Promise<void> {
    await this.#handle.appendFile(`${JSON.stringify(pair)}\n`);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Writes a whole state file, `options` as `readState` gives them. */
export function writeState(path: string, options: object, pairs: readonly PairState[]): Promise<void> {
  return writeText(path, [{ format, version, options }, ...pairs].map((line) => `${JSON.stringify(line)}\n`).join(""));
}

/** What a state file holds, `undefined` where there is none. */
export async function readState(path: string): Promise<{ options: object; pairs: PairState[] } | undefined> {
  const text = await readText(path).catch((error: Error) => {
    if ((error.cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  // What follows the last line break was not finished.
  const [first = "", ...lines] = text.split("\n").slice(0, -1);
  const header = parse(first) as { format?: unknown; version?: unknown; options?: object } | undefined;
  if (header?.format !== format || header.version !== version || header.options === undefined) {
    throw new DataError(`${path}: is no state file of this version`);
  }
  const pairs = lines.map((line, i): PairState => {
    const pair = parse(line) as (Job & { metrics?: unknown; missing?: number; error?: string }) | undefined;
    try {
      if (typeof pair?.pred !== "string" || typeof pair.target !== "string") throw new TypeError("no pair");
      const { pred, target, error, missing = 0 } = pair;
      return error === undefined
        ? { pred, target, metrics: BandMetrics.fromJSON(pair.metrics), missing }
        : { pred, target, error };
    } catch (cause) {
      throw new DataError(`${path}: line ${i + 2} cannot be read (${(cause as Error).message})`);
    }
  });
  return { options: header.options, pairs };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
