/**
 * Seeded cases of CombinedLoss: a custom loss among those of the kernels, under masks of every shape, each against single calls to the
 * bit and against the f64 reference.
 */
import { describe, expect, test } from "vitest";
import {
  CombinedLoss,
  type CombinedResult,
  custom,
  FlexibleWeightedLoss,
  type GradientResult,
  prepareTarget,
  type Reduction,
  zeros,
} from "../src/index.ts";
import { criterionOf, type Memory, memories, tensorsOf } from "./support/api.ts";
import { bitsError, gradError, valueError } from "./support/compare.ts";
import { inLayout, layouts, perPixel, problemOf, seeded } from "./support/data.ts";
import { at, type Layout, type Shape, shapeIn, sizeOf } from "../reference/layout.ts";
import { type Base, combinedReference, type Settings } from "../reference/losses.ts";

type Random = () => number;

const pick = <T>(from: readonly T[], random: Random) => from[Math.floor(from.length * random())] as T;

const squaredError = custom((pred, target) => {
  const difference = Float64Array.from(pred, (p, i) => p - at(target, i));
  const value = difference.reduce((sum, d) => sum + d * d, 0) / difference.length;
  return { value, grad: difference.map((d) => (2 * d) / difference.length) };
});

const others: readonly Base[] = [
  { name: "mse" },
  { name: "mae" },
  { name: "huber", params: { delta: 0.1 } },
  { name: "sam" },
  { name: "sam", params: { pixels: "any" } },
];

interface Term {
  readonly weight: number;
  /** What the reference computes; mse in the place of `squaredError`. */
  readonly base: Base;
  readonly settings: Settings;
  readonly loss: FlexibleWeightedLoss<Reduction>;
}

/** Two to four terms, one of them custom. */
function termsOf(layout: Layout, random: Random): Term[] {
  const count = pick([2, 3, 4], random);
  const customTerm = Math.floor(count * random());
  return Array.from({ length: count }, (_, k) => {
    const base: Base = k === customTerm ? { name: "mse" } : pick(others, random);
    const groupBy = perPixel(base) ? "sample" : pick(["sample", "channel"] as const, random);
    const settings: Settings = { layout, groupBy, weighting: pick(["sqrt", "uniform"] as const, random) };
    const loss = k === customTerm ? new FlexibleWeightedLoss(squaredError, settings) : criterionOf(base, settings);
    return { weight: pick([0.5, 1, 0.25, 3], random), base, settings, loss };
  });
}

interface Numbers {
  readonly value: number | ArrayLike<number>;
  readonly groups: Readonly<Record<"loss" | "validCount", ArrayLike<number>>>;
}

const numbersOf = ({ value, groups }: Numbers) =>
  Float64Array.of(value as number, ...Array.from(groups.loss), ...Array.from(groups.validCount));

/** What is wrong with a result of CombinedLoss, given those of its terms alone and the reference's. */
function errorsOf(
  got: CombinedResult<Reduction>,
  alone: readonly GradientResult<Reduction>[],
  want: ReturnType<typeof combinedReference>,
): string[] {
  return [
    valueError(got.value, want.value),
    ...got.terms.flatMap((term, k) => [
      bitsError(numbersOf(term), numbersOf(alone[k] as Numbers)),
      valueError(numbersOf(term), numbersOf(want.terms[k] as Numbers)),
    ]),
  ];
}

/** The thirty shapes that broadcast to one of four dimensions: leading ones left out, 1 for others. */
const maskShapes = [1, 2, 3, 4].flatMap((length) =>
  Array.from(
    { length: 2 ** length },
    (_, which) =>
      <T>(full: readonly T[]) =>
        full.slice(-length).map((size, axis) => ((which >> axis) & 1 ? size : 1)),
  ),
);

const shapes: readonly Shape[] = [
  [2, 3, 2, 2],
  [2, 2, 3, 5],
  [3, 1, 9, 16],
  [1, 4, 33, 31],
];

/** Planes of more than a tile. They take the reference long: some masks are tried on one of them, in one memory. */
const largeShapes: readonly Shape[] = [
  [1, 2, 130, 127],
  [2, 1, 130, 127],
];

describe.each(layouts)("custom among others, %s", (layout) => {
  const titled = maskShapes.map((shapeOf, seed) => ({ shapeOf, seed, title: shapeOf([...layout]).join(", ") }));

  test.each(titled)("mask of shape $title", ({ shapeOf, seed }) => {
    const random = seeded(seed);
    const check = (shape: Shape, memory: Memory) => {
      const terms = termsOf(layout, random);
      const maskShape = shapeOf(shapeIn(shape, layout)) as number[];
      const data = Uint8Array.from({ length: sizeOf(maskShape) }, () => (random() < 0.3 ? 0 : 1));
      const image = inLayout(problemOf({ name: "mse" }, shape, seed, 0.1), layout);
      const problem = { ...image, mask: { data, shape: maskShape } };
      const want = combinedReference(terms, problem);
      const { pred, target, given } = tensorsOf(problem, layout, memory);
      using maskInPlace = zeros(maskShape, { type: "uint8" });
      maskInPlace.data.set(data);
      const masked = memory === "in place" ? { mask: maskInPlace } : given;
      using prepared = prepareTarget(target, { ...masked, layout });
      const criterion = new CombinedLoss(terms.map(({ weight, loss }) => ({ weight, loss })));
      const alone = terms.map(({ weight, loss }) => loss.valueAndGrad(pred, target, { ...masked, gradOutput: weight }));
      const grad = alone.map(({ grad }) => grad.data).reduce((sum, g) => sum.map((x, i) => x + at(g, i)));
      for (const [title, seen, given] of [
        ["as it is", target, masked],
        ["prepared", prepared, {}],
      ] as const) {
        const got = criterion.valueAndGrad(pred, seen, given);
        const errors = [
          bitsError(got.grad.data, grad),
          gradError(got.grad.data, want.grad),
          ...errorsOf(got, alone, want),
          ...errorsOf(criterion.forward(pred, seen, given), alone, want),
        ].filter((error) => error !== "");
        const where = { shape, memory, target: title, settings: terms.map(({ loss }) => loss.settings) };
        expect({ ...where, errors }).toEqual({ ...where, errors: [] });
      }
      if (memory === "in place") for (const used of [pred, target]) used.dispose();
    };
    for (const shape of shapes) for (const memory of memories) check(shape, memory);
    if (random() < 0.4) check(pick(largeShapes, random), pick(memories, random));
  });
});
