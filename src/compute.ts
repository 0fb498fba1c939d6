// One base loss over one set of arrays: which passes the kernels run, in which order. Every number is theirs.

import { kindOf } from "./check.ts";
import { heap, inHeap, type Kernels, type LossName, type PassName, type ReductionName, staging } from "./kernels.ts";
import type { BaseLoss } from "./losses/BaseLoss.ts";
import type { Geometry } from "./plan.ts";
import type { Rule } from "./rule.ts";
import { type Operand, type Section, Workspace } from "./workspace.ts";

/** Losses, weights and counts, an entry per group: `b`, or `b * C + c`. */
export interface Groups {
  /** Unweighted loss, 0 where skipped. */
  readonly loss: Float64Array;
  /** (valid / total)^p, 0 where skipped. */
  readonly weight: Float64Array;
  readonly validCount: Float64Array;
  readonly totalCount: Float64Array;
}

/** All that a computation needs, checked. */
export interface Call {
  readonly loss: BaseLoss;
  readonly geometry: Geometry;
  readonly pred: Operand;
  readonly target: Operand;
  /** Valid counts of the groups, where they are known from a call before; kept there for calls to come. */
  readonly counts?: { get(): Float64Array | undefined; set(counts: Float64Array): void } | undefined;
  readonly mask?: (Operand & { readonly row: number }) | undefined;
  readonly rule: Rule;
  readonly power: number;
  readonly reduction: ReductionName;
}

/** What else it takes to compute a gradient. */
export interface Gradient {
  readonly grad: Operand;
  /** The upstream gradient, one number or one per group. */
  readonly upstream: number | ArrayLike<number>;
  readonly normalizer: number | undefined;
  /** Whether it is added to what stands in `grad`. */
  readonly keep: boolean;
}

export interface Outcome {
  readonly value: number | Float64Array;
  readonly numerator: number;
  readonly weightSum: number;
  readonly groups: Groups;
}

/** The kernels that a set of arrays is computed by: those of the heap where any of them lies there. */
export function kernelsFor(arrays: readonly ArrayBufferView[]): Kernels {
  return arrays.some((array) => inHeap(array.buffer)) ? heap() : staging();
}

export function compute(kernels: Kernels, call: Call, gradient?: Gradient): Outcome {
  return Workspace.use(kernels, (workspace) => new Computation(workspace, call, gradient).result());
}

/** The count and the sums of every group, `recordBytes() / 8` numbers each, as the kernel gathers them. */
export function groupSums(kernels: Kernels, call: Call): Float64Array {
  return Workspace.use(kernels, (workspace) => new Computation(workspace, call).sums());
}

/** Writes a copy of the target to `to`, NaN wherever the rule or the mask says that a pixel does not count. */
export function writePrepared(kernels: Kernels, call: Call, to: Operand): void {
  Workspace.use(kernels, (workspace) => new Computation(workspace, call).prepare(to));
}

class Computation {
  readonly #workspace: Workspace;
  readonly #call: Call;
  readonly #gradient: Gradient | undefined;
  readonly #losses: number;
  readonly #weights: number;
  readonly #records: number;
  readonly #nodata: number;
  readonly #inputs: Operand[];
  readonly #targets: Operand[];

