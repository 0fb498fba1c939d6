// npm run test:engines [-- NAME …] [--write]
//
// Packs the package, installs it into an empty project, and runs the conformance set and the README's programs in every engine
// that is installed. Their bits must be those of bits.json. Without a NAME all run; with --write Node's bits
// become bits.json, and the rows those of the table docs/engines.md. test/engines/install.sh installs the engines.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { bundleConformance } from "./bundle.mjs";
import { bundlers } from "./bundlers.mjs";
import { browsers } from "./browsers.mjs";
import { runtimes } from "./runtimes.mjs";
import { writeTable } from "./table.mjs";

const here = import.meta.dirname;
const project = `${here}/build`;
const BITS = `${here}/bits.json`;

const { positionals: wanted, values } = parseArgs({ allowPositionals: true, options: { write: { type: "boolean" } } });

prepare();
await bundleConformance(`${project}/conformance.js`);
let bits = existsSync(BITS) ? JSON.parse(readFileSync(BITS, "utf8")) : {};
const rows = [];
let failed = 0;
for (const engine of [...runtimes(project), ...bundlers(project), ...browsers(project)]) {
  if (wanted.length > 0 && !wanted.some((name) => engine.name.toLowerCase().includes(name.toLowerCase()))) continue;
  const missing = engine.missing?.();
  if (missing) {
    console.log(`skipped  ${engine.name}: ${missing} is not installed (test/engines/install.sh)`);
    rows.push({ name: engine.name, skipped: true });
    continue;
  }
  for (const row of await tried(engine)) {
    if (values.write && rows.length === 0 && row.report && engine.name === "Node") {
      bits = row.report.bits;
      writeFileSync(BITS, `${JSON.stringify(bits, null, 2)}\n`);
    }
    const errors = [...row.errors, ...(row.report ? wrongBits(row.report) : [])];
    if (errors.length > 0) failed++;
    const said = row.report
      ? `${row.report.threads} thread${row.report.threads > 1 ? "s" : ""}, ${(row.report.bytes / 1e6).toFixed(1)} MB of results`
      : "";
    console.log(
      `${errors.length ? "FAILED  " : "passed  "} ${[row.name, row.version, row.where].filter(Boolean).join(", ")}: ${said}`,
    );
    for (const error of errors) console.log(`           ${error}`);
    rows.push({ ...row, errors });
  }
}
if (values.write) writeTable(`${here}/../../docs/engines.md`, rows, wanted.length > 0);
console.log(
  `${rows.filter(({ errors }) => errors?.length === 0).length} passed, ${failed} failed, ${rows.filter(({ skipped }) => skipped).length} skipped`,
);
// Engines that were left running must not keep this process.
process.exit(failed > 0 ? 1 : 0);

/** The package in an empty project, as a user has it. */
function prepare() {
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  const npm = (args, cwd) =>
    execFileSync("npm", [...args, "--silent", "--no-audit", "--no-fund"], { cwd, encoding: "utf8" });
  const [{ filename }] = JSON.parse(
    npm(["pack", "--json", "--ignore-scripts", "--pack-destination", project], `${here}/../..`),
  );
  writeFileSync(`${project}/package.json`, JSON.stringify({ name: "fresh", private: true, type: "module" }));
  npm(["install", `./${filename}`], project);
}

/** What an engine's runs gave; an engine that fails gives its error. */
async function tried(engine) {
  try {
    const runs = await engine.run();
    return runs.map((run) => ({ name: engine.name, errors: [], ...run }));
  } catch (error) {
    const text = `${error.stderr ?? ""}${error.stack}`;
    return [{ name: engine.name, errors: [text.trim().slice(0, 2000)] }];
  }
}

function wrongBits(report) {
  // A run about threads alone gives no other bits.
  const whole = Object.keys(report.bits).length > 1;
  const parts = new Set([...(whole ? Object.keys(bits) : []), ...Object.keys(report.bits)]);
  const wrong = [...parts].filter((part) => bits[part] !== report.bits[part]);
  return [...report.failures, ...(wrong.length ? [`other bits than bits.json: ${wrong.join(", ")}`] : [])];
}
