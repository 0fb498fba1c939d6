// Engines without pages: Node, Bun, Deno, Cloudflare's workerd, Vercel's edge runtime.
import { execFile, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { build } from "esbuild";

const modules = `${import.meta.dirname}/node_modules`;
const run = promisify(execFile);

export function runtimes(project) {
  const node = (major) => `${modules}/node-${major}/bin/node`;
  return [
    command("Node", process.execPath, [], project),
    ...[22, 24, 26].map((major) => command(`Node ${major}`, node(major), [], project)),
    command("Bun", `${modules}/@oven/bun-linux-x64/bin/bun`, [], project),
    command("Deno", `${modules}/@deno/linux-x64-glibc/deno`, ["run", "-A"], project),
    workerd(`${modules}/@cloudflare/workerd-linux-64/bin/workerd`, project),
    edgeRuntime(`${modules}/@edge-runtime/vm`, project),
  ];
}

/** An engine that runs a file, and require() of the package where it has that. */
function command(name, path, words, project) {
  return {
    name,
    missing: () => (existsSync(path) ? undefined : path),
    async run() {
      writeFileSync(
        `${project}/run.js`,
        `import { conformance, readme } from "./conformance.js";
         await readme();
         console.log(JSON.stringify(await conformance()));
         process.exit();`,
      );
      const { stdout } = await run(path, [...words, "run.js"], { cwd: project, maxBuffer: 1e8 });
      const version = (await run(path, ["--version"])).stdout.match(/[\d.]+\d/)[0];
      const report = JSON.parse(stdout.trim().split("\n").at(-1));
      const errors = report.threads === 3 ? [] : [`expected 3 threads, got ${report.threads}: ${report.warnings}`];
      writeFileSync(`${project}/use.cjs`, `console.log(require("valid-pixel-loss").mse().name)`);
      const required = await run(path, [...words, "use.cjs"], { cwd: project }).then(
        ({ stdout }) => stdout.trim() === "mse",
        () => false,
      );
      return [{ version, report, errors, notes: required ? "`require()` too" : "no `require()` of modules" }];
    },
  };
}

/** Compiles no WebAssembly at run time: the package's "workerd" condition has the kernels as a module. */
function workerd(path, project) {
  return {
    name: "workerd",
    missing: () => (existsSync(path) ? undefined : path),
    async run() {
      const folder = `${project}/workerd`;
      mkdirSync(folder, { recursive: true });
      await build({
        stdin: {
          contents: `
            import { conformance, readme } from "../conformance.js";
            export default {
              async fetch() {
                try {
                  await readme();
                  return Response.json(await conformance());
                } catch (error) {
                  return new Response(error.stack, { status: 500 });
                }
              },
            };`,
          resolveDir: folder,
        },
        outfile: `${folder}/worker.js`,
        bundle: true,
        format: "esm",
        conditions: ["workerd", "worker", "browser"],
        external: ["*.wasm"],
        logLevel: "error",
      });
      copyFileSync(`${project}/node_modules/valid-pixel-loss/dist/kernels.wasm`, `${folder}/kernels.wasm`);
      writeFileSync(
        `${folder}/config.capnp`,
        `using Workerd = import "/workerd/workerd.capnp";
         const config :Workerd.Config = (
           services = [(name = "main", worker = .main)],
           sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
         );
         const main :Workerd.Worker = (
           modules = [
             (name = "worker.js", esModule = embed "worker.js"),
             (name = "kernels.wasm", wasm = embed "kernels.wasm"),
           ],
           compatibilityDate = "2026-01-01",
         );`,
      );
      const child = spawn(path, ["serve", "config.capnp", "--control-fd=3"], {
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe", "pipe"],
      });
      let said = "";
      child.stderr.on("data", (data) => {
        said += data;
      });
      try {
        const port = await new Promise((resolve, reject) => {
          child.stdio[3].on("data", (data) => {
            const { event, port } = JSON.parse(String(data).split("\n")[0]);
            if (event === "listen") resolve(port);
          });
          child.on("exit", () => reject(new Error(`workerd ended: ${said}`)));
        });
        const response = await fetch(`http://127.0.0.1:${port}/`);
        if (!response.ok) throw new Error(await response.text());
        const version = (await run(path, ["--version"])).stdout.trim().split(" ").at(-1);
        return [{ version, report: await response.json(), notes: "kernels imported as a module" }];
      } finally {
        child.kill();
      }
    },
  };
}

/** Vercel's edge runtime, as Next.js has it for development: `*.wasm?module` is a module that was compiled before, and nothing is compiled in it. */
function edgeRuntime(path, project) {
  return {
    name: "Edge Runtime",
    missing: () => (existsSync(path) ? undefined : path),
    async run() {
      const contents = `
        import { conformance, readme } from "./conformance.js";
        globalThis.answer = readme().then(conformance).then(JSON.stringify);`;
      const compiled = {
        name: "modules that were compiled before",
        setup({ onLoad, onResolve }) {
          onResolve({ filter: /\.wasm\?module$/ }, ({ path }) => ({ path, namespace: "module" }));
          onLoad({ filter: /.*/, namespace: "module" }, () => ({ contents: "export default globalThis.compiled;" }));
        },
      };
      const { outputFiles, metafile } = await build({
        stdin: { contents, resolveDir: project },
        bundle: true,
        format: "iife",
        conditions: ["edge-light"],
        write: false,
        metafile: true,
        logLevel: "error",
        plugins: [compiled],
      });
      const file = "dist/edge-light.js";
      if (!Object.keys(metafile.inputs).some((input) => input.endsWith(file))) throw new Error(`${file} is not taken`);
      const require = createRequire(`${path}/package.json`);
      const { EdgeVM } = require("@edge-runtime/vm");
      const kernels = readFileSync(`${project}/node_modules/valid-pixel-loss/dist/kernels.wasm`);
      const vm = new EdgeVM({
        codeGeneration: { strings: false, wasm: false },
        extend: (context) => Object.assign(context, { compiled: new WebAssembly.Module(kernels) }),
      });
      vm.evaluate(outputFiles[0].text);
      const report = JSON.parse(await vm.evaluate("answer"));
      return [{ version: require("./package.json").version, report, notes: "kernels imported as a module" }];
    },
  };
}
