import { Command, Option } from "commander";
import { type ArchiveOptions, deliverArchive } from "./archiveOutput.ts";
import { DataError } from "./errors.ts";
import { addFigureOptions, checkOutput, type GateOptions, gateOf } from "./options.ts";
import type { GivenOptions } from "./output/evaluationText.ts";
import { checkApart, checkOutputFile } from "./output/outputFile.ts";
import { keyOf } from "./pair/Job.ts";
import { isDone, type Outcome } from "./result.ts";
import { checkSameOptions, readState, writeState } from "./StateFile.ts";

interface MergeOptions extends ArchiveOptions, GateOptions {
  readonly state?: string;
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
  addFigureOptions(command)
    .optionsGroup("Files:")
    .option("--report <file>", "write a page to look at")
    .option("--state <file>", "write a state file of all pairs")
    .option("--keep-going", "exit code 0 even if pairs could not be evaluated")
    .addOption(new Option("--strict").hideHelp().conflicts("keepGoing"));
  return command.action(async (paths: string[], options: MergeOptions) => {
    await checkOutput(options, ["table", "json", "csv", "html"]);
    await checkOutputFile("--report", options.report);
    await checkOutputFile("--state", options.state);
    // A state file may well take in others: it is written when all have been read.
    const { output, report, state } = options;
    await checkApart(
      [
        ["--output", output],
        ["--report", report],
      ],
      [...paths, state, options.baseline],
    );
    const gate = await gateOf(options);
    const outcomes = new Map<string, Outcome>();
    let begun: { path: string; options: GivenOptions } | undefined;
    for (const path of paths) {
      const read = await readState(path);
      if (!read) throw new DataError(`${path}: no such file`);
      begun ??= { path, options: read.options };
      const what = `${path}: was begun with other options than ${begun.path}`;
      checkSameOptions(what, begun.options, read.options, begun.path);
      for (const outcome of read.outcomes) {
        const key = keyOf(outcome);
        const known = outcomes.get(key);
        if (!known || !isDone(known)) outcomes.set(key, outcome);
      }
    }
    const all = [...outcomes.values()];
    const given = begun?.options ?? {};
    if (state !== undefined) await writeState(state, { options: given, outcomes: all });
    await deliverArchive(all, given, options, gate);
  });
}
