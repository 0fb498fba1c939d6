// npm run bench -- allocation: bytes that a call leaves to the garbage collector, in a process whose collector waits until the end.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const CALLS = 2000;

/** Bytes of heap that a call takes, over many. */
function bytesOf(call) {
  for (let i = 0; i < CALLS; i++) call();
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < CALLS; i++) call();
  return (process.memoryUsage().heapUsed - before) / CALLS;
}

async function measure() {
  const { FlexibleWeightedLoss, mse, sam, ssim, zeros } = await import("../dist/index.js");
  const shape = [1, 3, 64, 64];
  const [pred, target, grad] = [zeros(shape), zeros(shape), zeros(shape)];
  pred.data.fill(0.25);
  target.data.fill(0.5);
  console.log(
    `${"".padEnd(8)}${"valueAndGrad".padStart(16)}${"with out".padStart(12)}${"into".padStart(10)}   bytes a call`,
  );
  for (const base of [mse(), sam(), ssim({ dataRange: 1 })]) {
    const criterion = new FlexibleWeightedLoss(base);
    const step = criterion.into({ grad });
    const want = criterion.valueAndGrad(pred, target);
    if (step.valueAndGrad(pred, target).value !== want.value) throw new Error(`${base.name}: another value`);
    const plain = bytesOf(() => criterion.valueAndGrad(pred, target));
    const out = bytesOf(() => criterion.valueAndGrad(pred, target, { out: grad }));
    const into = bytesOf(() => step.valueAndGrad(pred, target));
    const show = (bytes, width) => bytes.toFixed(0).padStart(width);
    console.log(`${base.name.padEnd(8)}${show(plain, 16)}${show(out, 12)}${show(into, 10)}`);
  }
}

export function allocation() {
  const flags = ["--expose-gc", "--max-semi-space-size=512", "--min-semi-space-size=512"];
  const { status } = spawnSync(process.execPath, [...flags, fileURLToPath(import.meta.url), "run"], {
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
}

if (process.argv[2] === "run") await measure();
