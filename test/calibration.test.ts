// Images of integers that differ by a few steps: float32 would round away what tells them apart. Every loss has to compute from
// scale · v + offset, however the arrays lie and whatever else is asked.
import { describe, expect, test } from "vitest";
import { custom, evaluate, FlexibleWeightedLoss, prepareTarget, ssim, tensor } from "../src/index.ts";
import { ssim as exactSsim } from "../reference/ssim.ts";
import { criterionOf } from "./support/api.ts";
import { bitsError, bitsOf, gradError, valueError } from "./support/compare.ts";
import { everyBase, groupingsOf, layouts, seeded, titleOf } from "./support/data.ts";
import { exact, exactly, integers, type Kind, kinds, rounded, type Memory, threeWays } from "./support/integers.ts";
import { type Layout, relayout, type Shape, shapeIn, sizeOf } from "../reference/layout.ts";
import { type Base, reference, type ValidRule } from "../reference/losses.ts";

const shape: Shape = [1, 3, 13, 17];

const calibrations = [
  { scale: 1e-4, offset: -0.1 },
  { scale: 1e-4, offset: 1000 },
  { scale: 2.75e-5, offset: -0.2 },
  { scale: -1e-3, offset: 40 },
];

/** Memories take turns: one of the three for each layout of a case. */
const cases = kinds.flatMap((kind, k) =>
  calibrations.map((calibration, i) => ({
    ...kind,
    ...calibration,
    memoryOf: (layout: Layout) => threeWays[(k + i + layouts.indexOf(layout)) % 3] as Memory,
  })),
);

/**
 * Numbers from `level` on, and others up to three steps away, by another number of steps in each channel: the angle of a pixel is
 * not so small that no loss promises it. Some of the second are nodata.
 */
function twins({ Type }: Kind, level: number): [p: ArrayLike<number>, t: ArrayLike<number>] {
  const random = seeded(level);
  const t = Type.from(Array.from({ length: sizeOf(shape) }, () => level + Math.round(4 * random())));
  const plane = sizeOf(shape) / shape[1];
  const steps = Array.from({ length: plane }, () => Math.floor(7 * random()));
  const p = t.map((v, i) => v + (((steps[i % plane] as number) + Math.floor(i / plane)) % 7) - 3);
  return [p, t.map((v) => (random() < 0.2 ? 0 : v))];
}

/** Whether a loss is defined for images of about this value. */
function takes({ name, params }: Base, value: number): boolean {
  if (name === "crossEntropy" || name === "ssim") return false;
  if (name === "bce") return value > 0 && value < 1;
  if (name === "poissonNLL") return params?.logInput === false ? value > 0 : value < 100;
  return true;
}

const meanSquare = (pred: Float32Array, target: Float32Array) => {
  const d = Array.from(pred, (p, i) => p - (target[i] as number));
  return {
    value: d.reduce((sum, x) => sum + x * x, 0) / d.length,
    grad: d.map((x) => (2 * x) / d.length),
  };
};

