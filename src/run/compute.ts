// Base losses over one set of arrays: which passes the kernels run, in which order. Every number is theirs.
//
// A loss is a generator of the passes that it needs, and resumes when its pass has been run.

import { hasTrait } from "../losses/BaseLoss.ts";
import { LOSSES, Loss, MassSum, Pass, type PassName, Reduction, SSIM_RADIUS } from "../memory/kernelApi.ts";
import type { Kernels } from "../memory/kernels.ts";
import { type Call, type Gradient, type Groups, isSoft, isWeighted, type Operand, type Outcome } from "../plan/call.ts";
import type { Geometry } from "../plan/geometry.ts";
import { areDigitalNumbers, isCalibrated, isFloat, isUint16, leastOf } from "../plan/reading.ts";
import { CustomPasses } from "./custom.ts";
import { checkMasses } from "./masses.ts";
import { runTogether } from "./sharing.ts";
import type { Request, Steps } from "./steps.ts";
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
    const { geometry } = this.#call;
    const gradient = this.#gradient;
    yield this.#step("Count", this.#targets);
    this.checkMasses();
    exports.weigh(job);
    exports.coefficients(job, reductionId);
    const passes = new CustomPasses({
      workspace: this.#workspace,
      call: this.#call,
      gradient,
      counts: this.#counts(geometry.groups),
      step: (pass, operands, given) => this.#step(pass, operands, given),
    });
    const losses = passes.losses(this.#inputs);
    // A view of the memory as it is after that, which may have grown.
    kernels.f64.set(losses, this.#losses / 8);
    exports.finish(job);
    if (!gradient) return;
    yield this.#step("Scatter", [], { writes: true, itself: true });
    passes.scatter([...this.#targets, gradient.grad]);
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
