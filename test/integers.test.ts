import { describe, expect, test } from "vitest";
import { prepareTarget, tensor, zeros } from "../src/index.ts";
import { criterionOf, place } from "./support/api.ts";
import { bitsError, bitsOf, gradError, valueError } from "./support/compare.ts";
import { everyBase, groupingsOf, layouts, seeded, titleOf } from "./support/data.ts";
import { exactly, integers, type Kind, kinds, rounded, threeWays } from "./support/integers.ts";
import { at, type Layout, relayout, type Shape, shapeIn, sizeOf } from "../reference/layout.ts";
import { type Base, reference, type Settings, type ValidRule } from "../reference/losses.ts";

const shape: Shape = [2, 3, 13, 17];

/** Stored numbers over the whole range, the least and the most among them. */
function stored({ Type, least, most }: Kind, seed: number, of: Shape = shape): Uint8Array | Int16Array | Uint16Array {
  const random = seeded(seed);
  const data = Type.from(Array.from({ length: sizeOf(of) }, () => Math.round(least + random() * (most - least))));
  data.set([least, most, 0, 1, most - 1], 5);
  return data;
}

/** Losses of reals: reflectance is in the domain of all of these. */
const images = everyBase.filter(({ name }) => !["crossEntropy", "bce", "poissonNLL"].includes(name));

