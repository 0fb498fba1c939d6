import { kindOf, ownOptions, show } from "../check.ts";
import { type BaseLoss, hasTrait } from "../losses/BaseLoss.ts";
import { mae } from "../losses/elementwise.ts";
import { Loss, MassSum } from "../memory/kernelApi.ts";
import { staging } from "../memory/kernels.ts";
import type { ImageLike, MaskLike, WeightsLike } from "../memory/tensor.ts";
import { checkHalo, coreOf, HALO, type Halo, NO_HALO } from "../metrics/halo.ts";
import { encode, Reader } from "../metrics/json.ts";
import { ExactSum } from "../metrics/exact.ts";
import { bandMoments, Moments, type PlaneSums, planeSums } from "../metrics/moments.ts";
import { type Prepared, prepare } from "../plan/arrays.ts";
import type { Groups } from "../plan/call.ts";
import type { TargetLike } from "../plan/PreparedTarget.ts";
import { DEFAULT_RULE } from "../plan/rule.ts";
import type { Settings } from "../plan/settings.ts";
import { compute, groupSums } from "../run/compute.ts";
import { Workspace } from "../run/workspace.ts";
import { CombinedLoss, type Term } from "./CombinedLoss.ts";
import { FlexibleWeightedLoss } from "./FlexibleWeightedLoss.ts";

export interface AddOptions {
  /** Bytes ≠ 0 where a pixel may count, or a soft mask; of the target's shape or broadcastable to it, as are `weights`. */
  mask?: MaskLike;
  /** What each pixel counts: finite numbers ≥ 0. */
  weights?: WeightsLike;
  /** Name of the sample that these are pixels of: pieces of the same name are one sample. */
  sample?: string;
  /** Pixels on each side of a piece that belong to its neighbours, where `ssim` looks across the edges of windows. */
  halo?: Halo;
}

/** What a loss may be accumulated of: losses that are one number. */
type Criterion = FlexibleWeightedLoss<Single> | CombinedLoss<Single> | readonly Term<Single>[];

type Single = "mean" | "sum";

/** Of whole samples, exact. */
interface Sums {
  readonly numerator: ExactSum;
  readonly weightSum: ExactSum;
}

/** A term of the loss. */
export interface AccumulatedTerm {
  /** Σ w·L over the groups. */
  readonly numerator: number;
  /** Σ w over the groups. */
  readonly weightSum: number;
  /** What the reduction makes of the sums. */
  readonly value: number;
}

export interface AccumulatedLoss {
  /** The loss: Σ weight · value over the terms. */
  readonly value: number;
  /** One for each of the terms; one for a `FlexibleWeightedLoss`. */
  readonly terms: readonly AccumulatedTerm[];
}

/** What is known of a group of which pieces have come. */
interface Group {
  /** Pixels that are valid, and all. */
  readonly valid: number;
  readonly total: number;
  /** What these weigh, as many without soft mask and weights. */
  readonly mass: ExactSum;
  readonly whole: ExactSum;
  /** The sums that the kernels make the loss of; for `vectorAngle` those of its moments. */
  readonly sums: readonly ExactSum[];
}

/** The groups of a sample, by term. */
type Sample = readonly (readonly Group[])[];

const FORMAT = "valid-pixel-loss/LossAccumulator";
const VERSION = 2;

/** Sums of a group that losses are made of. */
const SUMS = 3;

