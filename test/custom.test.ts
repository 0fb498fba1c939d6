import { describe, expect, test } from "vitest";
import {
  custom,
  FlexibleWeightedLoss,
  mse,
  prepareTarget,
  type Tensor,
  tensor,
  validPixelWeightedLoss,
  zeros,
} from "../src/index.ts";
import { memories, place, run, tensorsOf } from "./support/api.ts";
import { bitsError, gradError, positiveZeroError, valueError } from "./support/compare.ts";
import { inLayout, invalidOf, layouts, problemOf, reductions } from "./support/data.ts";
import { at } from "../reference/layout.ts";
import { type Base, reference } from "../reference/losses.ts";

const plainMse = (pred: Float32Array, target: Float32Array) => {
  let value = 0;
  const grad = new Float32Array(pred.length);
  for (let i = 0; i < pred.length; i++) {
    const d = at(pred, i) - at(target, i);
    value += (d * d) / pred.length;
    grad[i] = (2 * d) / pred.length;
  }
  return { value, grad };
};
const base: Base = { name: "mse" };
const problem = problemOf(base, [2, 3, 5, 7], 77);

describe("custom", () => {
  test("with the mean squared error agrees with mse in every setting", () => {
    for (const layout of layouts)
      for (const groupBy of ["sample", "channel"] as const)
        for (const reduction of reductions) {
          const laid = inLayout(problem, layout);
          const settings = { layout, groupBy, reduction };
          const want = reference(base, laid, settings);
          for (const memory of memories) {
            const { pred, target } = tensorsOf(laid, layout, memory);
            const criterion = new FlexibleWeightedLoss(custom(plainMse), settings);
            const gradOutput = reduction === "none" ? want.groups.loss.map(() => 1) : 1;
            const got = criterion.valueAndGrad(pred, target, { gradOutput });
            expect(valueError(got.value, want.value)).toBe("");
            expect(valueError(criterion.forward(pred, target).value, want.value)).toBe("");
            expect(valueError(got.groups.loss, want.groups.loss)).toBe("");
            expect(gradError(got.grad.data, want.grad)).toBe("");
            const invalid = invalidOf(base, laid, layout);
            expect(positiveZeroError(got.grad.data, (i) => invalid[i] === true)).toBe("");
          }
        }
  });

  test("is given the valid pixels of each group that has any, gathered in the order of the group", () => {
    const calls: [number[], number[]][] = [];
    const spy = custom((pred, target) => {
      expect(pred).toBeInstanceOf(Float32Array);
      expect(target).toBeInstanceOf(Float32Array);
      calls.push([Array.from(pred), Array.from(target)]);
      return pred.length;
    });
    const pred = tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [1, 3, 1, 2]);
    const target = tensor(Float32Array.of(10, -1, Number.NaN, -1, 50, 60), [1, 3, 1, 2]);
    const { groups, value } = new FlexibleWeightedLoss(spy, { weighting: "uniform" }).forward(pred, target);
    expect(calls).toEqual([
      [[1], [10]],
      [
        [5, 6],
        [50, 60],
      ],
    ]);
    expect(Array.from(groups.loss)).toEqual([1, 0, 2]);
    expect(value).toBe(1.5);
  });

  test("pixels come in storage order, and gradients go back to them, whatever shape the mask has", () => {
    const [B, H, W, C] = [2, 5, 4, 3];
    const shape = [B, H, W, C];
    const pred = Float32Array.from({ length: B * H * W * C }, (_, i) => i + 1);
    const target = pred.map((_, i) => (i % 7 ? 1 : Number.NaN));
    const identity = custom((p) => ({ value: 0, grad: p }));
    for (const of of [[1], [C], [W, 1], [H, 1, C], [B, 1, W, 1], [1, H, W, 1], shape])
      for (const groupBy of ["sample", "channel"] as const) {
        const data = new Uint8Array(of.reduce((n, size) => n * size, 1)).map((_, i) => (i % 4 === 1 ? 0 : 1));
        const mask = tensor(data, of);
        const seen: Float32Array[] = [];
        const spy = custom((p) => {
          seen.push(p);
          return 0;
        });
        const settings = { layout: "NHWC", groupBy, reduction: "sum", weighting: "uniform" } as const;
        const [p, t] = [tensor(pred, shape), tensor(target, shape)];
        new FlexibleWeightedLoss(spy, settings).forward(p, t, { mask });
        for (const numbers of seen) expect(Array.from(numbers)).toEqual(Array.from(numbers).sort((a, b) => a - b));
        const { grad } = new FlexibleWeightedLoss(identity, settings).valueAndGrad(p, t, { mask });
        const valid = new Set(seen.flatMap((numbers) => Array.from(numbers)));
        expect(
          bitsError(
            grad.data,
            pred.map((x) => (valid.has(x) ? x : 0)),
          ),
        ).toBe("");
        using ready = prepareTarget(t, { mask, layout: "NHWC" });
        const again = new FlexibleWeightedLoss(identity, settings).valueAndGrad(p, ready);
        expect(bitsError(again.grad.data, grad.data)).toBe("");
      }
  });

  test("gradients may leave float32 until they have been multiplied by what comes from above", () => {
    const { pred, target } = tensorsOf(problem);
    for (const [slope, gradOutput] of [
      [1e39, 1e-3],
      [1.23456e-42, 1e10],
    ] as const) {
      const given = custom((p) => ({ value: 1, grad: new Float64Array(p.length).fill(slope) }));
      const settings = { reduction: "sum", weighting: "uniform" } as const;
      const { grad } = new FlexibleWeightedLoss(given, settings).valueAndGrad(pred, target, { gradOutput });
      expect(Math.max(...grad.data)).toBe(Math.fround(slope * gradOutput));
    }
  });

  test("a function that gives no gradient serves for values, and says so when a gradient is asked for", () => {
    const criterion = new FlexibleWeightedLoss(custom((pred) => pred.length));
    const { pred, target } = tensorsOf(problem);
    expect(criterion.forward(pred, target).value).toBeGreaterThan(0);
    expect(() => criterion.valueAndGrad(pred, target)).toThrow(TypeError);
    expect(() => criterion.valueAndGrad(pred, target)).toThrow(/grad/);
  });

  test("what the function throws comes through, and the next call works", () => {
    let angry = true;
    const criterion = new FlexibleWeightedLoss(
      custom((pred, target) => {
        if (angry) throw new Error("not today");
        return plainMse(pred, target);
      }),
    );
    const { pred, target } = tensorsOf(problem);
    expect(() => criterion.forward(pred, target)).toThrow("not today");
    expect(() => criterion.valueAndGrad(pred, target)).toThrow("not today");
    angry = false;
    expect(valueError(criterion.valueAndGrad(pred, target).value, reference(base, problem).value)).toBe("");
  });

  test("what the function returns is checked", () => {
    const { pred, target } = tensorsOf(problem);
    const returning = (answer: unknown) => () =>
      new FlexibleWeightedLoss(custom(() => answer as number)).valueAndGrad(pred, target);
    for (const wrong of [undefined, null, "1", {}, { value: "1" }, { value: 1 }, { value: 1, grad: 1 }])
      expect(returning(wrong)).toThrow(TypeError);
    for (const grad of [[1], new Float32Array(1), new Float64Array(99)])
      expect(returning({ value: 1, grad })).toThrow(RangeError);
    for (const wrong of [1n, "1", undefined, Symbol("1")]) {
      const answer = custom((p) => ({ value: 1, grad: Array(p.length).fill(wrong) }));
      expect(() => new FlexibleWeightedLoss(answer).valueAndGrad(pred, target)).toThrow(/"custom": expected.*got/);
    }
    const big = custom((p) => ({ value: 1, grad: new BigInt64Array(p.length) as unknown as number[] }));
    expect(() => new FlexibleWeightedLoss(big).valueAndGrad(pred, target)).toThrow(/"custom": expected.*got a bigint/);
  });

  test("a tensor that the function disposes of is neither read nor written any more", () => {
    for (const which of ["pred", "target", "mask", "out"] as const) {
      const shape = [1, 2, 4, 4];
      const others: Tensor[] = [];
      const [pred, target, out] = [zeros(shape), zeros(shape), zeros(shape)];
      const mask = zeros(shape, { type: "uint8" });
      mask.data.fill(1);
      const criterion = new FlexibleWeightedLoss(
        custom((p) => {
          ({ pred, target, mask, out })[which].dispose();
          const other = zeros(shape);
          other.data.fill(9);
          others.push(other);
          return { value: 1, grad: new Float32Array(p.length).fill(5) };
        }),
      );
      expect(() => criterion.valueAndGrad(pred, target, { mask, out })).toThrow(new RegExp(`"${which}".*dispose`));
      if (which !== "out") expect(out.data.every((x) => x === 0)).toBe(true);
      for (const other of others) expect(other.data.every((x) => x === 9)).toBe(true);
      for (const used of [pred, target, mask, out, ...others]) used.dispose();
    }
  });

  test("the function may call the package itself, and may keep or spoil what it is given", () => {
    const inner = new FlexibleWeightedLoss(mse(), { groupBy: "sample", valid: {} });
    const kept: Float32Array[] = [];
    const nested = custom((pred, target) => {
      const shape = [1, pred.length];
      const { value, grad } = inner.valueAndGrad(place(pred, shape, "in place"), place(target, shape, "in place"));
      kept.push(pred, target);
      const copy = Float32Array.from(grad.data);
      pred.fill(Number.NaN);
      target.fill(Number.NaN);
      return { value, grad: copy };
    });
    const criterion = new FlexibleWeightedLoss(nested);
    for (const memory of memories) {
      const { pred, target } = tensorsOf(problem, "NCHW", memory);
      const before = [pred.data.slice(), target.data.slice()] as [Float32Array, Float32Array];
      const got = criterion.valueAndGrad(pred, target);
      const want = reference(base, problem);
      expect(valueError(got.value, want.value)).toBe("");
      expect(gradError(got.grad.data, want.grad)).toBe("");
      expect(bitsError(pred.data, before[0])).toBe("");
      expect(bitsError(target.data as Float32Array, before[1])).toBe("");
    }
  });
});

