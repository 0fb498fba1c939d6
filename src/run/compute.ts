// Base losses over one set of arrays: which passes the kernels run, in which order. Every number is theirs.
//
// A loss is a generator of the passes that it needs, and resumes when its pass has been run. So those of a CombinedLoss go through
// their arrays together: where two ask for passes over the same tiles, these are run tile by tile, one loss after the other.

import { isProxiedArray, kindOf } from "../check.ts";
import { type BaseLoss, hasTrait } from "../losses/BaseLoss.ts";
import { checkInUse } from "../memory/checkTensor.ts";
import { LOSSES, Loss, MassSum, Pass, type PassName, Reduction, SSIM_RADIUS } from "../memory/kernelApi.ts";
import type { Kernels } from "../memory/kernels.ts";
import {
  type Call,
  type Counts,
  type Gradient,
  type Groups,
  isSoft,
  isWeighted,
  type Operand,
  type Outcome,
} from "../plan/call.ts";
import type { Geometry } from "../plan/geometry.ts";
import { checkMasses } from "./masses.ts";
import { type Step, Workspace } from "./workspace.ts";

/** A loss to compute, with its gradient where one is wanted. */
export interface Term {
  readonly call: Call;
  readonly gradient?: Gradient | undefined;
}

/** `groups` are written to, where as many are given. */
export function compute(kernels: Kernels, call: Call, gradient?: Gradient, groups?: Groups): Outcome {
  return Workspace.use(kernels, (workspace) => {
    const steps = new Computation(workspace, call, gradient).steps(groups);
    for (;;) {
      const next = steps.next();
      if (next.done) return next.value;
      if (!next.value.itself) Workspace.run([next.value]);
    }
  });
}

/** Losses of the same arrays; their gradients are written in this order. */
export function computeTogether(kernels: Kernels, terms: readonly Term[]): Outcome[] {
  const steps = ({ call, gradient }: Term, workspace: Workspace) => new Computation(workspace, call, gradient).steps();
  return Workspace.use(
    kernels,
    (...workspaces) => runTogether(terms.map((term, k) => steps(term, workspaces[k] as Workspace))),
    terms.length,
  );
}

/** A pass that a computation waits for. */
interface Request extends Step {
  /** Whether it writes a gradient; such a step waits for those of the terms before. */
  readonly writes: boolean;
  /** Whether the computation runs it itself, when it is resumed. */
  readonly itself: boolean;
  /** What it counts; one that counts the same need not be run. */
  readonly counts: Counts | undefined;
}

type Steps = Generator<Request, Outcome, void>;

/** A computation, and the pass that it waits for. */
interface Waiting {
  readonly term: number;
  readonly steps: Steps;
  readonly request: Request;
}

/** Runs the passes of all computations, round by round, those of a batch tile by tile. */
function runTogether(computations: readonly Steps[]): Outcome[] {
  const outcomes: Outcome[] = [];
  const resume = (steps: Steps, term: number): Waiting[] => {
    const next = steps.next();
    if (!next.done) return [{ term, steps, request: next.value }];
    outcomes[term] = next.value;
    return [];
  };
  let waiting = computations.flatMap(resume);
  while (waiting.length > 0) {
    // Gradients are added up in the order of the terms: they wait until all that are left have come to theirs.
    const early = waiting.filter(({ request }) => !request.writes);
    const ready = early.length > 0 ? early : waiting;
    const resumed = batches(ready).flatMap((batch) => {
      const requests = needed(batch.map(({ request }) => request));
      if (requests.length > 0) Workspace.run(requests as [Request, ...Request[]]);
      return batch.flatMap(({ steps, term }) => resume(steps, term));
    });
    waiting = [...waiting.filter((each) => !ready.includes(each)), ...resumed].sort((a, b) => a.term - b.term);
  }
  return outcomes;
}

/** What has to be run of a batch: nothing that counts what is known, and no two that count the same. */
function needed(requests: readonly Request[]): Request[] {
  const first = (counts: Counts, i: number) => i === requests.findIndex((other) => other.counts === counts);
  return requests.filter(({ itself, counts }, i) => !itself && (!counts || (!counts.known && first(counts, i))));
}