  constructor(workspace: Workspace, call: Call, gradient?: Gradient) {
    this.#workspace = workspace;
    this.#call = call;
    this.#gradient = gradient;
    const { kernels, job } = workspace;
    const { exports } = kernels;
    const { loss, geometry, rule, mask, target } = call;
    const slots = workspace.slots(geometry.channels);
    const { groups } = geometry;
    const acrossAll = loss.a === Number.POSITIVE_INFINITY;
    exports.setLoss(job, kernels.ids.Loss[loss.kernel], loss.scale, acrossAll ? geometry.channels : loss.a, loss.b);
    exports.setGeometry(
      job,
      geometry.pixels,
      geometry.channels,
      geometry.planes,
      geometry.tile,
      geometry.planesPerGroup,
      groups,
      geometry.total,
    );
    exports.setWeights(job, call.power, gradient?.normalizer ?? Number.NaN);

    const upstream = gradient?.upstream ?? 1;
    const upstreams = typeof upstream === "number" ? 1 : upstream.length;
    const nodata = workspace.area("nodata", rule.nodata.length * 4);
    const recordBytes = groups * exports.recordBytes();
    this.#records = workspace.area("groups", recordBytes + groups * (16 + exports.coefficientBytes()) + upstreams * 8);
    this.#losses = this.#records + recordBytes;
    this.#weights = this.#losses + groups * 8;
    const gradOutputs = this.#weights + groups * 8;
    const coefficients = gradOutputs + upstreams * 8;
    exports.setMemory(job, slots, this.#records, this.#losses, this.#weights, gradOutputs, coefficients);
    if (typeof upstream === "number") kernels.f64[gradOutputs / 8] = upstream;
    else kernels.f64.set(upstream, gradOutputs / 8);
    kernels.f32.set(rule.nodata, nodata / 4);

    this.#nodata = nodata;
    const late = scalesLate(call);
    const plain = target.scale === 1 && target.offset === 0;
    // Asked by the kernels as they go: of float32 that is no stored number, or of numbers that are compared as they are stored.
    const asStored = late
      ? !(target.array instanceof Uint8Array || target.array instanceof Int16Array)
      : plain && isFloat(target);
    const least = asStored && !mask ? leastOf(call) : undefined;
    this.#setRule(late, least);
    exports.setKeep(job, gradient?.keep ? 1 : 0);
    exports.clearGroups(job);
    this.#targets = mask ? [call.target, mask] : [call.target];
    this.#inputs = [call.pred, ...this.#targets];
  }

  /** `late`: stored numbers are scaled after they are compared. `least`: target ≥ that is the whole rule. */
  #setRule(late: boolean, least: number | undefined): void {
    const { kernels, job } = this.#workspace;
    const { rule, mask, geometry } = this.#call;
    const simple = least === undefined ? 0 : 1;
    kernels.exports.setRule(job, simple, least ?? rule.min, rule.max, this.#nodata, rule.nodata.length);
    if (mask) kernels.exports.setMaskRows(job, geometry.width, mask.row);
    if (late) kernels.exports.setIntegers(job);
  }

  result(): Outcome {
    const { job, kernels } = this.#workspace;
    const { exports } = kernels;
    const { loss, reduction, geometry } = this.#call;
    const gradient = this.#gradient;
    const reductionId = kernels.ids.Reduction[reduction];
    // Weights depend on the mask alone: once counted, the gradient's coefficients are known, and value and gradient come from one
    // pass. Where the gradient depends on the group's sums, these come first.
    const sumsFirst = loss.kernel === "Rmse" || loss.kind === "moments";
    if (loss.kind === "custom") this.#custom(reductionId);
    else if (loss.kind === "window") this.#window(reductionId);
    else if (gradient && !sumsFirst) {
      this.#count();
      this.#checkLabels();
      exports.weigh(job);
      exports.coefficients(job, reductionId);
      exports.clearRecords(job);
      this.#runGradient(gradient, true);
      this.#finish();
    } else {
      this.#run("Sums", this.#inputs, true);
      this.#checkLabels();
      if (loss.kernel === "VectorAngle" && exports.needsResidual(job)) {
        exports.clearRecords(job);
        this.#run("Residual", this.#inputs, true);
      }
      exports.weigh(job);
      this.#finish();
      if (gradient) {
        exports.coefficients(job, reductionId);
        this.#runGradient(gradient, false);
      }
    }
    const groups = this.#groups(geometry);
    return {
      value: reduction === "None" ? this.#weightedLosses(geometry.groups) : exports.value(job, reductionId),
      numerator: exports.numerator(job),
      weightSum: exports.weightSum(job),
      groups,
    };
  }

  prepare(to: Operand): void {
    // Integers stay as they are stored, for the losses that scale late.
    this.#setRule(true, undefined);
    this.#workspace.run(this.#call.geometry, [...this.#targets, to], this.#section("Prepare"));
  }

  sums(): Float64Array {
    if (this.#call.loss.kind === "window") this.#window(0);
    else this.#run("Sums", this.#inputs, true);
    const { exports, f64 } = this.#workspace.kernels;
    const length = (this.#call.geometry.groups * exports.recordBytes()) / 8;
    return f64.slice(this.#records / 8, this.#records / 8 + length);
  }

  #run(pass: "Count" | "Sums" | "Residual", operands: Operand[], collect: boolean): void {
    this.#workspace.run(this.#call.geometry, operands, this.#section(pass, collect, 5));
  }

  #runGradient({ grad, keep }: Gradient, collect: boolean): void {
    this.#workspace.run(this.#call.geometry, [...this.#inputs, grad], this.#section("Gradient", collect, 10, keep));
  }

  /** A pass over units [first, last), all by default; `reach` are the rows around it that an SSIM pass reads. */
  #section(
    pass: PassName,
    collect = false,
    reach = 0,
    keep = false,
    first = 0,
    last = this.#call.geometry.units,
  ): Section {
    const { kind, kernel } = this.#call.loss;
    const { ids } = this.#workspace.kernels;
    const window = kind === "window";
    const cost = window ? 16 : kind === "pixel" || kind === "labels" ? 4 : 1;
    return {
      pass: ids.Pass[pass],
      loss: ids.Loss[kernel],
      collect,
      keep,
      reach: window ? reach : 0,
      cost,
      first,
      last,
    };
  }

  /** SSIM: what is known from the target alone comes first, among it the shift that keeps its variances exact. */
  #window(reductionId: number): void {
    const { job, kernels } = this.#workspace;
    const { exports } = kernels;
    const gradient = this.#gradient;
    this.#run("Count", this.#targets, true);
    exports.weigh(job);
    exports.coefficients(job, reductionId);
    if (gradient) this.#runGradient(gradient, true);
    else this.#run("Sums", this.#inputs, true);
    exports.finish(job);
  }

