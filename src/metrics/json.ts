// States as plain JSON and back. Numbers keep every bit: JSON's decimals do for finite float64, and what JSON has no number for,
// NaN and ±Infinity, is written as a string.

import { kindOf, show } from "../check.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const SPECIAL = ["NaN", "Infinity", "-Infinity"];

/** A copy of plain objects, arrays, strings and numbers that JSON keeps. */
export function encode(value: unknown): Json {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value !== "object" || value === null) return value as Json;
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

  /** The entry of an object. */
  at(key: string): Reader {
    if (typeof this.#value !== "object" || this.#value === null || Array.isArray(this.#value)) {
      throw this.#wrong("an object", kindOf(this.#value));
    }
    const entry: unknown = Object.hasOwn(this.#value, key) ? (this.#value as Record<string, unknown>)[key] : undefined;
    return new Reader(`${this.#name}.${key}`, entry);
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

  /** A whole number from 0 on. */
  count(): number {
    const count = this.number();
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new RangeError(`"${this.#name}": expected a whole number from 0 on, got ${count}`);
    }
    return count;
  }

  text(): string {
    if (typeof this.#value !== "string") throw this.#wrong("a string", kindOf(this.#value));
    return this.#value;
  }

  /** Whatever stands here, with what `encode` has made of numbers undone. */
  plain(): unknown {
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
    const given = this.at("format").#value;
    if (given !== format) throw new TypeError(`"${this.#name}.format": expected ${show(format)}, got ${show(given)}`);
    const came = this.at("version").#value;
    if (came !== version) throw new RangeError(`"${this.#name}.version": expected ${version}, got ${show(came)}`);
  }

  #wrong(expected: string, got: string): TypeError {
    return new TypeError(`"${this.#name}": expected ${expected}, got ${got}`);
  }
}
