/** The package as it is installed: packed, put into an empty project, used from JavaScript, TypeScript and the command line. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

let project: string;

const npm = (args: string[], cwd: string): string =>
  execFileSync("npm", [...args, "--silent", "--no-audit", "--no-fund"], { cwd, encoding: "utf8", stdio: "pipe" });

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "valid-pixel-loss-"));
  // dist is there: `npm test` builds before it runs. Scripts would build it anew, under the feet of other tests.
  const tarball = npm(["pack", "--ignore-scripts", "--pack-destination", project], ".").trim().split("\n").at(-1) ?? "";
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  npm(["install", join(project, tarball)], project);
}, 300_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

const node = (...args: string[]): string =>
  execFileSync(process.execPath, args, { cwd: project, encoding: "utf8", stdio: "pipe" });

test("installs nothing that runs a script", () => {
  const lock = JSON.parse(readFileSync(join(project, "package-lock.json"), "utf8"));
  const scripted = Object.entries<{ hasInstallScript?: boolean }>(lock.packages).filter(([, p]) => p.hasInstallScript);
  expect(scripted.map(([name]) => name)).toEqual([]);
});

test("works from JavaScript", () => {
  writeFileSync(
    join(project, "use.js"),
    `import { FlexibleWeightedLoss, mse, tensor } from "valid-pixel-loss";
     const of = (...x) => tensor(Float32Array.from(x), [1, 1, 1, 4]);
     const { value, grad } = new FlexibleWeightedLoss(mse()).valueAndGrad(of(1, 2, 3, NaN), of(0, 2, -1, -1));
     console.log(value, [...grad.data].join());`,
  );
  expect(node("use.js").trim()).toBe("0.5 1,0,0,0");
});

test("compiles from TypeScript under strict settings, and misuse does not", () => {
  const compile = (source: string): string => {
    writeFileSync(join(project, "use.ts"), source);
    const tsc = join(process.cwd(), "node_modules/typescript/bin/tsc");
    // Every declaration is checked, by a project whose libraries know neither WebAssembly nor Disposable.
    const flags = "--noEmit --strict --skipLibCheck false --module nodenext --target es2022 --lib es2022".split(" ");
    try {
      return node(tsc, ...flags, "use.ts");
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  };
  const use = (options: string) =>
    `import { FlexibleWeightedLoss, mse, tensor } from "valid-pixel-loss";
     const t = tensor(new Float32Array(4), [2, 2]);
     export const value: number = new FlexibleWeightedLoss(mse(), ${options}).forward(t, t).value;`;
  expect(compile(use("{}"))).toBe("");
  expect(compile(use('{ reduction: "none" }'))).toContain("Float64Array");
  expect(compile(use("{ threshhold: 1 }"))).toContain("threshhold");
});

test("has a command", () => {
  const bin = join(project, "node_modules/.bin/valid-pixel-loss");
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(execFileSync(bin, ["--version"], { cwd: project, encoding: "utf8" }).trim()).toBe(version);
});

test("the README's programs run", () => {
  const readme = readFileSync("README.md", "utf8");
  const programs = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, program]) => program ?? "");
  expect(programs.length).toBeGreaterThan(1);
  for (const [i, program] of programs.entries()) {
    // `using` needs a newer Node than the oldest that the package runs on.
    writeFileSync(join(project, `readme${i}.mjs`), program.replaceAll(/^using /gm, "const "));
    node(`readme${i}.mjs`);
  }
});
