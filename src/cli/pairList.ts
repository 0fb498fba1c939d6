import { readdir, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, parse } from "node:path";
import type { MaskTest } from "./decide/maskTest.ts";
import { DataError, UsageError } from "./errors.ts";
import { readText } from "./inputFile.ts";
import type { NamePatterns } from "./optionParsers.ts";
import { type Job, keyOf } from "./pair/Job.ts";
import type { MaskRequest } from "./pair/MaskFile.ts";
import { readPairs } from "./readPairs.ts";

/** Pairs to be compared, and what else there is to say of the files. */
export interface PairList {
  readonly jobs: readonly Job[];
  /** Files that have no counterpart. */
  readonly unmatched: readonly string[];
  readonly notes: readonly string[];
}

export interface PairListOptions {
  readonly pred: string | undefined;
  readonly target: string | undefined;
  /** A list of pairs in a file. */
  readonly pairs: string | undefined;
  readonly match: NamePatterns | undefined;
  /** Of the command line: they go with every pair; folders of them by name. */
  readonly masks: readonly MaskRequest[];
  /** Of the masks that the list names. */
  readonly columnTest: MaskTest | undefined;
}

/** The pairs that the command line names: a list in a file, two folders whose files go by their names, or two files. */
export async function listPairs(options: PairListOptions): Promise<PairList> {
  const { pred, target, pairs, match, masks } = options;
  if (pairs !== undefined) {
    if (pred !== undefined) throw new UsageError("--pairs stands in place of <pred> and <target>");
    if (match) throw new UsageError("--match is for two folders");
    return listed(pairs, options);
  }
  if (options.columnTest) throw new UsageError("--mask-valid and the other tests need --mask <file> before them");
  if (pred === undefined || target === undefined) {
    throw new UsageError(`missing required argument '${pred === undefined ? "pred" : "target"}'`);
  }
  const [predIsFolder, targetIsFolder] = [await isFolder(pred), await isFolder(target)];
  if (predIsFolder && targetIsFolder) return matchFolders(pred, target, match, masks);
  if (match) throw new UsageError("--match is for two folders");
  return { jobs: [{ pred, target, masks }], unmatched: [], notes: [] };
}

const isFolder = async (path: string) => (await stat(path).catch(() => undefined))?.isDirectory() === true;

/** Paths of a list are relative to its own folder. */
async function listed(path: string, { masks, columnTest }: PairListOptions): Promise<PairList> {
  const fromList = (file: string) => (isAbsolute(file) ? file : join(dirname(path), file));
  const pairs = readPairs(path, await readText(path));
  const jobs = pairs.map(({ pred, target, mask, weights, name, labels }): Job => {
    const own =
      mask === undefined ? [] : [{ file: fromList(mask), test: columnTest ?? ({ kind: "default" } as const) }];
    return {
      pred: fromList(pred),
      target: fromList(target),
      masks: [
        ...masks,
        ...own,
        ...(weights === undefined ? [] : [{ file: fromList(weights), test: { kind: "weights" } as const }]),
      ],
      ...(name !== undefined && { name }),
      ...(Object.keys(labels).length > 0 && { labels }),
    };
  });
  if (columnTest && pairs.every(({ mask }) => mask === undefined)) {
    throw new UsageError(
      "--mask-valid and the other tests need --mask <file> before them, or a column mask in the list",
    );
  }
  const once = new Map(jobs.map((job) => [keyOf(job), job]));
  const repeats = jobs.length - once.size;
  const notes =
    repeats === 0 ? [] : [`${path}: lists ${repeats} ${repeats === 1 ? "pair" : "pairs"} again, which count once`];
  return { jobs: [...once.values()], unmatched: [], notes };
}

const rasters = /\.(tiff?|npy|npz|png|jpe?g|jp2|j2k)$/i;

const filesOf = async (folder: string) => (await readdir(folder)).filter((name) => rasters.test(name)).sort();

async function matchFolders(
  pred: string,
  target: string,
  match: NamePatterns | undefined,
  masks: readonly MaskRequest[],
): Promise<PairList> {
  const keyed = async (folder: string, pattern: string | undefined) =>
    filesByKey(folder, await filesOf(folder), pattern);
  const [preds, targets] = [await keyed(pred, match?.pred), await keyed(target, match?.target)];
  const maskFolders = new Map<MaskRequest, ReadonlyMap<string, string>>();
  for (const mask of masks) if (await isFolder(mask.file)) maskFolders.set(mask, await keyed(mask.file, undefined));
  const jobs: Job[] = [];
  const unmatched: string[] = [];
  for (const [key, name] of preds) {
    const counterpart = targets.get(key);
    if (counterpart === undefined) {
      unmatched.push(join(pred, name));
      continue;
    }
    // Of a folder, the mask is named like the pair, or like either file.
    const names = [key, parse(counterpart).name, parse(name).name];
    const own = masks.map((mask) => {
      const folder = maskFolders.get(mask);
      const found = names.map((stem) => folder?.get(stem)).find((file) => file !== undefined);
      return folder ? { ...mask, file: join(mask.file, found ?? key) } : mask;
    });
    jobs.push({ pred: join(pred, name), target: join(target, counterpart), masks: own });
  }
  unmatched.push(...[...targets].filter(([key]) => !preds.has(key)).map(([, name]) => join(target, name)));
  if (jobs.length === 0) {
    const how = match ? "that --match pairs" : "of the same names (--match for suffixes)";
    throw new DataError(`${pred} and ${target}: no rasters ${how}`);
  }
  return { jobs, unmatched, notes: [] };
}

/**
 * Files by what they share with their counterparts: the name without its extension, or what stands for {} in a pattern.
 *
 * @throws DataError where two files share the same
 */
function filesByKey(folder: string, names: readonly string[], pattern: string | undefined): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of names) {
    const key = keyIn(name, pattern);
    if (key === undefined) continue;
    const other = files.get(key);
    if (other !== undefined) {
      throw new DataError(`${folder}: ${other} and ${name} both go by the name ${key} (--match tells them apart)`);
    }
    files.set(key, name);
  }
  return files;
}

/** A pattern without an extension is that of names without one. */
function keyIn(name: string, pattern: string | undefined): string | undefined {
  const stem = parse(name).name;
  if (pattern === undefined) return stem;
  const [start = "", end = ""] = pattern.split("{}");
  const text = rasters.test(pattern) ? name : stem;
  const fits = text.startsWith(start) && text.endsWith(end) && text.length > start.length + end.length;
  return fits ? text.slice(start.length, text.length - end.length) : undefined;
}
