// What the caller gave, accepted or refused with a message that names the argument, what was expected and what came. TypeError
// for the wrong kind, RangeError for the wrong size or value. Messages are built only when thrown.

import { inHeap } from "./kernels.ts";
import { type Calibration, Tensor, type TensorLike } from "./tensor.ts";

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

/** "a string", "null", "a Float64Array": the kind of anything, for messages. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return typeof value === "undefined" ? "undefined" : `a ${typeof value}`;
  const name = value.constructor?.name ?? "object";
  return `${/^[AEIOU]/.test(name) && !name.startsWith("U") ? "an" : "a"} ${name}`;
}

/** A value, for messages. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  return kindOf(value);
}

export function showShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

export function elements(shape: readonly number[]): number {
  let product = 1;
  for (const size of shape) product *= size;
  return product;
}

export function checkShape(name: string, shape: unknown): asserts shape is readonly number[] {
  if (!Array.isArray(shape)) throw new TypeError(`"${name}": expected an array of dimensions, got ${kindOf(shape)}`);
  for (const size of shape) {
    if (typeof size !== "number") throw new TypeError(`"${name}": expected numbers, got ${kindOf(size)} in it`);
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new RangeError(`"${name}": expected whole numbers from 0 on, got ${showShape(shape)}`);
    }
  }
}

type Constructor<Data> = { new (...args: never[]): Data; readonly name: string };

/** Refuses a tensor that has been disposed of. */
export function checkInUse(name: string, owner: unknown): void {
  if (owner instanceof Tensor && owner.disposed) {
    throw new TypeError(
      `"${name}": expected a tensor in use, got one of shape ${showShape(owner.shape)} after dispose()`,
    );
  }
}

/** What is read of a tensor-like. */
const PROPERTIES = ["data", "shape", "dims", "scale", "offset"];

/** Accepts a tensor-like whose data is of one of `types`, of the length that its shape says. */
export function checkTensor<Data extends ArrayBufferView>(
  name: string,
  value: unknown,
  ...types: Constructor<Data>[]
): Checked<Data> {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`"${name}": expected a tensor or { data, shape }, got ${kindOf(value)}`);
  }
  const made = value instanceof Tensor;
  checkInUse(name, value);
  const [data, shape, dims, scale = 1, offset = 0] = PROPERTIES.map((key) => property(value, key));
  if (!isOneOf(data, types)) {
    throw new TypeError(
      `"${name}": expected data to be a ${types.map((type) => type.name).join(" or ")}, got ${kindOf(data)}`,
    );
  }
  const given = shape ?? dims;
  if (given === undefined) throw new TypeError(`"${name}": expected a shape (or dims) beside data, got none`);
  if (!made) checkShape(`${name}.${shape === undefined ? "dims" : "shape"}`, given);
  const size = elements(given as readonly number[]);
  const array = data as Data & { readonly length: number };
  checkScale(name, scale, offset, array);
  if (array.length !== size) {
    // A detached buffer shows as length 0.
    throw new RangeError(
      `"${name}": expected ${size} elements for shape ${showShape(given as readonly number[])}, got ${array.length}` +
        (array.length === 0 && array.byteLength === 0 ? " (is its buffer detached?)" : ""),
    );
  }
  return {
    data: array,
    shape: given as readonly number[],
    scale: scale as number,
    offset: offset as number,
    owner: value,
  };
}

function isOneOf(data: unknown, types: readonly Constructor<ArrayBufferView>[]): boolean {
  for (const type of types) if (data instanceof type) return true;
  return false;
}

/** Accepts the options `scale` and `offset`, which only integers may have. */
export function checkCalibration(name: string, calibration: Calibration, data: ArrayBufferView): Required<Calibration> {
  const { scale = 1, offset = 0 } = ownOptions(name, calibration, ["scale", "offset"]);
  checkScale(name, scale, offset, data);
  return { scale, offset };
}

