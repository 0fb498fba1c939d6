/** The packed package in the engines that the gate has: this Node, and Chromium where it is installed. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test("every bit of every loss is the one that bits.json keeps, in Node and in Chromium's pages", {
  timeout: 600_000,
}, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["test/engines/run.mjs", "Node", "Chromium"], {
    encoding: "utf8",
  });
  // What was skipped, too.
  console.log(stdout);
  // A change that is meant to change bits writes them anew: npm run test:engines -- node --write
  expect(status === 0 ? "" : stdout + stderr).toBe("");
});