describe.each(kinds)("$name", (kind) => {
  const { scale, offset, least, most } = kind;

  test.each(images.map((base) => ({ base, title: titleOf(base) })))(
    "value and gradient of what the stored numbers stand for: $title",
    ({ base }) => {
      for (const layout of layouts)
        for (const groupBy of groupingsOf(base)) {
          const of = shapeIn(shape, layout);
          const [p, t] = [stored(kind, 1), stored(kind, 2)];
          // Rules are in stored numbers, so what they are compared with has a mask in their place.
          const valid: ValidRule = { min: least + 1, below: most };
          const mask = tensor(
            Uint8Array.from(t, (v) => Number(v >= least + 1 && v < most)),
            of,
          );
          const settings: Settings = { layout, groupBy, valid: {} };
          const results = threeWays.map((memory) => {
            const [pred, target] = [integers(kind, p, of, memory), integers(kind, t, of, memory)];
            const criterion = criterionOf(base, { ...settings, valid });
            const got = criterion.valueAndGrad(pred, target);
            expect(bitsError(bitsOf(criterion.forward(pred, target).value), bitsOf(got.value))).toBe("");
            return got;
          });
          if (base.name === "ssim") {
            // Far from one another, as these are, pixels lose nothing that SSIM needs where float32 rounds them.
            const [pred, target] = [place(rounded(p, scale, offset), of), place(rounded(t, scale, offset), of)];
            const want = criterionOf(base, settings).valueAndGrad(pred, target, { mask });
            for (const got of results)
              expect([valueError(got.value, want.value), gradError(got.grad.data, want.grad.data)]).toEqual(["", ""]);
          } else {
            const want = reference(base, { shape, ...exactly(base, kind, p, t), mask }, settings);
            for (const got of results)
              expect([valueError(got.value, want.value), gradError(got.grad.data, want.grad)]).toEqual(["", ""]);
          }
          for (const got of results) {
            const [first] = results as [(typeof results)[0]];
            const where = [titleOf(base), layout, groupBy];
            expect([
              ...where,
              bitsError(bitsOf(got.value), bitsOf(first.value)),
              bitsError(got.grad.data, first.grad.data),
              bitsError(got.groups.validCount, first.groups.validCount),
            ]).toEqual([...where, "", "", ""]);
          }
        }
    },
  );

  test("one side alone, the other float32 or of another kind", () => {
    const other = kinds[(kinds.indexOf(kind) + 1) % kinds.length] as Kind;
    const [p, t] = [stored(kind, 3), stored(other, 4)];
    const floats = rounded(p, scale, offset);
    const criterion = criterionOf({ name: "mse" }, { valid: { min: other.least } });
    const want = criterionOf({ name: "mse" }, { valid: {} }).valueAndGrad(
      place(floats, shape),
      place(rounded(t, other.scale, other.offset), shape),
    );
    for (const memory of threeWays)
      for (const pred of [integers(kind, p, shape, memory), place(floats, shape, "in place"), place(floats, shape)]) {
        const got = criterion.valueAndGrad(pred, integers(other, t, shape, memory));
        expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
        expect(bitsError(got.grad.data, want.grad.data)).toBe("");
        expect(got.grad.data).toBeInstanceOf(Float32Array);
      }
  });

  test("1e-6 of exact arithmetic on scale · v + offset", () => {
    // float32 rounds the pixels themselves, so p and t are kept apart: their difference then keeps its digits.
    for (const base of [
      { name: "mse" },
      { name: "mae" },
      { name: "vectorAngle" },
      { name: "logCosh" },
    ] satisfies Base[]) {
      const [p, t] = [stored(kind, 5), stored(kind, 6)].map((data, i) =>
        data.map((v) => (i ? v / 2 - 0.4 * (least < 0 ? most : 0) : v / 2 + 0.5 * most)),
      ) as [Uint8Array, Uint8Array];
      const got = criterionOf(base, { valid: {} }).valueAndGrad(
        integers(kind, p, shape, "staged"),
        integers(kind, t, shape, "staged"),
      );
      const want = reference(base, { shape, ...exactly(base, kind, p, t) }, { valid: {} });
      expect([base, valueError(got.value, want.value), gradError(got.grad.data, want.grad)]).toEqual([base, "", ""]);
    }
  });

  test.each([
    [64, 64],
    [7, 7],
    [65, 67],
  ])("small differences of large numbers, %s × %s, whatever else is asked", (H, W) => {
    // d is one or two steps of the stored numbers: what the float32 of p and t have lost must not be missed.
    const of: Shape = [1, 3, H, W];
    const t = kind.Type.from(Array.from({ length: sizeOf(of) }, (_, i) => most - 2 - ((i * 31) % 100)));
    const p = t.map((v, i) => v + 1 + (i % 2));
    for (const base of [
      { name: "mse" },
      { name: "mae" },
      { name: "rmse" },
      { name: "huber", params: { delta: 1.5 * scale } },
    ] satisfies Base[]) {
      const want = reference(base, { shape: of, ...exactly(base, kind, p, t) }, {});
      for (const layout of layouts) {
        const shapeOf = shapeIn(of, layout);
        const lie = (data: ArrayLike<number>) => relayout(Float32Array.from(data), of, "NCHW", layout);
        const grad = relayout(want.grad, of, "NCHW", layout);
        for (const memory of threeWays) {
          const [pred, target] = [integers(kind, lie(p), shapeOf, memory), integers(kind, lie(t), shapeOf, memory)];
          using prepared = prepareTarget(target, { layout });
          const ones = tensor(new Uint8Array(sizeOf(of)).fill(1), shapeOf);
          const plain = criterionOf(base, { layout });
          const bounded = criterionOf(base, { layout, valid: { min: 0, max: most, nodata: [0] } });
          const first = plain.valueAndGrad(pred, target);
          for (const [way, got] of Object.entries({
            plain: first,
            mask: plain.valueAndGrad(pred, target, { mask: ones }),
            broadcast: plain.valueAndGrad(pred, target, { mask: tensor(Uint8Array.of(1), [1, 1]) }),
            rule: bounded.valueAndGrad(pred, target),
            prepared: plain.valueAndGrad(pred, prepared),
          })) {
            const where = [titleOf(base), layout, memory, way];
            const errors = [
              valueError(got.value, want.value),
              gradError(got.grad.data, grad),
              bitsError(bitsOf(got.value), bitsOf(first.value)),
              bitsError(got.grad.data, first.grad.data),
            ];
            expect([...where, ...errors]).toEqual([...where, "", "", "", ""]);
          }
        }
      }
    }
  });

  test.each<ValidRule>([
    { nodata: [0] },
    { nodata: [most] },
    { nodata: [least, 1, most] },
    { max: most - 1 },
    { below: most },
    { min: least },
    { above: least },
    { above: 0, nodata: [most] },
    { min: 0.5, max: 1.5 },
    { nodata: [scale * 7 + offset, -9999, 1e9] },
    {},
  ])("rules compare stored numbers: %j", (valid) => {
    const t = stored(kind, 7);
    const holds = (v: number) =>
      v >= (valid.min ?? -1e9) &&
      v > (valid.above ?? -1e9) &&
      v <= (valid.max ?? 1e9) &&
      v < (valid.below ?? 1e9) &&
      !valid.nodata?.includes(v);
    const size = sizeOf(shape) / 6;
    const want = Array.from({ length: 6 }, (_, g) => t.slice(g * size, (g + 1) * size).filter(holds).length);
    for (const memory of threeWays)
      for (const name of ["mse", "rmse", "vectorAngle", "charbonnier"] as const) {
        const { groups, grad } = criterionOf({ name }, { valid }).valueAndGrad(
          place(new Float32Array(sizeOf(shape)).fill(7), shape),
          integers(kind, t, shape, memory),
        );
        expect(Array.from(groups.validCount)).toEqual(want);
        expect(grad.data.every((g, i) => holds(at(t, i)) || Object.is(g, 0))).toBe(true);
      }
  });

  test("the default rule: stored numbers ≥ 0", () => {
    const t = stored(kind, 8);
    const { groups } = criterionOf({ name: "mse" }, { groupBy: "sample" }).forward(
      integers(kind, t, shape, "staged"),
      integers(kind, t, shape, "staged"),
    );
    const half = t.length / 2;
    const count = (part: typeof t) => part.filter((v) => v >= 0).length;
    expect(Array.from(groups.validCount)).toEqual([count(t.slice(0, half)), count(t.slice(half))]);
  });

  test("every stored number is widened to itself", () => {
    const all = kind.Type.from(Array.from({ length: most - least + 1 }, (_, i) => least + i));
    const of = [1, 1, 1, all.length];
    const plain = { ...kind, scale: 1, offset: 0 };
    for (const memory of threeWays) {
      // mae against 0 has the sign of each as its gradient, and their mean size as its value.
      const zero = place(new Float32Array(all.length), of);
      const { value, grad } = criterionOf({ name: "mae" }).valueAndGrad(integers(plain, all, of, memory), zero);
      expect(valueError(value, Array.from(all).reduce((sum, v) => sum + Math.abs(v), 0) / all.length, 1e-12)).toBe("");
      expect(Array.from(grad.data, Math.sign)).toEqual(Array.from(all, Math.sign));
      // mse against itself as float32: exactly none.
      const same = place(Float32Array.from(all), of, "in place");
      expect(criterionOf({ name: "mse" }, { valid: {} }).forward(integers(plain, all, of, memory), same).value).toBe(0);
      expect(criterionOf({ name: "mse" }, { valid: {} }).forward(same, integers(plain, all, of, memory)).value).toBe(0);
    }
  });

  test("over many tiles, with a mask that is broadcast, in both layouts", () => {
    const big: Shape = [2, 3, 150, 151];
    const bytes = Uint8Array.from({ length: 150 * 151 }, (_, i) => (i * 31) % 3);
    for (const base of [
      { name: "mse" },
      { name: "logCosh" },
      { name: "sam" },
      { name: "ssim", params: { dataRange: 1 } },
    ] satisfies Base[])
      for (const layout of layouts) {
        const move = (data: ReturnType<typeof stored>): Float32Array =>
          relayout(Float32Array.from(data), big, "NCHW", layout as Layout);
        const [p, t] = [move(stored(kind, 9, big)), move(stored(kind, 10, big))];
        const of = shapeIn(big, layout);
        const mask = tensor(bytes, layout === "NCHW" ? [150, 151] : [150, 151, 1]);
        const settings: Settings = { layout, valid: {} };
        const results = threeWays.map((memory) =>
          criterionOf(base, settings).valueAndGrad(integers(kind, p, of, memory), integers(kind, t, of, memory), {
            mask,
          }),
        );
        if (base.name === "ssim") {
          // Far from one another, as these are, pixels lose nothing that SSIM needs where float32 rounds them.
          const [pred, target] = [place(rounded(p, scale, offset), of), place(rounded(t, scale, offset), of)];
          const want = criterionOf(base, settings).valueAndGrad(pred, target, { mask });
          expect(valueError(results[0]?.value ?? [], want.value)).toBe("");
          expect(gradError(results[0]?.grad.data ?? [], want.grad.data)).toBe("");
        } else {
          const want = reference(base, { shape: big, ...exactly(base, kind, p, t), mask }, settings);
          expect(valueError(results[0]?.value ?? [], want.value)).toBe("");
          expect(gradError(results[0]?.grad.data ?? [], want.grad)).toBe("");
        }
        for (const got of results) {
          expect(bitsError(bitsOf(got.value), bitsOf(results[0]?.value ?? []))).toBe("");
          expect(bitsError(got.grad.data, results[0]?.grad.data ?? new Float32Array())).toBe("");
        }
      }
  });
});

