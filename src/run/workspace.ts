import { Role } from "../memory/kernelApi.ts";
import type { Kernels } from "../memory/kernels.ts";
import type { Operand } from "../plan/call.ts";
import type { Geometry, Strides } from "../plan/geometry.ts";
import { crewFor, LostWorker } from "./crew.ts";
import { bytesOf, planar, span, type Units, unitOf } from "./staging.ts";

/** Slots for the sums of this many (unit, channel) pairs are kept before they are added to their groups. */
const SLOTS = 2048;

/** Elements of an operand that are staged at a time: with pred, target and gradient, a second-level cache is not exceeded. */
const STAGED = 32768;

/** Elements of a pass from which on it is worth waking other threads. */
const THREADED = 131072;

/** Elements of the units that a thread takes at a time. */
const CHUNK = 65536;

/** Rows that are staged at a time at least, where units are rows. */
const STAGED_ROWS = 128;

/** A pass of one loss over its arrays. */
export interface Step {
  readonly workspace: Workspace;
  readonly geometry: Geometry;
  readonly operands: readonly Operand[];
  readonly pass: number;
  /** Whether sums are added to the records of their groups. */
  readonly collect: boolean;
  /** Whether gradients are added to what stands there. */
  readonly keep: boolean;
  /** Pixels around each unit that its windows reach. */
  readonly reach: number;
  /** What an element costs, an elementwise loss being 1. */
  readonly cost: number;
  readonly first: number;
  readonly last: number;
}

/** Memory that one loss works in while it is computed: its job, slots, scratch, group arrays and staging area, kept from call to call. */
export class Workspace {
  readonly kernels: Kernels;
  readonly job: number;
  readonly #areas = new Map<string, { address: number; bytes: number }>();
  static readonly #idle = new WeakMap<Kernels, Workspace[]>();

  private constructor(kernels: Kernels) {
    this.kernels = kernels;
    this.job = kernels.allocator.allocate(kernels.exports.jobBytes());
  }

  /** Lends workspaces to `use`. A loss that is called from within a custom loss gets others. */
  static use<T>(kernels: Kernels, use: (...workspaces: [Workspace, ...Workspace[]]) => T, count = 1): T {
    const idle = Workspace.#idleOf(kernels);
    const lent: Workspace[] = [];
    let lost = false;
    try {
      while (lent.length < count) lent.push(idle.pop() ?? new Workspace(kernels));
      return use(...(lent as [Workspace, ...Workspace[]]));
    } catch (error) {
      lost = error instanceof LostWorker;
      throw error;
    } finally {
      if (!lost) idle.push(...lent.reverse());
    }
  }

