// The way to and from a loss of the caller's own: the valid pixels of each group are gathered for it, its gradients scattered.

import { isProxiedArray, kindOf } from "../check.ts";
import type { BaseLoss } from "../losses/BaseLoss.ts";
import { checkInUse } from "../memory/checkTensor.ts";
import type { PassName } from "../memory/kernelApi.ts";
import { type Call, type Gradient, isWeighted, type Operand } from "../plan/call.ts";
import { areDigitalNumbers, isCalibrated } from "../plan/reading.ts";
import type { Request } from "./steps.ts";
import { Workspace } from "./workspace.ts";

/** What these passes take of the computation that they are part of. */
interface Custom {
  readonly workspace: Workspace;
  readonly call: Call;
  readonly gradient: Gradient | undefined;
  /** Valid pixels of each group. */
  readonly counts: Float64Array;
  step(pass: PassName, operands: readonly Operand[], given: Partial<Request>): Request;
}

export class CustomPasses {
  readonly #custom: Custom;
  /** Whether pixels are handed over as float64: digital numbers, as what they stand for. */
  readonly #isWide: boolean;
  /** Where pred, target and masses of a unit are gathered, with a vector of room behind each; gradients take the place of pred. */
  readonly #pred: number;
  readonly #target: number;
  readonly #mass: number;
  readonly #grads: (Float64Array | undefined)[] = [];

  constructor(custom: Custom) {
    const { workspace, call } = custom;
    const { channels, tile } = call.geometry;
    this.#custom = custom;
    this.#isWide = areDigitalNumbers(call) && isCalibrated(call.pred);
    const bytes = channels * tile * (this.#isWide ? 8 : 4) + 16;
    this.#pred = workspace.area("gathered", 3 * (channels * tile * 8 + 16));
    this.#target = this.#pred + bytes;
    this.#mass = this.#target + bytes;
    workspace.kernels.exports.setGathered(workspace.job, this.#pred, this.#target, this.#mass);
  }

  /** What the function makes of each group; 0 of one without valid pixels. */
  losses(inputs: readonly Operand[]): Float64Array {
    const { workspace, call, gradient, counts } = this.#custom;
    const { kernels } = workspace;
    const { tile } = call.geometry;
    const Pixels = this.#isWide ? Float64Array : Float32Array;
    const preds: (Float32Array | Float64Array)[] = [];
    const targets: (Float32Array | Float64Array)[] = [];
    const masses: (Float32Array | undefined)[] = [];
    this.#walk("Gather", inputs, none, (group, k, cursor, n) => {
      preds[group] ??= new Pixels(counts[group] as number);
      targets[group] ??= new Pixels(counts[group] as number);
      const pixels = this.#isWide ? kernels.f64 : kernels.f32;
      const take = (into: Float32Array | Float64Array, from: Float32Array | Float64Array, area: number) => {
        const start = area / from.BYTES_PER_ELEMENT + k * tile;
        into.set(from.subarray(start, start + n), cursor);
      };
      take(preds[group], pixels, this.#pred);
      take(targets[group], pixels, this.#target);
      if (!isWeighted(call)) return;
      masses[group] ??= new Float32Array(counts[group] as number);
      take(masses[group], kernels.f32, this.#mass);
    });
    const losses = Float64Array.from(counts, (count, group) => {
      if (count === 0) return 0;
      const [p, t] = [preds[group] as Float32Array, targets[group] as Float32Array];
      const { value, grad } = ask(call.loss, p, t, masses[group], gradient !== undefined);
      this.#grads[group] = grad;
      return value;
    });
    // The memory of what the function has disposed of may be another tensor's by now.
    const { pred, target, mask, weights } = call;
    for (const [name, operand] of Object.entries({ pred, target, mask, weights, out: gradient?.grad })) {
      checkInUse(name, operand?.owner);
    }
    return losses;
  }

  /** Writes the function's gradients to where their pixels stand. */
  scatter(operands: readonly Operand[]): void {
    const { workspace, call } = this.#custom;
    const write: Visit = (group, k, cursor, n) => {
      const grad = this.#grads[group]?.subarray(cursor, cursor + n);
      if (grad) workspace.kernels.f64.set(grad, this.#pred / 8 + k * call.geometry.tile);
    };
    this.#walk("Scatter", operands, write, none);
  }

  /** Visits, before and after each unit is run, what each channel has of its group: where among the group's pixels that begins. */
  #walk(pass: "Gather" | "Scatter", operands: readonly Operand[], before: Visit, after: Visit): void {
    const { workspace, call, gradient, step } = this.#custom;
    const { channels, planesPerGroup, groups, tile, tilesPerPlane, units } = call.geometry;
    const { kernels } = workspace;
    const sums = workspace.slots(channels) / 8;
    const stride = kernels.exports.sumsBytes() / 8;
    const keep = gradient?.keep ?? false;
    const cursors = new Float64Array(groups);
    for (let unit = 0; unit < units; unit++) {
      const plane = Math.floor(unit / tilesPerPlane) * channels;
      const groupOf = (k: number) => Math.floor((plane + k) / planesPerGroup) % groups;
      for (let k = 0; k < channels; k++) before(groupOf(k), k, cursors[groupOf(k)] as number, tile);
      Workspace.run([step(pass, operands, { collect: false, keep, first: unit, last: unit + 1 })]);
      for (let k = 0; k < channels; k++) {
        const group = groupOf(k);
        const n = kernels.f64[sums + k * stride] as number;
        after(group, k, cursors[group] as number, n);
        cursors[group] = (cursors[group] as number) + n;
      }
    }
  }
}

type Visit = (group: number, channel: number, cursor: number, n: number) => void;

const none: Visit = () => {};

function ask(
  { fn }: BaseLoss,
  pred: Float32Array,
  target: Float32Array,
  masses: Float32Array | undefined,
  wantsGrad: boolean,
) {
  const answer: unknown = masses ? fn?.(pred, target, masses) : fn?.(pred, target);
  const value = typeof answer === "object" && answer !== null ? (answer as { value: unknown }).value : answer;
  if (typeof value !== "number") {
    throw new TypeError(`"custom": expected fn to return a number or { value, grad }, got ${kindOf(answer)}`);
  }
  if (!wantsGrad) return { value };
  const grad = (answer as { grad?: ArrayLike<number> }).grad;
  if (typeof grad !== "object" || grad === null || isProxiedArray(grad) || typeof grad.length !== "number") {
    throw new TypeError(`"custom": expected fn to return { value, grad } for a gradient, got ${kindOf(grad)} as grad`);
  }
  if (grad.length !== pred.length) {
    throw new RangeError(
      `"custom": expected grad to have ${pred.length} entries, one per valid pixel, got ${grad.length}`,
    );
  }
  // A typed array's elements are all of one kind.
  const slopes: unknown[] = Array.from(ArrayBuffer.isView(grad) ? [grad[0]] : grad);
  const wrong = slopes.findIndex((slope) => typeof slope !== "number");
  if (wrong >= 0) throw new TypeError(`"custom": expected numbers in grad, got ${kindOf(slopes[wrong])} among them`);
  return { value, grad: Float64Array.from(grad) };
}