/** Neighbours whose passes go through the same tiles of the same arrays, together. */
function batches(waiting: readonly Waiting[]): Waiting[][] {
  const all: Waiting[][] = [];
  for (const each of waiting) {
    const batch = all.at(-1);
    if (batch?.every(({ request }) => shareTiles(request, each.request))) batch.push(each);
    else all.push([each]);
  }
  return all;
}

function shareTiles(a: Request, b: Request): boolean {
  const [one, other] = [a.geometry, b.geometry];
  return (
    !(a.itself || b.itself || one.rows || other.rows) &&
    one.channels === other.channels &&
    one.planes === other.planes &&
    one.pixels === other.pixels &&
    // Tiles are staged once for all: what both passes read has to be the same array. A custom loss has a copy of a broadcast mask.
    a.operands.every(({ role, array }) => b.operands.every((own) => own.role !== role || own.array === array))
  );
}

/** The count and the sums of every group, `sumsBytes() / 8` numbers each, as the kernel gathers them. */
export function groupSums(kernels: Kernels, call: Call): Float64Array {
  return Workspace.use(kernels, (workspace) => {
    const computation = new Computation(workspace, call);
    for (const step of computation.sums()) Workspace.run([step]);
    computation.checkMasses();
    return computation.records();
  });
}

/** Writes a copy of the target to `to`, NaN wherever the rule or the mask says that a pixel does not count. */
export function writePrepared(kernels: Kernels, call: Call, to: Operand): void {
  Workspace.use(kernels, (workspace) => {
    const computation = new Computation(workspace, call);
    Workspace.run([computation.prepare(to)]);
    computation.checkMasses();
  });
}

