import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { ExactSum, quotient } from "../src/metrics/exact.ts";

const SUM = 1 << 17;
const OTHER = SUM + 1024;
const NUMBERS = OTHER + 1024;

let memory: WebAssembly.Memory;
let kernels: Record<
  "exactBytes" | "addAll" | "carryExact" | "exactValue" | "joinExact",
  (...numbers: number[]) => number
>;

beforeAll(() => {
  const compiler = "node_modules/assemblyscript/bin/asc.js";
  const target = ["--target", "test", "--outFile", "build/exact.wasm"];
  execFileSync(process.execPath, [compiler, "test/assembly/exact.ts", ...target], { stdio: "pipe" });
  memory = new WebAssembly.Memory({ initial: 64, maximum: 65536 });
  kernels = instantiateSync(readFileSync("build/exact.wasm"), { env: { memory } }).exports as unknown as typeof kernels;
});

/** Starts a sum at `at` with these numbers. */
function sumOf(numbers: readonly number[], at = SUM): void {
  new Uint8Array(memory.buffer, at, kernels.exactBytes()).fill(0);
  new Float64Array(memory.buffer, NUMBERS, numbers.length).set(numbers);
  kernels.addAll(at, NUMBERS, numbers.length);
}

function read(at = SUM): ExactSum {
  kernels.carryExact(at);
  const limbs = new BigInt64Array(memory.buffer, at + 8, kernels.exactBytes() / 8 - 1);
  return ExactSum.read(new Float64Array(memory.buffer, at, 1)[0] as number, limbs);
}

/** The sum in units of 2⁻¹⁰⁷⁴, of what each number is as a fraction: another way than that of the code. */
function exactly(numbers: readonly number[]): bigint {
  let units = 0n;
  for (const x of numbers) {
    // Steps of 2⁻⁵³⁷ keep within range both what is large and what is small.
    let [rest, shift] = [Math.abs(x), 1074n];
    while (rest >= 2 ** 53) [rest, shift] = [rest / 2, shift + 1n];
    while (rest !== Math.floor(rest)) [rest, shift] = [rest * 2, shift - 1n];
    units += (x < 0 ? -1n : 1n) * (BigInt(rest) << shift);
  }
  return units;
}

const anyFinite = fc.double({ noNaN: true, noDefaultInfinity: true });

describe("exact sums", () => {
  test("nothing is rounded, whatever the sizes and signs", () => {
    fc.assert(
      fc.property(fc.array(anyFinite, { maxLength: 60 }), (numbers) => {
        sumOf(numbers);
        expect(read().units).toBe(exactly(numbers));
      }),
      { numRuns: 1000, seed: 1 },
    );
  });

  test("the value is the float64 nearest to the sum, the same in the kernels and here", () => {
    fc.assert(
      fc.property(fc.array(anyFinite, { maxLength: 20 }), (numbers) => {
        sumOf(numbers);
        const value = kernels.exactValue(SUM);
        expect(value).toBe(read().value);
        if (!Number.isFinite(value)) return;
        // No float64 is nearer: the distance is at most half of that between neighbours.
        const off = exactly(numbers) - exactly([value]);
        const size = exactly([Math.abs(value)]);
        const bits = size.toString(2).length;
        const unit = bits > 53 ? 1n << BigInt(bits - 53) : 1n;
        expect(2n * (off < 0n ? -off : off) <= unit).toBe(true);
      }),
      { numRuns: 1000, seed: 2 },
    );
  });

  test.each([
    ["ties go to the even neighbour, down", [2 ** 53, 1], 2 ** 53],
    ["ties go to the even neighbour, up", [2 ** 53, 3], 2 ** 53 + 4],
    ["the smallest number breaks a tie", [2 ** 53, 1, 2 ** -1074], 2 ** 53 + 2],
    ["the smallest number below a tie", [2 ** 53, 1, -(2 ** -1074)], 2 ** 53],
    ["what cancels leaves nothing behind", [1e308, 3, 2 ** -1074, -1e308, -3], 2 ** -1074],
    ["sums beyond float64's range on the way", [1.7e308, 1.7e308, -1.7e308], 1.7e308],
    ["a sum beyond float64's range", [1.7e308, 1.7e308], Infinity],
    ["denormals", [3e-320, -1e-320], 3e-320 - 1e-320],
    ["nothing", [], 0],
    ["negative zero", [-0], 0],
    ["infinity", [1, Infinity, 2], Infinity],
    ["both infinities", [Infinity, -Infinity], NaN],
    ["NaN", [1, NaN], NaN],
  ])("%s", (_, numbers, expected) => {
    sumOf(numbers);
    expect(kernels.exactValue(SUM)).toBe(expected);
    expect(read().value).toBe(expected);
  });

  test("a hundred thousand numbers carry over every limb that they meet", () => {
    const numbers = Array.from(
      { length: 100_000 },
      (_, i) => (i % 3 === 0 ? -1 : 1) * (2 ** 32 - 1) * 2 ** ((i % 7) * 32),
    );
    sumOf(numbers);
    expect(read().units).toBe(exactly(numbers));
  });

  test("sums that are joined are the sum of all, in any order and any tree", () => {
    fc.assert(
      fc.property(fc.array(anyFinite, { minLength: 3, maxLength: 30 }), fc.nat(), (numbers, cut) => {
        const at = 1 + (cut % (numbers.length - 1));
        sumOf(numbers.slice(at), OTHER);
        sumOf(numbers.slice(0, at), SUM);
        kernels.joinExact(SUM, OTHER);
        const all = ExactSum.of(numbers[0] as number);
        const text = numbers
          .slice(1)
          .reduce((sum, x) => sum.plus(ExactSum.of(x)), all)
          .toJSON();
        expect(read().toJSON()).toBe(text);
        const halves = [numbers.slice(0, at), numbers.slice(at)].map((part) =>
          part.toReversed().reduce((sum, x) => sum.plus(ExactSum.of(x)), ExactSum.ZERO),
        );
        expect((halves[1] as ExactSum).plus(halves[0] as ExactSum).toJSON()).toBe(text);
      }),
      { numRuns: 500, seed: 3 },
    );
  });

  test("the text of a sum is read back as that sum, and no other text is", () => {
    fc.assert(
      fc.property(fc.array(fc.double(), { maxLength: 8 }), (numbers) => {
        const sum = numbers.reduce((all, x) => all.plus(ExactSum.of(x)), ExactSum.ZERO);
        expect(ExactSum.parse(sum.toJSON())?.toJSON()).toBe(sum.toJSON());
      }),
      { numRuns: 500, seed: 4 },
    );
    expect(ExactSum.of(-2.5).toJSON()).toBe("-0x5p-1");
    for (const text of ["", "1", "0x", "0x2p0", "0x0p1", "-0x0p0", "0x1p-1075", "0x1p9999", "0x1p1 ", "inf", "0x1P0"]) {
      expect(ExactSum.parse(text), text).toBeUndefined();
    }
  });

  test("quotients are rounded once", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1 }), (n, d) => {
        // Both are float64 exactly, so that the processor's division is the nearest one too.
        expect(quotient(BigInt(n), BigInt(d))).toBe(n / d);
        expect(quotient(BigInt(n), BigInt(-d))).toBe(n === 0 ? 0 : n / -d);
      }),
      { numRuns: 1000, seed: 5 },
    );
    expect(quotient(1n, 0n)).toBe(Infinity);
    expect(quotient(-1n, 0n)).toBe(-Infinity);
    expect(quotient(0n, 0n)).toBeNaN();
    expect(quotient(1n << 3000n, 1n << 3001n)).toBe(0.5);
  });
});
