// Bundlers: each bundles the conformance set with the package, as a user's program is, and Node runs what comes out. TypeScript, from the oldest
// version that is promised on, checks a program against the package's declarations.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";

const modules = `${import.meta.dirname}/node_modules`;
const exec = promisify(execFile);
const installed = createRequire(`${import.meta.dirname}/package.json`);

export function bundlers(project) {
  return [
    bundler("esbuild", project, async ({ entry, out }) => {
      const { build } = installed("esbuild");
      await build({ entryPoints: [entry], outdir: out, bundle: true, minify: true, format: "esm", logLevel: "error" });
    }),
    bundler("rollup", project, async ({ entry, out }) => {
      const { rollup } = await import(installed.resolve("rollup"));
      const { nodeResolve } = installed("@rollup/plugin-node-resolve");
      const bundle = await rollup({ input: entry, plugins: [nodeResolve({ browser: true })] });
      await bundle.write({ dir: out, format: "es" });
    }),
    bundler("webpack", project, async ({ entry, out }) => {
      const webpack = installed("webpack");
      const stats = await promisify(webpack)({
        entry,
        mode: "production",
        target: "web",
        output: { path: out, filename: "entry.js" },
        performance: { hints: false },
      });
      if (stats.hasErrors() || stats.hasWarnings())
        throw new Error(stats.toString({ all: false, errors: true, warnings: true }));
    }),
    bundler("vite", project, async ({ folder, out }) => {
      writeFileSync(`${folder}/index.html`, '<!doctype html><script type="module" src="./entry.js"></script>');
      const config = `export default { base: "./", logLevel: "error", build: { outDir: "out", modulePreload: false, assetsDir: "." } };`;
      writeFileSync(`${folder}/vite.config.js`, config);
      await exec(process.execPath, [`${modules}/vite/bin/vite.js`, "build"], { cwd: folder });
      return readdirSync(out).find((file) => file.endsWith(".js"));
    }),
    bundler("parcel", project, async ({ folder, entry }) => {
      const words = ["build", entry, "--dist-dir", `${folder}/out`, "--no-cache", "--no-source-maps"];
      await exec(process.execPath, [`${modules}/parcel/lib/bin.js`, ...words], {
        cwd: folder,
        env: { ...process.env, PARCEL_WORKERS: "0" },
      });
    }),
    typescript(project),
  ];
}

/** `bundle` writes to the folder `out`, and returns the name of the file to run where it is not entry.js. */
function bundler(name, project, bundle) {
  return {
    name: `${name}, run by Node`,
    missing: () => (existsSync(`${modules}/${name}`) ? undefined : name),
    async run() {
      const folder = `${project}/${name}`;
      const [entry, out] = [`${folder}/entry.js`, `${folder}/out`];
      mkdirSync(folder, { recursive: true });
      // Bundlers look for a package's manifest in the folder of a program.
      writeFileSync(
        `${folder}/package.json`,
        JSON.stringify({ name, private: true, type: "module", browserslist: "chrome 114" }),
      );
      writeFileSync(
        entry,
        `import { conformance, readme } from "../conformance.js";
         readme().then(conformance).then((report) => { console.log(JSON.stringify(report)); globalThis.process.exit(); });`,
      );
      const file = (await bundle({ folder, entry, out })) ?? "entry.js";
      const { stdout } = await exec(process.execPath, [join(out, file)], { cwd: folder, maxBuffer: 1e8 });
      return [{ version: versionOf(name), report: JSON.parse(stdout.trim().split("\n").at(-1)) }];
    },
  };
}

/** The declarations under the oldest TypeScript that is promised, with every check of theirs. */
function typescript(project) {
  return {
    name: "TypeScript",
    missing: () => (existsSync(`${modules}/typescript`) ? undefined : "typescript"),
    async run() {
      writeFileSync(
        `${project}/types.ts`,
        `import { FlexibleWeightedLoss, mse, tensor, zeros, type Tensor } from "valid-pixel-loss";
         using images: Tensor = zeros([1, 1, 2, 2]);
         const target = tensor(new Float32Array(4), [1, 1, 2, 2]);
         export const value: number = new FlexibleWeightedLoss(mse()).forward(images, target).value;`,
      );
      const words = "--noEmit --strict --skipLibCheck false --target es2022 --lib es2022".split(" ");
      const errors = [];
      for (const resolution of ["nodenext", "bundler"]) {
        const module = resolution === "bundler" ? "es2022" : "nodenext";
        const tsc = [
          `${modules}/typescript/bin/tsc`,
          ...words,
          "--module",
          module,
          "--moduleResolution",
          resolution,
          // Nothing of the folders above.
          "--typeRoots",
          "none",
          "types.ts",
        ];
        await exec(process.execPath, tsc, { cwd: project }).catch(({ stdout }) =>
          errors.push(`${resolution}: ${stdout}`),
        );
      }
      return [{ version: versionOf("typescript"), errors, notes: "the oldest version: declarations, `using`" }];
    },
  };
}

const versionOf = (name) => JSON.parse(readFileSync(`${modules}/${name}/package.json`, "utf8")).version;
