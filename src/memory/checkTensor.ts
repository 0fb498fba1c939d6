import { checkShape, elements, kindOf, property, showShape } from "../check.ts";
import { type ArrayName, arrayNameOf, type KernelData, kernelData } from "./arrayTypes.ts";
import { inHeap } from "./kernels.ts";
import { checkScale, Tensor } from "./tensor.ts";

/** An array that has passed: what it holds, where, and as what. */
export interface Checked<Data extends ArrayBufferView> {
  readonly data: Data & { readonly length: number };
  readonly shape: readonly number[];
  /** What stored integers v stand for: scale · v + offset. */
  readonly scale: number;
  readonly offset: number;
  /** The tensor that may be disposed of, if it is one. */
  readonly owner?: unknown;
}

/** Refuses a tensor that has been disposed of. */
export function checkInUse(name: string, owner: unknown): void {
  if (Tensor.is(owner) && owner.disposed) {
    throw new TypeError(
      `"${name}": expected a tensor in use, got one of shape ${showShape(owner.shape)} after dispose()`,
    );
  }
}

/** What is read of a tensor-like. ONNX Runtime has `dims`, and a `type` that tells what data stands for. */
const PROPERTIES = ["data", "shape", "dims", "scale", "offset", "type"];

/** Types of ONNX Runtime whose data is of another: float16 in a Uint16Array, and two numbers in a byte. */
const FLOAT16 = "float16";
const PACKED: readonly unknown[] = ["int4", "uint4"];

/** Accepts a tensor-like whose data is of one of the kinds, of the length that its shape says. */
export function checkTensor<Data extends KernelData>(
  name: string,
  value: unknown,
  kinds: readonly ArrayName[],
): Checked<Data> {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`"${name}": expected a tensor or { data, shape }, got ${kindOf(value)}`);
  }
  const made = Tensor.is(value);
  if (!made && value instanceof Tensor) {
    throw new TypeError(`"${name}": expected a tensor itself, got a proxy of one`);
  }
  checkInUse(name, value);
  const [data, shape, dims, scale = 1, offset = 0, type] = PROPERTIES.map((key) => property(value, key));
  const given = arrayNameOf(data);
  const kind = type === FLOAT16 && given === "Uint16Array" ? "Float16Array" : given;
  if (!kinds.includes(kind as ArrayName) || PACKED.includes(type)) {
    const of = type === FLOAT16 || PACKED.includes(type) ? ` of type "${type}"` : "";
    throw new TypeError(`"${name}": expected data to be a ${kinds.join(" or ")}, got ${kindOf(data)}${of}`);
  }
  const extents = shape ?? dims;
  if (extents === undefined) throw new TypeError(`"${name}": expected a shape (or dims) beside data, got none`);
  if (!made) checkShape(`${name}.${shape === undefined ? "dims" : "shape"}`, extents);
  const size = elements(extents as readonly number[]);
  const array = data as ArrayBufferView & { readonly length: number };
  checkScale(name, scale, offset, kind);
  if (array.length !== size) {
    // A detached buffer shows as length 0.
    throw new RangeError(
      `"${name}": expected ${size} elements for shape ${showShape(extents as readonly number[])}, got ${array.length}` +
        (array.length === 0 && array.byteLength === 0 ? " (is its buffer detached?)" : ""),
    );
  }
  return {
    data: kernelData(array, kind as ArrayName) as Data,
    shape: extents as readonly number[],
    scale: scale as number,
    offset: offset as number,
    owner: value,
  };
}

/** Whether two arrays share memory. */
export function overlap(a: ArrayBufferView, b: ArrayBufferView): boolean {
  // A shared memory that has grown shows itself through several buffer objects.
  const same = a.buffer === b.buffer || (inHeap(a.buffer) && inHeap(b.buffer));
  return same && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength;
}
