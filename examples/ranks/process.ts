// A rank as a process of its own, on this machine or another: it makes its own part, and sends numbers.

import { ELEMENTS, fillPart } from "./batch.ts";
import { type Part, sumsOf, writeGrad } from "./rank.ts";

const [first, end] = process.argv.slice(2).map(Number);
const array = (): Float32Array => new Float32Array((end - first) * ELEMENTS);
const part: Part = { pred: array(), target: array(), grad: array() };
fillPart(first, end, part.pred, part.target);
process.send?.(sumsOf(part));
process.once("message", (normalizer: number) => {
  writeGrad(part, normalizer);
  process.send?.(part.grad, () => process.disconnect());
});
