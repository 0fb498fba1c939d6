/** How the program ends. */
export const exitCodes = { done: 0, data: 1, usage: 2, gate: 3 } as const;

/** What was typed cannot be meant. */
export class UsageError extends Error {}

/** Files that were read, but do not fit what was asked. The message is one line. */
export class DataError extends Error {}

/** Figures that are known, and not as good as was asked for: a line for each. */
export class GateError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}

/** What is neither lies in the data: files that cannot be read, above all. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage;
  return error instanceof GateError ? exitCodes.gate : exitCodes.data;
}

/** Runs what checks options: its TypeErrors and RangeErrors are errors of usage. */
export function checkingUsage<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}
