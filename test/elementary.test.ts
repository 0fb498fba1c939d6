import { describe, expect, test } from "vitest";
import { type BaseLoss, bce, bceWithLogits, FlexibleWeightedLoss, logCosh, poissonNLL, tensor } from "../src/index.ts";

// The loop over a tile takes four vectors at a time and a block in float32. Each place in it is tried by a single pixel: one
// whose argument is out of the usual terms' reach, and one whose terms cancel.

interface Elementary {
  name: string;
  base: BaseLoss;
  value: (p: number, t: number) => number;
  slope: (p: number, t: number) => number;
}

const logistic = (p: number) => 1 / (1 + Math.exp(-p));
const entropy = (p: number, t: number) => -(t * Math.max(-100, Math.log(p)) + (1 - t) * Math.max(-100, Math.log1p(-p)));
const spread = (p: number) => p * (1 - p) || 1e-12;

const losses = {
  logCosh: {
    name: "logCosh",
    base: logCosh(),
    value: (p, t) => Math.abs(p - t) - Math.LN2 + Math.log1p(Math.exp(-2 * Math.abs(p - t))),
    slope: (p, t) => Math.tanh(p - t),
  },
  bce: { name: "bce", base: bce(), value: entropy, slope: (p, t) => (p - t) / spread(p) },
  bceWithLogits: {
    name: "bceWithLogits",
    base: bceWithLogits(),
    value: (p, t) => Math.max(p, 0) - p * t + Math.log1p(Math.exp(-Math.abs(p))),
    slope: (p, t) => logistic(p) - t,
  },
  logRate: {
    name: "poissonNLL of logarithms",
    base: poissonNLL(),
    value: (p, t) => Math.exp(p) - t * p,
    slope: (p, t) => Math.exp(p) - t,
  },
  rate: {
    name: "poissonNLL of rates",
    base: poissonNLL({ logInput: false, eps: 0 }),
    value: (p, t) => p - t * Math.log(p),
    slope: (p, t) => 1 - t / p,
  },
} satisfies Record<string, Elementary>;

/** Value and gradient of the pixels, and what float64 makes of them. */
function both({ base, value, slope }: Elementary, pred: ArrayLike<number>, target: ArrayLike<number>) {
  const p = Float32Array.from(pred);
  const t = Float32Array.from(target);
  const loss = new FlexibleWeightedLoss(base);
  const shape = [1, 1, 1, p.length];
  const got = loss.valueAndGrad(tensor(p, shape), tensor(t, shape));
  const valid = [...t.keys()].filter((i) => (t[i] as number) >= 0);
  const mean = (f: (i: number) => number) => valid.reduce((sum, i) => sum + f(i), 0) / valid.length;
  const at = (f: (p: number, t: number) => number) => (i: number) => f(p[i] as number, t[i] as number);
  return {
    forward: loss.forward(tensor(p, shape), tensor(t, shape)).value,
    value: got.value,
    grad: got.grad.data,
    wantValue: mean(at(value)),
    wantGrad: Array.from(t, (target, i) => (target >= 0 ? at(slope)(i) / valid.length : 0)),
  };
}

function compare(result: ReturnType<typeof both>, where: string) {
  const near = (got: number, want: number, scale: number) =>
    expect(Math.abs(got - want), `${where}: ${got} for ${want}`).toBeLessThanOrEqual(1e-6 * scale);
  near(result.value, result.wantValue, Math.abs(result.wantValue));
  near(result.forward, result.wantValue, Math.abs(result.wantValue));
  const largest = Math.max(...result.wantGrad.map(Math.abs));
  result.wantGrad.forEach((want, i) => {
    near(result.grad[i] as number, want, Math.abs(want) + largest);
  });
}

const denormal = 1.1e-38; // whose gradient float32 holds still
const LENGTH = 300; // two blocks and a rest that is no multiple of a vector

describe.each([
  { loss: losses.logCosh, pred: 1.4, target: 0.5, unusual: [1.5, -0.5, 60, -60, 2e9] },
  { loss: losses.bce, pred: 0.3, target: 1, unusual: [1, 0, 1e-31, denormal] },
  { loss: losses.bceWithLogits, pred: 0.3, target: 1, unusual: [90, -90, 1e-42, 3e8] },
  { loss: losses.logRate, pred: 0.3, target: 1, unusual: [88.5, -90, 1e-42, -3e8] },
  { loss: losses.rate, pred: 0.3, target: 1, unusual: [denormal, 1.2e-38, 3e38] },
])("$loss.name", ({ loss, pred, target, unusual }) => {
  test.each(unusual)("one pixel of %j anywhere in a tile", (extreme) => {
    for (let i = 0; i < LENGTH; i += i < 20 ? 1 : 37) {
      const p = new Float32Array(LENGTH).fill(pred);
      p[i] = extreme;
      compare(both(loss, p, new Float32Array(LENGTH).fill(target)), `pixel ${i}`);
    }
  });

  test("NaN reaches the value from anywhere in a tile", () => {
    for (let i = 0; i < LENGTH; i += i < 20 ? 1 : 37) {
      const p = new Float32Array(LENGTH).fill(pred);
      p[i] = Number.NaN;
      const { value, forward } = both(loss, p, new Float32Array(LENGTH).fill(target));
      expect([value, forward]).toEqual([Number.NaN, Number.NaN]);
    }
  });
});

test("a negative rate has no likelihood: NaN from anywhere in a tile", () => {
  for (let i = 0; i < LENGTH; i += i < 20 ? 1 : 37) {
    const p = new Float32Array(LENGTH).fill(0.3);
    p[i] = -1;
    const { value, forward } = both(losses.rate, p, new Float32Array(LENGTH).fill(1));
    expect([value, forward]).toEqual([Number.NaN, Number.NaN]);
  }
});

describe("what is left of a difference keeps its digits", () => {
  // Where ρ is 0, nearly: eᵖ = 3p and p = 3 log p. A ten-thousandth is left, of which float32 would keep three digits.
  const [logRate, rate] = [1.5121345516578424 + 1e-4, 1.857183860207835 + 1e-4];
  test.each([
    { what: "value", loss: losses.logRate, pred: logRate, target: 3 },
    { what: "value", loss: losses.rate, pred: rate, target: 3 },
    { what: "gradient", loss: losses.logRate, pred: Math.log(3), target: 3 },
    { what: "gradient", loss: losses.bceWithLogits, pred: Math.log(0.3 / 0.7), target: 0.3 },
  ])("$what of $loss.name, in each vector of an iteration alone", ({ loss, pred, target }) => {
    for (let vector = 0; vector < 4; vector++) {
      const t = Float32Array.from({ length: LENGTH }, (_, i) => ((i >> 2) % 4 === vector ? target : -1));
      compare(both(loss, new Float32Array(LENGTH).fill(pred), t), `vector ${vector}`);
    }
  });
});