describe("uint16 under a rule of a least number, which loops take as they lie", () => {
  const kind = kinds.at(-1) as Kind;
  // More than a tile, and a part of a step behind it.
  const of: Shape = [1, 2, 131, 133];
  const valid: ValidRule = { nodata: [0] };
  const alike = { ...kind };
  const apart = { ...kind, scale: 3e-5, offset: 0.01 };
  // In the domain of float32's loops, out of it here and there, and beyond it throughout.
  const ranges = [
    { title: "reflectance", most: 6000, scale: 1e-4, offset: 0 },
    { title: "strays", most: 65535, scale: 1e-4, offset: -0.1 },
    { title: "digital numbers", most: 65535, scale: 1, offset: 0 },
  ];
  const cases = everyBase
    .filter(({ name }) => name !== "crossEntropy")
    .flatMap((base) => ranges.flatMap((range) => [alike, apart].map((other) => ({ base, range, other }))));

  test.each(cases.map((each) => ({ ...each, title: titleOf(each.base), same: each.other === alike ? "one" : "two" })))(
    "$title, $range.title, $same calibrations: the bits that they have in a tile of float32",
    ({ base, range, other }) => {
      const random = seeded(11);
      const numbers = (holes: number) =>
        Uint16Array.from({ length: sizeOf(of) }, () => (random() < holes ? 0 : 1 + random() * (range.most - 1)));
      const [p, t] = [numbers(0), numbers(0.3)];
      const predKind = { ...kind, scale: range.scale, offset: range.offset };
      const targetKind = other === alike ? predKind : { ...other, scale: other.scale * (range.scale / kind.scale) };
      const mask = tensor(Uint8Array.from(t, Math.sign), of);
      // Of two calibrations, values are rounded to float32 once.
      const [pred, target] =
        other === alike
          ? [integers(predKind, p, of, "staged"), integers(targetKind, t, of, "staged")]
          : [
              place(rounded(p, predKind.scale, predKind.offset), of),
              place(rounded(t, targetKind.scale, targetKind.offset), of),
            ];
      const want = criterionOf(base, { valid: {} }).valueAndGrad(pred, target, { mask });
      for (const memory of threeWays) {
        const criterion = criterionOf(base, { valid });
        const [pred, target] = [integers(predKind, p, of, memory), integers(targetKind, t, of, memory)];
        const got = criterion.valueAndGrad(pred, target);
        expect([
          memory,
          bitsError(bitsOf(got.value), bitsOf(want.value)),
          bitsError(got.grad.data, want.grad.data),
        ]).toEqual([memory, "", ""]);
        expect(bitsError(bitsOf(criterion.forward(pred, target).value), bitsOf(want.value))).toBe("");
      }
    },
  );
});

