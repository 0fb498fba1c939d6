/** The flat functions, by which hosts without JavaScript compute a whole loss: the bits are those of the criteria. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Loss } from "../src/memory/kernelApi.ts";
import type { Base, Problem, Settings } from "../reference/losses.ts";
import { run } from "./support/api.ts";
import { bitsError, bitsOf } from "./support/compare.ts";
import { everyBase, perPixel, problemOf, reductions, seeded, titleOf } from "./support/data.ts";
import { callBytes, enumOf, fields, layOut } from "./support/flat.ts";
import { lossCases } from "./support/golden.ts";

const bytes = readFileSync(new URL("../build/kernels.wasm", import.meta.url));
const memory = new WebAssembly.Memory({ initial: 400, maximum: 65536 });
const kernels = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports as unknown as {
  heapStart(): number;
  jobBytes(): number;
  lossCallBytes(): number;
  lossWorkBytes(call: number): number;
  computeLoss(call: number, work: number): number;
};

/** Computes a problem by the flat functions, in memory that is full of NaN but for what the host has written. */
function flat(base: Base, problem: Problem, settings: Settings, change: Record<string, number> = {}) {
  const laid = layOut(base, problem, settings, kernels.heapStart(), kernels.lossCallBytes());
  const all = new Uint8Array(memory.buffer);
  all.fill(0xff, laid.start);
  all.set(laid.image, laid.start);
  const view = new DataView(memory.buffer);
  for (const [name, value] of Object.entries(change)) {
    const { at = -1, type } = fields.get(name) ?? {};
    if (type === "double") view.setFloat64(laid.call + at, value, true);
    else view.setUint32(laid.call + at, value, true);
  }
  const workBytes = kernels.lossWorkBytes(laid.call);
  const status = kernels.computeLoss(laid.call, laid.work);
  // Nothing beyond what it has asked for.
  expect(all.subarray(laid.work + workBytes, laid.work + workBytes + 4096).every((byte) => byte === 0xff)).toBe(true);
  const numbers = (at: number) => new Float64Array(memory.buffer.slice(at, at + laid.groups * 8));
  const result = (name: string) => view.getFloat64(laid.call + (fields.get(name)?.at ?? -1), true);
  return {
    status,
    workBytes,
    value: settings.reduction === "none" ? numbers(laid.of.values) : result("value"),
    numerator: result("numerator"),
    weightSum: result("weight_sum"),
    grad: new Float32Array(memory.buffer.slice(laid.grad, laid.grad + problem.pred.length * 4)),
    loss: numbers(laid.of.losses),
    weight: numbers(laid.of.weights),
    validCount: numbers(laid.of.counts),
  };
}

function expectSameBits(base: Base, problem: Problem, settings: Settings) {
  const got = flat(base, problem, settings);
  const want = run(base, problem, settings, "in place");
  expect(got.status).toBe(0);
  expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
  expect(bitsError(got.grad, want.grad.data)).toBe("");
  for (const name of ["loss", "weight", "validCount"] as const) {
    expect([name, bitsError(bitsOf(got[name]), bitsOf(want.groups[name]))]).toEqual([name, ""]);
  }
  for (const name of ["numerator", "weightSum"] as const) expect(got[name]).toBe(want[name]);
  // The value alone takes other passes.
  const alone = flat(base, problem, settings, { grad: 0 });
  expect(bitsError(bitsOf(alone.value), bitsOf(got.value))).toBe("");
}

/** The problem with a byte mask, a soft mask or weights: of the target's shape, or one number for all channels that are looked at together. */
function having(kind: string, base: Base, problem: Problem): Problem {
  const random = seeded(99);
  const [B, , H, W] = problem.shape;
  const isSam = base.name === "sam";
  const full = problem.target.length === problem.pred.length && !(isSam && kind !== "a mask");
  const n = full ? problem.pred.length : B * H * W;
  const shape = full ? problem.shape : isSam ? [B, 1, H, W] : [B, H, W];
  const each = <A extends Float32Array | Uint8Array>(data: A, number: () => number) =>
    ({ data: data.map(number) as A, shape }) as { data: A; shape: Problem["shape"] };
  if (kind === "a mask") return { ...problem, mask: each(new Uint8Array(n), () => Number(random() > 0.2)) };
  if (kind === "a soft mask") return { ...problem, mask: each(new Float32Array(n), random) };
  return { ...problem, weights: each(new Float32Array(n), () => 3 * random()) };
}

describe.each(everyBase.map((base) => [titleOf(base), base] as const))("%s", (_, base) => {
  const shape = base.name === "ssim" ? ([2, 2, 30, 17] as const) : ([2, 3, 61, 301] as const);
  const problem = problemOf(base, shape as unknown as Problem["shape"], 3);
  const groupings = perPixel(base) ? ["sample", "batch"] : ["sample", "channel", "batch", "band"];

  test.each(groupings)("by %s: the bits of the criterion, whatever the reduction", (groupBy) => {
    for (const reduction of reductions) {
      const settings = { groupBy, reduction } as Settings;
      const groups = run(base, problem, settings).groups.loss.length;
      const upstream = Array.from({ length: groups }, (_, g) => [1.5, 0, -0.75, 2][g % 4] as number);
      expectSameBits(base, { ...problem, gradOutput: reduction === "none" ? upstream : -2.5 }, settings);
    }
  });

  const masses = base.params?.invalid === "zero" ? ["a mask"] : ["a mask", "a soft mask", "weights"];
  test.each(masses)("with %s", (kind) => {
    const groupBy = perPixel(base) ? "sample" : "channel";
    expectSameBits(base, having(kind, base, problem), { groupBy, weighting: "linear" } as Settings);
  });
});

