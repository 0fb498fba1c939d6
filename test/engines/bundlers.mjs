// Bundlers: each makes an app of the conformance set and the installed package, which then runs in Chromium.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { openPage } from "./browsers.mjs";

const CHROMIUM = "/usr/bin/chromium";
const run = promisify(execFile);
const require = createRequire(import.meta.url);
const bin = (name) => `${import.meta.dirname}/node_modules/.bin/${name}`;
const PAGE = '<!doctype html><meta charset="utf-8"><script type="module" src="./app.js"></script>';

/** What the app does: all of the set, on the threads of the worker file that the bundler has found, if it knows how to. */
const app = (worker = "undefined", imports = "") => `
  import { conformance, readme } from "../conformance.js";
  ${imports}
  const result = await conformance(${worker})
    .then((report) => readme().then(() => ({ report })))
    .catch((error) => ({ error: String(error.stack) }));
  await fetch("result", { method: "POST", body: JSON.stringify(result) });`;

export function bundlers(project) {
  const known = {
    esbuild: async (folder) => {
      const { build } = await import("esbuild");
      await build({
        entryPoints: [`${folder}/app.js`],
        bundle: true,
        format: "esm",
        target: "es2022",
        outfile: `${folder}/out/app.js`,
      });
      writeFileSync(`${folder}/out/index.html`, PAGE);
    },
    vite: async (folder) => {
      writeFileSync(`${folder}/app.js`, app("worker", `import worker from "valid-pixel-loss/worker?url&no-inline";`));
      writeFileSync(`${folder}/index.html`, PAGE);
      writeFileSync(
        `${folder}/vite.config.js`,
        `export default { base: "./", build: { outDir: "out", target: "es2022" } };`,
      );
      await run(bin("vite"), ["build"], { cwd: folder });
    },
    webpack: async (folder) => {
      const webpack = require("webpack");
      writeFileSync(`${folder}/app.js`, app(`new URL("valid-pixel-loss/worker", import.meta.url)`));
      const stats = await promisify(webpack)({
        mode: "production",
        context: folder,
        entry: "./app.js",
        output: { path: `${folder}/out`, filename: "app.js" },
        experiments: { topLevelAwait: true },
        performance: { hints: false },
      });
      const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
      if (errors.length + warnings.length)
        throw new Error(JSON.stringify([...errors, ...warnings].map(({ message }) => message)));
      writeFileSync(`${folder}/out/index.html`, PAGE.replace('type="module"', "defer"));
    },
    rollup: async (folder) => {
      const { rollup } = await import("rollup");
      const { nodeResolve } = await import("@rollup/plugin-node-resolve");
      const bundle = await rollup({ input: `${folder}/app.js`, plugins: [nodeResolve({ browser: true })] });
      await bundle.write({ file: `${folder}/out/app.js`, format: "es" });
      writeFileSync(`${folder}/out/index.html`, PAGE);
    },
    parcel: async (folder) => {
      writeFileSync(`${folder}/index.html`, PAGE);
      writeFileSync(
        `${folder}/package.json`,
        JSON.stringify({ private: true, browserslist: "last 2 Chrome versions" }),
      );
      const words = [
        "build",
        "index.html",
        "--dist-dir",
        "out",
        "--public-url",
        "./",
        "--no-cache",
        "--no-source-maps",
      ];
      await run(bin("parcel"), words, { cwd: folder });
    },
  };
  const inPage = Object.entries(known).map(([name, bundle]) => ({
    name,
    missing,
    async run() {
      const folder = join(project, name);
      mkdirSync(`${folder}/out`, { recursive: true });
      writeFileSync(`${folder}/app.js`, app());
      await bundle(folder);
      return [
        {
          version: versionOf(name),
          where: "app in Chromium, isolated",
          ...(await resultOf(`${folder}/out`)),
        },
      ];
    },
  }));
  return [...inPage, { name: "Next.js", missing, run: () => next(join(project, "next")) }];

  function missing() {
    if (!existsSync(bin("vite"))) return "test/engines/node_modules";
    return existsSync(CHROMIUM) ? undefined : CHROMIUM;
  }
}

const versionOf = (name) =>
  JSON.parse(readFileSync(`${import.meta.dirname}/node_modules/${name}/package.json`, "utf8")).version;

async function resultOf(folder, worker = 3) {
  const { report, error } = await openPage("Chromium", folder, {});
  if (error) return { errors: [error] };
  return {
    report,
    errors: report.threads === worker ? [] : [`expected 3 threads, got ${report.threads}: ${report.warnings}`],
  };
}

/** A page on the client, a route in Node, and one in the edge runtime, which compiles no WebAssembly at run time. */
async function next(folder) {
  const files = {
    "package.json": JSON.stringify({ private: true, type: "module" }),
    "app/layout.js": `export default ({ children }) => <html><body>{children}</body></html>;`,
    "app/page.js": `"use client"; import { mse } from "valid-pixel-loss"; export default () => <p>{mse().name}</p>;`,
    "app/node/route.js": `import { conformance } from "../../../conformance.js";
      export const dynamic = "force-dynamic";
      export const GET = async () => Response.json(await conformance());`,
    "app/edge/route.js": `import { conformance } from "../../../conformance.js";
      export const runtime = "edge";
      export const GET = async () => Response.json(await conformance());`,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  writeFileSync(
    `${folder}/next.config.mjs`,
    `export default { experimental: { cpus: 1 }, webpack: (config) => ({ ...config, experiments: { ...config.experiments, asyncWebAssembly: true } }) };`,
  );
  await run(bin("next"), ["build", "--webpack"], {
    cwd: folder,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" },
    maxBuffer: 1e8,
  });
  const server = spawn(bin("next"), ["start", "-p", "0"], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    const url = await new Promise((resolve, reject) => {
      server.stdout.on("data", (data) => {
        const found = /http:\/\/localhost:\d+/.exec(String(data));
        if (found) resolve(found[0]);
      });
      server.on("exit", () => reject(new Error("next ended")));
    });
    const runs = [];
    for (const route of ["node", "edge"]) {
      const response = await fetch(`${url}/${route}`);
      const where = `route, ${route} runtime`;
      const version = versionOf("next");
      if (response.ok) runs.push({ version, where, report: await response.json() });
      else
        runs.push({ version, where, errors: [`status ${response.status}: ${(await response.text()).slice(0, 300)}`] });
    }
    return runs;
  } finally {
    process.kill(-server.pid);
  }
}
