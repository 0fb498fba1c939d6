// npm run study                                            what is missing from the results, then the report: some twenty minutes
// npm run study -- --cell training/1/skewed/sgd/0.5        one cell anew, beside what is recorded: within a minute
// npm run study -- --quick                                 all of it with two seeds and a few steps, into build/study
// npm run study -- --only /sgd/ --most 5                   at most so many of the missing cells whose key holds that text
// npm run study -- --report                                the report alone

import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { writeText } from "../../examples/figures.ts";
import { cells, full, quick } from "./cells.ts";
import type { Results } from "./claims.ts";
import { writeReport } from "./report.ts";

const { values: given } = parseArgs({
  options: {
    cell: { type: "string" },
    quick: { type: "boolean", default: false },
    report: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    most: { type: "string", default: "1000" },
  },
});

const plan = given.quick ? quick : full;
const file = given.quick ? "build/study/results.json" : "bench/study/results.json";
const results: Results = existsSync(file) && !given.quick ? JSON.parse(readFileSync(file, "utf8")) : {};

if (given.cell !== undefined) recompute(given.cell);
else {
  const missing = cells.filter(({ key }) => !(key in results) && key.includes(given.only));
  for (const { key, compute } of given.report ? [] : missing.slice(0, Number(given.most))) {
    const start = performance.now();
    results[key] = compute(plan);
    save();
    console.log(`${key}  ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
  writeReport(results, given.quick ? "build/study" : "docs");
}

function recompute(wanted: string): void {
  const cell = cells.find(({ key }) => key === wanted);
  if (!cell) {
    console.error(`--cell: expected one of\n  ${cells.map(({ key }) => key).join("\n  ")}\ngot ${wanted}`);
    process.exit(2);
  }
  const rows = JSON.parse(JSON.stringify(cell.compute(plan)));
  for (const row of rows) console.log(row.join("  "));
  const recorded = results[wanted];
  console.log(
    recorded ? `${JSON.stringify(recorded) === JSON.stringify(rows) ? "as" : "NOT as"} recorded` : "nothing recorded",
  );
}

/** A line for each seed. */
function save(): void {
  const known = cells.filter(({ key }) => key in results);
  const entries = known.map(
    ({ key }) => `"${key}": [\n  ${results[key].map((row) => JSON.stringify(row)).join(",\n  ")}\n]`,
  );
  writeText(file, `{\n${entries.join(",\n")}\n}\n`);
}
