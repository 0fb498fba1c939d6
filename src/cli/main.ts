#!/usr/bin/env node
// The command line; see errors.ts for its exit codes.

import { Command, CommanderError } from "commander";
import { exitCodeOf, GateError, UsageError } from "./errors.ts";
import { evaluateCommand } from "./evaluate.ts";
import { lossCommand } from "./loss.ts";
import { mergeCommand } from "./merge.ts";
import { version } from "./version.ts";

// A reader of the output may stop early, as `head` does: nothing is left to do then.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") fail(error);
  process.exit();
});

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const lines = error instanceof GateError ? error.lines.map((line) => `failed: ${line}`) : [`error: ${message}`];
  for (const line of lines) process.stderr.write(`${line.replace(/\s+/g, " ")}\n`);
  process.exitCode = exitCodeOf(error);
}

const program = new Command("valid-pixel-loss")
  .description("Losses and quality metrics over the valid pixels of images.")
  .version(version);
for (const command of [evaluateCommand(), lossCommand(), mergeCommand()]) program.addCommand(command);
for (const command of [program, ...program.commands]) {
  command.exitOverride().configureOutput({ writeErr: () => {} });
}

try {
  await program.parseAsync();
} catch (error) {
  // Commander throws when it has shown the help or the version, too.
  if (!(error instanceof CommanderError)) fail(error);
  else if (error.code === "commander.help") fail(new UsageError("expected a command (--help lists them)"));
  else if (error.exitCode !== 0) fail(new UsageError(error.message.replace(/^error: /, "")));
}