describe.each(cases)("$name, scale $scale, offset $offset", (kind) => {
  const level = kind.Type === Uint8Array ? 240 : 10000;
  const [p, t] = twins(kind, level);
  const lie = (data: ArrayLike<number>, layout: Layout) => relayout(Float32Array.from(data), shape, "NCHW", layout);
  const bytes = Uint8Array.from(t, Math.sign);
  const mask = { data: bytes, shape };

  test("every loss is right to 1e-6, whatever else is asked", () => {
    const bases = everyBase.filter((base) => takes(base, kind.scale * level + kind.offset));
    for (const base of bases)
      for (const layout of layouts)
        for (const groupBy of groupingsOf(base)) {
          const want = reference(base, { shape, ...exactly(base, kind, p, t), mask }, { groupBy, valid: {} });
          const grad = lie(want.grad, layout);
          const of = shapeIn(shape, layout);
          const settings = { layout, groupBy };
          const memory = kind.memoryOf(layout);
          const [pred, target] = [
            integers(kind, lie(p, layout), of, memory),
            integers(kind, lie(t, layout), of, memory),
          ];
          using prepared = prepareTarget(target, { layout, valid: { nodata: 0 } });
          const calling = (valid: ValidRule) => criterionOf(base, { ...settings, valid });
          const first = calling({ nodata: [0] }).valueAndGrad(pred, target);
          for (const [way, got] of Object.entries({
            least: first,
            range: calling({ min: 1, max: 60000 }).valueAndGrad(pred, target),
            mask: calling({}).valueAndGrad(pred, target, { mask: tensor(Uint8Array.from(lie(bytes, layout)), of) }),
            prepared: criterionOf(base, settings).valueAndGrad(pred, prepared),
          })) {
            const where = [titleOf(base), layout, groupBy, memory, way];
            expect([
              ...where,
              valueError(got.value, want.value),
              gradError(got.grad.data, grad),
              bitsError(bitsOf(got.value), bitsOf(first.value)),
              bitsError(got.grad.data, first.grad.data),
            ]).toEqual([...where, "", "", "", ""]);
          }
        }
  });

  test("a custom loss is given float64, and says what mse says", () => {
    const valid = { nodata: [0] };
    for (const layout of layouts)
      for (const memory of threeWays) {
        const of = shapeIn(shape, layout);
        const pred = integers(kind, lie(p, layout), of, memory);
        const target = integers(kind, lie(t, layout), of, memory);
        const given: (Float32Array | Float64Array)[] = [];
        const spy = custom((a, b) => {
          given.push(a, b);
          return meanSquare(a, b);
        });
        const want = criterionOf({ name: "mse" }, { layout, valid }).valueAndGrad(pred, target);
        const got = new FlexibleWeightedLoss(spy, { layout, valid }).valueAndGrad(pred, target);
        expect(valueError(got.value, want.value as number)).toBe("");
        expect(gradError(got.grad.data, want.grad.data)).toBe("");
        const plane = sizeOf(shape) / 3;
        const holds = (i: number) => t[i] !== 0;
        const pixels = (data: ArrayLike<number>) =>
          exact(data, kind.scale, kind.offset).filter((_, i) => i < plane && holds(i));
        expect([
          bitsError(given[0] as Float64Array, pixels(p)),
          bitsError(given[1] as Float64Array, pixels(t)),
        ]).toEqual(["", ""]);
      }
  });

  test("of two calibrations, or beside float32, each value is rounded once", () => {
    const other = { ...kind, offset: kind.offset + 1 };
    const [floats, others] = [rounded(p, kind.scale, kind.offset), rounded(t, other.scale, other.offset)];
    for (const base of [
      { name: "mse" },
      { name: "vectorAngle" },
      { name: "sam" },
      { name: "bceWithLogits" },
    ] satisfies Base[]) {
      const want = criterionOf(base, { valid: {} }).valueAndGrad(tensor(floats, shape), tensor(others, shape), {
        mask: tensor(bytes, shape),
      });
      for (const memory of threeWays)
        for (const pred of [tensor(floats, shape), integers(kind, p, shape, memory)]) {
          const got = criterionOf(base, { valid: { nodata: [0] } }).valueAndGrad(
            pred,
            integers(other, t, shape, memory),
          );
          expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
          expect(bitsError(got.grad.data, want.grad.data)).toBe("");
        }
    }
  });
});

describe.each(calibrations)("figures and SSIM at scale $scale, offset $offset", ({ scale, offset }) => {
  const of: Shape = [1, 1, 24, 27];
  const random = seeded(7);
  const t = Float64Array.from({ length: sizeOf(of) }, () => 10000 + Math.round(4 * random()));
  const p = t.map((v) => v + Math.floor(7 * random()) - 3);
  const dataRange = 1000 * Math.abs(scale);
  const images = [p, t].map((data) => tensor(Uint16Array.from(data), of, { scale, offset }));
  const [pred, target] = images as [(typeof images)[0], (typeof images)[0]];

  test("the figures of a band are those of the exact differences", () => {
    const { B } = evaluate(pred, target, { bands: ["B"], dataRange, valid: {} }).bands;
    const d = Array.from(p, (v, i) => scale * (v - (t[i] as number)));
    const mean = (of: readonly number[]) => of.reduce((sum, x) => sum + x, 0) / of.length;
    const bias = mean(d);
    expect(valueError(B?.rmse ?? Number.NaN, Math.sqrt(mean(d.map((x) => x * x))))).toBe("");
    expect(valueError(B?.mae ?? Number.NaN, mean(d.map(Math.abs)))).toBe("");
    expect(valueError(B?.bias ?? Number.NaN, bias)).toBe("");
    expect(
      valueError(B?.cpsnr ?? Number.NaN, 20 * Math.log10(dataRange / Math.sqrt(mean(d.map((x) => (x - bias) ** 2))))),
    ).toBe("");
  });

  test("SSIM and its gradient are those of the exact values", () => {
    const criterion = new FlexibleWeightedLoss(ssim({ dataRange }), { valid: {} });
    const values = {
      width: 27,
      height: 24,
      pred: p.map((v) => scale * v + offset),
      target: t.map((v) => scale * v + offset),
    };
    const want = exactSsim(values, { lo: Number.NEGATIVE_INFINITY, invalid: "normalize", dataRange });
    const centres = want.counted.reduce((sum, n) => sum + n, 0);
    const { value, grad } = criterion.valueAndGrad(pred, target);
    expect(valueError(value, want.sums.reduce((sum, x) => sum + x, 0) / centres)).toBe("");
    expect(
      gradError(
        grad.data,
        want.grad.map((g) => g / centres),
      ),
    ).toBe("");
  });
});