/**
 * A loss over an archive, batch by batch, in memory that does not grow with it: what `numerator` and `weightSum` do for batches of whole
 * samples, also where the pixels of one sample come in pieces. Accumulators of the same criterion, on any machines, merge; the state
 * between is plain JSON. All that is kept adds up exactly: batches in any order, merged in any way, give the same bits and the same JSON.
 *
 * One call on all of it gives the same loss but for rounding (1e-12 for whole samples). Pieces give it within the accuracy that any call has
 * (1e-6): which pixels share a float32 lane depends on how a sample is cut. Where terms of either sign cancel across batches
 * (`poissonNLL`), that is 1e-6 of the size of the terms.
 *
 * The groups of `groupBy: "batch"` and `"band"` are those of all that comes, whatever call it comes by.
 *
 * To engines that distribute (Beam's `CombineFn`, Spark's `Aggregator`) it is `create` = `new LossAccumulator(criterion)`, `add`, `merge`
 * and `finish`, with `toJSON` and `fromJSON` as coder.
 *
 * The sums of a sample that comes in pieces, a few numbers per group, are kept by its name, since more may come here or in another
 * accumulator; `groups` tells what they come to. A custom loss needs its pixels at once, and takes whole samples alone.
 *
 * @param criterion a `FlexibleWeightedLoss`, a `CombinedLoss` or its terms, of reduction `"mean"` or `"sum"`
 * @throws TypeError, RangeError for criteria of another kind, and of reduction `"none"`, whose vector would grow with the archive
 * @example
 * ```ts
 * const loss = new LossAccumulator(new FlexibleWeightedLoss(mse()));
 * for (const { pred, target } of batches) loss.add(pred, target);
 * for (const { pred, target } of tiles) loss.add(pred, target, { sample: "scene-7" });
 * loss.finish().value;
 * ```
 */
export class LossAccumulator {
  readonly #terms: readonly Term[];
  /** Tells criteria apart, by what their losses are made of. */
  readonly #criterion: string;
  #whole: readonly Sums[];
  /** The groups of all samples together, of terms that have such. */
  #pooled: Sample;
  readonly #open = new Map<string, Sample>();

  constructor(criterion: Criterion) {
    this.#terms = termsOf(criterion);
    this.#criterion = JSON.stringify(encode(this.#terms.map(describe)));
    this.#whole = this.#terms.map(() => ({ numerator: ExactSum.ZERO, weightSum: ExactSum.ZERO }));
    this.#pooled = this.#terms.map(() => []);
  }

