#!/usr/bin/env node
// The command line's process; see errors.ts for its exit codes.

import { removeUnfinished } from "../raster/RasterFile.ts";
import { fail, runProgram } from "./program.ts";

// A reader of the output may stop early, as `head` does: nothing is left to do then.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? undefined : fail(error));
});

// An interrupted run leaves no half-written file behind, and then ends as it would have.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    removeUnfinished();
    process.kill(process.pid, signal);
  });
}

process.exitCode = await runProgram(process.argv.slice(2));
