import type { Kernels, PassName } from "./kernels.ts";
import type { Geometry, Strides } from "./plan.ts";
import type { TensorData } from "./tensor.ts";
import { runOnThreads } from "./threads.ts";

/** Slots for the sums of this many (unit, channel) pairs are kept before they are added to their groups. */
const SLOTS = 2048;

/** Elements of an operand that are staged at a time: with pred, target and gradient, a second-level cache is not exceeded. */
const STAGED = 32768;

/** Elements of a pass from which on it is worth waking other threads. */
const THREADED = 131072;

/** Which setter describes an operand to the kernels. */
export type Role = "setPred" | "setTarget" | "setMask" | "setGrad";

/** An array that a pass reads or writes. */
export interface Operand {
  readonly role: Role;
  readonly array: TensorData;
  /** The kernels' name of its element type. */
  readonly type: number;
  /** What stored integers v stand for: scale · v + offset. */
  readonly scale: number;
  readonly offset: number;
  readonly strides: Strides;
  /** Whether consecutive units lie one after the other in it; a mask that is broadcast repeats itself. */
  readonly consecutive: boolean;
  /** Whether within a plane pixels are evenly spaced. */
  readonly linear: boolean;
  /** Elements from a sample's first to its last, inclusive. */
  readonly extent: number;
}

/** Memory that one call works in: its job, slots, scratch, group arrays and staging area, kept from call to call. */
export class Workspace {
  readonly kernels: Kernels;
  readonly job: number;
  readonly slots: number;
  readonly #areas = new Map<string, { address: number; bytes: number }>();
  static readonly #idle = new WeakMap<Kernels, Workspace[]>();

  private constructor(kernels: Kernels) {
    this.kernels = kernels;
    this.job = kernels.allocator.allocate(kernels.exports.jobBytes());
    this.slots = kernels.allocator.allocate(SLOTS * kernels.exports.recordBytes());
  }

  /** Lends a workspace to `use`. A loss that is called from within a custom loss gets one of its own. */
  static use<T>(kernels: Kernels, use: (workspace: Workspace) => T): T {
    let idle = Workspace.#idle.get(kernels);
    if (!idle) {
      idle = [];
      Workspace.#idle.set(kernels, idle);
    }
    const workspace = idle.pop() ?? new Workspace(kernels);
    try {
      return use(workspace);
    } finally {
      idle.push(workspace);
    }
  }

  /** Address of a named area of at least `bytes` bytes; what stood in it is lost when it has to grow. */
  area(name: string, bytes: number): number {
    let area = this.#areas.get(name);
    if (!area || area.bytes < bytes) {
      const { allocator } = this.kernels;
      if (area) {
        this.#areas.delete(name);
        allocator.free(area.address);
      }
      area = { address: allocator.allocate(bytes), bytes };
      this.#areas.set(name, area);
    }
    return area.address;
  }

  /**
   * Runs a pass over units [first, last). Arrays of the caller's own are staged window by window: pred and target on the way in,
   * gradients on the way out. With `collect` the sums are added to the records of their groups.
   */
  run(
    pass: PassName,
    geometry: Geometry,
    operands: readonly Operand[],
    { collect = false, keep = false, first = 0, last = geometry.units } = {},
  ): void {
    const { exports } = this.kernels;
    const { channels, pixels, tile, tilesPerPlane } = geometry;
    const passId = this.kernels.id(`Pass.${pass}`);
    const scratchBytes = exports.scratchBytes(channels, tile);
    const scratch = (threads: number) => ({
      address: this.area("scratch", threads * scratchBytes),
      bytes: scratchBytes,
    });
    const here = scratch(1).address;
    const foreign = operands.filter((operand) => !this.kernels.owns(operand.array.buffer));
    const alone = foreign.length === 0;
    for (const operand of operands) if (!foreign.includes(operand)) this.#place(operand, operand.array.byteOffset);
    // Planes of a tile that are looked at together are staged plane by plane, unless whole samples fit.
    const apart = channels > 1 && geometry.strides.pixel === 1 && tilesPerPlane > 1;
    let window = Math.max(1, Math.floor(SLOTS / channels));
    if (!alone) {
      const unit = Math.max(1, Math.min(tile, pixels) * channels);
      window = apart ? 1 : Math.min(window, Math.max(1, Math.floor(STAGED / unit)));
    }
    for (let from = first; from < last; from += window) {
      const to = Math.min(from + window, last);
      for (const operand of foreign) this.#stage(operand, geometry, from, to, apart, keep);
      exports.setFirstUnit(this.job, from);
      const wide = alone && (to - from) * tile * channels > THREADED;
      if (!wide || !runOnThreads(this.kernels, this.job, passId, scratch, from, to)) {
        exports.run(this.job, passId, here, from, to);
      }
      if (collect) exports.collect(this.job, from, to);
      for (const operand of foreign) if (operand.role === "setGrad") this.#unstage(operand, geometry, from, to, apart);
    }
  }

