// Steps on tensors of `zeros`, in place. Adam's formula has one root and no power of a running number of steps, so that every
// engine computes the same bits.

import { type Tensor, zeros } from "valid-pixel-loss";

export interface Optimizer {
  /** Moves the values against their gradients. */
  step(rate: number): void;
  dispose(): void;
}

/** Gradient descent with momentum: v ← μ·v + g, x ← x − rate·v. */
export class Sgd implements Optimizer {
  readonly #values: Float32Array;
  readonly #grads: Float32Array;
  readonly #velocities: Tensor;
  readonly #momentum: number;

  constructor(values: Tensor, grads: Tensor, momentum = 0.9) {
    this.#values = values.data;
    this.#grads = grads.data;
    this.#velocities = zeros(values.shape);
    this.#momentum = momentum;
  }

  step(rate: number): void {
    const values = this.#values;
    const grads = this.#grads;
    const velocities = this.#velocities.data;
    const momentum = this.#momentum;
    for (let i = 0; i < values.length; i++) {
      velocities[i] = momentum * velocities[i] + grads[i];
      values[i] -= rate * velocities[i];
    }
  }

  dispose(): void {
    this.#velocities.dispose();
  }
}

/** Adam (Kingma and Ba 2015): the gradient's running mean over the root of its square's, both freed of the bias to their start at 0. */
export class Adam implements Optimizer {
  readonly #values: Float32Array;
  readonly #grads: Float32Array;
  readonly #means: Tensor;
  readonly #squares: Tensor;
  #meanBias = 1;
  #squareBias = 1;

  constructor(values: Tensor, grads: Tensor) {
    this.#values = values.data;
    this.#grads = grads.data;
    this.#means = zeros(values.shape);
    this.#squares = zeros(values.shape);
  }

  step(rate: number): void {
    const values = this.#values;
    const grads = this.#grads;
    const means = this.#means.data;
    const squares = this.#squares.data;
    this.#meanBias *= 0.9;
    this.#squareBias *= 0.999;
    const meanFactor = 1 / (1 - this.#meanBias);
    const squareFactor = 1 / (1 - this.#squareBias);
    for (let i = 0; i < values.length; i++) {
      means[i] += 0.1 * (grads[i] - means[i]);
      squares[i] += 0.001 * (grads[i] * grads[i] - squares[i]);
      values[i] -= (rate * meanFactor * means[i]) / (Math.sqrt(squareFactor * squares[i]) + 1e-8);
    }
  }

  dispose(): void {
    this.#means.dispose();
    this.#squares.dispose();
  }
}
