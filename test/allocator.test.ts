import { Session } from "node:inspector/promises";
import { setFlagsFromString } from "node:v8";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { Allocator } from "../src/memory/allocator.ts";
import { heap } from "../src/memory/kernels.ts";
import { FlexibleWeightedLoss, mse, zeros } from "../src/index.ts";
import { seeded } from "./support/data.ts";

const START = 1024;

/** An allocator whose range grows to what is asked for, up to `limit`. */
function allocatorOf(limit = Number.POSITIVE_INFINITY) {
  const grown: number[] = [];
  const allocator = new Allocator(START, (end) => {
    if (end > limit) throw new RangeError("full");
    grown.push(end);
    return end;
  });
  return { allocator, grown };
}

describe("blocks", () => {
  test("lie one after the other, at multiples of 64, each at least as long as asked for", () => {
    const { allocator } = allocatorOf();
    const blocks = [0, 1, 63, 64, 65, 128, 1].map((bytes) => allocator.allocate(bytes));
    expect(blocks).toEqual([0, 64, 128, 192, 256, 384, 512].map((at) => START + at));
  });

  test("of a range whose start is no multiple of 64 begin at the next", () => {
    expect(new Allocator(1, (end) => end).allocate(8)).toBe(64);
  });

  test("that are free are given again before the range grows", () => {
    const { allocator, grown } = allocatorOf();
    const [a, b] = [allocator.allocate(640), allocator.allocate(64)];
    allocator.free(a);
    const before = grown.length;
    expect([allocator.allocate(64), allocator.allocate(512), allocator.allocate(64)]).toEqual([a, a + 64, a + 576]);
    expect(grown.length).toBe(before);
    expect(allocator.allocate(64)).toBe(b + 64);
  });

  test.each([
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ])("freed in the order %i, %i, %i join into one piece", (...order) => {
    const { allocator, grown } = allocatorOf();
    const blocks = [64, 128, 192].map((bytes) => allocator.allocate(bytes));
    for (const i of order) allocator.free(blocks[i] as number);
    const before = grown.length;
    expect(allocator.allocate(64 + 128 + 192)).toBe(START);
    expect(grown.length).toBe(before);
  });

  test("that are free at the end are part of what the range grows to", () => {
    const { allocator, grown } = allocatorOf();
    const [, last] = [allocator.allocate(64), allocator.allocate(64)];
    allocator.free(last);
    expect(allocator.allocate(256)).toBe(last);
    expect(grown.at(-1)).toBe(last + 256);
  });

  test("may be smaller than what the range has grown by: the rest is free", () => {
    const allocator = new Allocator(START, (end) => Math.ceil(end / 4096) * 4096);
    const first = allocator.allocate(64);
    expect(allocator.allocate(4096 - START - 64)).toBe(first + 64);
    expect(allocator.allocate(64)).toBe(4096);
  });

  test("of 4 GiB and more are as good as others", () => {
    const { allocator } = allocatorOf();
    const [big, next] = [allocator.allocate(2 ** 33), allocator.allocate(64)];
    expect(next).toBe(START + 2 ** 33);
    allocator.free(big);
    expect([allocator.allocate(2 ** 32), allocator.allocate(2 ** 32)]).toEqual([START, START + 2 ** 32]);
  });

  test("that do not fit are refused, and change nothing", () => {
    const { allocator } = allocatorOf(START + 256);
    const block = allocator.allocate(128);
    expect(() => allocator.allocate(256)).toThrow("full");
    expect(allocator.allocate(128)).toBe(block + 128);
    allocator.free(block);
    expect(allocator.allocate(128)).toBe(block);
  });

  test("that nobody has cannot be freed, nor freed twice", () => {
    const { allocator } = allocatorOf();
    const block = allocator.allocate(128);
    expect(() => allocator.free(block + 64)).toThrow(RangeError);
    allocator.free(block);
    expect(() => allocator.free(block)).toThrow(String(block));
  });

  test("never overlap, and are one piece once all are free: any order of 200 requests", () => {
    const step = fc.record({ bytes: fc.nat(1000), free: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { allocator, grown } = allocatorOf();
        const live = new Map<number, number>();
        for (const { bytes, free, which } of steps) {
          const address = [...live.keys()][which % live.size];
          if (free && address !== undefined) {
            allocator.free(address);
            live.delete(address);
            continue;
          }
          const own = allocator.allocate(bytes);
          for (const [other, length] of live) expect(own + bytes <= other || other + length <= own).toBe(true);
          live.set(own, Math.max(bytes, 1));
        }
        for (const address of live.keys()) allocator.free(address);
        const end = grown.at(-1) ?? START;
        const before = grown.length;
        expect(allocator.allocate(end - START)).toBe(START);
        if (end > START) expect(grown.length).toBe(before);
      }),
    );
  });
});

