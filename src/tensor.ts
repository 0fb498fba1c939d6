/// <reference lib="esnext.disposable" preserve="true" />

import { checkCalibration, checkChoice, checkShape, elements, kindOf, ownOptions, show, showShape } from "./check.ts";
import { heap } from "./kernels.ts";
import type { PreparedTarget } from "./prepareTarget.ts";

/** What stored integers v stand for: scale · v + offset, 1 and 0 by default. */
export interface Calibration {
  readonly scale?: number;
  readonly offset?: number;
}

/** An array with a shape. `data` is in C order (the last dimension is contiguous). */
export interface TensorView<Data extends ArrayBufferView = Float32Array> extends Calibration {
  readonly data: Data;
  readonly shape: readonly number[];
}

/** The same as ONNX Runtime has it. */
export interface OrtTensorView<Data extends ArrayBufferView = Float32Array> extends Calibration {
  readonly data: Data;
  readonly dims: readonly number[];
}

/** What every call takes for an array: a `Tensor`, `{ data, shape }` or `{ data, dims }`. */
export type TensorLike<Data extends ArrayBufferView = Float32Array> = TensorView<Data> | OrtTensorView<Data>;

/** Pixels: float32, or integers as rasters store them. */
export type PixelData = Float32Array | Uint8Array | Int16Array | Uint16Array;

/** An image, or a batch of them. */
export type ImageLike = TensorLike<PixelData>;

/** A target: an image, class labels for `crossEntropy`, or what `prepareTarget` has made of an image. */
export type TargetLike = TensorLike<PixelData | Int32Array> | PreparedTarget;

/** The element types of tensors: images, masks (uint8) and class labels. */
export type TensorData = PixelData | Int32Array;

const TYPES = {
  float32: Float32Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
};

/** Names of the element types. */
export type TypeName = keyof typeof TYPES;

interface ViewConstructor {
  new (buffer: ArrayBufferLike, address: number, length: number): TensorData;
  readonly BYTES_PER_ELEMENT: number;
}

const PLAIN: Required<Calibration> = { scale: 1, offset: 0 };

type ArrayOf<Name extends TypeName> = InstanceType<(typeof TYPES)[Name]>;

/**
 * An array with a shape, made by `tensor` or `zeros`.
 *
 * A tensor of `zeros` lives in the kernels' memory until `dispose()` or the end of its `using` block: it is not collected as
 * garbage, since a view of its data may outlive it. For other tensors `dispose` only ends their use.
 *
 * A structured clone is a plain `{ data, shape, scale, offset }`; that of a tensor of `zeros` is a view of the same memory where the
 * engine shares it.
 */
export class Tensor<Data extends TensorData = Float32Array> implements TensorView<Data>, Disposable {
  /** The elements. Throws once the tensor is disposed of. */
  readonly data: Data;
  readonly shape: readonly number[];
  /** What stored integers v stand for: scale · v + offset. */
  readonly scale: number;
  readonly offset: number;
  #disposed = false;
  readonly #address: number | undefined;

  /** @internal Use `tensor` or `zeros`. */
  constructor(data: Data, shape: readonly number[], { scale, offset } = PLAIN, address?: number) {
    this.data = data;
    this.scale = scale;
    this.offset = offset;
    this.shape = Object.freeze([...shape]);
    this.#address = address;
  }

  /** Whether `dispose` has been called. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** Frees the memory, if it is the kernels'. Any later use of the tensor throws; a second call does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    // `data` is an own property, since a structured clone copies these alone. A getter takes its place.
    Object.defineProperty(this, "data", {
      get: () => {
        throw new TypeError(`tensor ${showShape(this.shape)}: used after dispose()`);
      },
    });
    if (this.#address !== undefined) heap().allocator.free(this.#address);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Wraps an array of the caller's, without copying it.
 *
 * Integers are digital numbers v as rasters store them, which stand for scale · v + offset. `valid` rules, `nodata` and thresholds are
 * compared with v; gradients are those with respect to scale · v + offset, float32.
 *
 * Where pred and target are integers of one scale (of a size from 1e-30 to 1e30) and one offset, every loss and `custom` compute from
 * scale · v + offset in float64, and from differences as scale · (P − T), P − T exact: small differences of large numbers keep their
 * digits. Where the two differ in scale or offset, or one of them is float32, each value is rounded once, to the float32 nearest to
 * scale · v + offset.
 *
 * @param data `Float32Array`, `Uint8Array`, `Int16Array` or `Uint16Array` for images; `Uint8Array` for masks; `Int32Array`,
 *   `Uint8Array` or `Float32Array` for class labels
 * @param shape its dimensions, e.g. `[8, 3, 256, 256]`; their product is the array's length
 * @param calibration `scale` and `offset` of integers, e.g. 1e-4 and −0.1 for Sentinel-2's digital numbers
 * @throws TypeError where `data` is of another kind, RangeError where the shape does not fit it
 * @example
 * ```ts
 * const pred = tensor(new Float32Array(2 * 3 * 64 * 64), [2, 3, 64, 64]);
 * const stored = tensor(new Uint16Array(3 * 64 * 64), [3, 64, 64], { scale: 1e-4, offset: -0.1 });
 * ```
 */
export function tensor<Data extends TensorData>(
  data: Data,
  shape: readonly number[],
  calibration: Calibration = {},
): Tensor<Data> {
  const known = Object.values(TYPES);
  if (!known.some((type) => (data as TensorData) instanceof type)) {
    throw new TypeError(`"data": expected a ${known.map(({ name }) => name).join(" or ")}, got ${kindOf(data)}`);
  }
  checkShape("shape", shape);
  const checked = checkCalibration("calibration", calibration, data);
  if (elements(shape) !== data.length) {
    throw new RangeError(
      `"shape": expected a shape of ${data.length} elements like data, got ${showShape(shape)} of ${elements(shape)}`,
    );
  }
  return new Tensor(data, shape, checked);
}

/**
 * A tensor of zeros in the kernels' memory: passing it to a loss costs no copy. Its `data` stays valid however much is allocated
 * later.
 *
 * @param shape its dimensions, e.g. `[8, 3, 256, 256]`
 * @param options `type`: `"float32"` (default), `"uint8"`, `"int16"`, `"uint16"` or `"int32"`; `scale` and `offset` of integers
 * @throws RangeError where the memory is full (4 GiB where the engine has shared memory)
 * @example
 * ```ts
 * using pred = zeros([8, 3, 256, 256]);
 * pred.data.set(image);
 * ```
 */
export function zeros<Name extends TypeName = "float32">(
  shape: readonly number[],
  options: Calibration & { type?: Name } = {},
): Tensor<ArrayOf<Name>> {
  checkShape("shape", shape);
  const { type = "float32", ...calibration } = ownOptions("options", options, ["type", "scale", "offset"]);
  const Type = TYPES[checkChoice("type", type, Object.keys(TYPES) as TypeName[])] as ViewConstructor;
  const length = elements(shape);
  const bytes = length * Type.BYTES_PER_ELEMENT;
  if (bytes > 2 ** 32) {
    throw new RangeError(
      `"shape": expected at most 4 GiB of ${type}, got ${showShape(shape)}, ${show(length)} elements`,
    );
  }
  const kernels = heap();
  const address = kernels.allocator.allocate(bytes);
  const data = new Type(kernels.f32.buffer, address, length);
  try {
    const checked = checkCalibration("options", calibration, data);
    data.fill(0);
    return new Tensor(data, shape, checked, address) as Tensor<TensorData> as Tensor<ArrayOf<Name>>;
  } catch (error) {
    kernels.allocator.free(address);
    throw error;
  }
}
