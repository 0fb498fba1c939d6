import { checkChoice, checkNumber, checkShape, elements, kindOf, ownOptions, show, showShape } from "../check.ts";
import { type ArrayName, arrayNameOf, type Float16Data, type KernelData, PIXELS } from "./arrayTypes.ts";
import { DISPOSE } from "./dispose.ts";
import { heap } from "./kernels.ts";

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

/** An image, or a batch of them. Bytes may be a canvas's; float16 is converted to float32 at each call, which takes a copy. */
export type ImageLike = TensorLike<PixelData | Uint8ClampedArray | Float16Data>;

/** Bytes, of which those that are not 0 let a pixel count; the `bool` of ONNX Runtime is such a mask. */
export type MaskLike = TensorLike<Uint8Array | Uint8ClampedArray | Float32Array>;

/** A finite number ≥ 0 for each pixel, its importance or its area; of the target's shape or broadcastable to it. */
export type WeightsLike = TensorLike<Float32Array>;

/** Class labels, for `crossEntropy`: whole numbers. */
export type LabelsLike = TensorLike<Int32Array | Uint8Array | Uint8ClampedArray | Float32Array>;

/** The element types of tensors: images, masks (bytes) and class labels. */
export type TensorData = KernelData | Uint8ClampedArray | Float16Data;

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
  new (buffer: ArrayBufferLike, address: number, length: number): KernelData;
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

  /** @internal Whether that is a tensor, and no proxy of one, of which nobody knows whether it is disposed of. */
  static is(value: unknown): value is Tensor<TensorData> {
    return typeof value === "object" && value !== null && #address in value;
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

  [DISPOSE](): void {
    this.dispose();
  }
}

/**
 * Wraps an array of the caller's, without copying it.
 *
 * Integers are digital numbers v as rasters store them, which stand for scale · v + offset. `valid` rules, `nodata` and thresholds are
 * compared with v; gradients are those with respect to scale · v + offset, float32.
 *
 * Where pred and target are integers of one scale (of a size from 1e-30 to 1e30) and one offset, every loss, `custom`, `evaluate` and
 * `BandMetrics` compute from scale · v + offset in float64, and from differences as scale · (P − T), P − T exact: small differences of
 * large numbers keep their digits. Where the two differ in scale or offset, or one of them is float32, and in maps, each value is
 * rounded once, to the float32 nearest to scale · v + offset.
 *
 * @param data `Float32Array`, `Uint8Array`, `Uint8ClampedArray`, `Int16Array`, `Uint16Array` or, where the engine has it,
 *   `Float16Array` for images; bytes for masks; `Int32Array`, bytes or `Float32Array` for class labels
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
  if (!KNOWN.includes(arrayNameOf(data) as ArrayName)) {
    throw new TypeError(`"data": expected a ${KNOWN.join(" or ")}, got ${kindOf(data)}`);
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

/** What tensors are made of. */
const KNOWN: readonly ArrayName[] = [...PIXELS, "Int32Array"];

/** Accepts the options `scale` and `offset`, which only integers may have. */
function checkCalibration(name: string, calibration: Calibration, data: ArrayBufferView): Required<Calibration> {
  const { scale = 1, offset = 0 } = ownOptions(name, calibration, ["scale", "offset"]);
  checkScale(name, scale, offset, arrayNameOf(data));
  return { scale, offset };
}

/** Accepts scale and offset of data of that kind. */
export function checkScale(name: string, scale: unknown, offset: unknown, kind: string | undefined): void {
  if (scale === 1 && offset === 0) return;
  checkNumber(`${name}.scale`, scale);
  checkNumber(`${name}.offset`, offset);
  const inFloat32 = (value: unknown) => Number.isFinite(Math.fround(value as number));
  if (!inFloat32(scale) || Math.fround(scale as number) === 0) {
    throw new RangeError(`"${name}.scale": expected a number that float32 holds, other than 0, got ${scale}`);
  }
  if (!inFloat32(offset)) {
    throw new RangeError(`"${name}.offset": expected a number that float32 holds, got ${offset}`);
  }
  if (kind === "Float32Array" || kind === "Float16Array") {
    throw new TypeError(`"${name}": expected scale and offset with integers alone, got them with a ${kind}`);
  }
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
