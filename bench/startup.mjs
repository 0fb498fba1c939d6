// What a fresh process pays before its first result: importing the package, compiling the kernels, the rest of the first call.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const RUNS = 21;

/** Prints the medians over fresh processes that import `entry`: CPU time of all threads, ms. */
export function startup(entry = new URL("../dist/index.js", import.meta.url).href) {
  const runs = Array.from({ length: RUNS }, () => {
    const said = execFileSync(process.execPath, [fileURLToPath(import.meta.url), entry], { encoding: "utf8" });
    return JSON.parse(said);
  });
  console.log(`CPU in ms, medians of ${RUNS} fresh processes, Node ${process.version}`);
  for (const step of Object.keys(runs[0])) {
    const sorted = runs.map((run) => run[step]).sort((a, b) => a - b);
    console.log(`  ${step.padEnd(34)} ${sorted[RUNS >> 1].toFixed(1).padStart(6)}   (least ${sorted[0].toFixed(1)})`);
  }
}

/** One such process. */
async function child(entry) {
  const cpu = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  let compiling = 0;
  WebAssembly.Module = class extends WebAssembly.Module {
    constructor(bytes) {
      const from = cpu();
      super(bytes);
      compiling += cpu() - from;
    }
  };
  const start = cpu();
  const { FlexibleWeightedLoss, mse, tensor } = await import(entry);
  const imported = cpu();
  const image = tensor(new Float32Array(3 * 64 * 64), [1, 3, 64, 64]);
  const made = cpu();
  new FlexibleWeightedLoss(mse()).valueAndGrad(image, image);
  const end = cpu();
  console.log(
    JSON.stringify({
      import: imported - start,
      "compiling the kernels": compiling,
      "first call, beyond compiling": end - made - compiling,
      "import and first call": end - start,
    }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await child(process.argv[2]);