  /** Tells the kernels that element 0 of an operand is at `base`. */
  #place(operand: Operand, base: number, { sample, channel, pixel } = operand.strides): void {
    const { role, array, type, scale, offset } = operand;
    const bytes = array.BYTES_PER_ELEMENT;
    this.kernels.exports[role](this.job, base, sample * bytes, channel * bytes, pixel * bytes, type, scale, offset);
  }

  #stage(operand: Operand, geometry: Geometry, from: number, to: number, apart: boolean, keep: boolean): void {
    const bytes = operand.array.BYTES_PER_ELEMENT;
    const copies = operand.role !== "setGrad" || keep;
    if (apart && planar(operand)) {
      // One unit: its planes, each in a place of a tile's length.
      const { start, length, pixel } = unitOf(operand, geometry, from);
      const area = this.area(operand.role, geometry.channels * geometry.tile * bytes);
      for (let k = 0; copies && k < geometry.channels; k++) {
        this.#copyIn(operand, start + k * operand.strides.channel, length, area + k * geometry.tile * bytes);
      }
      this.#place(operand, area - pixel * bytes, { sample: 0, channel: geometry.tile, pixel: 1 });
    } else {
      const { start, length } = span(operand, geometry, from, to);
      const area = this.area(operand.role, length * bytes);
      if (copies) this.#copyIn(operand, start, length, area);
      this.#place(operand, area - start * bytes);
    }
  }

  #unstage(operand: Operand, geometry: Geometry, from: number, to: number, apart: boolean): void {
    const bytes = operand.array.BYTES_PER_ELEMENT;
    if (apart) {
      const { start, length } = unitOf(operand, geometry, from);
      const area = this.area(operand.role, geometry.channels * geometry.tile * bytes);
      for (let k = 0; k < geometry.channels; k++) {
        this.#copyOut(operand, start + k * operand.strides.channel, length, area + k * geometry.tile * bytes);
      }
    } else {
      const { start, length } = span(operand, geometry, from, to);
      this.#copyOut(operand, start, length, this.area(operand.role, length * bytes));
    }
  }

  #copyIn({ array }: Operand, start: number, length: number, address: number): void {
    this.kernels.u8.set(bytesOf(array, start, length), address);
  }

  #copyOut({ array }: Operand, start: number, length: number, address: number): void {
    const target = bytesOf(array, start, length);
    target.set(this.kernels.u8.subarray(address, address + target.length));
  }
}

/** Whether an operand has planes of its own, of consecutive pixels; a mask that is broadcast may not. */
function planar({ strides, linear }: Operand): boolean {
  return linear && strides.pixel === 1 && strides.channel > 0;
}

function bytesOf(array: TensorData, start: number, length: number): Uint8Array {
  const bytes = array.BYTES_PER_ELEMENT;
  return new Uint8Array(array.buffer, array.byteOffset + start * bytes, length * bytes);
}

/** First pixel, first element and pixels of a unit whose planes are staged apart; its unit plane is a sample. */
function unitOf({ strides }: Operand, { pixels, tile, tilesPerPlane }: Geometry, unit: number) {
  const pixel = (unit % tilesPerPlane) * tile;
  const start = Math.floor(unit / tilesPerPlane) * strides.sample + pixel * strides.pixel;
  return { pixel, start, length: Math.min(tile, pixels - pixel) };
}

/** The range of an operand's elements that units [from, to) touch. */
function span({ strides, consecutive, linear, extent }: Operand, geometry: Geometry, from: number, to: number) {
  const { pixels, tile, tilesPerPlane, planes, channels } = geometry;
  const firstPlane = Math.floor(from / tilesPerPlane);
  const lastPlane = Math.floor((to - 1) / tilesPerPlane);
  const offset = (plane: number, pixel: number) =>
    Math.floor(plane / planes) * strides.sample + (plane % planes) * strides.channel + pixel * strides.pixel;
  if (consecutive || (linear && firstPlane === lastPlane)) {
    const lastPixel = Math.min((((to - 1) % tilesPerPlane) + 1) * tile, pixels) - 1;
    const start = offset(firstPlane, (from % tilesPerPlane) * tile);
    return { start, length: offset(lastPlane, lastPixel) + (channels - 1) * strides.channel + 1 - start };
  }
  const start = Math.floor(firstPlane / planes) * strides.sample;
  return { start, length: Math.floor(lastPlane / planes) * strides.sample + extent - start };
}
