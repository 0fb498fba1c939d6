/** Every block starts at a multiple of this: a cache line, and four vectors. */
const ALIGNMENT = 64;

/**
 * Hands out blocks of an address range that grows on demand. A free range is known by both of its ends, so that a block joins its
 * free neighbours without a search, and by its size, in classes that double.
 *
 *     start ──┬─ used ─┬─ free ─┬─ used ─┬─ free … end        grow(end') moves the end, or throws
 */
export class Allocator {
  /** Asked, before the range grows, to free whatever can be had again. */
  spare: () => void = () => {};
  readonly #grow: (end: number) => number;
  readonly #used = new Map<number, number>();
  /** Ends of the free ranges by their start, and starts by their end. */
  readonly #endOf = new Map<number, number>();
  readonly #startOf = new Map<number, number>();
  /** Starts of the free ranges of 2^k … 2^(k + 1) bytes. */
  readonly #ofSize: readonly Set<number>[] = Array.from({ length: 33 }, () => new Set<number>());
  #end: number;

  /** `grow(end)` is asked to make addresses up to `end` usable and returns the end that it has made so. */
  constructor(start: number, grow: (end: number) => number) {
    this.#end = align(start);
    this.#grow = grow;
  }

  /** Address of a block of at least `bytes` bytes. */
  allocate(bytes: number): number {
    const size = Math.max(align(bytes), ALIGNMENT);
    let address = this.#find(size);
    if (address === undefined) {
      this.spare();
      address = this.#find(size) ?? this.#extend(size);
    }
    const end = this.#take(address);
    if (address + size < end) this.#put(address + size, end);
    this.#used.set(address, size);
    return address;
  }

  /** Gives back the block at `address`. */
  free(address: number): void {
    const size = this.#used.get(address);
    if (size === undefined) throw new RangeError(`no block was allocated at ${address}`);
    this.#used.delete(address);
    this.#release(address, address + size);
  }

  /** Start of a free range of at least `size` bytes, of about that size if there is one. */
  #find(size: number): number | undefined {
    const own = classOf(size);
    for (const start of this.#ofSize[own] ?? []) if ((this.#endOf.get(start) as number) - start >= size) return start;
    for (const starts of this.#ofSize.slice(own + 1)) for (const start of starts) return start;
    return undefined;
  }

  /** Has the range grow until a block of `size` bytes fits at its end; where that block starts. */
  #extend(size: number): number {
    const start = this.#startOf.get(this.#end) ?? this.#end;
    const end = this.#grow(start + size);
    this.#release(this.#end, end);
    this.#end = end;
    return start;
  }

  /** Makes [start, end) free, as one with its free neighbours. */
  #release(start: number, end: number): void {
    const before = this.#startOf.get(start);
    if (before !== undefined) this.#take(before);
    const after = this.#endOf.has(end) ? this.#take(end) : end;
    this.#put(before ?? start, after);
  }

  #put(start: number, end: number): void {
    this.#endOf.set(start, end);
    this.#startOf.set(end, start);
    this.#ofSize[classOf(end - start)]?.add(start);
  }

  /** Takes the free range that begins at `start` out; returns its end. */
  #take(start: number): number {
    const end = this.#endOf.get(start) as number;
    this.#endOf.delete(start);
    this.#startOf.delete(end);
    this.#ofSize[classOf(end - start)]?.delete(start);
    return end;
  }
}

/** The k of 2^k ≤ size < 2^(k + 1). */
function classOf(size: number): number {
  return size >= 2 ** 32 ? 32 : 31 - Math.clz32(size);
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