function checkScale(name: string, scale: unknown, offset: unknown, data: ArrayBufferView): void {
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
  if (data instanceof Float32Array) {
    throw new TypeError(`"${name}": expected scale and offset with integers alone, got them with a Float32Array`);
  }
}

export function checkSameShape(
  name: string,
  shape: readonly number[],
  like: string,
  expected: readonly number[],
): void {
  let same = shape.length === expected.length;
  for (let i = 0; i < shape.length; i++) same &&= shape[i] === expected[i];
  if (!same) {
    throw new RangeError(`"${name}": expected shape ${showShape(expected)} like ${like}, got ${showShape(shape)}`);
  }
}

/** Whether two arrays share memory. */
export function overlap(a: ArrayBufferView, b: ArrayBufferView): boolean {
  // A shared memory that has grown shows itself through several buffer objects.
  const same = a.buffer === b.buffer || (inHeap(a.buffer) && inHeap(b.buffer));
  return same && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength;
}

/** A copy of what an object has of its own: nothing that it inherits, be it from Object.prototype. */
export function own<Of extends object>(object: Of): Of {
  return Object.assign(Object.create(null), object) as Of;
}

/** Accepts an options object of known keys, and gives its own properties: what it inherits is no option. */
export function ownOptions<Options extends object>(name: string, options: Options, known: readonly string[]): Options {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`"${name}": expected an object of options, got ${kindOf(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new TypeError(`"${name}": expected options among ${known.join(", ")}, got ${JSON.stringify(key)}`);
    }
  }
  return own(options);
}

/** A property that an object has of its own or by its class, as getters are; none that Object.prototype has been given. */
function property(object: object, key: string): unknown {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    if (!Object.hasOwn(at, key)) continue;
    return at === object || Object.getPrototypeOf(at) !== null ? (object as Record<string, unknown>)[key] : undefined;
  }
  return undefined;
}

interface Bounds {
  readonly above?: number;
  readonly min?: number;
  readonly below?: number;
  readonly max?: number;
  /** Whether ±Infinity will do. */
  readonly infinite?: boolean;
}

/** Accepts a number within the bounds given. */
export function checkNumber(name: string, value: unknown, bounds: Bounds = {}): number {
  const { above, min, below, max, infinite = false } = own(bounds);
  if (typeof value !== "number") throw new TypeError(`"${name}": expected a number, got ${kindOf(value)}`);
  const wrong =
    Number.isNaN(value) ||
    (!infinite && !Number.isFinite(value)) ||
    (above !== undefined && !(value > above)) ||
    (min !== undefined && !(value >= min)) ||
    (below !== undefined && !(value < below)) ||
    (max !== undefined && !(value <= max));
  if (wrong) {
    const limits = [
      above !== undefined && `above ${above}`,
      min !== undefined && `of at least ${min}`,
      below !== undefined && `below ${below}`,
      max !== undefined && `of at most ${max}`,
    ].filter(Boolean);
    const kind = infinite ? "a number that is not NaN" : "a finite number";
    throw new RangeError(`"${name}": expected ${[kind, ...limits].join(", ")}, got ${value}`);
  }
  return value;
}

export function checkInteger(name: string, value: unknown, size: number): number {
  if (typeof value !== "number") throw new TypeError(`"${name}": expected a whole number, got ${kindOf(value)}`);
  if (!Number.isSafeInteger(value) || Math.abs(value) > size) {
    throw new RangeError(`"${name}": expected a whole number from -${size} to ${size}, got ${value}`);
  }
  return value;
}

/** Accepts one of a few words. */
export function checkChoice<Choice extends string>(name: string, value: unknown, choices: readonly Choice[]): Choice {
  if (typeof value !== "string") {
    throw new TypeError(`"${name}": expected ${choices.map(show).join(" or ")}, got ${kindOf(value)}`);
  }
  if (!choices.includes(value as Choice)) {
    throw new RangeError(`"${name}": expected ${choices.map(show).join(" or ")}, got ${show(value)}`);
  }
  return value as Choice;
}

export type { TensorLike };
