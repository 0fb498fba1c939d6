import { readdir, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, parse } from "node:path";
import { DataError, UsageError } from "./errors.ts";
import { readText } from "./inputFile.ts";
import type { Job } from "./measure.ts";
import { parseCsv } from "./parseCsv.ts";

/** Pairs to be compared, and files that have no counterpart. */
export interface JobList {
  readonly jobs: readonly Job[];
  readonly unmatched: readonly string[];
}

/**
 * The pairs that the command line names: a list in a file, two folders whose files have the same names (but for the extension), or
 * two files.
 */
export async function listJobs(
  pred: string | undefined,
  target: string | undefined,
  list: string | undefined,
): Promise<JobList> {
  if (list !== undefined) {
    if (pred !== undefined) throw new UsageError("--pairs stands in place of <pred> and <target>");
    return { jobs: await readList(list), unmatched: [] };
  }
  if (pred === undefined || target === undefined) {
    throw new UsageError(`missing required argument '${pred === undefined ? "pred" : "target"}'`);
  }
  const isFolder = async (path: string) => (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const [predIsFolder, targetIsFolder] = [await isFolder(pred), await isFolder(target)];
  if (predIsFolder && targetIsFolder) return matchFolders(pred, target);
  return { jobs: [{ pred, target }], unmatched: [] };
}

/** Lines of prediction and target, relative to the list's own folder; a first line "pred,target" is a heading. */
async function readList(path: string): Promise<Job[]> {
  const text = await readText(path);
  // Spreadsheets begin their files with a byte order mark.
  const lines = parseCsv(text.replace(/^\uFEFF/, ""));
  if (lines[0]?.[0] === "pred" && lines[0][1] === "target") lines.shift();
  if (lines.length === 0) throw new DataError(`${path}: lists no pairs`);
  const fromList = (file: string) => (isAbsolute(file) ? file : join(dirname(path), file));
  return lines.map(([pred = "", target = "", ...rest], i) => {
    if (pred === "" || target === "" || rest.length > 0) {
      throw new DataError(`${path}: expected two paths, prediction and target, in pair ${i + 1}`);
    }
    return { pred: fromList(pred), target: fromList(target) };
  });
}

const rasters = /\.(tiff?|npy)$/i;

async function matchFolders(pred: string, target: string): Promise<JobList> {
  const listOf = async (folder: string) => (await readdir(folder)).filter((name) => rasters.test(name)).sort();
  const stem = (name: string) => parse(name).name;
  const [preds, targets] = [await listOf(pred), await listOf(target)];
  const byStem = new Map(targets.map((name) => [stem(name), name]));
  const jobs: Job[] = [];
  const unmatched: string[] = [];
  for (const name of preds) {
    const counterpart = byStem.get(stem(name));
    byStem.delete(stem(name));
    if (counterpart === undefined) unmatched.push(join(pred, name));
    else jobs.push({ pred: join(pred, name), target: join(target, counterpart) });
  }
  unmatched.push(...[...byStem.values()].map((name) => join(target, name)));
  if (jobs.length === 0) throw new DataError(`${pred} and ${target}: no GeoTIFF or NPY files of the same names`);
  return { jobs, unmatched };
}
