// npm run bench -- weights: how long a loss takes with weights, as a multiple of the time without, in alternating runs of one process.

import { performance } from "node:perf_hooks";

const SIZES = { "64K": [1, 1, 256, 256], "4M": [1, 1, 2048, 2048], "25M": [1, 1, 5000, 5000] };

export async function weights() {
  const { FlexibleWeightedLoss, huber, logCosh, mae, mse, zeros } = await import("../dist/index.js");
  console.log(
    `${"".padEnd(12)}${"size".padEnd(8)}${"value".padStart(8)}${"gradient".padStart(10)}   × without weights`,
  );
  for (const [size, shape] of Object.entries(SIZES)) {
    const [pred, target, masses, grad] = [zeros(shape), zeros(shape), zeros(shape), zeros(shape)];
    for (let i = 0; i < pred.data.length; i++) {
      pred.data[i] = (i % 97) / 97;
      target.data[i] = (i % 89) / 89;
      masses.data[i] = 0.5 + (i % 13) / 13;
    }
    for (const base of [mse(), mae(), huber(), logCosh()]) {
      const criterion = new FlexibleWeightedLoss(base);
      const ratios = ["forward", "valueAndGrad"].map((method) => {
        const given = method === "forward" ? {} : { out: grad };
        return ratio(
          () => criterion[method](pred, target, { ...given, weights: masses }),
          () => criterion[method](pred, target, given),
          shape,
        );
      });
      const [value, gradient] = ratios.map((x) => x.toFixed(2));
      console.log(`${base.name.padEnd(12)}${size.padEnd(8)}${value.padStart(8)}${gradient.padStart(10)}`);
    }
    for (const tensor of [pred, target, masses, grad]) tensor.dispose();
  }
}

/** The median of ratios of runs that take turns. */
function ratio(one, other, shape) {
  const calls = Math.max(1, Math.round(4e6 / shape.reduce((n, size) => n * size, 1)));
  const time = (call) => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) call();
    return performance.now() - start;
  };
  time(one);
  time(other);
  const ratios = Array.from({ length: 11 }, () => time(one) / time(other)).sort((a, b) => a - b);
  return ratios[5];
}