test("tiles and groups of either sign that all but cancel, which are summed once more in float64", () => {
  const logRates: Base = { name: "poissonNLL" };
  for (const seed of [2171, 1, 5, 18, 30]) {
    expectSameBits(logRates, problemOf(logRates, [2, 3, 2, 1], seed, 0.5), { groupBy: "channel" });
  }
  const rates: Base = { name: "poissonNLL", params: { logInput: false } };
  expectSameBits(rates, problemOf(rates, [4, 3, 3, 1], 509041, 0.9), { groupBy: "channel", weighting: "linear" });
  // One half of the image has the loss p − log p; the other half, of targets of 4, all but the opposite.
  const [n, p] = [200 * 200, 1.5];
  let [low, high] = [1, 4];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (middle - 4 * Math.log(middle + 1e-8) + (p - Math.log(p)) * 1.003 > 0) low = middle;
    else high = middle;
  }
  const target = new Float32Array(n).map((_, i) => (i < n / 2 ? 1 : 4));
  const pred = target.map((t) => (t === 1 ? p : low));
  expectSameBits(rates, { shape: [1, 1, 200, 200], pred, target }, {});
});

test("golden vectors", () => {
  let tried = 0;
  for (const { problem, terms, combined, title } of lossCases) {
    const [{ base, settings }] = terms as [(typeof terms)[0]];
    const isFull = !problem.mask || problem.mask.data.length === problem.target.length;
    if (combined || !isFull) continue;
    tried++;
    expect([title, flat(base, problem, settings).status]).toEqual([title, 0]);
    expectSameBits(base, problem, settings);
  }
  console.log(`${tried} of ${lossCases.length} golden cases`);
  expect(tried).toBeGreaterThan(20);
});

describe("what cannot be", () => {
  const base = { name: "mse" } as Base;
  const problem = problemOf(base, [1, 2, 4, 5] as unknown as Problem["shape"], 1);
  const BAD_CALL = enumOf("vpl_status").indexOf("VPL_BAD_CALL");

  test.each([
    ["an unknown loss", { loss: 18 }],
    ["a loss below all", { loss: 0xffffffff }],
    ["an unknown reduction", { reduction: 3 }],
    ["unknown groups", { group_by: 4 }],
    ["no samples", { samples: 0 }],
    ["no pixels", { width: 0 }],
    ["planes beyond 2^32 pixels", { width: 65536, height: 65536 }],
    ["targets of integers", { target_type: 3 }],
    ["SAM by channel", { loss: 15, group_by: 1 }],
    ["SSIM of planes smaller than its window", { loss: 17 }],
    ["zeros that would have weights", { loss: 17, b: 2, width: 20, height: 20, pixel_weights: 16 }],
    ["no place for the values of no reduction", { reduction: 2, values: 0 }],
  ])("%s: no work area, and a status", (_, change) => {
    const { status, workBytes, grad } = flat(base, problem, {}, change);
    expect([status, workBytes]).toEqual([BAD_CALL, 0]);
    expect(new Uint8Array(grad.buffer).every((byte) => byte === 0)).toBe(true);
  });

  test("a bad label, a bad weight, a bad share of a mask", () => {
    const labels = { name: "crossEntropy" } as Base;
    const classes = problemOf(labels, [1, 2, 4, 5] as unknown as Problem["shape"], 1, 0);
    classes.target[7] = 2;
    const weighted = having("weights", base, problem);
    const masked = having("a soft mask", base, problem);
    (weighted.weights as { data: Float32Array }).data[3] = -1;
    (masked.mask as { data: Float32Array }).data.fill(1.5);
    const statuses = [flat(labels, classes, {}), flat(base, weighted, {}), flat(base, masked, {})].map((r) => r.status);
    expect(statuses.map((status) => enumOf("vpl_status")[status])).toEqual([
      "VPL_BAD_LABEL",
      "VPL_BAD_WEIGHT",
      "VPL_BAD_MASK",
    ]);
  });
});

test("the header says what the module says", () => {
  const members = (group: string) =>
    Object.entries(kernels as unknown as Record<string, WebAssembly.Global>)
      .filter(([name]) => name.startsWith(`${group}.`))
      .sort(([, a], [, b]) => a.value - b.value)
      .map(([name]) => name.slice(group.length + 1));
  const words = (names: readonly string[]) =>
    names.map((name) => name.replace("VPL_", "").replaceAll("_", "").toLowerCase());
  for (const [name, group] of [
    ["vpl_loss", "Loss"],
    ["vpl_reduction", "Reduction"],
    ["vpl_group_by", "GroupBy"],
    ["vpl_type", "Type"],
    ["vpl_status", "Status"],
  ] as const) {
    const declared = words(enumOf(name));
    expect(declared.length).toBeGreaterThan(2);
    // Custom and Bands are not for these hosts.
    expect(declared).toEqual(words(members(group)).slice(0, group === "Loss" ? Loss.Custom : undefined));
  }
  expect(kernels.lossCallBytes()).toBe(callBytes + kernels.jobBytes());
});
