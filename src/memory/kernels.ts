import { Allocator } from "./allocator.ts";
import type { Exports } from "./kernelApi.ts";
import { kernelModule } from "./kernelModule.ts";

const PAGE = 65536;

/** What loops read past the end of an array, in whole steps: it has to be memory. */
const SLACK = 64;

/** The kernels' loops compare addresses with the end of their range, which therefore must not be 2³². */
const LAST_ADDRESS = 2 ** 32 - SLACK;

/** The module over one memory: its exports, an allocator, and views that follow the memory's growth. */
export class Kernels {
  readonly exports: Exports;
  readonly allocator: Allocator;
  readonly shared: boolean;
  // Private, so that no declaration speaks of WebAssembly: the types of a project without "dom" do not have it.
  readonly #module: WebAssembly.Module;
  readonly #memory: WebAssembly.Memory;
  /** Every buffer object that the memory has shown itself as: a shared one gets a new object when it grows. */
  readonly #buffers = new WeakSet<ArrayBufferLike>();
  f32!: Float32Array;
  f64!: Float64Array;
  u8!: Uint8Array;

  /** `memory`: pages to begin with, pages at most, and whether other threads can see it. */
  constructor(memory: { initial: number; maximum: number; shared?: true }) {
    this.#memory = new WebAssembly.Memory(memory);
    this.shared = memory.shared ?? false;
    this.#module = kernelModule(this.shared);
    const instance = new WebAssembly.Instance(this.#module, { env: { memory: this.#memory } });
    this.exports = instance.exports as unknown as Exports;
    this.allocator = new Allocator(this.exports.heapStart(), (end) => this.#grow(end));
    this.#look();
  }

  /** What a worker makes an instance of: `{ module, memory }`. */
  get parts(): object {
    return { module: this.#module, memory: this.#memory };
  }

  /** Whether `buffer` is this memory. */
  owns(buffer: ArrayBufferLike): boolean {
    return this.#buffers.has(buffer);
  }

  #grow(end: number): number {
    const full = (had: number) =>
      new RangeError(
        `the kernels' memory is full: ${end} bytes are needed, ${had} can be had; ` +
          "free tensors with dispose(), or pass ordinary Float32Arrays, which are staged piece by piece",
      );
    if (end > LAST_ADDRESS) throw full(LAST_ADDRESS);
    const missing = Math.ceil((end + SLACK - this.#memory.buffer.byteLength) / PAGE);
    if (missing > 0) {
      try {
        this.#memory.grow(missing);
      } catch {
        throw full(this.#memory.buffer.byteLength);
      }
      this.#look();
    }
    return this.#memory.buffer.byteLength - SLACK;
  }

  #look(): void {
    const { buffer } = this.#memory;
    this.#buffers.add(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.u8 = new Uint8Array(buffer);
  }
}

let heapKernels: Kernels | undefined;
let stagingKernels: Kernels | undefined;

/**
 * The kernels over the memory that `zeros` allocates in. It is shared where that can be had: a shared memory grows without
 * detaching the views that callers hold, and workers can join in. Elsewhere it is reserved once, as large as can be, and
 * never grows.
 */
export function heap(): Kernels {
  heapKernels ??= shared() ?? reserved();
  return heapKernels;
}

/**
 * The kernels over a small private memory through which ordinary arrays are staged: engines copy into a shared memory
 * element by element, which takes twice the time.
 */
export function staging(): Kernels {
  stagingKernels ??= new Kernels({ initial: 1, maximum: PAGE });
  return stagingKernels;
}

/** Whether `buffer` belongs to the memory of `zeros`, without making one. */
export function inHeap(buffer: ArrayBufferLike): boolean {
  return heapKernels?.owns(buffer) ?? false;
}

/** The kernels that a set of arrays is computed by: those of the heap where any of them lies there. */
export function kernelsFor(arrays: readonly ArrayBufferView[]): Kernels {
  return arrays.some((array) => inHeap(array.buffer)) ? heap() : staging();
}

function shared(): Kernels | undefined {
  for (let maximum = PAGE; maximum >= PAGE / 16; maximum /= 2) {
    try {
      return new Kernels({ initial: 1, maximum, shared: true });
    } catch {
      // Address space that large, or shared memory at all, is not to be had.
    }
  }
  return undefined;
}

function reserved(): Kernels {
  for (let size = PAGE / 2; ; size /= 2) {
    try {
      return new Kernels({ initial: size, maximum: size });
    } catch (error) {
      if (size <= 256) throw error;
    }
  }
}
