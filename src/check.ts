// What the caller gave, accepted or refused with a message that names the argument, what was expected and what came. TypeError
// for the wrong kind, RangeError for the wrong size or value. Messages are built only when thrown.

/** "a string", "null", "a Float64Array": the kind of anything, for messages. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return typeof value === "undefined" ? "undefined" : `a ${typeof value}`;
  const name = value.constructor?.name ?? "object";
  const kind = `${/^[AEIOU]/.test(name) && !name.startsWith("U") ? "an" : "a"} ${name}`;
  return isProxiedArray(value) ? `a proxy of ${kind}` : kind;
}

/** Whether an object passes for a typed array, as a proxy of one does, through which nothing can be read. */
export function isProxiedArray(value: object): boolean {
  return !ArrayBuffer.isView(value) && /^(Big)?(Int|Uint|Float)\d+(Clamped)?Array$/.test(value.constructor?.name);
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
      const expected = known.length > 0 ? `options among ${known.join(", ")}` : "none";
      throw new TypeError(`"${name}": expected ${expected}, got ${JSON.stringify(key)}`);
    }
  }
  return own(options);
}

/** A property that an object has of its own or by its class, as getters are; none that Object.prototype has been given. */
export function property(object: object, key: string): unknown {
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

/** Accepts a whole number that float64 tells from its neighbours. */
export function checkInteger(name: string, value: unknown): number {
  if (typeof value !== "number") throw new TypeError(`"${name}": expected a whole number, got ${kindOf(value)}`);
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`"${name}": expected a whole number of less than 2^53 in size, got ${value}`);
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
