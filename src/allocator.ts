/** Every block starts at a multiple of this: a cache line, and four vectors. */
const ALIGNMENT = 64;

/**
 * Hands out blocks of an address range that grows on demand: first fit over a list of free ranges, which is sorted by
 * address and merges neighbours.
 *
 *     start ──┬─ used ─┬─ free ─┬─ used ─┬─ free … end        grow(end') moves the end, or throws
 */
export class Allocator {
  readonly #free: { start: number; end: number }[] = [];
  readonly #used = new Map<number, number>();
  #end: number;

  /** `grow(end)` is asked to make addresses up to `end` usable and returns the end that it has made so. */
  constructor(
    start: number,
    private readonly grow: (end: number) => number,
  ) {
    this.#end = align(start);
  }

  /** Address of a block of at least `bytes` bytes. */
  allocate(bytes: number): number {
    const size = Math.max(align(bytes), ALIGNMENT);
    let hole = this.#free.find((range) => range.end - range.start >= size);
    if (!hole) {
      const last = this.#free.at(-1);
      const start = last?.end === this.#end ? last.start : this.#end;
      this.#release(this.#end, this.grow(start + size));
      hole = this.#free.at(-1) as { start: number; end: number };
    }
    const address = hole.start;
    hole.start += size;
    if (hole.start === hole.end) this.#free.splice(this.#free.indexOf(hole), 1);
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

  #release(start: number, end: number): void {
    this.#end = Math.max(this.#end, end);
    let at = this.#free.findIndex((range) => range.start > start);
    if (at < 0) at = this.#free.length;
    const before = this.#free[at - 1];
    const after = this.#free[at];
    if (before?.end === start) {
      before.end = after?.start === end ? after.end : end;
      if (after?.start === end) this.#free.splice(at, 1);
    } else if (after?.start === end) after.start = start;
    else this.#free.splice(at, 0, { start, end });
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
