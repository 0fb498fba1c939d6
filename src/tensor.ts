import { checkShape, elements, kindOf, show, showShape } from "./check.ts";
import { heap } from "./kernels.ts";

/** An array with a shape. `data` is in C order (the last dimension is contiguous). */
export interface TensorView<Data extends ArrayBufferView = Float32Array> {
  readonly data: Data;
  readonly shape: readonly number[];
}

/** The same as ONNX Runtime has it. */
export interface OrtTensorView<Data extends ArrayBufferView = Float32Array> {
  readonly data: Data;
  readonly dims: readonly number[];
}

/** What every call takes for an array: a `Tensor`, `{ data, shape }` or `{ data, dims }`. */
export type TensorLike<Data extends ArrayBufferView = Float32Array> = TensorView<Data> | OrtTensorView<Data>;

/** A target: float32 like pred, or the class labels of `crossEntropy`. */
export type TargetLike = TensorLike<Float32Array | Uint8Array | Int32Array>;

/** The element types of tensors: float32 images, uint8 masks, and class labels. */
export type TensorData = Float32Array | Uint8Array | Int32Array;

/**
 * An array with a shape, made by `tensor` or `zeros`.
 *
 * A tensor of `zeros` lives in the kernels' memory until `dispose()` or the end of its `using` block: it is not collected as
 * garbage, since a view of its data may outlive it. For other tensors `dispose` only ends their use.
 */
export class Tensor<Data extends TensorData = Float32Array> implements TensorView<Data>, Disposable {
  readonly shape: readonly number[];
  #data: Data | undefined;
  #address: number | undefined;

  /** @internal Use `tensor` or `zeros`. */
  constructor(data: Data, shape: readonly number[], address?: number) {
    this.#data = data;
    this.shape = Object.freeze([...shape]);
    this.#address = address;
  }

  /** The elements. Throws once the tensor is disposed of. */
  get data(): Data {
    if (this.#data === undefined) throw new TypeError(`tensor ${showShape(this.shape)}: used after dispose()`);
    return this.#data;
  }

  /** Whether `dispose` has been called. */
  get disposed(): boolean {
    return this.#data === undefined;
  }

  /** Frees the memory, if it is the kernels'. Any later use of the tensor throws; a second call does nothing. */
  dispose(): void {
    this.#data = undefined;
    if (this.#address === undefined) return;
    heap().allocator.free(this.#address);
    this.#address = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Wraps an array of the caller's, without copying it.
 *
 * @param data `Float32Array` for images and logits, `Uint8Array` for masks, `Int32Array` or `Uint8Array` for class labels
 * @param shape its dimensions, e.g. `[8, 3, 256, 256]`; their product is the array's length
 * @throws TypeError where `data` is of another kind, RangeError where the shape does not fit it
 * @example
 * ```ts
 * const pred = tensor(new Float32Array(2 * 3 * 64 * 64), [2, 3, 64, 64]);
 * ```
 */
export function tensor<Data extends TensorData>(data: Data, shape: readonly number[]): Tensor<Data> {
  if (!(data instanceof Float32Array || data instanceof Uint8Array || data instanceof Int32Array)) {
    throw new TypeError(`"data": expected a Float32Array, Uint8Array or Int32Array, got ${kindOf(data)}`);
  }
  checkShape("shape", shape);
  if (elements(shape) !== data.length) {
    throw new RangeError(
      `"shape": expected a shape of ${data.length} elements like data, got ${showShape(shape)} of ${elements(shape)}`,
    );
  }
  return new Tensor(data, shape);
}

/**
 * A float32 tensor of zeros in the kernels' memory: passing it to a loss costs no copy. Its `data` stays valid however much
 * is allocated later.
 *
 * @param shape its dimensions, e.g. `[8, 3, 256, 256]`
 * @throws RangeError where the memory is full (4 GiB where the engine has shared memory)
 * @example
 * ```ts
 * using pred = zeros([8, 3, 256, 256]);
 * pred.data.set(image);
 * ```
 */
export function zeros(shape: readonly number[]): Tensor<Float32Array> {
  checkShape("shape", shape);
  const length = elements(shape);
  if (length * 4 > 2 ** 32) {
    throw new RangeError(
      `"shape": expected at most 4 GiB of float32, got ${showShape(shape)}, ${show(length)} elements`,
    );
  }
  const { allocator } = heap();
  const address = allocator.allocate(length * 4);
  const data = new Float32Array(heap().f32.buffer, address, length);
  data.fill(0);
  return new Tensor(data, shape, address);
}
