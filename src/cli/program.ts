import { Command, CommanderError } from "commander";
import { exitCodeOf, exitCodes, GateError, UsageError } from "./errors.ts";
import { evaluateCommand } from "./evaluate.ts";
import { lossCommand } from "./loss.ts";
import { mergeCommand } from "./merge.ts";
import { version } from "./version.ts";

/**
 * Runs the command line on its words, and says on standard error what went wrong: a line, or one for each figure that failed.
 *
 * @returns the exit code
 */
export async function runProgram(words: readonly string[]): Promise<number> {
  const program = new Command("valid-pixel-loss")
    .description("Losses and quality metrics over the valid pixels of images.")
    .version(version);
  for (const command of [evaluateCommand(), lossCommand(), mergeCommand()]) program.addCommand(command);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeErr: () => {} });
  }
  try {
    await program.parseAsync(words, { from: "user" });
    return exitCodes.done;
  } catch (error) {
    // Commander throws when it has shown the help or the version, too.
    if (!(error instanceof CommanderError)) return fail(error);
    if (error.code === "commander.help") return fail(new UsageError("expected a command (--help lists them)"));
    return error.exitCode === 0 ? exitCodes.done : fail(new UsageError(error.message.replace(/^error: /, "")));
  }
}

export function fail(error: unknown): number {
  const message = error instanceof Error ? error.message : String(error);
  const lines = error instanceof GateError ? error.lines.map((line) => `failed: ${line}`) : [`error: ${message}`];
  for (const line of lines) process.stderr.write(`${line.replace(/\s+/g, " ")}\n`);
  return exitCodeOf(error);
}
