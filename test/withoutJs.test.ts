/** The kernels where there is no JavaScript: in wabt's interpreter, which links them with a host in WebAssembly text. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Base, Problem, Settings } from "../reference/losses.ts";
import { temporaryFolder } from "./raster/folder.ts";
import { run } from "./support/api.ts";
import { bitsError, bitsOf } from "./support/compare.ts";
import { problemOf, titleOf } from "./support/data.ts";
import { fields, layOut } from "./support/flat.ts";
import { script } from "./support/wast.ts";

const kernels = readFileSync(new URL("../build/kernels.wasm", import.meta.url));
const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536 });
const { heapStart, lossCallBytes } = new WebAssembly.Instance(new WebAssembly.Module(kernels), { env: { memory } })
  .exports as unknown as Record<"heapStart" | "lossCallBytes", () => number>;

const file = temporaryFolder();
const runs = () => spawnSync("spectest-interp", ["--version"]).status === 0;
const install = "apt-get update -qq && apt-get install -y -qq --no-install-recommends wabt";
const isInstalled = runs() || (spawnSync("bash", ["-c", install]).status === 0 && runs());
if (!isInstalled)
  console.log("skipped: wabt is not installed, and cannot be (Debian's package wabt; offline, or not root)");

/** The 64-bit words that the interpreter reads from the call's results, behind what the three functions give. */
function interpreted(wast: string): { start: number; work: number; status: number; words: bigint[] } {
  writeFileSync(file("host.wast"), wast);
  done("wast2json", file("host.wast"), "-o", file("host.json"));
  const said = done("spectest-interp", file("host.json"));
  const [start, work, status, ...words] = [...said.matchAll(/=> i(?:32|64):(\d+)/g)].map(([, n]) =>
    BigInt(n as string),
  );
  return { start: Number(start), work: Number(work), status: Number(status), words };
}

function done(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1e9 });
  if (status !== 0) throw new Error(`${command}: ${stdout.slice(-1000)}${stderr}`);
  return stdout;
}

const cases: readonly { base: Base; settings?: Settings }[] = [
  { base: { name: "mse" }, settings: { groupBy: "channel" } },
  { base: { name: "huber", params: { delta: 0.1 } }, settings: { groupBy: "sample", reduction: "sum" } },
  { base: { name: "logCosh" }, settings: { groupBy: "channel", weighting: 0.25 } },
  { base: { name: "bceWithLogits" }, settings: { groupBy: "batch" } },
  { base: { name: "poissonNLL" }, settings: { groupBy: "band" } },
  { base: { name: "vectorAngle" }, settings: { groupBy: "channel" } },
  { base: { name: "sam" }, settings: { groupBy: "sample" } },
  { base: { name: "crossEntropy", params: { ignoreIndex: 1 } }, settings: { groupBy: "sample" } },
  { base: { name: "ssim", params: { dataRange: 1 } }, settings: { groupBy: "channel" } },
];

test.skipIf(!isInstalled).each(cases.map((each) => ({ ...each, title: titleOf(each.base) })))(
  "$title: value, gradient and groups have Node's bits in wabt's interpreter",
  { timeout: 120_000 },
  ({ base, settings = {} }) => {
    const problem = problemOf(base, [2, 3, 9, 16] as unknown as Problem["shape"], 5);
    const laid = layOut(base, problem, settings, heapStart(), lossCallBytes());
    const want = run(base, problem, settings);
    const at = (name: string) => laid.call + (fields.get(name)?.at ?? -1);
    const parts = [
      { name: "value", at: at("value"), words: 1, want: want.value },
      { name: "numerator", at: at("numerator"), words: 1, want: want.numerator },
      { name: "weightSum", at: at("weight_sum"), words: 1, want: want.weightSum },
      { name: "loss", at: laid.of.losses, words: laid.groups, want: want.groups.loss },
      { name: "weight", at: laid.of.weights, words: laid.groups, want: want.groups.weight },
    ];
    const gradWords = problem.pred.length / 2;
    const got = interpreted(script(kernels, laid, [...parts, { at: laid.grad, words: gradWords }]));
    expect(got.start).toBe(heapStart());
    expect(got.work).toBeGreaterThan(0);
    expect(got.status).toBe(0);
    const numbers = new Float64Array(BigUint64Array.from(got.words).buffer);
    let from = 0;
    for (const { name, words, want } of parts) {
      expect([name, bitsError(numbers.slice(from, from + words), bitsOf(want))]).toEqual([name, ""]);
      from += words;
    }
    expect(got.words.length).toBe(from + gradWords);
    expect(bitsError(new Float32Array(numbers.buffer, from * 8), want.grad.data)).toBe("");
    console.log(`${titleOf(base)}: ${got.words.length} words, value ${numbers[0]} in wabt and ${want.value} in Node`);
  },
);
