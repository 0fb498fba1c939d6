// Bundles src/ into the files that the package consists of: dist. Declarations are made of those that tsc has written to build/modules.
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { build } from "esbuild";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";
import { notices } from "./notices.mjs";

rmSync("dist", { recursive: true, force: true });

const options = {
  bundle: true,
  format: "esm",
  target: "es2022",
  // The kernels are a text of bytes: escaped to ASCII they would take half as much again, to load and to parse.
  charset: "utf8",
  outdir: "dist",
  logLevel: "warning",
  sourcemap: true,
  metafile: true,
};

/** The library, for every host. */
const library = { ...options, entryPoints: ["src/index.ts"], platform: "neutral" };

/** Has the kernels imported as a WebAssembly module, by hosts that compile no code at run time. */
const importKernels = (specifier) => ({
  name: "import kernels",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /\.wasm(\?module)?$/ }, () => ({ path: specifier, external: true }));
    onLoad({ filter: /kernelModule\.ts$/ }, () => ({
      contents: `
        import module from "${specifier}";
        export function kernelModule(shared) {
          if (shared) throw new Error("this host's kernels are compiled for a memory that is not shared");
          return module;
        }`,
    }));
  },
});

/** What the codecs' wrappers load, from beside the bundle. */
const codecModules = [
  "@cornerstonejs/codec-libjpeg-turbo-8bit/dist/libjpegturbowasm_decode.wasm",
  "@cornerstonejs/codec-openjpeg/dist/openjpegwasm_decode.wasm",
  "@jsquash/webp/codec/dec/webp_dec.wasm",
  "lerc/lerc-wasm.wasm",
];

/** What CommonJS packages take for given. */
const commonJs = `import { createRequire as requireFrom } from "node:module";
const require = requireFrom(import.meta.url), __dirname = import.meta.dirname;`;

const kernels = "./kernels.wasm";
const results = await Promise.all([
  build({ ...library, entryNames: "index" }),
  build({ ...library, entryNames: "index.min", minify: true }),
  build({ ...library, entryNames: "workerd", plugins: [importKernels(kernels)] }),
  build({ ...library, entryNames: "edge-light", plugins: [importKernels(`${kernels}?module`)] }),
  build({
    ...options,
    entryPoints: ["main", "worker", "partWorker"].map((name) => `src/cli/${name}.ts`),
    outdir: "dist/cli",
    platform: "node",
    mainFields: ["module", "main"],
    banner: { js: commonJs },
    splitting: true,
    sourcemap: false,
  }),
]);

for (const path of codecModules) copyFileSync(`node_modules/${path}`, `dist/cli/${basename(path)}`);
const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
writeFileSync("dist/cli/NOTICES.txt", notices(inputs));

// The sources go along in the maps, but for the text of the kernels, which is in the file already.
for (const file of results
  .flatMap(({ metafile }) => Object.keys(metafile.outputs))
  .filter((file) => file.endsWith(".map"))) {
  const map = JSON.parse(readFileSync(file, "utf8"));
  for (const [i, source] of map.sources.entries()) {
    if (basename(source) === "module.ts") map.sourcesContent[i] = null;
  }
  writeFileSync(file, JSON.stringify(map));
}

const declarations = await rollup({ input: "build/modules/index.d.ts", plugins: [dts()] });
// Projects need not have chosen the library that knows Disposable.
await declarations.write({ file: "dist/index.d.ts", banner: '/// <reference lib="esnext.disposable" />' });

copyFileSync("build/kernels.wasm", "dist/kernels.wasm");
copyFileSync("docs/valid_pixel_loss.h", "dist/valid_pixel_loss.h");

// What a worker of `setThreads` runs, as a file of its own.
const { outputFiles } = await build({
  stdin: { contents: `export { workerSource } from "./src/run/workerSource.ts";`, resolveDir: "." },
  bundle: true,
  format: "esm",
  write: false,
});
const { workerSource } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
writeFileSync("dist/worker.js", workerSource.trimStart());