describe("validPixelWeightedLoss", () => {
  const { pred, target } = tensorsOf(problem) as { pred: Tensor; target: Tensor };

  test("is the source document's function: groups are samples, valid is target ≥ 0", () => {
    const want = reference(base, problem, { groupBy: "sample" }).value;
    expect(valueError(validPixelWeightedLoss(pred, target, mse()), want)).toBe("");
    expect(valueError(validPixelWeightedLoss(pred, target, custom(plainMse)), want)).toBe("");
    expect(valueError(validPixelWeightedLoss(pred, target, plainMse), want)).toBe("");
    expect(
      valueError(
        validPixelWeightedLoss(pred, target, (p, t) => plainMse(p, t).value),
        want,
      ),
    ).toBe("");
  });

  test("takes every option that FlexibleWeightedLoss takes", () => {
    const mask = { data: Uint8Array.from({ length: 35 }, (_, i) => (i % 3 ? 255 : 0)), shape: [5, 7] };
    const settings = {
      groupBy: "channel",
      weighting: "linear",
      reduction: "sum",
      valid: { above: 0.2, max: 0.8 },
    } as const;
    const want = reference(base, { ...problem, mask }, settings).value;
    const got = validPixelWeightedLoss(pred, target, mse(), { ...settings, mask: tensor(mask.data, mask.shape) });
    expect(valueError(got, want)).toBe("");
    expect(run(base, { ...problem, mask }, settings).value).toBe(got);
  });
});