  /** The workspaces that no call has at the moment. They make room where memory would have to grow: nothing that stays splits it. */
  static #idleOf(kernels: Kernels): Workspace[] {
    let idle = Workspace.#idle.get(kernels);
    if (!idle) {
      const made: Workspace[] = [];
      kernels.allocator.spare = () => {
        for (const workspace of made.splice(0)) workspace.#free();
      };
      Workspace.#idle.set(kernels, made);
      idle = made;
    }
    return idle;
  }

  #free(): void {
    const { allocator } = this.kernels;
    allocator.free(this.job);
    for (const { address } of this.#areas.values()) allocator.free(address);
  }

  /** Address of the slots for units of `channels` planes: SLOTS of them, and those of one unit at least. */
  slots(channels: number): number {
    return this.area("slots", Math.max(SLOTS, channels) * this.kernels.exports.sumsBytes());
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
   * Runs the passes of losses that share their arrays and their tiles over units [first, last): on each tile one after the other.
   * Arrays of the caller's own are staged window by window: pred and target on the way in, gradients on the way out.
   */
  static run(steps: readonly [Step, ...Step[]]): void {
    const [{ workspace, geometry, keep, reach, first, last }] = steps;
    const { kernels } = workspace;
    const { exports } = kernels;
    const { channels, pixels, tile, tilesPerPlane, rows } = geometry;
    const foreign: Operand[] = [];
    let cost = 0;
    let next = 0;
    for (let k = steps.length - 1; k >= 0; k--) {
      const step = steps[k] as Step;
      exports.setPass(step.workspace.job, step.pass, step.keep, next);
      next = step.workspace.job;
      cost += step.cost;
      for (const operand of step.operands) {
        if (kernels.owns(operand.array.buffer)) {
          step.workspace.#place(operand, operand.array.byteOffset, operand.strides);
        } else if (!foreign.some(({ role }) => role === operand.role)) foreign.push(operand);
      }
    }
    const alone = foreign.length === 0;
    // Planes of a tile that are looked at together are staged plane by plane, unless whole samples fit.
    const apart = channels > 1 && geometry.strides.pixel === 1 && tilesPerPlane > 1;
    let window = Math.max(1, Math.floor(SLOTS / channels));
    if (!alone) {
      const unit = Math.max(1, Math.min(tile, pixels) * channels);
      // Rows come with those that their windows reach: not too few at a time.
      window = apart ? 1 : Math.min(window, Math.max(rows ? STAGED_ROWS : 1, Math.floor(STAGED / unit)));
    }
    const scratchBytes = exports.scratchBytes(workspace.job, window) >>> 0;
    const scratch = workspace.area("scratch", scratchBytes);
    for (let from = first; from < last; from += window) {
      const to = Math.min(from + window, last);
      const units = { from, to, reach };
      for (const operand of foreign) {
        const { base, strides } = workspace.#stage(operand, geometry, units, apart, keep);
        for (const step of steps) step.workspace.#place(operand, base, strides);
      }
      for (const step of steps) exports.setFirstUnit(step.workspace.job, from);
      const threads = alone && (to - from) * tile * channels * cost > THREADED ? crewFor(kernels) : undefined;
      if (threads) {
        const areas = workspace.area("thread scratch", threads.count * scratchBytes);
        // Rows at the edges of a chunk are worked on twice, by its neighbours too: few chunks, and small ones at the end alone, so
        // that no thread waits long for another.
        const chunk = rows ? STAGED_ROWS / 2 : Math.max(1, Math.floor(CHUNK / (tile * channels)));
        threads.run(workspace.job, areas, scratchBytes, from, to, chunk, rows ? 2 * threads.count : to - from);
      } else exports.run(workspace.job, scratch, from, to);
      for (const step of steps) if (step.collect) exports.collect(step.workspace.job, from, to);
      for (const operand of foreign) {
        if (operand.role === "Grad") workspace.#unstage(operand, geometry, units, apart);
      }
    }
  }

  /** Tells the kernels that element 0 of an operand is at `base`. */
  #place(operand: Operand, base: number, strides: Strides): void {
    const { role, array, type, scale, offset } = operand;
    const bytes = array.BYTES_PER_ELEMENT;
    const { sample, channel, pixel } = strides;
    const { exports } = this.kernels;
    exports.setOperand(this.job, Role[role], base, type, scale, offset);
    exports.setStrides(this.job, Role[role], sample * bytes, channel * bytes, pixel * bytes);
  }

  /** Copies what units need of an operand in; where its element 0 would then be, and its strides there. */
  #stage(operand: Operand, geometry: Geometry, units: Units, apart: boolean, keep: boolean) {
    const bytes = operand.array.BYTES_PER_ELEMENT;
    const copies = operand.role !== "Grad" || keep;
    if (apart && planar(operand)) {
      // One unit: its planes, each in a place of its own.
      const { start, length, pixel } = unitOf(operand, geometry, units);
      const area = this.area(operand.role, geometry.channels * length * bytes);
      for (let k = 0; copies && k < geometry.channels; k++) {
        this.#copyIn(operand, start + k * operand.strides.channel, length, area + k * length * bytes);
      }
      return { base: area - pixel * bytes, strides: { sample: 0, channel: length, pixel: 1 } };
    }
    const { start, length } = span(operand, geometry, units);
    const area = this.area(operand.role, length * bytes);
    if (copies) this.#copyIn(operand, start, length, area);
    return { base: area - start * bytes, strides: operand.strides };
  }

  #unstage(operand: Operand, geometry: Geometry, units: Units, apart: boolean): void {
    const bytes = operand.array.BYTES_PER_ELEMENT;
    if (apart) {
      const { start, length } = unitOf(operand, geometry, units);
      const area = this.area(operand.role, geometry.channels * length * bytes);
      for (let k = 0; k < geometry.channels; k++) {
        this.#copyOut(operand, start + k * operand.strides.channel, length, area + k * length * bytes);
      }
    } else {
      const { start, length } = span(operand, geometry, units);
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
