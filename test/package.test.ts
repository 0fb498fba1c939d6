/** The package as it is installed: packed, put into an empty project, used from JavaScript, TypeScript and the command line. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

let project: string;
let packed: { files: { path: string; size: number }[]; size: number };

const npm = (args: string[], cwd: string): string =>
  execFileSync("npm", [...args, "--silent", "--no-audit", "--no-fund"], { cwd, encoding: "utf8", stdio: "pipe" });

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "valid-pixel-loss-"));
  // dist is there: `npm test` builds before it runs. Scripts would build it anew, under the feet of other tests.
  const [pack] = JSON.parse(npm(["pack", "--json", "--ignore-scripts", "--pack-destination", project], "."));
  packed = pack;
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  npm(["install", join(project, pack.filename)], project);
}, 300_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

const node = (...args: string[]): string =>
  execFileSync(process.execPath, args, { cwd: project, encoding: "utf8", stdio: "pipe" });

/** What the installed command prints. */
const command = (...args: string[]): string =>
  execFileSync(join(project, "node_modules/.bin/valid-pixel-loss"), args, {
    cwd: project,
    encoding: "utf8",
    stdio: "pipe",
  });

test("the tarball holds what is listed here, and weighs what such a package may", () => {
  // Chunks that the command's threads share, and codecs, which are loaded when a file needs them, have a hash in their names.
  const files = packed.files.map(({ path }) => path.replace(/-[A-Z0-9]{8}\.js$/, ".js")).sort();
  expect([...new Set(files)]).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "dist/cli/NOTICES.txt",
    "dist/cli/chunk.js",
    "dist/cli/esm.js",
    "dist/cli/jpeg.js",
    "dist/cli/jpeg2000.js",
    "dist/cli/lerc-wasm.wasm",
    "dist/cli/lerc.js",
    "dist/cli/libjpegturbowasm_decode.wasm",
    "dist/cli/main.js",
    "dist/cli/openjpegwasm_decode.wasm",
    "dist/cli/partWorker.js",
    "dist/cli/webp.js",
    "dist/cli/webp_dec.wasm",
    "dist/cli/worker.js",
    "dist/cli/zstd.js",
    "dist/edge-light.js",
    "dist/edge-light.js.map",
    "dist/index.d.ts",
    "dist/index.js",
    "dist/index.js.map",
    "dist/index.min.js",
    "dist/index.min.js.map",
    "dist/kernels.wasm",
    "dist/valid_pixel_loss.h",
    "dist/worker.js",
    "dist/workerd.js",
    "dist/workerd.js.map",
    "package.json",
  ]);
  console.log(`the tarball: ${packed.size} bytes`);
  expect(packed.size).toBeLessThan(1_300_000);
});

test("declarations and source maps tell of nothing that is internal, and lack nothing that is not", () => {
  const read = (file: string) => readFileSync(join(project, "node_modules/valid-pixel-loss/dist", file), "utf8");
  const declarations = read("index.d.ts");
  expect(declarations).not.toMatch(/@internal|WebAssembly|Kernels|\bimport\b/);
  for (const name of ["FlexibleWeightedLoss", "setThreads", "ThreadOptions"]) expect(declarations).toContain(name);
  const { sources, sourcesContent } = JSON.parse(read("index.js.map"));
  const contentOf = (name: string) => sourcesContent[sources.findIndex((source: string) => source.endsWith(name))];
  expect(contentOf("FlexibleWeightedLoss.ts")).toContain("export class FlexibleWeightedLoss");
  expect(contentOf("module.ts")).toBe(null);
});

test("the minified file, the worker's file and the kernels are there, as exports say", () => {
  writeFileSync(
    join(project, "files.js"),
    `import { readFileSync } from "node:fs";
     import { mse } from "./node_modules/valid-pixel-loss/dist/index.min.js";
     const read = (name) => readFileSync(new URL(import.meta.resolve("valid-pixel-loss/" + name)));
     const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
     const kernels = new WebAssembly.Instance(new WebAssembly.Module(read("kernels.wasm")), { env: { memory } });
     new Function(read("worker"));
     console.log(mse().name, typeof kernels.exports.run);`,
  );
  expect(node("files.js").trim()).toBe("mse function");
});

test("require() gives the same, where Node has it for modules", () => {
  const { require_module } = process.features as { require_module?: boolean };
  if (!require_module) return console.log(`skipped: Node ${process.version} requires no modules`);
  writeFileSync(join(project, "use.cjs"), `console.log(require("valid-pixel-loss").mse().name);`);
  expect(node("use.cjs").trim()).toBe("mse");
});

test("installs one package, which runs no script", () => {
  const { packages } = JSON.parse(readFileSync(join(project, "package-lock.json"), "utf8"));
  const { "": _, ...installed } = packages as Record<string, { hasInstallScript?: boolean }>;
  expect(Object.keys(installed)).toEqual(["node_modules/valid-pixel-loss"]);
  expect(Object.values(installed).filter(({ hasInstallScript }) => hasInstallScript)).toEqual([]);
  expect(readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
    "valid-pixel-loss",
  ]);
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
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(command("--version").trim()).toBe(version);
});

test.each([
  ["jpeg.tif", "jpeg-by-gdal.tif"],
  ["zstd.tif", "plain.tif"],
  ["lerc.tif", "plain.tif"],
  ["webp.tif", "plain.tif"],
  ["jpeg2000.jp2", "plain.tif"],
])("the command reads %s, by a codec of its own", (pred, target) => {
  const paths = [pred, target].map((name) => join(process.cwd(), "test/codecs", name));
  const { bands } = JSON.parse(command("evaluate", ...paths, "--json"));
  const figures = Object.values<{ mae: number; validCount: number }>(bands);
  expect(figures.map(({ mae, validCount }) => [mae, validCount])).toEqual(Array(3).fill([0, 48 * 48]));
});

test("the notices give the licence of each package that the command carries", () => {
  const folder = join(project, "node_modules/valid-pixel-loss/dist/cli");
  const bundled = readdirSync(folder)
    .filter((file) => file.endsWith(".js"))
    .flatMap((file) => [
      ...readFileSync(join(folder, file), "utf8").matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)/gm),
    ])
    .map(([, name]) => name as string);
  const [, ...sections] = readFileSync(join(folder, "NOTICES.txt"), "utf8").split(/^={80}\n/m);
  expect(sections.map((section) => section.slice(0, section.indexOf(" ")))).toEqual([...new Set(bundled)].sort());
  expect(sections.length).toBeGreaterThan(5);
  for (const section of sections) {
    expect(section).toMatch(/Copyright \S/i);
    expect(section).toMatch(/WARRANT(Y|IES)/);
  }
  // What stands in no package's own file: the C code that is inside the WebAssembly.
  const texts = sections.join("");
  for (const inside of ["Independent JPEG Group", "OpenJPEG", "libwebp", "musl"]) expect(texts).toContain(inside);
});

test("the README's programs run", () => {
  const readme = readFileSync("README.md", "utf8");
  const programs = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, program]) => program ?? "");
  expect(programs.length).toBeGreaterThan(1);
  for (const [i, program] of programs.entries()) {
    writeFileSync(join(project, `readme${i}.mjs`), program);
    node(`readme${i}.mjs`);
  }
});

test("the README reads on a registry's page, where no path leads into the repository", () => {
  const links = [...readFileSync("README.md", "utf8").matchAll(/\]\((?!https:)[^)]*\)/g)].map(([link]) => link);
  expect(links).toEqual([]);
});