describe("scale and offset", () => {
  const floats = new Float32Array(4);
  const bytes = new Uint8Array(4);
  // biome-ignore lint/suspicious/noExplicitAny: the tests of errors call what does not compile
  type Any = any;

  test.each<[string, () => unknown, typeof TypeError | typeof RangeError, RegExp]>([
    ["of float32", () => tensor(floats, [2, 2], { scale: 2 }), TypeError, /Float32Array/],
    ["of float32, offset", () => tensor(floats, [2, 2], { offset: 1 }), TypeError, /Float32Array/],
    ["of float32 zeros", () => zeros([2, 2], { scale: 2 }), TypeError, /Float32Array/],
    ["scale 0", () => tensor(bytes, [2, 2], { scale: 0 }), RangeError, /scale.*0/],
    ["scale −0", () => tensor(bytes, [2, 2], { scale: -0 }), RangeError, /scale.*0/],
    ["scale NaN", () => tensor(bytes, [2, 2], { scale: Number.NaN }), RangeError, /scale.*NaN/],
    ["infinite offset", () => tensor(bytes, [2, 2], { offset: -1 / 0 }), RangeError, /offset.*Infinity/],
    ["scale beyond float32", () => tensor(bytes, [2, 2], { scale: 1e300 }), RangeError, /scale.*1e\+?300/],
    ["scale that float32 has no number for", () => tensor(bytes, [2, 2], { scale: 1e-60 }), RangeError, /scale.*1e-60/],
    ["offset beyond float32", () => tensor(bytes, [2, 2], { offset: 1e39 }), RangeError, /offset.*1e\+?39/],
    ["of another kind", () => tensor(bytes, [2, 2], { scale: "2" } as Any), TypeError, /scale.*string/],
    ["unknown key", () => tensor(bytes, [2, 2], { gain: 2 } as Any), TypeError, /gain/],
    ["unknown type", () => zeros([2, 2], { type: "float64" } as Any), RangeError, /type.*float64/],
    [
      "on a plain object",
      () =>
        criterionOf({ name: "mse" }).forward(
          { data: floats, shape: [2, 2], scale: 3 },
          { data: floats, shape: [2, 2] },
        ),
      TypeError,
      /"pred".*scale/,
    ],
    [
      "of a mask",
      () =>
        criterionOf({ name: "mse" }).forward(tensor(floats, [2, 2]), tensor(floats, [2, 2]), {
          mask: tensor(bytes, [2, 2], { scale: 2 }),
        }),
      TypeError,
      /"mask".*scale/,
    ],
    [
      "of class labels",
      () =>
        criterionOf({ name: "crossEntropy" }).forward(
          tensor(floats, [1, 1, 2, 2]),
          tensor(bytes, [1, 2, 2], { offset: 1 }),
        ),
      TypeError,
      /"target".*scale/,
    ],
  ])("%s: an error", (_, call, kind, message) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });

  test("a failing zeros leaves no memory behind", () => {
    for (let i = 0; i < 300; i++)
      expect(() => zeros([4096, 4096], { type: "uint16", scale: Number.NaN })).toThrow(RangeError);
  });

  test("a plain object has them too, with dims", () => {
    const stored = { data: Uint8Array.of(0, 10, 20, 30), dims: [2, 2], scale: 0.5, offset: 1 };
    const target = { data: new Float32Array(4), shape: [2, 2] };
    expect(criterionOf({ name: "mae" }).forward(stored, target).value).toBe((1 + 6 + 11 + 16) / 4);
  });

  test("are 1 and 0 where they are not given, and can be read", () => {
    const plain = tensor(bytes, [2, 2]);
    const stored = zeros([2, 2], { type: "int16", scale: 2, offset: -3 });
    expect([plain.scale, plain.offset, stored.scale, stored.offset]).toEqual([1, 0, 2, -3]);
    expect(stored.data).toBeInstanceOf(Int16Array);
  });
});

test.each([1e-44, 1e-40, 1e-31, 1e31, 1e33])("a scale of %d: what float32 has of the values is kept", (scale) => {
  const image = (...data: number[]) => tensor(Uint16Array.from(data), [1, 3], { scale, offset: 0 });
  const criterion = criterionOf({ name: "mae" }, { valid: { nodata: [] } });
  const { value } = criterion.forward(image(50_000, 40_000, 30_001), image(0, 0, 30_000));
  // Of the least float32, 1.4e-45, half a step is lost in each number.
  expect(Math.abs((value as number) / ((90_001 / 3) * scale) - 1)).toBeLessThan(1e-4);
});
