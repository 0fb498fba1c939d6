import { afterEach, expect, test } from "vitest";
import { Network, Parameters } from "../../examples/train/Network.ts";
import { Adam, Sgd } from "../../examples/train/optimizers.ts";
import { restoration } from "../../examples/train/restoration.ts";
import { digest, predict, psnr, train } from "../../examples/train/train.ts";
import { randomFrom } from "../../examples/scene.mjs";
import { FlexibleWeightedLoss, mse, setThreads, zeros } from "../../src/index.ts";

afterEach(() => setThreads(1));

test("the gradient of every parameter of the network is the one that central differences find", () => {
  const random = randomFrom(3);
  const parameters = new Parameters([4, 3, 3, 2]);
  for (const values = parameters.values.data, i = { at: 0 }; i.at < values.length; i.at++) {
    values[i.at] = 0.6 * (random() - 0.5);
  }
  const network = new Network(parameters, 2, 7, 6);
  network.input.data.forEach((_, i, data) => {
    data[i] = 0.4 * random();
  });
  const target = zeros(network.output.shape);
  target.data.forEach((_, i, data) => {
    data[i] = random() < 0.3 ? Number.NaN : 0.4 * random();
  });
  const criterion = new FlexibleWeightedLoss(mse(), { groupBy: "sample" });
  const loss = (): number => {
    network.forward();
    return criterion.forward(network.output, target).value;
  };

  network.forward();
  criterion.valueAndGrad(network.output, target, { out: network.outputGrad });
  network.backward();

  const values = parameters.values.data;
  const grads = parameters.grads.data;
  const largest = Math.max(...grads.map(Math.abs));
  const h = 2 ** -8;
  for (let k = 0; k < values.length; k++) {
    const value = values[k];
    values[k] = value + h;
    const above = loss();
    values[k] = value - h;
    const below = loss();
    values[k] = value;
    expect(Math.abs((above - below) / (2 * h) - grads[k])).toBeLessThan(1e-4 * largest);
  }
});

test("gradients add up until they are cleared, as micro-batches need", () => {
  const parameters = new Parameters([2, 3, 2]).initialize(randomFrom(1));
  const network = new Network(parameters, 1, 5, 5);
  network.input.data.fill(0.2);
  network.outputGrad.data.fill(1);
  network.forward();
  network.backward();
  const once = parameters.grads.data.slice();
  network.backward();
  expect(parameters.grads.data).toEqual(once.map((g) => 2 * g));
  expect(once.some((g) => g !== 0)).toBe(true);
});

test("a network of weights 0 in its last layer returns its input", () => {
  const network = new Network(new Parameters([3, 4, 3]).initialize(randomFrom(1)), 2, 6, 5);
  network.input.data.forEach((_, i, data) => {
    data[i] = i / 1000;
  });
  network.forward();
  expect(network.output.data).toEqual(network.input.data);
});

test.each([
  ["Sgd", (values: number[], grads: number[]) => stepsOf(Sgd, values, grads), 1 - 0.1 * 2 - 0.1 * 1.9 * 2],
  // Adam's first steps are as long as the rate, whatever the gradient.
  ["Adam", (values: number[], grads: number[]) => stepsOf(Adam, values, grads), 1 - 0.1 - 0.1],
])("%s takes the steps of its formula", (_, steps, expected) => {
  const [value] = steps([1], [2]);
  expect(value).toBeCloseTo(expected, 6);
});

function stepsOf(Optimizer: typeof Sgd | typeof Adam, values: number[], grads: number[]): Float32Array {
  const place = (numbers: number[]) => {
    const placed = zeros([numbers.length]);
    placed.data.set(numbers);
    return placed;
  };
  const at = place(values);
  const descent = new Optimizer(at, place(grads));
  descent.step(0.1);
  descent.step(0.1);
  return at.data;
}

test("forward, backward and steps allocate no array", () => {
  const parameters = new Parameters([2, 3, 2]).initialize(randomFrom(1));
  const network = new Network(parameters, 2, 6, 6);
  const descents = [new Adam(parameters.values, parameters.grads), new Sgd(parameters.values, parameters.grads)];
  const { Float32Array: Real } = globalThis;
  let made = 0;
  globalThis.Float32Array = new Proxy(Real, {
    construct(target, args, newTarget) {
      made++;
      return Reflect.construct(target, args, newTarget);
    },
  });
  try {
    network.forward();
    network.backward();
    for (const descent of descents) descent.step(0.1);
    expect(made).toBe(0);
    new Network(parameters, 1, 4, 4);
    expect(made).toBeGreaterThan(0);
  } finally {
    globalThis.Float32Array = Real;
  }
});

const short = () => ({ ...restoration({ size: 96, scenes: 1 }), hidden: [8], steps: 150, rate: 0.004 });

test("a short training gains what it gained before, to the bit, on any number of threads", async () => {
  const task = short();
  const first = train(task);
  await setThreads(2);
  const second = train(task);
  expect(digest(first)).toBe("de2aa580");
  expect(digest(second)).toBe(digest(first));
  const gain = psnr(predict(first, task.heldOut).data, task.heldOut) - psnr(task.heldOut.input, task.heldOut);
  expect(gain).toBeCloseTo(0.54, 2);
});

test("what stands at missing pixels does not reach the weights", () => {
  const task = short();
  const [pair] = task.training;
  const poisoned = { ...pair, target: pair.target.map((value) => (Number.isNaN(value) ? -1e38 : value)) };
  const steps = 20;
  expect(digest(train({ ...task, training: [poisoned] }, { steps }))).toBe(digest(train(task, { steps })));
  expect(digest(train({ ...task }, { steps, seed: 2 }))).not.toBe(digest(train(task, { steps })));
});
