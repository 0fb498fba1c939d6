// A 3×3 convolution and its two gradients, beside each other. Planes have a border of zeros one pixel wide, so that the window needs
// no test at the edges; each loop is over one input plane and one output plane, its nine weights or nine sums in registers.

/** Planes f32[count][height + 2][width + 2] in one array, the border 0. */
export interface Planes {
  readonly data: Float32Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Elements from the start of a plane to the start of the next. */
export const planeSize = ({ height, width }: Planes): number => (height + 2) * (width + 2);

/** Weights f32[outputs][inputs][9], then biases f32[outputs], from `at` on in the array of all parameters. */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly at: number;
}

export const parameterCount = ({ inputs, outputs }: Omit<Layer, "at">): number => outputs * (9 * inputs + 1);

const biasAt = ({ at, inputs, outputs }: Layer): number => at + 9 * inputs * outputs;

/** output[o] = bias[o] + Σ_i weights[o][i] ⋆ input[i], for each sample. */
export function convolve(layer: Layer, parameters: Float32Array, input: Planes, output: Planes, batch: number): void {
  const { inputs, outputs, at } = layer;
  const size = planeSize(input);
  for (let b = 0; b < batch; b++) {
    for (let o = 0; o < outputs; o++) {
      const to = (b * outputs + o) * size;
      fillInterior(output, to, parameters[biasAt(layer) + o]);
      for (let i = 0; i < inputs; i++) {
        addCorrelation(output, to, input, (b * inputs + i) * size, parameters, at + 9 * (o * inputs + i), 1);
      }
    }
  }
}

/**
 * Adds to `grads` what the loss gains per weight and bias, given `outputGrad`, its gradient with respect to the layer's output:
 * a weight's is the product of the output's gradient and the pixel that the weight met, summed over all pixels.
 */
export function addParameterGrads(
  layer: Layer,
  grads: Float32Array,
  input: Planes,
  outputGrad: Planes,
  batch: number,
): void {
  const { inputs, outputs, at } = layer;
  const size = planeSize(input);
  for (let b = 0; b < batch; b++) {
    for (let o = 0; o < outputs; o++) {
      const from = (b * outputs + o) * size;
      grads[biasAt(layer) + o] += sumOfInterior(outputGrad, from);
      for (let i = 0; i < inputs; i++) {
        addWeightGrads(grads, at + 9 * (o * inputs + i), input, (b * inputs + i) * size, outputGrad, from);
      }
    }
  }
}

/** inputGrad[i] = Σ_o weights[o][i], turned by 180°, ⋆ outputGrad[o]. */
export function convolveBack(
  layer: Layer,
  parameters: Float32Array,
  outputGrad: Planes,
  inputGrad: Planes,
  batch: number,
): void {
  const { inputs, outputs, at } = layer;
  const size = planeSize(inputGrad);
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < inputs; i++) {
      const to = (b * inputs + i) * size;
      fillInterior(inputGrad, to, 0);
      for (let o = 0; o < outputs; o++) {
        const last = at + 9 * (o * inputs + i) + 8;
        addCorrelation(inputGrad, to, outputGrad, (b * outputs + o) * size, parameters, last, -1);
      }
    }
  }
}

/** Nine weights from `at` on in steps of `step`: 1, or −1 for the window turned by 180°. */
function addCorrelation(
  { data: output, height, width }: Planes,
  to: number,
  { data: input }: Planes,
  from: number,
  weights: Float32Array,
  at: number,
  step: 1 | -1,
): void {
  const row = width + 2;
  const a0 = weights[at];
  const a1 = weights[at + step];
  const a2 = weights[at + 2 * step];
  const b0 = weights[at + 3 * step];
  const b1 = weights[at + 4 * step];
  const b2 = weights[at + 5 * step];
  const c0 = weights[at + 6 * step];
  const c1 = weights[at + 7 * step];
  const c2 = weights[at + 8 * step];
  for (let y = 1; y <= height; y++) {
    const end = y * row + width;
    for (let p = y * row + 1; p <= end; p++) {
      const q = from + p;
      const above = a0 * input[q - row - 1] + a1 * input[q - row] + a2 * input[q - row + 1];
      const beside = b0 * input[q - 1] + b1 * input[q] + b2 * input[q + 1];
      const below = c0 * input[q + row - 1] + c1 * input[q + row] + c2 * input[q + row + 1];
      output[to + p] += above + beside + below;
    }
  }
}

function addWeightGrads(
  grads: Float32Array,
  at: number,
  { data: input, height, width }: Planes,
  from: number,
  { data: outputGrad }: Planes,
  to: number,
): void {
  const row = width + 2;
  let a0 = 0;
  let a1 = 0;
  let a2 = 0;
  let b0 = 0;
  let b1 = 0;
  let b2 = 0;
  let c0 = 0;
  let c1 = 0;
  let c2 = 0;
  for (let y = 1; y <= height; y++) {
    const end = y * row + width;
    for (let p = y * row + 1; p <= end; p++) {
      const g = outputGrad[to + p];
      const q = from + p;
      a0 += g * input[q - row - 1];
      a1 += g * input[q - row];
      a2 += g * input[q - row + 1];
      b0 += g * input[q - 1];
      b1 += g * input[q];
      b2 += g * input[q + 1];
      c0 += g * input[q + row - 1];
      c1 += g * input[q + row];
      c2 += g * input[q + row + 1];
    }
  }
  grads[at] += a0;
  grads[at + 1] += a1;
  grads[at + 2] += a2;
  grads[at + 3] += b0;
  grads[at + 4] += b1;
  grads[at + 5] += b2;
  grads[at + 6] += c0;
  grads[at + 7] += c1;
  grads[at + 8] += c2;
}

function fillInterior({ data, height, width }: Planes, at: number, value: number): void {
  for (let y = 1; y <= height; y++) {
    const start = at + y * (width + 2) + 1;
    data.fill(value, start, start + width);
  }
}

function sumOfInterior({ data, height, width }: Planes, at: number): number {
  let sum = 0;
  for (let y = 1; y <= height; y++) {
    const start = at + y * (width + 2) + 1;
    for (let p = start; p < start + width; p++) sum += data[p];
  }
  return sum;
}
