// Builds the kernels whenever a source of theirs changes, and has the tests of numbers run again; see "test:fast" in package.json.
import { spawn, spawnSync } from "node:child_process";
import { watch } from "node:fs";

function buildKernels() {
  spawnSync(process.execPath, ["scripts/build-kernels.mjs"], { stdio: "inherit" });
}

buildKernels();
let soon;
watch("assembly", { recursive: true }, () => {
  clearTimeout(soon);
  soon = setTimeout(buildKernels, 100);
});

// Vitest sees that the generated module has changed, as it sees any other source.
const tests = spawn(
  "npx",
  [
    "vitest",
    "watch",
    "--dir",
    "test",
    "--exclude",
    "test/{cli,raster,examples,engines}/**",
    "--exclude",
    "test/{engines,package,size}.test.ts",
  ],
  {
    stdio: "inherit",
  },
);
tests.on("exit", (code) => process.exit(code ?? 1));
