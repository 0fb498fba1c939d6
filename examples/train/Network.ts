// A residual network for images: 3×3 convolutions with a smooth ramp between them, whose output is added to the image itself.

import { type Tensor, zeros } from "valid-pixel-loss";
import {
  addParameterGrads,
  convolve,
  convolveBack,
  type Layer,
  type Planes,
  parameterCount,
  planeSize,
} from "./convolution.ts";

/** Reflectance of land is about 0.15 ± 0.1. What the layers see has about mean 0 and deviation 1, and so has what they change. */
const CENTRE = 0.15;
const SPREAD = 0.1;

/** Channels from the image through the hidden layers to the output, e.g. [4, 12, 12, 4]. */
export type Channels = readonly number[];

/** Parameters of a network and the gradient of the loss with respect to them, in the kernels' memory. */
export class Parameters {
  readonly channels: Channels;
  readonly layers: readonly Layer[];
  readonly values: Tensor;
  readonly grads: Tensor;

  /** All weights 0: a network that returns its input. */
  constructor(channels: Channels) {
    this.channels = channels;
    const layers: Layer[] = [];
    let count = 0;
    for (let l = 0; l + 1 < channels.length; l++) {
      const layer = { inputs: channels[l], outputs: channels[l + 1], at: count };
      layers.push(layer);
      count += parameterCount(layer);
    }
    this.layers = layers;
    this.values = zeros([count]);
    this.grads = zeros([count]);
  }

  /**
   * Random weights of a variance that keeps the size of what passes through (He); 0 in the last layer, so that training starts from
   * the image as it is. Biases stay 0.
   */
  initialize(random: () => number): this {
    for (const { inputs, outputs, at } of this.layers.slice(0, -1)) {
      const bound = Math.sqrt(6 / (9 * inputs));
      for (let k = 0; k < 9 * inputs * outputs; k++) this.values.data[at + k] = bound * (2 * random() - 1);
    }
    return this;
  }

  dispose(): void {
    this.values.dispose();
    this.grads.dispose();
  }
}

/**
 * A network for batches of one size. All its arrays are allocated here, once: `forward` and `backward` allocate nothing. Networks
 * for other sizes may share its parameters.
 */
export class Network {
  readonly parameters: Parameters;
  /** What goes in: f32[batch][channels[0]][height][width]. */
  readonly input: Tensor;
  /** What comes out, of as many channels as the last layer has, at most those of the input. */
  readonly output: Tensor;
  /** The gradient of the loss with respect to the output, to be written before `backward`. */
  readonly outputGrad: Tensor;
  readonly #batch: number;
  /** What each layer gets, and behind the last what it gives. */
  readonly #activations: readonly Planes[];
  readonly #activationGrads: readonly Planes[];
  /** Slopes of the ramps between the layers. */
  readonly #slopes: readonly Float32Array[];
  readonly #tensors: readonly Tensor[];

  constructor(parameters: Parameters, batch: number, height: number, width: number) {
    const { channels } = parameters;
    const tensors: Tensor[] = [];
    const allocate = (...shape: number[]): Tensor => {
      const tensor = zeros(shape);
      tensors.push(tensor);
      return tensor;
    };
    const planes = (count: number): Planes => {
      const { data } = allocate(batch, count, height + 2, width + 2);
      return { data, channels: count, height, width };
    };
    this.parameters = parameters;
    this.#batch = batch;
    this.input = allocate(batch, channels[0], height, width);
    this.output = allocate(batch, channels[channels.length - 1], height, width);
    this.outputGrad = allocate(...this.output.shape);
    this.#activations = channels.map(planes);
    this.#activationGrads = channels.map(planes);
    this.#slopes = this.#activations.map(({ data }) => new Float32Array(data.length));
    this.#tensors = tensors;
  }

  /** Computes `output` from `input`. */
  forward(): void {
    const { layers, values } = this.parameters;
    const activations = this.#activations;
    copyPlanes(this.input.data, CENTRE, 1 / SPREAD, activations[0], this.#batch);
    for (let l = 0; l < layers.length; l++) {
      convolve(layers[l], values.data, activations[l], activations[l + 1], this.#batch);
      if (l + 1 < layers.length) ramp(activations[l + 1], this.#slopes[l + 1], this.#batch);
    }
    addChange(this.input, activations[layers.length], this.output.data, this.#batch);
  }

  /** Adds the gradient of the loss with respect to the parameters to theirs, from `outputGrad` and the last `forward`. */
  backward(): void {
    const { layers, values, grads } = this.parameters;
    const activationGrads = this.#activationGrads;
    copyPlanes(this.outputGrad.data, 0, SPREAD, activationGrads[layers.length], this.#batch);
    for (let l = layers.length - 1; l >= 0; l--) {
      addParameterGrads(layers[l], grads.data, this.#activations[l], activationGrads[l + 1], this.#batch);
      if (l === 0) break;
      convolveBack(layers[l], values.data, activationGrads[l + 1], activationGrads[l], this.#batch);
      multiply(activationGrads[l].data, this.#slopes[l]);
    }
  }

  /** Frees its arrays, but not the parameters, which others may share. */
  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }
}

/**
 * x ← (x + √(x² + 1/16)) / 2 and its slope, in place: a rectifier with its corner rounded (squareplus), so that the gradient exists
 * everywhere. IEEE 754 defines every bit of a square root, and of no exponential.
 */
function ramp(planes: Planes, slopes: Float32Array, batch: number): void {
  const { data, channels, height, width } = planes;
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let y = 1; y <= height; y++) {
      const start = plane * planeSize(planes) + y * (width + 2) + 1;
      for (let p = start; p < start + width; p++) {
        const x = data[p];
        const root = Math.sqrt(x * x + 0.0625);
        data[p] = 0.5 * (x + root);
        slopes[p] = 0.5 * (1 + x / root);
      }
    }
  }
}

function multiply(values: Float32Array, factors: Float32Array): void {
  for (let p = 0; p < values.length; p++) values[p] *= factors[p];
}

/** Puts (x − centre) · scale of planes without a border into planes with one. */
function copyPlanes(from: Float32Array, centre: number, scale: number, to: Planes, batch: number): void {
  const { data, channels, height, width } = to;
  const size = planeSize(to);
  let at = 0;
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let y = 1; y <= height; y++) {
      const start = plane * size + y * (width + 2) + 1;
      for (let p = start; p < start + width; p++) data[p] = (from[at++] - centre) * scale;
    }
  }
}

/** output = image + SPREAD · change, of the image the first channels. */
function addChange(image: Tensor, change: Planes, output: Float32Array, batch: number): void {
  const { data } = image;
  const { channels, height, width } = change;
  const imageSize = data.length / batch;
  let at = 0;
  for (let b = 0; b < batch; b++) {
    let from = b * imageSize;
    for (let c = 0; c < channels; c++) {
      for (let y = 1; y <= height; y++) {
        const start = (b * channels + c) * planeSize(change) + y * (width + 2) + 1;
        for (let x = 0; x < width; x++) output[at++] = data[from++] + SPREAD * change.data[start + x];
      }
    }
  }
}
