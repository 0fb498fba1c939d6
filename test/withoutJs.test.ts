/**
 * The kernels where there is no JavaScript: in wabt's interpreter, which links them with a host in WebAssembly text; and as machine code, made
 * of C that wasm2c makes of them, with a host in C.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
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
  if (status !== 0) throw new Error(`${command}: ${stdout?.slice(-1000) ?? "not found"}${stderr ?? ""}`);
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

/** Where results stand in memory, and what Node has there. */
function expected(base: Base, settings: Settings) {
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
  const grad = { at: laid.grad, words: problem.pred.length / 2, want: want.grad.data };
  return { laid, parts, grad };
}

const titled = cases.map(({ base, settings = {} }) => ({ title: titleOf(base), base, settings }));

test.skipIf(!isInstalled).each(titled)(
  "$title: value, gradient and groups have Node's bits in wabt's interpreter",
  { timeout: 120_000 },
  ({ base, settings, title }) => {
    const { laid, parts, grad } = expected(base, settings);
    const got = interpreted(script(kernels, laid, [...parts, grad]));
    expect(got.start).toBe(heapStart());
    expect(got.work).toBeGreaterThan(0);
    expect(got.status).toBe(0);
    const numbers = new Float64Array(BigUint64Array.from(got.words).buffer);
    let from = 0;
    for (const { name, words, want } of parts) {
      expect([name, bitsError(numbers.slice(from, from + words), bitsOf(want))]).toEqual([name, ""]);
      from += words;
    }
    expect(got.words.length).toBe(from + grad.words);
    expect(bitsError(new Float32Array(numbers.buffer, from * 8), grad.want)).toBe("");
    console.log(`${title}: ${got.words.length} words, value ${numbers[0]} in wabt, ${parts[0]?.want} in Node`);
  },
);

/** The host in C with the kernels as C; or why there is none. */
function compiled(): { host: string } | { reason: string } {
  const engines = new URL("./engines/node_modules/.bin/wasm2c", import.meta.url).pathname;
  // Versions before 1.0.33 know no vectors.
  const wasm2c = existsSync(engines) ? engines : "wasm2c";
  const [c, h] = ["./abi", "../docs"].map((folder) => new URL(folder, import.meta.url).pathname);
  const options = ["-O1", "-std=gnu11", "-ffp-contract=off", `-I${c}`, `-I${h}`, `-I${file(".")}`];
  try {
    done(wasm2c, new URL("../build/kernels.wasm", import.meta.url).pathname, "-n", "kernels", "-o", file("kernels.c"));
    done("gcc", ...options, file("kernels.c"), `${c}/host.c`, "-lm", "-o", file("host"));
    return { host: file("host") };
  } catch (error) {
    return { reason: (error as Error).message.split("\n")[0]?.slice(0, 200) ?? "" };
  }
}

test("the same as machine code, made of the kernels by wasm2c and a C compiler", { timeout: 600_000 }, ({ skip }) => {
  const made = compiled();
  if ("reason" in made) {
    console.log(`skipped: needs gcc, libsimde-dev and wasm2c 1.0.33 (test/engines/install.sh): ${made.reason}`);
    return skip();
  }
  for (const { base, settings, title } of titled) {
    const { laid, parts, grad } = expected(base, settings);
    writeFileSync(file("image"), laid.image);
    const words = [file("image"), laid.start, laid.call, laid.work].map(String);
    const { status, stdout, stderr } = spawnSync(made.host, words, { maxBuffer: 1e9 });
    expect([title, status, String(stderr)]).toEqual([title, 0, expect.stringMatching(/^[-\d.e]+\n$/)]);
    const of = (at: number, bytes: number) =>
      Uint8Array.from(stdout.subarray(at - laid.start, at - laid.start + bytes)).buffer;
    for (const { name, at, words, want } of parts) {
      expect([title, name, bitsError(new Float64Array(of(at, words * 8)), bitsOf(want))]).toEqual([title, name, ""]);
    }
    expect([title, bitsError(new Float32Array(of(grad.at, grad.words * 8)), grad.want)]).toEqual([title, ""]);
    console.log(`${title}: value ${String(stderr).trim()} in C, ${parts[0]?.want} in Node`);
  }
});
