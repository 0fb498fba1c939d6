import { Command } from "commander";
import { keyOf } from "./archive.ts";
import { DataError } from "./errors.ts";
import { deliverArchive } from "./evaluate.ts";
import { addOutputOptions, checkOptions, type OutputOptions } from "./options.ts";
import { checkApart, checkOutputFile } from "./outputFile.ts";
import { type PairState, readState, writeState } from "./StateFile.ts";

interface MergeOptions extends OutputOptions {
  readonly state?: string;
  readonly report?: string;
  readonly strict?: boolean;
}

const examples = `
Examples:
  $ valid-pixel-loss evaluate --pairs shard1.csv --resume shard1.json
  $ valid-pixel-loss evaluate --pairs shard2.csv --resume shard2.json
  $ valid-pixel-loss merge shard1.json shard2.json`;

export function mergeCommand(): Command {
  const command = new Command("merge")
    .summary("adds up the state files of several runs")
    .description(
      "The figures of all pairs in state files of evaluate --resume, as if one run had measured them. A pair that several\n" +
        "files hold counts once.",
    )
    .argument("<states...>", "state files")
    .addHelpText("after", examples);
  addOutputOptions(command)
    .option("--report <file>", "write a page to look at")
    .option("--state <file>", "write a state file of all pairs")
    .option("--strict", "fail if any pair could not be evaluated; it is only counted otherwise");
  return command.action(async (paths: string[], options: MergeOptions) => {
    await checkOptions(options);
    await checkOutputFile("--report", options.report);
    await checkOutputFile("--state", options.state);
    // A state file may well take in others: it is written when all have been read.
    const { output, report, state } = options;
    await checkApart(
      [
        ["--output", output],
        ["--report", report],
      ],
      [...paths, state],
    );
    const pairs = new Map<string, PairState>();
    let begun: { path: string; options: string } | undefined;
    for (const path of paths) {
      const state = await readState(path);
      if (!state) throw new DataError(`${path}: no such file`);
      const own = JSON.stringify(state.options);
      begun ??= { path, options: own };
      if (own !== begun.options) throw new DataError(`${path}: was begun with other options than ${begun.path}`);
      for (const pair of state.pairs) {
        const key = keyOf(pair);
        const known = pairs.get(key);
        if (!known || "error" in known) pairs.set(key, pair);
      }
    }
    const all = [...pairs.values()];
    if (options.state !== undefined && begun) await writeState(options.state, JSON.parse(begun.options), all);
    await deliverArchive(all, options);
  });
}
