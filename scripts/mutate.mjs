// Breaks the code on purpose, a line at a time, and asks the test that guards it to fail: `npm run mutate`, or `npm run mutate -- sam`
// for the mutations of files, lines or tests that hold "sam". Works in a copy under build/, and compiles the kernels anew where theirs
// are changed. Prints a table, and ends with 1 where a mutation survives.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { mutations } from "./mutations.mjs";

// Runs side by side have copies of their own.
const COPY = `build/mutant-${process.pid}`;
const wanted = process.argv.slice(2);
const chosen = mutations.filter((mutation) => wanted.every((word) => Object.values(mutation).join(" ").includes(word)));

/** Runs a program in the copy; whether it ends well, and what it says. */
function run(program, ...args) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: COPY, encoding: "utf8", timeout: 600_000 });
  return { ok: status === 0, said: `${stdout}${stderr}` };
}

const compile = () => run(process.execPath, "scripts/build-kernels.mjs");
const vitest = resolve("node_modules/vitest/vitest.mjs");
const testsPass = ({ test, name }) =>
  run(process.execPath, vitest, "run", test, ...(name === undefined ? [] : ["-t", name]));

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (chosen.length === 0) fail(`no mutation holds ${wanted.join(" and ")}`);
for (const { file, text } of mutations) {
  if (readFileSync(file, "utf8").split(text).length !== 2) fail(`${file}: "${text}" does not stand there once`);
}

process.on("exit", () => rmSync(COPY, { recursive: true, force: true }));
const files = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { encoding: "utf8" }).trim().split("\n");
for (const file of files.filter((each) => existsSync(each))) {
  mkdirSync(dirname(join(COPY, file)), { recursive: true });
  cpSync(file, join(COPY, file));
}
symlinkSync(resolve("node_modules"), join(COPY, "node_modules"), "junction");

const built = compile();
if (!built.ok) fail(built.said);

// A test that fails of itself notices nothing.
const tests = new Map(chosen.map((mutation) => [`${mutation.test} ${mutation.name ?? ""}`, mutation]));
for (const [title, mutation] of tests) {
  const { ok, said } = testsPass(mutation);
  if (!ok || !/Tests .*\d+ passed/.test(said)) fail(`without a mutation, ${title} does not pass:\n${said}`);
}

let survivors = 0;
console.log("| | file | line | becomes | test |\n|---|---|---|---|---|");
// Those of the kernels last: the others are tested on kernels as they are.
const inKernels = ({ file }) => file.startsWith("assembly/");
for (const mutation of [...chosen.filter((each) => !inKernels(each)), ...chosen.filter(inKernels)]) {
  const { file, text, becomes, test, name = "" } = mutation;
  const path = join(COPY, file);
  const source = readFileSync(path, "utf8");
  writeFileSync(
    path,
    source.replace(text, () => becomes),
  );
  const compiled = inKernels(mutation) ? compile() : { ok: true, said: "" };
  if (!compiled.ok) fail(`${file}: "${becomes}" does not compile:\n${compiled.said}`);
  const killed = !testsPass(mutation).ok;
  writeFileSync(path, source);
  if (!killed) survivors++;
  const line = (words) => `\`${words.replace(/\s+/g, " ")}\``;
  console.log(`| ${killed ? "killed" : "SURVIVED"} | ${file} | ${line(text)} | ${line(becomes)} | ${test} ${name} |`);
}
console.log(`${chosen.length - survivors} of ${chosen.length} mutations are noticed`);
process.exitCode = survivors > 0 ? 1 : 0;