  /**
   * Takes in a batch of whole samples, or a piece of one that `sample` names: any of its pixels, in any shape.
   *
   * @param pred `[B, C, H, W]` (`[B, H, W, C]` for layout `"NHWC"`), `[C, H, W]` or `[H, W]`
   * @param target of pred's shape; class labels `[B, H, W]` for `crossEntropy`
   * @throws TypeError, RangeError where shapes, kinds or options do not fit; nothing has been taken in then
   */
  add(pred: ImageLike, target: TargetLike, options: AddOptions = {}): this {
    const given = ownOptions("add options", options, ["mask", "weights", "sample", "halo"]);
    const { sample, halo, mask, weights } = given;
    if (sample !== undefined && typeof sample !== "string") {
      throw new TypeError(`"sample": expected a name, got ${kindOf(sample)}`);
    }
    if (sample === undefined && halo !== undefined) {
      throw new TypeError(`"sample": expected a name with "halo", since a window is a part of a sample, got none`);
    }
    // All is computed, and may fail, before anything is taken in.
    const parts = this.#terms.map(({ loss: { settings } }) => {
      if (sample !== undefined || isPooled(settings)) return pieceOf(settings, pred, target, given);
      const { kernels, call } = prepare(settings, pred, target, { mask, weights });
      return compute(kernels, call).groups;
    });
    const pieces = parts.map((part) => (Array.isArray(part) ? part : []));
    const pooled = this.#join(this.#pooled, this.#only(pieces, true), "all");
    if (sample !== undefined) this.#open.set(sample, this.#joined(sample, this.#only(pieces, false)));
    this.#pooled = pooled;
    this.#whole = parts.map((part, k) => {
      let { numerator, weightSum } = this.#whole[k] as Sums;
      if (Array.isArray(part)) return { numerator, weightSum };
      const { loss, weight } = part;
      for (let g = 0; g < loss.length; g++) {
        numerator = numerator.plus(ExactSum.of((weight[g] as number) * (loss[g] as number)));
        weightSum = weightSum.plus(ExactSum.of(weight[g] as number));
      }
      return { numerator, weightSum };
    });
    return this;
  }

  /**
   * Takes in all that `other` has, which stays as it is. Pieces of samples of the same name join.
   *
   * @throws TypeError where `other` is no LossAccumulator, RangeError where it is of another criterion
   */
  merge(other: LossAccumulator): this {
    if (!(other instanceof LossAccumulator)) {
      throw new TypeError(`"other": expected a LossAccumulator, got ${kindOf(other)}`);
    }
    if (other === this) {
      throw new RangeError(`"other": expected another LossAccumulator, got this one, which would count twice`);
    }
    if (other.#criterion !== this.#criterion) {
      throw new RangeError(`"other": expected the criterion ${this.#criterion}, got ${other.#criterion}`);
    }
    const joined = [...other.#open].map(([name, sample]) => [name, this.#joined(name, sample)] as const);
    this.#pooled = this.#join(this.#pooled, other.#pooled, "all");
    for (const [name, sample] of joined) this.#open.set(name, sample);
    this.#whole = this.#whole.map(({ numerator, weightSum }, k) => {
      const from = other.#whole[k] as Sums;
      return { numerator: numerator.plus(from.numerator), weightSum: weightSum.plus(from.weightSum) };
    });
    return this;
  }

  /** The loss of all that has come; more may come after. 0 where no group has a valid pixel. */
  finish(): AccumulatedLoss {
    const terms = this.#whole.map((sums, k): AccumulatedTerm => {
      let { numerator, weightSum } = sums;
      const { settings } = (this.#terms[k] as Term).loss;
      for (const sample of [this.#pooled, ...this.#open.values()]) {
        for (const group of sample[k] as readonly Group[]) {
          const { loss, weight } = settle(settings, group);
          numerator = numerator.plus(ExactSum.of(weight * loss));
          weightSum = weightSum.plus(ExactSum.of(weight));
        }
      }
      const isMean = settings.reduction !== "sum";
      const value = !isMean ? numerator.value : weightSum.isZero ? 0 : numerator.value / weightSum.value;
      return { value, numerator: numerator.value, weightSum: weightSum.value };
    });
    const value = terms.reduce((sum, term, k) => sum + (this.#terms[k] as Term).weight * term.value, 0);
    return { value, terms };
  }

  /**
   * The groups of a sample that comes in pieces, a set for each of the terms, as a criterion's result has them: those of all its pieces so
   * far; the groups of a term of `groupBy: "batch"` or `"band"` are those of all samples. Of whole samples, whose number has no bound,
   * nothing but sums is kept.
   *
   * @param sample the name that its pieces came by
   * @throws RangeError where none has come by that name
   */
  groups(sample: string): Groups[] {
    const terms = this.#open.get(sample);
    if (!terms)
      throw new RangeError(`"sample": expected the name of a sample that comes in pieces, got ${show(sample)}`);
    return terms.map((own, k) => {
      const groups = isPooled((this.#terms[k] as Term).loss.settings) ? (this.#pooled[k] as readonly Group[]) : own;
      const settled = groups.map((group) => settle((this.#terms[k] as Term).loss.settings, group));
      return {
        loss: Float64Array.from(settled, ({ loss }) => loss),
        weight: Float64Array.from(settled, ({ weight }) => weight),
        validCount: Float64Array.from(groups, ({ valid }) => valid),
        totalCount: Float64Array.from(groups, ({ total }) => total),
        validWeight: Float64Array.from(groups, ({ mass }) => mass.value),
        totalWeight: Float64Array.from(groups, ({ whole }) => whole.value),
      };
    });
  }

  /** The state as plain JSON, to the last bit: a sum that pred's own NaN or Infinity has reached is a string there. */
  toJSON(): object {
    return encode({
      format: FORMAT,
      version: VERSION,
      criterion: this.#criterion,
      whole: this.#whole,
      pooled: this.#pooled,
      open: [...this.#open.keys()].sort().map((name) => ({ name, terms: this.#open.get(name) })),
    }) as object;
  }

  /**
   * The accumulator whose state this is: what `toJSON` gave, or JSON.parse of its text.
   *
   * @param criterion the one that the state was made with
   * @throws TypeError, RangeError where it is no such state, with the place and what was expected there
   */
  static fromJSON(criterion: Criterion, json: unknown): LossAccumulator {
    const loss = new LossAccumulator(criterion);
    const state = new Reader("state", json);
    state.format(FORMAT, VERSION);
    const { whole, pooled, open, ...rest } = state.entries("format", "version", "criterion", "whole", "pooled", "open");
    const given = rest.criterion.text();
    if (given !== loss.#criterion) {
      throw new RangeError(`"state.criterion": expected that of the criterion, ${loss.#criterion}, got ${given}`);
    }
    const terms = loss.#terms.map((term) => term.loss.settings.base);
    loss.#whole = whole.list(terms.length).map((at, k) => {
      const { numerator, weightSum } = at.entries("numerator", "weightSum");
      return { numerator: sumAt(numerator, terms[k] as BaseLoss), weightSum: weightSum.sumOfAmounts() };
    });
    const groupsAt = (at: Reader) =>
      at.list(terms.length).map((term, k) => term.list().map((group) => groupAt(group, terms[k] as BaseLoss)));
    loss.#pooled = groupsAt(pooled);
    const names = new Set<string>();
    for (const sample of open.list()) {
      const { name, terms: groups } = sample.entries("name", "terms");
      loss.#open.set(name.name(names), groupsAt(groups));
    }
    return loss;
  }

  /** Of the terms that are pooled, or of the others, the groups; none of the rest. */
  #only(pieces: Sample, pooled: boolean): Sample {
    return pieces.map((groups, k) => (isPooled((this.#terms[k] as Term).loss.settings) === pooled ? groups : []));
  }

  #joined(name: string, sample: Sample): Sample {
    const open = this.#open.get(name);
    return open ? this.#join(open, sample, show(name)) : sample;
  }

  /** Groups of two, term by term; either may have none yet. */
  #join(before: Sample, sample: Sample, of: string): Sample {
    return sample.map((groups, k) => {
      const own = before[k] as readonly Group[];
      if (own.length === 0 || groups.length === 0) return own.length === 0 ? groups : own;
      if (own.length !== groups.length) {
        throw new RangeError(
          `"sample": expected ${own.length} channels, as the pieces of ${of} before, got ${groups.length}`,
        );
      }
      return groups.map((group, g) => joinGroups(own[g] as Group, group));
    });
  }
}

/** Whether all samples are in the same groups. */
const isPooled = ({ groupBy }: Settings) => groupBy === "batch" || groupBy === "band";

function termsOf(criterion: unknown): readonly Term[] {
  if (criterion instanceof FlexibleWeightedLoss) return checkReductions([{ weight: 1, loss: criterion }]);
  if (criterion instanceof CombinedLoss) return checkReductions(criterion.terms);
  if (!Array.isArray(criterion)) {
    throw new TypeError(
      `"criterion": expected a FlexibleWeightedLoss, a CombinedLoss or its terms, got ${kindOf(criterion)}`,
    );
  }
  return checkReductions(new CombinedLoss(criterion).terms);
}

function checkReductions(terms: readonly Term[]): readonly Term[] {
  if (terms.some(({ loss }) => loss.settings.reduction === "none")) {
    throw new RangeError(
      `"criterion": expected reduction "mean" or "sum", got "none", whose result grows with the archive`,
    );
  }
  return terms;
}

/** A sum of losses, which may be one of numbers that are never negative. */
function sumAt(at: Reader, base: BaseLoss): ExactSum {
  return hasTrait(base, "NeverNegative") ? at.sumOfAmounts() : at.sum();
}

function groupAt(at: Reader, base: BaseLoss): Group {
  const { valid, total, mass, whole, sums } = at.entries("valid", "total", "mass", "whole", "sums");
  const all = total.count();
  // Of an angle's moments the second, Σpt, may be negative.
  const isSigned = (i: number) => base.kernel === "VectorAngle" && i === 1;
  const numbers = sums.list(SUMS).map((sum, i) => (isSigned(i) ? sum.sum() : sumAt(sum, base)));
  return { valid: valid.count(all), total: all, mass: mass.sumOfAmounts(), whole: whole.sumOfAmounts(), sums: numbers };
}

/** What results depend on: all but the layout. */
function describe({ weight, loss }: Term): object {
  const { base, groupBy, power, reduction, rule = DEFAULT_RULE } = loss.settings;
  const { name, kernel, scale, a, b, ignoreIndex = null } = base;
  return { weight, base: { name, kernel, scale, a, b, ignoreIndex }, groupBy, power, reduction, rule };
}

/** The groups of a piece of a sample. */
function pieceOf(settings: Settings, predLike: ImageLike, targetLike: TargetLike, given: AddOptions): Group[] {
  const { base, layout } = settings;
  if (base.kind === "custom") {
    throw new TypeError(
      given.sample === undefined
        ? `"criterion": expected groupBy "sample" or "channel" with a custom loss, which needs all pixels of a group at once, got "${settings.groupBy}"`
        : `"sample": expected none with a custom loss, which needs all pixels of a group at once, got one`,
    );
  }
  const isWindow = base.kind === "window";
  // What is counted of a window's core needs no room for the windows around its pixels.
  const counting: Settings = isWindow ? { ...settings, base: mae() } : settings;
  const { mask: maskLike, weights: weightsLike } = given;
  const masses = { mask: maskLike, weights: weightsLike };
  const { size, pred: image } = prepare(counting, predLike, targetLike, masses);
  if (given.sample !== undefined && size.samples !== 1) {
    throw new RangeError(`"pred": expected a piece of one sample, got a batch of ${size.samples}`);
  }
  const sides = checkHalo(given.halo, size);
  // Class labels have no channels.
  const targetLayout = base.kind === "labels" ? "NCHW" : layout;
  const cut = <T>(name: string, array: T, order = targetLayout) =>
    given.halo === undefined || array === undefined ? array : coreOf(name, array, image.shape.length, order, sides);
  const pred = cut("pred", predLike, layout);
  const target = cut("target", targetLike);
  const cutMasses = { mask: cut("mask", maskLike), weights: cut("weights", weightsLike) };
  const core = prepare(counting, pred, target, cutMasses);
  const { groups: count, total } = core.call.geometry;
  const of = (group: (g: number) => Counted & { sums: readonly (number | ExactSum)[] }): Group[] =>
    Array.from({ length: count }, (_, g) => {
      const { valid, mass, whole, sums } = group(g);
      const exact = sums.map((sum) => (typeof sum === "number" ? ExactSum.of(sum) : sum));
      return { valid, total, mass: ExactSum.of(mass), whole: ExactSum.of(whole), sums: exact };
    });

  if (isWindow) {
    const counted = compute(core.kernels, core.call).groups;
    const isSeen = size.height > 2 * HALO && size.width > 2 * HALO;
    const sums = isSeen ? records(prepare(settings, predLike, targetLike, masses)) : undefined;
    return of((g) => ({ ...countsOf(counted, g), sums: sums ? sums(g).slice(1, 1 + SUMS) : [0, 0, 0] }));
  }
  if (base.kernel === "VectorAngle") {
    const planes = planeSums(
      prepare({ ...settings, base: bandMoments, groupBy: "channel" }, pred, target, cutMasses),
      NO_HALO,
    );
    const groupOf = (plane: number) =>
      settings.groupBy === "band" ? plane % count : Math.floor(plane / (planes.length / count));
    return of((g) => {
      const own = planes.filter((_, plane) => groupOf(plane) === g);
      const { weight, sum, square } = own.reduce((all, { angle }) => all.plus(Moments.of(angle)), Moments.NONE);
      const over = (f: (plane: PlaneSums) => number) => own.reduce((all, plane) => all + f(plane), 0);
      return {
        valid: over(({ valid }) => valid),
        mass: over(({ error }) => error.weight),
        whole: over(({ whole }) => whole),
        sums: [weight, sum, square],
      };
    });
  }
  if (base.kind === "moments") {
    const sums = records(core);
    const counted = compute(core.kernels, core.call).groups;
    return of((g) => ({ ...countsOf(counted, g), sums: sums(g).slice(1, 1 + SUMS) }));
  }
  // Means over pixels, and the root of one.
  const counted = compute(core.kernels, core.call).groups;
  return of((g) => {
    const counts = countsOf(counted, g);
    const value = counted.loss[g] as number;
    const mean = base.kernel === "Rmse" ? value * value : value / base.scale;
    return { ...counts, sums: [mean * counts.mass, 0, 0] };
  });
}

/** What is counted of a group. */
interface Counted {
  readonly valid: number;
  readonly mass: number;
  readonly whole: number;
}

function countsOf({ validCount, validWeight, totalWeight }: Groups, g: number): Counted {
  return { valid: validCount[g] as number, mass: validWeight[g] as number, whole: totalWeight[g] as number };
}

/** The count and sums of each group, as the kernels gather them. */
function records({ kernels, call }: Prepared): (group: number) => number[] {
  const all = groupSums(kernels, call);
  const length = kernels.exports.sumsBytes() / 8;
  return (group) => [...all.subarray(group * length, (group + 1) * length)];
}

function joinGroups(a: Group, b: Group): Group {
  return {
    valid: a.valid + b.valid,
    total: a.total + b.total,
    mass: a.mass.plus(b.mass),
    whole: a.whole.plus(b.whole),
    sums: a.sums.map((sum, i) => sum.plus(b.sums[i] as ExactSum)),
  };
}

/** From the sums of a group to its loss and weight: the kernels' own way, on a job of that one group. */
function settle(
  { base, power }: Settings,
  { valid, total, mass, whole, sums }: Group,
): { loss: number; weight: number } {
  const kernels = staging();
  return Workspace.use(kernels, (workspace) => {
    const { exports } = kernels;
    const { job } = workspace;
    const record = workspace.area("settled", exports.sumsBytes() + 2 * 8 + exports.coefficientBytes());
    const loss = record + exports.sumsBytes();
    const weight = loss + 8;
    const coefficients = weight + 8;
    exports.setLoss(job, Loss[base.kernel], base.scale, base.a, base.b);
    exports.setGeometry(job, 0, 1, 1, 1, 1, 1, total);
    // Masses, which without soft mask and weights are counts.
    exports.setRule(job, true, 0, Number.POSITIVE_INFINITY, 0, 0);
    exports.setPixelWeights(job, 1, 0);
    exports.setWeights(job, power, Number.NaN);
    exports.setMemory(job, 0, record, loss, weight, 0, coefficients);
    exports.clearGroups(job);
    const numbers = sums.map((sum) => sum.value);
    if (base.kernel === "VectorAngle") {
      // What is left of t without its part along p, and how large that part is.
      const [weight, sum, square] = sums as [ExactSum, ExactSum, ExactSum];
      const [pp = 0, pt = 0] = numbers;
      kernels.f64.set([valid, pp, new Moments(weight, sum, square).m2, 0], record / 8);
      kernels.f64[coefficients / 8] = pp === 0 ? 0 : pt / pp;
    } else kernels.f64.set([valid, ...numbers], record / 8);
    kernels.f64[record / 8 + 1 + MassSum.Mass] = mass.value;
    kernels.f64[record / 8 + 1 + MassSum.Total] = whole.value;
    exports.weigh(job);
    exports.finish(job);
    return { loss: kernels.f64[loss / 8] as number, weight: kernels.f64[weight / 8] as number };
  });
}
