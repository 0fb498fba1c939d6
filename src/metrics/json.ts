// States as plain JSON and back. Numbers keep every bit: JSON's decimals do for finite float64, and what JSON has no number for,
// NaN and ±Infinity, is written as a string.

import { kindOf, show } from "../check.ts";
import { ExactSum } from "./exact.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const SPECIAL = ["NaN", "Infinity", "-Infinity"];

/** A copy of plain objects, arrays, strings, numbers and exact sums that JSON keeps. */
export function encode(value: unknown): Json {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value !== "object" || value === null) return value as Json;
  if (value instanceof ExactSum) return value.toJSON();
  if (Array.isArray(value)) return value.map(encode);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, encode(entry)]));
}

/** A place in a state that is being read, known by its name: "state.bands[2].angle". */
export class Reader {
  readonly #name: string;
  readonly #value: unknown;

  constructor(name: string, value: unknown) {
    this.#name = name;
    this.#value = value;
  }

  /** The entries of an object that has these keys alone. What is missing is refused by whoever reads it. */
  entries<Key extends string>(...keys: Key[]): Record<Key, Reader> {
    const extra = Object.keys(this.#object()).find((key) => !keys.includes(key as Key));
    if (extra !== undefined) throw this.#wrong(keys.join(", "), `${show(extra)} among them`);
    return Object.fromEntries(keys.map((key) => [key, this.#at(key)])) as Record<Key, Reader>;
  }

  #at(key: string): Reader {
    const object = this.#object();
    return new Reader(`${this.#name}.${key}`, Object.hasOwn(object, key) ? object[key] : undefined);
  }

  #object(): Record<string, unknown> {
    if (typeof this.#value !== "object" || this.#value === null || Array.isArray(this.#value)) {
      throw this.#wrong("an object", kindOf(this.#value));
    }
    return this.#value as Record<string, unknown>;
  }

  /** The entries of an array, of that length if one is given. */
  list(length?: number): Reader[] {
    if (!Array.isArray(this.#value)) throw this.#wrong("an array", kindOf(this.#value));
    if (length !== undefined && this.#value.length !== length) {
      throw new RangeError(`"${this.#name}": expected ${length} entries, got ${this.#value.length}`);
    }
    return this.#value.map((entry, i) => new Reader(`${this.#name}[${i}]`, entry));
  }

  number(): number {
    if (typeof this.#value === "string" && SPECIAL.includes(this.#value)) return Number(this.#value);
    if (typeof this.#value !== "number") throw this.#wrong("a number", kindOf(this.#value));
    return this.#value;
  }

  /** A number that is a sum of what is never negative: from 0 on, or NaN. */
  amount(): number {
    const amount = this.number();
    if (amount < 0) throw new RangeError(`"${this.#name}": expected a number from 0 on, got ${amount}`);
    return amount;
  }

  /** A whole number from 0 on, of at most `max`. */
  count(max = Number.MAX_SAFE_INTEGER): number {
    const count = this.number();
    if (!Number.isSafeInteger(count) || count < 0 || count > max) {
      const limit = max === Number.MAX_SAFE_INTEGER ? "on" : `to ${max}`;
      throw new RangeError(`"${this.#name}": expected a whole number from 0 ${limit}, got ${count}`);
    }
    return count;
  }

  /** An exact sum. */
  sum(): ExactSum {
    const sum = typeof this.#value === "string" ? ExactSum.parse(this.#value) : undefined;
    if (!sum) throw this.#wrong(`a sum such as "0x1a5p-12"`, show(this.#value));
    return sum;
  }

  /** One of what is never negative. */
  sumOfAmounts(): ExactSum {
    const sum = this.sum();
    if (sum.units < 0n || sum.others < 0) {
      throw new RangeError(`"${this.#name}": expected a sum from 0 on, got ${sum.toJSON()}`);
    }
    return sum;
  }

  /** A name that is none of those that have been read, and one of them from here on. */
  name(read: Set<string>): string {
    const name = this.text();
    if (read.has(name)) throw new RangeError(`"${this.#name}": expected each name once, got ${show(name)} again`);
    read.add(name);
    return name;
  }

  text(): string {
    if (typeof this.#value !== "string") throw this.#wrong("a string", kindOf(this.#value));
    return this.#value;
  }

  /** What `make` makes of the value here, with what `encode` has made of numbers undone; its errors say where. */
  as<Made>(make: (plain: unknown) => Made): Made {
    return this.state(() => make(this.#plain()));
  }

  /** What `make` makes of the value here as it is, a state of its own. */
  state<Made>(make: (json: unknown) => Made): Made {
    try {
      return make(this.#value);
    } catch (error) {
      if (error instanceof Error) error.message = `"${this.#name}": ${error.message}`;
      throw error;
    }
  }

  #plain(): unknown {
    const decode = (value: unknown): unknown => {
      if (typeof value === "string" && SPECIAL.includes(value)) return Number(value);
      if (typeof value !== "object" || value === null) return value;
      if (Array.isArray(value)) return value.map(decode);
      return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, decode(entry)]));
    };
    return decode(this.#value);
  }

  /** Accepts a state of that format and version. */
  format(format: string, version: number): void {
    const given = this.#at("format").#value;
    if (given !== format) throw new TypeError(`"${this.#name}.format": expected ${show(format)}, got ${show(given)}`);
    const came = this.#at("version").#value;
    if (came !== version) throw new RangeError(`"${this.#name}.version": expected ${version}, got ${show(came)}`);
  }

  #wrong(expected: string, got: string): TypeError {
    return new TypeError(`"${this.#name}": expected ${expected}, got ${got}`);
  }
}