/** What a step is unless it says otherwise. */
const USUAL: Pick<Request, "collect" | "keep" | "reach" | "first" | "last" | "writes" | "itself" | "counts"> = {
  collect: true,
  keep: false,
  reach: SSIM_RADIUS,
  first: 0,
  last: Number.POSITIVE_INFINITY,
  writes: false,
  itself: false,
  counts: undefined,
};

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
    const { loss, geometry, rule, mask, weights, target } = call;
    const slots = workspace.slots(geometry.channels);
    const { groups } = geometry;
    const acrossAll = loss.a === Number.POSITIVE_INFINITY;
    exports.setLoss(job, Loss[loss.kernel], loss.scale, acrossAll ? geometry.channels : loss.a, loss.b);
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
    if (call.core) {
      const { left, right, top, bottom } = call.core;
      exports.setCore(job, geometry.width, left, right, top, bottom);
    }

    const upstream = gradient?.upstream ?? 1;
    const upstreams = typeof upstream === "number" ? 1 : upstream.length;
    const nodata = workspace.area("nodata", rule.nodata.length * 4);
    const sumsBytes = groups * exports.sumsBytes();
    const planes = (geometry.units / Math.max(1, geometry.tilesPerPlane)) * geometry.channels;
    const perGroup = 16 + exports.coefficientBytes();
    const rangesBytes = planes * exports.rangesBytes();
    this.#records = workspace.area("groups", sumsBytes + groups * perGroup + upstreams * 8 + rangesBytes);
    this.#losses = this.#records + sumsBytes;
    this.#weights = this.#losses + groups * 8;
    const gradOutputs = this.#weights + groups * 8;
    const coefficients = gradOutputs + upstreams * 8;
    exports.setMemory(job, slots, this.#records, this.#losses, this.#weights, gradOutputs, coefficients);
    exports.setRanges(job, coefficients + groups * exports.coefficientBytes(), planes);
    if (typeof upstream === "number") kernels.f64[gradOutputs / 8] = upstream;
    else kernels.f64.set(upstream, gradOutputs / 8);
    kernels.f32.set(rule.nodata, nodata / 4);

    this.#nodata = nodata;
    const dn = areDigitalNumbers(call);
    // Asked by the kernels as they go: of float32, unless it holds digital numbers that are to be made values, and of uint16.
    const inPlace = dn ? isFloat(target) || isUint16(target) : isFloat(target) && !isCalibrated(target);
    this.#setRule(dn, inPlace && (!mask || isSoft(mask)));
    exports.clearGroups(job);
    this.#targets = [target, ...(mask ? [mask] : []), ...(weights ? [weights] : [])];
    this.#inputs = [call.pred, ...this.#targets];
  }

  /** `dn`: tiles hold digital numbers. `inPlace`: the target can be compared where it lies. */
  #setRule(dn: boolean, inPlace: boolean): void {
    const { kernels, job } = this.#workspace;
    const { rule, mask, weights, geometry, target } = this.#call;
    const least = leastOf(this.#call);
    const simple = inPlace && least !== undefined;
    const nodataCount = least === undefined ? rule.nodata.length : 0;
    kernels.exports.setRule(job, simple, least ?? rule.min, rule.max, this.#nodata, nodataCount);
    if (mask) kernels.exports.setMask(job, isSoft(mask), geometry.width, mask.row * mask.array.BYTES_PER_ELEMENT);
    if (weights) kernels.exports.setPixelWeights(job, geometry.width, weights.row * weights.array.BYTES_PER_ELEMENT);
    if (dn) kernels.exports.setDigitalNumbers(job, target.scale, target.offset);
  }

  *steps(into?: Groups): Steps {
    const { job, kernels } = this.#workspace;
    const { exports } = kernels;
    const { loss, reduction, geometry } = this.#call;
    const gradient = this.#gradient;
    const reductionId = Reduction[reduction];
    // Weights depend on the mask alone: once counted, the gradient's coefficients are known, and value and gradient come from one
    // pass. Where the gradient depends on the group's sums, these come first.
    const sumsFirst = hasTrait(loss, "SumsFirst");
    if (loss.kind === "custom") yield* this.#custom(reductionId);
    else if (loss.kind === "window") yield* this.#window(reductionId);
    else if (gradient && !sumsFirst) {
      yield* this.#count();
      exports.weigh(job);
      exports.coefficients(job, reductionId);
      exports.clearSums(job);
      yield this.#write(gradient, true);
      yield* this.#finish();
    } else {
      yield this.#step("Sums", this.#inputs);
      this.checkMasses();
      this.#checkLabels();
      if (hasTrait(loss, "Residual") && exports.needsResidual(job)) {
        exports.clearSums(job);
        yield this.#step("Residual", this.#inputs);
      }
      exports.weigh(job);
      yield* this.#finish();
      if (gradient) {
        exports.coefficients(job, reductionId);
        yield this.#write(gradient, false);
      }
    }
    const groups = into ? this.#groupsInto(into, geometry) : this.#groups(geometry);
    return {
      value: reduction === "None" ? this.#weightedLosses(geometry.groups) : exports.value(job, reductionId),
      numerator: exports.numerator(job),
      weightSum: exports.weightSum(job),
      groups,
    };
  }

  prepare(to: Operand): Step {
    // Digital numbers stay what they are.
    this.#setRule(true, false);
    return this.#step("Prepare", [...this.#targets, to], { collect: isWeighted(this.#call) });
  }

  /** The steps to `records`. */
  *sums(): Generator<Step, void, void> {
    if (this.#call.loss.kind === "window") yield* this.#window(0);
    else yield this.#step("Sums", this.#inputs);
  }

  records(): Float64Array {
    const { exports } = this.#workspace.kernels;
    return this.#numbers(this.#records, (this.#call.geometry.groups * exports.sumsBytes()) / 8);
  }

  #write({ grad, keep }: Gradient, collect: boolean): Request {
    return this.#step("Gradient", [...this.#inputs, grad], { collect, keep, reach: 2 * SSIM_RADIUS, writes: true });
  }

  /** A pass over all units; `reach` are the rows around each that an SSIM pass reads. */
  #step(pass: PassName, operands: readonly Operand[], given: Partial<Request> = {}): Request {
    const { loss, geometry } = this.#call;
    // Own properties alone, what Object.prototype may have been given aside; `own` makes objects that weigh more.
    const { collect, keep, reach, first, last, writes, itself, counts } = { ...USUAL, ...given };
    const looksAround = loss.kind === "window" || loss.kind === "bands";
    return {
      workspace: this.#workspace,
      geometry,
      operands,
      pass: Pass[pass],
      collect,
      keep,
      reach: looksAround ? reach * geometry.width : 0,
      cost: LOSSES[loss.kernel].cost,
      first,
      last: Math.min(last, geometry.units),
      writes,
      itself,
      counts,
    };
  }

  /** SSIM: first what weights depend on, and the ranges that keep its variances exact. */
  *#window(reductionId: number): Generator<Request, void, void> {
    const { job, kernels } = this.#workspace;
    const { exports } = kernels;
    yield this.#step("Count", this.#inputs);
    this.checkMasses();
    exports.weigh(job);
    exports.coefficients(job, reductionId);
    yield this.#gradient ? this.#write(this.#gradient, true) : this.#step("Sums", this.#inputs);
    exports.finish(job);
  }

  /**
   * From sums to losses; the sums of an elementwise loss once more, in float64, where they cancel. A group's loss does not depend on
   * the other groups: what these cancel is repaired in Σ w·L alone.
   */
  *#finish(): Generator<Request, void, void> {
    const { kernels, job } = this.#workspace;
    const { exports } = kernels;
    const again = () => {
      exports.setInF64(job);
      exports.clearSums(job);
      return this.#step("Sums", this.#inputs);
    };
    const elementwise = this.#call.loss.kind === "elementwise";
    if (elementwise && exports.cancelled(job)) yield again();
    exports.finish(job);
    if (!elementwise || !exports.numeratorCancelled(job)) return;
    const losses = this.#numbers(this.#losses, this.#call.geometry.groups);
    yield again();
    exports.finish(job);
    kernels.f64.set(losses, this.#losses / 8);
  }

  /** The valid pixels of each group: counted, unless they are known. */
  *#count(): Generator<Request, void, void> {
    const { counts, geometry } = this.#call;
    if (!counts?.known) {
      yield this.#step("Count", this.#targets, { counts });
      // Another may have counted for both.
      if (!counts?.known) {
        // Labels and masses are checked as they are counted: counts that are known are those of right ones.
        this.checkMasses();
        this.#checkLabels();
        if (counts) counts.known = this.#groups(geometry);
        return;
      }
    }
    const { f64, exports } = this.#workspace.kernels;
    const { validCount, validWeight, totalWeight } = counts.known;
    for (let g = 0, at = this.#records / 8; g < geometry.groups; g++, at += exports.sumsBytes() / 8) {
      f64[at] = validCount[g] as number;
      f64[at + 1 + MassSum.Mass] = validWeight[g] as number;
      f64[at + 1 + MassSum.Total] = totalWeight[g] as number;
    }
  }

  checkMasses(): void {
    checkMasses(this.#workspace, this.#call);
  }

  #checkLabels(): void {
    if (this.#call.loss.kind !== "labels") return;
    const label = this.#workspace.kernels.exports.badLabel(this.#workspace.job);
    if (!Number.isNaN(label)) {
      const { target, geometry } = this.#call;
      // The kernels have it as float32.
      const exact = target.array.find((value) => Math.fround(value) === label) ?? label;
      throw new RangeError(
        `"target": expected whole class labels below ${geometry.channels}, the number of pred's channels, at valid pixels, got ${exact}`,
      );
    }
  }

  /** Hands the valid pixels of each group to the caller's function; its gradients are scattered once all are there. */
  *#custom(reductionId: number): Generator<Request, void, void> {
    const { kernels, job } = this.#workspace;
    const { exports } = kernels;
    const { geometry, loss } = this.#call;
    const gradient = this.#gradient;
    const { channels, planesPerGroup, groups, tile, tilesPerPlane, units } = geometry;
    const slots = this.#workspace.slots(channels);
    yield this.#step("Count", this.#targets);
    this.checkMasses();
    exports.weigh(job);
    exports.coefficients(job, reductionId);
    const counts = this.#counts(geometry.groups);
    const sumsBytes = exports.sumsBytes();
    // Digital numbers are handed over as the float64 that they stand for.
    const wide = areDigitalNumbers(this.#call) && isCalibrated(this.#call.pred);
    const Pixels = wide ? Float64Array : Float32Array;
    // pred, target and masses, with a vector of room behind each.
    const room = this.#workspace.area("gathered", 3 * (channels * tile * 8 + 16));
    const targetRoom = room + channels * tile * Pixels.BYTES_PER_ELEMENT + 16;
    const massRoom = targetRoom + channels * tile * Pixels.BYTES_PER_ELEMENT + 16;
    exports.setGathered(job, room, targetRoom, massRoom);

    const groupOf = (unit: number, k: number) =>
      Math.floor((Math.floor(unit / tilesPerPlane) * channels + k) / planesPerGroup) % groups;
    /** Calls `visit` with each group's part of each unit: where it stands in the gathered area, and among the group's pixels. */
    const walk = (pass: "Gather" | "Scatter", operands: Operand[], before: Part, after: Part) => {
      const cursors = new Float64Array(geometry.groups);
      for (let unit = 0; unit < units; unit++) {
        for (let k = 0; k < channels; k++) before(groupOf(unit, k), k, cursors[groupOf(unit, k)] as number, tile);
        const keep = gradient?.keep ?? false;
        Workspace.run([this.#step(pass, operands, { collect: false, keep, first: unit, last: unit + 1 })]);
        for (let k = 0; k < channels; k++) {
          const group = groupOf(unit, k);
          const n = kernels.f64[(slots + k * sumsBytes) / 8] as number;
          after(group, k, cursors[group] as number, n);
          cursors[group] = (cursors[group] as number) + n;
        }
      }
    };

    const preds: (Float32Array | Float64Array)[] = [];
    const targets: (Float32Array | Float64Array)[] = [];
    const masses: (Float32Array | undefined)[] = [];
    const grads: (Float64Array | undefined)[] = [];
    walk("Gather", this.#inputs, none, (group, k, cursor, n) => {
      preds[group] ??= new Pixels(counts[group] as number);
      targets[group] ??= new Pixels(counts[group] as number);
      const pixels = wide ? kernels.f64 : kernels.f32;
      const take = (into: Float32Array | Float64Array, from: Float32Array | Float64Array, area: number) => {
        const start = area / from.BYTES_PER_ELEMENT + k * tile;
        into.set(from.subarray(start, start + n), cursor);
      };
      take(preds[group], pixels, room);
      take(targets[group], pixels, targetRoom);
      if (!isWeighted(this.#call)) return;
      masses[group] ??= new Float32Array(counts[group] as number);
      take(masses[group], kernels.f32, massRoom);
    });
    const losses = Float64Array.from(counts, (count, group) => {
      if (count === 0) return 0;
      const { value, grad } = ask(
        loss,
        preds[group] as Float32Array,
        targets[group] as Float32Array,
        masses[group],
        gradient !== undefined,
      );
      grads[group] = grad;
      return value;
    });
    // The memory of what the function has disposed of may be another tensor's by now.
    const { pred, target, mask, weights } = this.#call;
    for (const [name, operand] of Object.entries({ pred, target, mask, weights, out: gradient?.grad })) {
      checkInUse(name, operand?.owner);
    }
    kernels.f64.set(losses, this.#losses / 8);
    exports.finish(job);
    if (!gradient) return;
    yield this.#step("Scatter", [], { writes: true, itself: true });
    walk(
      "Scatter",
      [...this.#targets, gradient.grad],
      (group, k, cursor, n) => {
        const grad = grads[group];
        if (grad) kernels.f64.set(grad.subarray(cursor, cursor + n), room / 8 + k * tile);
      },
      none,
    );
  }

  #counts(groups: number): Float64Array {
    return this.#sums(groups, -1);
  }

  /** The k-th sum of each group; −1 is its count. */
  #sums(groups: number, k: number): Float64Array {
    return this.#numbers(this.#records + (1 + k) * 8, groups, this.#workspace.kernels.exports.sumsBytes() / 8);
  }

  #groups({ groups, total }: Geometry): Groups {
    const weighted = isWeighted(this.#call);
    return {
      loss: this.#numbers(this.#losses, groups),
      weight: this.#numbers(this.#weights, groups),
      validCount: this.#counts(groups),
      totalCount: new Float64Array(groups).fill(total),
      validWeight: weighted ? this.#sums(groups, MassSum.Mass) : this.#counts(groups),
      totalWeight: weighted ? this.#sums(groups, MassSum.Total) : new Float64Array(groups).fill(total),
    };
  }

  /** The same, in the arrays of a call before. */
  #groupsInto(into: Groups, { groups, total }: Geometry): Groups {
    const { f64, exports } = this.#workspace.kernels;
    const weighted = isWeighted(this.#call);
    const [losses, weights] = [this.#losses / 8, this.#weights / 8];
    for (let g = 0, at = this.#records / 8; g < groups; g++, at += exports.sumsBytes() / 8) {
      into.loss[g] = f64[losses + g] as number;
      into.weight[g] = f64[weights + g] as number;
      into.validCount[g] = f64[at] as number;
      into.validWeight[g] = f64[weighted ? at + 1 + MassSum.Mass : at] as number;
      into.totalWeight[g] = weighted ? (f64[at + 1 + MassSum.Total] as number) : total;
    }
    return into;
  }

  #weightedLosses(groups: number): Float64Array {
    const { kernels, job } = this.#workspace;
    kernels.exports.weightedLosses(job, this.#losses);
    return this.#numbers(this.#losses, groups);
  }

  /** A copy of n float64, `stride` of them apart. For the few that there mostly are, `slice` takes longer. */
  #numbers(address: number, n: number, stride = 1): Float64Array {
    const { f64 } = this.#workspace.kernels;
    const numbers = new Float64Array(n);
    for (let i = 0, at = address / 8; i < n; i++, at += stride) numbers[i] = f64[at] as number;
    return numbers;
  }
}

const isFloat = ({ array }: Operand) => array instanceof Float32Array;
const isUint16 = ({ array }: Operand) => array instanceof Uint16Array;

const isCalibrated = ({ scale, offset }: Operand) => scale !== 1 || offset !== 0;

/** Scales that leave room for a difference in float32. */
const LEAST_SCALE = 1e-30;
const GREATEST_SCALE = 1e30;

/** Whether pred and target are digital numbers of one calibration: tiles hold these, and kernels compute from what they stand for. */
function areDigitalNumbers({ loss, pred, target }: Call): boolean {
  const size = Math.abs(pred.scale);
  const alike =
    pred.scale === target.scale && pred.offset === target.offset && size >= LEAST_SCALE && size <= GREATEST_SCALE;
  // Pixels that "zero" puts in place of invalid ones are values.
  const putsZeros = loss.kind === "window" && loss.b === 2;
  return alike && !isFloat(pred) && loss.kind !== "labels" && !putsZeros;
}

/**
 * The rule in its simplest form, a least number alone, where it comes to that: for uint16 `nodata: 0` is `min: 1`.
 */
function leastOf({ rule, target }: Call): number | undefined {
  const bounded = !(rule.max >= (target.array instanceof Uint16Array ? GREATEST : Number.POSITIVE_INFINITY));
  if (bounded || Number.isNaN(rule.min)) return undefined;
  if (!(target.array instanceof Uint16Array)) return rule.nodata.length === 0 ? rule.min : undefined;
  let least = Math.max(0, Math.ceil(rule.min));
  for (const value of [...rule.nodata].sort((a, b) => a - b)) {
    if (value === least) least++;
    else if (Number.isInteger(value) && value > least && value <= GREATEST) return undefined;
  }
  return least;
}

/** Greatest uint16. */
const GREATEST = 65535;

type Part = (group: number, channel: number, cursor: number, n: number) => void;

const none: Part = () => {};

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
