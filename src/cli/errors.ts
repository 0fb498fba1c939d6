/** What was typed cannot be meant: exit code 2. Everything else that goes wrong lies in the data: exit code 1. */
export class UsageError extends Error {}

/** Files that were read, but do not fit what was asked. The message is one line. */
export class DataError extends Error {}

/** Runs what checks options: its TypeErrors and RangeErrors are errors of usage. */
export function checkingUsage<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}