  /**
   * From sums to losses; the sums of an elementwise loss once more, in float64, where they cancel. A group's loss does not depend on
   * the other groups: what these cancel is repaired in Σ w·L alone.
   */
  #finish(): void {
    const { kernels, job } = this.#workspace;
    const { exports } = kernels;
    const again = () => {
      exports.setWide(job);
      exports.clearRecords(job);
      this.#run("Sums", this.#inputs, true);
    };
    const elementwise = this.#call.loss.kind === "elementwise";
    if (elementwise && exports.cancelled(job)) again();
    exports.finish(job);
    if (!elementwise || !exports.numeratorCancelled(job)) return;
    const at = this.#losses / 8;
    const losses = kernels.f64.slice(at, at + this.#call.geometry.groups);
    again();
    exports.finish(job);
    kernels.f64.set(losses, at);
  }

  /** The valid pixels of each group: counted, unless they are known. */
  #count(): void {
    const { counts, geometry } = this.#call;
    const known = counts?.get();
    if (known) {
      const { kernels } = this.#workspace;
      const stride = kernels.exports.recordBytes() / 8;
      for (let g = 0; g < known.length; g++) kernels.f64[this.#records / 8 + g * stride] = known[g] as number;
      return;
    }
    this.#run("Count", this.#targets, true);
    counts?.set(this.#counts(geometry.groups));
  }

  #checkLabels(): void {
    if (this.#call.loss.kind !== "labels") return;
    const label = this.#workspace.kernels.exports.badLabel(this.#workspace.job);
    if (!Number.isNaN(label)) {
      const { channels } = this.#call.geometry;
      throw new RangeError(
        `"target": expected whole class labels below ${channels}, the number of pred's channels, at valid pixels, got ${label}`,
      );
    }
  }

  /** Hands the valid pixels of each group to the caller's function; its gradients are scattered once all are there. */
  #custom(reductionId: number): void {
    const { kernels, job } = this.#workspace;
    const { exports } = kernels;
    const { geometry, loss } = this.#call;
    const gradient = this.#gradient;
    const { channels, planesPerGroup, tile, tilesPerPlane, units } = geometry;
    const slots = this.#workspace.slots(channels);
    this.#run("Count", this.#targets, true);
    exports.weigh(job);
    exports.coefficients(job, reductionId);
    const counts = this.#counts(geometry.groups);
    const recordBytes = exports.recordBytes();
    const room = this.#workspace.area("gathered", 2 * channels * tile * 4 + 64);
    exports.setGathered(job, room, room + channels * tile * 4);

    const groupOf = (unit: number, k: number) =>
      Math.floor((Math.floor(unit / tilesPerPlane) * channels + k) / planesPerGroup);
    /** Calls `visit` with each group's part of each unit: where it stands in the gathered area, and among the group's pixels. */
    const walk = (pass: "Gather" | "Scatter", operands: Operand[], before: Part, after: Part) => {
      const cursors = new Float64Array(geometry.groups);
      for (let unit = 0; unit < units; unit++) {
        for (let k = 0; k < channels; k++) before(groupOf(unit, k), k, cursors[groupOf(unit, k)] as number, tile);
        const keep = gradient?.keep ?? false;
        this.#workspace.run(geometry, operands, this.#section(pass, false, 0, keep, unit, unit + 1));
        for (let k = 0; k < channels; k++) {
          const group = groupOf(unit, k);
          const n = kernels.f64[(slots + k * recordBytes) / 8] as number;
          after(group, k, cursors[group] as number, n);
          cursors[group] = (cursors[group] as number) + n;
        }
      }
    };

    const preds: Float32Array[] = [];
    const targets: Float32Array[] = [];
    const grads: (Float32Array | undefined)[] = [];
    walk("Gather", this.#inputs, none, (group, k, cursor, n) => {
      preds[group] ??= new Float32Array(counts[group] as number);
      targets[group] ??= new Float32Array(counts[group] as number);
      const from = (room + k * tile * 4) / 4;
      preds[group].set(kernels.f32.subarray(from, from + n), cursor);
      targets[group].set(kernels.f32.subarray(from + channels * tile, from + channels * tile + n), cursor);
    });
    const losses = Float64Array.from(counts, (count, group) => {
      if (count === 0) return 0;
      const { value, grad } = ask(
        loss,
        preds[group] as Float32Array,
        targets[group] as Float32Array,
        gradient !== undefined,
      );
      grads[group] = grad;
      return value;
    });
    kernels.f64.set(losses, this.#losses / 8);
    exports.finish(job);
    if (!gradient) return;
    walk(
      "Scatter",
      [...this.#targets, gradient.grad],
      (group, k, cursor, n) => {
        const grad = grads[group];
        if (grad) kernels.f32.set(grad.subarray(cursor, cursor + n), (room + k * tile * 4) / 4);
      },
      none,
    );
  }

  #counts(groups: number): Float64Array {
    const { kernels } = this.#workspace;
    const stride = kernels.exports.recordBytes() / 8;
    const counts = new Float64Array(groups);
    for (let g = 0; g < groups; g++) counts[g] = kernels.f64[this.#records / 8 + g * stride] as number;
    return counts;
  }

  #groups({ groups, total }: Geometry): Groups {
    const { f64 } = this.#workspace.kernels;
    return {
      loss: f64.slice(this.#losses / 8, this.#losses / 8 + groups),
      weight: f64.slice(this.#weights / 8, this.#weights / 8 + groups),
      validCount: this.#counts(groups),
      totalCount: new Float64Array(groups).fill(total),
    };
  }

  #weightedLosses(groups: number): Float64Array {
    const { kernels, job } = this.#workspace;
    kernels.exports.weightedLosses(job, this.#losses);
    return kernels.f64.slice(this.#losses / 8, this.#losses / 8 + groups);
  }
}

const isFloat = ({ array }: Operand) => array instanceof Float32Array;

/** Losses of the difference alone, which integers are scaled late for; see assembly/elementwise.ts. */
const DIFFERENCES: readonly LossName[] = ["Mse", "Rmse", "Mae", "Huber", "Charbonnier", "Pinball"];

/** Scales that leave room for a difference in float32. */
const LEAST_SCALE = 1e-30;
const GREATEST_SCALE = 1e30;

/** Whether pred and target are stored integers of one calibration, which a loss of their difference compares before it scales. */
function scalesLate({ loss, pred, target }: Call): boolean {
  const size = Math.abs(pred.scale);
  const alike =
    pred.scale === target.scale && pred.offset === target.offset && size >= LEAST_SCALE && size <= GREATEST_SCALE;
  return alike && !(pred.array instanceof Float32Array) && DIFFERENCES.includes(loss.kernel);
}

/**
 * The rule in its simplest form, a least number alone, where it comes to that: for uint16 `nodata: 0` is `min: 1`.
 */
function leastOf({ rule, target }: Call): number | undefined {
  const bounded = !(rule.max >= (target.array instanceof Uint16Array ? GREATEST : Number.POSITIVE_INFINITY));
  if (bounded || Number.isNaN(rule.min)) return undefined;
  if (!(target.array instanceof Uint16Array)) return rule.nodata.length === 0 ? rule.min : undefined;
  let least = Math.max(0, Math.ceil(rule.min));
  for (const value of rule.nodata.toSorted((a, b) => a - b)) {
    if (value === least) least++;
    else if (Number.isInteger(value) && value > least && value <= GREATEST) return undefined;
  }
  return least;
}

/** Greatest uint16. */
const GREATEST = 65535;

type Part = (group: number, channel: number, cursor: number, n: number) => void;

const none: Part = () => {};

function ask({ fn }: BaseLoss, pred: Float32Array, target: Float32Array, wantsGrad: boolean) {
  const answer: unknown = fn?.(pred, target);
  const value = typeof answer === "object" && answer !== null ? (answer as { value: unknown }).value : answer;
  if (typeof value !== "number") {
    throw new TypeError(`"custom": expected fn to return a number or { value, grad }, got ${kindOf(answer)}`);
  }
  if (!wantsGrad) return { value };
  const grad = (answer as { grad?: ArrayLike<number> }).grad;
  if (typeof grad !== "object" || grad === null || typeof grad.length !== "number") {
    throw new TypeError(`"custom": expected fn to return { value, grad } for a gradient, got ${kindOf(grad)} as grad`);
  }
  if (grad.length !== pred.length) {
    throw new RangeError(
      `"custom": expected grad to have ${pred.length} entries, one per valid pixel, got ${grad.length}`,
    );
  }
  const numbers = Float32Array.from(grad);
  if (!ArrayBuffer.isView(grad) && Array.from(grad).some((slope) => typeof slope !== "number")) {
    throw new TypeError('"custom": expected numbers in grad, got something else among them');
  }
  return { value, grad: numbers };
}
