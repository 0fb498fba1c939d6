import { kindOf, show } from "../check.ts";
import { Reader } from "./json.ts";

/** What merges: `BandMetrics`, `LossAccumulator`. */
export interface Accumulator {
  merge(other: this): this;
  toJSON(): object;
}

const FORMAT = "valid-pixel-loss/Parts";
const VERSION = 1;

/**
 * The parts of an archive by their names (a scene, a window of it, a shard), for work that is shared out by a queue: a part that is
 * delivered twice counts once, and those that are missing can be told. A few kilobytes are kept of each part. Since sums are exact, the
 * total has the same bits in whatever order parts come, and however sets of them are merged.
 *
 * @param empty makes an accumulator of nothing
 * @param read makes one from its state
 * @example
 * ```ts
 * const parts = new Parts(() => new BandMetrics(options), BandMetrics.fromJSON);
 * parts.add("scene-7", metricsOfScene7).add("scene-7", deliveredAgain);
 * parts.missing(["scene-7", "scene-8"]); // ["scene-8"]
 * parts.total().compute();
 * ```
 */
export class Parts<Of extends Accumulator> {
  readonly #empty: () => Of;
  readonly #read: (state: unknown) => Of;
  /** States as text, by name. */
  readonly #states = new Map<string, string>();

  constructor(empty: () => Of, read: (state: unknown) => Of) {
    for (const [name, given] of Object.entries({ empty, read })) {
      if (typeof given !== "function") throw new TypeError(`"${name}": expected a function, got ${kindOf(given)}`);
    }
    this.#empty = empty;
    this.#read = read;
  }

  /** How many parts have come. */
  get size(): number {
    return this.#states.size;
  }

  /**
   * Takes in a part, as it is now; again, if it comes twice, for nothing.
   *
   * @param name its identity, the same wherever and however often it is worked on
   * @throws TypeError for a name that is no string, RangeError where another part has come by that name; nothing has been taken in then
   */
  add(name: string, part: Of): this {
    if (typeof name !== "string") throw new TypeError(`"name": expected a string, got ${kindOf(name)}`);
    this.#put(new Map([[name, JSON.stringify(part)]]));
    return this;
  }

  /**
   * Takes in all that `other` has, which stays as it is.
   *
   * @throws TypeError where `other` is no Parts, RangeError where a part of a name differs; nothing has been taken in then
   */
  merge(other: Parts<Of>): this {
    if (!(other instanceof Parts)) throw new TypeError(`"other": expected Parts, got ${kindOf(other)}`);
    this.#put(other.#states);
    return this;
  }

  /** Those of the names by which no part has come. */
  missing(names: Iterable<string>): string[] {
    return [...names].filter((name) => !this.#states.has(name));
  }

  /** All parts as one. */
  total(): Of {
    const total = this.#empty();
    for (const name of this.#names()) total.merge(this.#read(JSON.parse(this.#states.get(name) as string)));
    return total;
  }

  /** The state as plain JSON, whatever order the parts have come in. */
  toJSON(): object {
    const parts = this.#names().map((name) => ({ name, state: JSON.parse(this.#states.get(name) as string) }));
    return { format: FORMAT, version: VERSION, parts };
  }

  /**
   * The parts whose state this is: what `toJSON` gave, or JSON.parse of its text.
   *
   * @throws TypeError, RangeError where it is no such state, with the place and what was expected there
   */
  static fromJSON<Of extends Accumulator>(empty: () => Of, read: (state: unknown) => Of, json: unknown): Parts<Of> {
    const parts = new Parts(empty, read);
    const state = new Reader("state", json);
    state.format(FORMAT, VERSION);
    const { parts: list } = state.entries("format", "version", "parts");
    const names = new Set<string>();
    for (const part of list.list()) {
      const { name, state: own } = part.entries("name", "state");
      parts.add(name.name(names), own.state(read));
    }
    return parts;
  }

  #put(states: ReadonlyMap<string, string>): void {
    for (const [name, state] of states) {
      const own = this.#states.get(name);
      if (own !== undefined && own !== state) {
        throw new RangeError(`"name": expected each name to be of one part, got another by the name ${show(name)}`);
      }
    }
    for (const [name, state] of states) this.#states.set(name, state);
  }

  #names(): string[] {
    return [...this.#states.keys()].sort();
  }
}