test("32 000 blocks are freed in linear time, in any order: a few steps each", async () => {
  const count = 32_000;
  // The engine counts how often each statement runs, of what is compiled from here on and not optimised.
  for (const flag of ["--no-opt", "--no-maglev"]) setFlagsFromString(flag);
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  vi.resetModules();
  const fresh = await import("../src/memory/allocator.ts");
  const allocator = new fresh.Allocator(START, (end) => end);
  const random = seeded(7);
  const blocks = Array.from({ length: count }, () => ({ address: allocator.allocate(64), order: random() }));
  for (const { address } of blocks.sort((a, b) => a.order - b.order)) allocator.free(address);
  const { result } = await session.post("Profiler.takePreciseCoverage");
  session.disconnect();
  const functions = result.filter(({ url }) => url.endsWith("/allocator.ts")).flatMap((script) => script.functions);
  const most = Math.max(...functions.flatMap(({ ranges }) => ranges.map((range) => range.count)));
  expect(most).toBeGreaterThanOrEqual(count);
  expect(most).toBeLessThan(8 * count);
});

describe("what is spare", () => {
  test("is asked for before the range grows, and only then", () => {
    const { allocator, grown } = allocatorOf();
    const [kept, spare] = [allocator.allocate(64), allocator.allocate(64)];
    let asked = 0;
    allocator.spare = () => {
      if (asked++ === 0) allocator.free(spare);
    };
    allocator.free(kept);
    expect(allocator.allocate(64)).toBe(kept);
    expect(asked).toBe(0);
    const before = grown.length;
    expect(allocator.allocate(64)).toBe(spare);
    expect([asked, grown.length]).toEqual([1, before]);
    allocator.allocate(64);
    expect([asked, grown.length]).toEqual([2, before + 1]);
  });

  test("tensors between which losses were computed leave their memory in one piece", () => {
    const criterion = new FlexibleWeightedLoss(mse());
    const shape = [16, 256, 256];
    const before = heap().f32.buffer.byteLength;
    const tensors = Array.from({ length: 4 }, () => {
      const tensor = zeros(shape);
      tensor.data.fill(0.5);
      expect(criterion.valueAndGrad(tensor, tensor).value).toBe(0);
      return tensor;
    });
    const [first] = tensors as [(typeof tensors)[0]];
    const bytes = tensors.length * first.data.byteLength;
    for (const tensor of tensors) tensor.dispose();
    const full = heap().f32.buffer.byteLength;
    expect(full - before).toBeGreaterThanOrEqual(bytes);
    using whole = zeros([4, ...shape]);
    expect(whole.data.byteLength).toBe(bytes);
    expect(heap().f32.buffer.byteLength).toBe(full);
    // In memory that was another's, losses are what they were.
    whole.data.fill(Number.NaN);
    whole.data[0] = 1;
    const target = { data: new Float32Array(whole.data.length).fill(3), shape: whole.shape };
    expect(criterion.forward(target, whole).value).toBe(4);
  });
});
