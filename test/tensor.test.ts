import { describe, expect, test } from "vitest";
import { FlexibleWeightedLoss, mse, type Tensor, tensor, zeros } from "../src/index.ts";

const criterion = new FlexibleWeightedLoss(mse());

describe("tensor", () => {
  test("wraps the array without a copy", () => {
    const data = Float32Array.of(1, 2, 3, 4);
    const wrapped = tensor(data, [1, 1, 2, 2]);
    expect(wrapped.data).toBe(data);
    expect(wrapped.shape).toEqual([1, 1, 2, 2]);
  });

  test("a plain object is one too, and so is dims as ONNX Runtime has it", () => {
    const pred = { data: Float32Array.of(1, 2), dims: [1, 1, 1, 2] };
    const target = { data: Float32Array.of(1, 4), shape: [1, 1, 1, 2] };
    const { value, grad } = criterion.valueAndGrad(pred, target);
    expect(value).toBe(2);
    expect(Array.from(grad.data)).toEqual([0, -2]);
    expect(grad.shape).toEqual([1, 1, 1, 2]);
  });

  test("a structured clone holds the same, and so does that of a result", () => {
    const pred = tensor(Float32Array.of(1, 2, 3, 4), [1, 1, 2, 2]);
    const target = tensor(Float32Array.of(1, 1, 1, -1), [1, 1, 2, 2]);
    const result = criterion.valueAndGrad(pred, target);
    const clone = structuredClone(result);
    expect(clone.value).toBe(result.value);
    expect(clone.groups).toEqual(result.groups);
    expect(clone.grad.data).toEqual(result.grad.data);
    expect(clone.grad.data.buffer).not.toBe(result.grad.data.buffer);
    expect(criterion.forward(clone.grad, target)).toEqual(criterion.forward(result.grad, target));
    const digitalNumbers = tensor(Uint16Array.of(1, 2, 3, 4), [2, 2], { scale: 0.5, offset: -1 });
    expect(structuredClone(digitalNumbers)).toEqual({ ...digitalNumbers });
    using inMemory = zeros([2, 2]);
    inMemory.data.fill(3);
    expect(Array.from(structuredClone(inMemory).data)).toEqual([3, 3, 3, 3]);
    const gone = tensor(new Float32Array(4), [2, 2]);
    gone.dispose();
    expect(() => structuredClone(gone)).toThrow(/after dispose/);
  });

  test("[H, W] is one channel, [C, H, W] one sample", () => {
    const pred = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const target = Float32Array.of(1, 1, 1, 1, 5, 5, 5, 5);
    const flat = criterion.valueAndGrad(tensor(pred, [2, 4]), tensor(target, [2, 4]));
    expect(Array.from(flat.groups.totalCount)).toEqual([8]);
    expect(flat.grad.shape).toEqual([2, 4]);
    const bands = criterion.valueAndGrad(tensor(pred, [2, 2, 2]), tensor(target, [2, 2, 2]));
    expect(Array.from(bands.groups.totalCount)).toEqual([4, 4]);
    expect(bands.grad.shape).toEqual([2, 2, 2]);
    const last = new FlexibleWeightedLoss(mse(), { layout: "NHWC" });
    const interleaved = last.forward(tensor(pred, [2, 2, 2]), tensor(target, [2, 2, 2]));
    expect(Array.from(interleaved.groups.totalCount)).toEqual([4, 4]);
    // Channel 0 holds the even elements: d = 0, 2, 0, 2.
    expect(Array.from(interleaved.groups.loss)).toEqual([2, 5]);
  });
});

describe("zeros", () => {
  test("gives zeros of the shape", () => {
    const t = zeros([2, 3, 4, 5]);
    expect(t.shape).toEqual([2, 3, 4, 5]);
    expect(t.data).toBeInstanceOf(Float32Array);
    expect(t.data.length).toBe(120);
    expect(t.data.every((x) => Object.is(x, 0))).toBe(true);
    t.dispose();
  });

  test("memory that is given again holds zeros again", () => {
    for (let round = 0; round < 4; round++) {
      const t = zeros([3, 333]);
      expect(t.data.every((x) => Object.is(x, 0))).toBe(true);
      t.data.fill(Number.NaN);
      t.dispose();
    }
  });

  test("keeps what stands in it, and the view onto it, however much is allocated later", () => {
    const first = zeros([1, 1, 16, 16]);
    first.data.fill(0.5);
    const early = first.data;
    const later = Array.from({ length: 24 }, (_, i) => {
      const t = zeros([1, 4, 512, 512]); // 4 MiB each
      t.data.fill(i);
      return t;
    });
    expect(early.length).toBe(256);
    expect(early.every((x) => x === 0.5)).toBe(true);
    early[0] = 2;
    expect(first.data[0]).toBe(2);
    later.forEach((t, i) => {
      expect([t.data[0], t.data[t.data.length - 1]]).toEqual([i, i]);
    });
    const target = zeros([1, 1, 16, 16]);
    expect(criterion.forward(first, target).value).toBe((4 + 255 * 0.25) / 256);
    for (const t of later) t.dispose();
    first.dispose();
    target.dispose();
  });

  test("two tensors never share memory", () => {
    const shapes = [[1], [3], [4], [5], [17], [1, 1, 1, 64], [1000]].map((s) => (s.length === 1 ? [1, ...s] : s));
    const tensors = shapes.map((shape) => zeros(shape));
    for (const [i, t] of tensors.entries()) t.data.fill(i + 1);
    tensors[2]?.dispose();
    const again = zeros([1, 4]);
    again.data.fill(99);
    tensors.forEach((t, i) => {
      if (i !== 2) expect(t.data.every((x) => x === i + 1)).toBe(true);
    });
  });

  test("dispose frees: a thousand tensors of 16 MiB pass through", () => {
    for (let i = 0; i < 1000; i++) zeros([1, 4, 1024, 1024]).dispose();
  });

  test("is freed by using, and use after that throws", () => {
    let kept: Tensor;
    {
      using scoped = zeros([2, 2]);
      scoped.data.fill(1);
      kept = scoped;
    }
    expect(() => criterion.forward(kept, tensor(new Float32Array(4), [2, 2]))).toThrow(/pred.*dispos/);
    expect(() => kept.data).toThrow(/dispos/);
    kept.dispose(); // twice is harmless
  });

  test("importing the package computes without await", async () => {
    const fresh = await import("../src/index.ts");
    const t = fresh.tensor(Float32Array.of(1), [1, 1]);
    expect(new fresh.FlexibleWeightedLoss(fresh.mse()).forward(t, t).value).toBe(0);
  });
});
