// The conformance set, and the README's programs, as one JavaScript file for an engine.
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const here = import.meta.dirname;
const golden = `${here}/../golden`;

/** Writes it to `outfile`. The package is imported from `from`; `options` are esbuild's. */
export async function bundleConformance(outfile, { from = "valid-pixel-loss", entry, ...options } = {}) {
  await build({
    stdin: {
      contents: entry ?? `export * from "./conformance.ts"; export { readme } from "readme";`,
      resolveDir: here,
    },
    outfile,
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "error",
    ...options,
    plugins: [
      {
        name: "conformance",
        setup({ onLoad, onResolve }) {
          const bundled = options.external === undefined;
          const thePackage = () => (bundled ? { path: from, external: true } : undefined);
          onResolve({ filter: /\/src\/index\.ts$/ }, thePackage);
          onResolve({ filter: /^valid-pixel-loss$/ }, thePackage);
          onResolve({ filter: /^readme$/ }, ({ path }) => ({ path, namespace: "readme" }));
          onLoad({ filter: /.*/, namespace: "readme" }, () => ({ contents: readme(), resolveDir: here }));
          onLoad({ filter: /support\/golden\.ts$/ }, ({ path }) => ({ contents: withoutFiles(path), loader: "ts" }));
        },
      },
    ],
  });
}

/** The README's programs, one after the other, as functions: their imports come first. */
function readme() {
  const text = readFileSync(`${here}/../../README.md`, "utf8");
  const programs = [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, program]) => program);
  const names = new Set(
    programs.flatMap((p) =>
      [...p.matchAll(/^import \{(.*)\}/gm)].flatMap(([, list]) => list.split(",").map((n) => n.trim())),
    ),
  );
  const bodies = programs.map((p) => `await (async () => {\n${p.replaceAll(/^import .*$/gm, "")}\n})();`);
  return `import { ${[...names].join(", ")} } from "valid-pixel-loss";
    export async function readme() {\n${bodies.join("\n")}\n}`;
}

/** golden.ts with its files' contents in place of reading them. */
function withoutFiles(path) {
  return readFileSync(path, "utf8")
    .replace('import { readFileSync } from "node:fs";\n', "")
    .replace(/^const folder = .*$/m, "")
    .replace('JSON.parse(readFileSync(new URL("cases.json", folder), "utf8"))', () =>
      readFileSync(`${golden}/cases.json`, "utf8").trimEnd(),
    )
    .replace(
      'new Uint8Array(readFileSync(new URL("arrays.bin", folder)))',
      () => `Uint8Array.from(atob("${readFileSync(`${golden}/arrays.bin`, "base64")}"), (c) => c.charCodeAt(0))`,
    );
}
