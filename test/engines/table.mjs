// docs/engines.md, as a run found things.
import { readFileSync, writeFileSync } from "node:fs";

const HEAD = `# Where it runs

Written by \`npm run test:engines -- --write\`, which packs the package, installs it into an empty project, and runs one set of calls in each of
these: golden vectors, poisoned pixels, every loss on arrays in place, staged and misaligned, in both layouts, on one thread and on as many of three
as there are, and the README's programs. Rows of a policy (CSP, Trusted Types) run what is about threads alone. Every row that computes has the same
bits; \`test/engines/bits.json\` keeps their digest. Without WebAssembly nothing computes, and TypeScript only checks the declarations.

| engine | version | where | threads (of 3) | what it says where it has fewer, or fails |
| --- | --- | --- | --- | --- |
`;

const TAIL = `
## What a page has to allow

| for | header |
| --- | --- |
| any call | \`Content-Security-Policy: script-src 'wasm-unsafe-eval'\`, if there is a policy |
| threads | \`Cross-Origin-Opener-Policy: same-origin\` and \`Cross-Origin-Embedder-Policy: require-corp\` |
| threads, if there is a policy | \`worker-src blob:\`; or \`worker-src 'self'\`, the package's file \`valid-pixel-loss/worker\` on the page's own server (with the same two headers) and \`setThreads(n, { worker: url })\` |
| threads under \`require-trusted-types-for 'script'\` | \`setThreads(n, { worker: policy.createScriptURL(url) })\` |

## What falls back

- Without isolation, without workers (Service Workers, workerd) and where the engine hands no shared memory to workers (WebKitGTK), one thread
  runs, and \`setThreads\` says so on the console.
- Where shared memory is not to be had at all, \`zeros\` reserves its memory once: a few hundred megabytes, which do not grow.
- Where an engine knows no \`Symbol.dispose\`, \`using\` works compiled; \`dispose()\` works everywhere.
- workerd and edge runtimes compile no WebAssembly at run time: under the conditions \`workerd\` and \`edge-light\` the package imports
  \`kernels.wasm\` as a module.

## The kernels as a file

\`valid-pixel-loss/kernels.wasm\` is the module that the JavaScript carries. It imports one memory, \`env.memory\`, that is not shared. The same
module serves a shared memory with one flag changed: the second byte behind the name \`memory\` in the import section is 1 for a memory with a maximum, and 3 for one that is shared, too.
`;

/** @param isPart whether the rows of other engines stay as they are */
export function writeTable(file, rows, isPart) {
  const nameOf = (line) => line.split(" | ")[0].slice(2);
  const ran = new Set(rows.map(({ name }) => name));
  const [, old = ""] = isPart ? readFileSync(file, "utf8").split("| --- | --- | --- | --- | --- |\n") : [];
  const kept = old
    .split("\n\n")[0]
    .split("\n")
    .filter((line) => line && !ran.has(nameOf(line)));
  const made = rows.map(({ name, skipped, version, where, report, errors, notes }) => {
    if (skipped) return `| ${name} | | | | not tried: not installed |`;
    const said = [
      errors.length > 0 ? `FAILS: ${errors[0].split("\n")[0]}` : "",
      notes ?? "",
      ...(report?.warnings ?? []),
    ];
    // The port is another one each time.
    const notice = said
      .filter(Boolean)
      .join("; ")
      .replaceAll(/http:\/\/localhost:\d+\//g, "…/");
    const cells = [name, version ?? "", where ?? "", report?.threads ?? "", notice];
    return `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  });
  // Rows that are new stand behind the others.
  const lines = [...kept, ...made];
  writeFileSync(file, `${HEAD}${lines.join("\n")}\n${TAIL}`);
}
