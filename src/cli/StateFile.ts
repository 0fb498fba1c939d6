import { type FileHandle, open, stat } from "node:fs/promises";
import { BandMetrics } from "../index.ts";
import { DataError } from "./errors.ts";
import { readText } from "./inputFile.ts";
import type { GivenOptions } from "./output/evaluationText.ts";
import { writeText } from "./output/outputFile.ts";
import { isDone, jobOf, type Outcome, type PairResult } from "./result.ts";

const format = "valid-pixel-loss/evaluation";
const version = 2;

/** What a state file holds. */
export interface State {
  readonly options: GivenOptions;
  readonly outcomes: readonly Outcome[];
}

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
   * Opens a state file to go on with, or begins one.
   *
   * @param options all that decides on the figures: a file that was begun with others is refused
   * @returns what has been measured and still holds, and the files that have changed since they were measured
   */
  static async resume(
    path: string,
    options: GivenOptions,
  ): Promise<{ state: StateFile; results: PairResult[]; changed: string[] }> {
    const before = await readState(path);
    if (before) checkSameOptions(`${path}: was begun with other options`, before.options, options);
    const results: PairResult[] = [];
    const changed: string[] = [];
    for (const outcome of before?.outcomes ?? []) {
      // What could not be evaluated is tried again.
      if (!isDone(outcome)) continue;
      const files = await changedFiles(outcome);
      if (files.length === 0) results.push(outcome);
      changed.push(...files);
    }
    // Written anew, without a line that was left unfinished.
    await writeState(path, { options, outcomes: results });
    return { state: new StateFile(await open(path, "a")), results, changed: [...new Set(changed)] };
  }

  /** Adds a pair. */
  async add(outcome: Outcome): Promise<void> {
    await this.#handle.appendFile(lineOf(stateOf(outcome)));
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** NaN and infinities, of nodata, are told apart. */
const lineOf = (value: unknown) => `${JSON.stringify(value, keepSpecial)}\n`;

const keepSpecial = (_: string, field: unknown) =>
  typeof field === "number" && !Number.isFinite(field) ? String(field) : field;

/** In one order, whichever thread an outcome comes from: the same outcomes make the same file. */
function stateOf(outcome: Outcome): object {
  if (!isDone(outcome)) return { ...jobOf(outcome), error: outcome.error };
  const { about, metrics, counts, extent, remarks } = outcome;
  return { ...jobOf(outcome), about, metrics, counts, extent, remarks };
}

/** The files of a pair that are not as they were when it was measured. */
async function changedFiles({ about }: PairResult): Promise<string[]> {
  const changed: string[] = [];
  for (const { path, bytes, modified } of about.files) {
    const now = await stat(path).catch(() => undefined);
    if (now?.size !== bytes || new Date(now.mtimeMs).toISOString() !== modified) changed.push(path);
  }
  return changed;
}

/**
 * @param where what `before` are the options of
 * @throws DataError that names every option that differs, one by one
 */
export function checkSameOptions(what: string, before: GivenOptions, now: GivenOptions, where = "before"): void {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
  const differences = keys.flatMap((key) => {
    const [then, own] = [textOf(before[key]), textOf(now[key])];
    return then === own ? [] : [`${key} ${own ?? "not given"} (${where}: ${then ?? "not given"})`];
  });
  if (differences.length > 0) throw new DataError(`${what}: ${differences.join("; ")}`);
}

function textOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value.map(textOf).join(",") || "none" : String(value);
}

/** Writes a whole state file. */
export function writeState(path: string, { options, outcomes }: State): Promise<void> {
  return writeText(path, [{ format, version, options }, ...outcomes.map(stateOf)].map(lineOf).join(""));
}

/** What a state file holds, `undefined` where there is none. */
export async function readState(path: string): Promise<State | undefined> {
  const text = await readText(path).catch((error: Error) => {
    if ((error.cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  // What follows the last line break was not finished.
  const [first = "", ...lines] = text.split("\n").slice(0, -1);
  const header = parse(first) as { format?: unknown; version?: unknown; options?: GivenOptions } | undefined;
  if (header?.format !== format || header.version !== version || header.options === undefined) {
    throw new DataError(`${path}: is no state file of this version`);
  }
  const outcomes = lines.map((line, i): Outcome => {
    try {
      return outcomeOf(parse(line));
    } catch (cause) {
      throw new DataError(`${path}: line ${i + 2} cannot be read (${(cause as Error).message})`);
    }
  });
  return { options: header.options, outcomes };
}

/** @throws TypeError, RangeError for what is no outcome of a pair */
function outcomeOf(line: unknown): Outcome {
  const { metrics, ...rest } = (line ?? {}) as Omit<PairResult, "metrics"> & { metrics?: unknown; error?: string };
  if (typeof rest.pred !== "string" || typeof rest.target !== "string" || !Array.isArray(rest.masks)) {
    throw new TypeError("no pair");
  }
  if (typeof rest.error === "string") return rest as Outcome;
  if (!Array.isArray(rest.about?.files) || !Array.isArray(rest.counts)) throw new TypeError("no result");
  const extent = { min: Number(rest.extent.min), max: Number(rest.extent.max) };
  return { ...rest, extent, metrics: BandMetrics.fromJSON(metrics) };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
