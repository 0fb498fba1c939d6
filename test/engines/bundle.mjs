// The conformance set, and the README's programs, as one JavaScript file for an engine.
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const here = import.meta.dirname;

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
  let text = readFileSync(path, "utf8");
  const replace = (part, other) => {
    const replaced = text.replace(part, () => other);
    if (replaced === text) throw new Error(`${path} reads its files in another way: no ${part}`);
    text = replaced;
  };
  replace('import { readFileSync } from "node:fs";\n', "");
  replace(/^ *const folder = .*\n/m, "");
  replace('JSON.parse(readFileSync(new URL("cases.json", folder), "utf8"))', "files[name].cases");
  replace(
    'new Uint8Array(readFileSync(new URL("arrays.bin", folder)))',
    "Uint8Array.from(atob(files[name].arrays), (c) => c.charCodeAt(0))",
  );
  const files = ["golden", "golden-weights"].map((name) => {
    const of = (file, encoding) => readFileSync(`${here}/../${name}/${file}`, encoding);
    return `"${name}": { cases: ${of("cases.json", "utf8").trimEnd()}, arrays: "${of("arrays.bin", "base64")}" }`;
  });
  return `const files: Record<string, any> = { ${files.join(", ")} };\n${text}`;
}
