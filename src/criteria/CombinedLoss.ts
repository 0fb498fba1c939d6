import { checkNumber, kindOf, ownOptions } from "../check.ts";
import { type ImageLike, Tensor } from "../memory/tensor.ts";
import {
  checkApart,
  checkOut,
  gradOperand,
  type GivenMasses,
  gradTensor,
  type Prepared,
  prepare,
} from "../plan/arrays.ts";
import type { Counts, Outcome } from "../plan/call.ts";
import type { TargetLike } from "../plan/PreparedTarget.ts";
import type { Reduction } from "../plan/settings.ts";
import { computeTogether } from "../run/compute.ts";
import { FlexibleWeightedLoss } from "./FlexibleWeightedLoss.ts";
import {
  checkGradOutput,
  checkNormalizer,
  type ForwardOptions,
  type GradientOptions,
  type LossResult,
  type ValueOf,
} from "./results.ts";

/** One summand: its coefficient and its criterion. */
export interface Term<R extends Reduction = Reduction> {
  readonly weight: number;
  readonly loss: FlexibleWeightedLoss<R>;
}

export interface CombinedResult<R extends Reduction = "mean"> {
  /** Σ weight · value over the terms. */
  readonly value: ValueOf<R>;
  /** The result of each term, before it is multiplied by its weight. */
  readonly terms: readonly LossResult<R>[];
}

export interface CombinedGradientResult<R extends Reduction = "mean"> extends CombinedResult<R> {
  /** Gradient of Σ gradOutput · value with respect to pred, of pred's shape. */
  readonly grad: Tensor;
}

export interface CombinedGradientOptions<R extends Reduction = Reduction>
  extends Omit<GradientOptions<R>, "normalizer"> {
  /** A Σ w for each term to divide by instead of this batch's own. */
  normalizer?: readonly number[];
}

/**
 * A weighted sum of criteria, each with its own base loss, groups, rule and weighting:
 *
 *     L = Σ_k weight_k · L_k
 *
 * The terms' reductions are all `"none"` (their vectors are added, group by group) or none is.
 *
 * @throws TypeError, RangeError for terms of the wrong kind
 * @example
 * ```ts
 * const criterion = new CombinedLoss([
 *   { weight: 0.5, loss: new FlexibleWeightedLoss(sam()) },
 *   { weight: 0.5, loss: new FlexibleWeightedLoss(mse()) },
 * ]);
 * ```
 */
export class CombinedLoss<R extends Reduction = "mean"> {
  /** @internal */
  readonly terms: readonly Term<R>[];
  readonly #reduction: Reduction;

  constructor(terms: readonly Term<R>[]) {
    if (!Array.isArray(terms))
      throw new TypeError(`"terms": expected an array of { weight, loss }, got ${kindOf(terms)}`);
    if (terms.length === 0) throw new RangeError(`"terms": expected at least one { weight, loss }, got none`);
    // A hole is no term, which `map` alone would pass over.
    this.terms = Array.from(terms, (term: Term<R>, k) => {
      const { weight, loss } = ownOptions(`terms[${k}]`, term, ["weight", "loss"]);
      if (!(loss instanceof FlexibleWeightedLoss)) {
        throw new TypeError(`"terms[${k}].loss": expected a FlexibleWeightedLoss, got ${kindOf(loss)}`);
      }
      return { weight: checkNumber(`terms[${k}].weight`, weight), loss };
    });
    const reductions = this.terms.map(({ loss }) => loss.settings.reduction);
    this.#reduction = reductions[0] as Reduction;
    if (reductions.some((reduction) => (reduction === "none") !== (this.#reduction === "none"))) {
      throw new RangeError(
        `"terms": expected reduction "none" in all of them or in none, got ${reductions.join(", ")}`,
      );
    }
  }

  /**
   * The loss alone.
   *
   * @throws TypeError, RangeError where shapes, kinds or options do not fit; nothing has been changed then
   */
  forward(pred: ImageLike, target: TargetLike, options: ForwardOptions = {}): CombinedResult<R> {
    const { mask, weights } = ownOptions("forward options", options, ["mask", "weights"]);
    const prepared = this.#prepare(pred, target, { mask, weights });
    const results = computeTogether((prepared[0] as Prepared).kernels, prepared);
    return { value: this.#sum(results), terms: results as LossResult<R>[] };
  }

  /**
   * The loss and its exact gradient with respect to pred.
   *
   * @throws TypeError, RangeError where shapes, kinds or options do not fit; nothing has been changed then
   */
  valueAndGrad(
    pred: ImageLike,
    target: TargetLike,
    options: CombinedGradientOptions<R> = {},
  ): CombinedGradientResult<R> {
    const known = ["mask", "weights", "gradOutput", "normalizer", "out"];
    const { mask, weights, gradOutput, normalizer, out: outLike } = ownOptions("valueAndGrad options", options, known);
    const out = checkOut(outLike, pred);
    const prepared = this.#prepare(pred, target, { mask, weights }, out);
    const [first] = prepared as [Prepared];
    if (out) checkApart(out, first.inputs);
    if (normalizer !== undefined) checkLength(normalizer, this.terms.length);
    const upstreams = prepared.map(({ call }, k) => {
      const { weight, loss } = this.terms[k] as Term<R>;
      const { reduction } = loss.settings;
      const upstream = checkGradOutput(gradOutput, reduction, call.geometry.groups);
      return {
        normalizer: checkNormalizer(`normalizer[${k}]`, normalizer?.[k], reduction),
        upstream: typeof upstream === "number" ? weight * upstream : Float64Array.from(upstream, (g) => weight * g),
      };
    });
    const grad = gradTensor(outLike, out, first.pred);
    // Terms that can fail in the middle, by a label or in the caller's own function, must leave `out` as it was.
    const fallible = prepared.some(({ call }) => call.loss.kind === "labels" || call.loss.kind === "custom");
    const into = out && fallible ? new Tensor(new Float32Array(out.data.length), grad.shape) : grad;
    // The first term writes the gradient, the others add to it.
    const terms = prepared.map(({ call }, k) => {
      const { upstream, normalizer } = upstreams[k] as (typeof upstreams)[0];
      return { call, gradient: { grad: gradOperand(call, into), upstream, normalizer, keep: k > 0 } };
    });
    const results = computeTogether(first.kernels, terms);
    if (into !== grad) grad.data.set(into.data);
    return { value: this.#sum(results), terms: results as LossResult<R>[], grad };
  }

  #prepare(pred: ImageLike, target: TargetLike, masses: GivenMasses, out?: Parameters<typeof prepare>[4]): Prepared[] {
    const counts = new Map<string, Counts>();
    const prepared = this.terms.map(({ loss }) => prepare(loss.settings, pred, target, masses, out, counts));
    const groups = prepared.map(({ call }) => call.geometry.groups);
    if (this.#reduction === "none" && groups.some((count) => count !== groups[0])) {
      throw new RangeError(`"terms": expected as many groups in each for reduction "none", got ${groups.join(", ")}`);
    }
    return prepared;
  }

  #sum(results: readonly Outcome[]): ValueOf<R> {
    const weightOf = (k: number) => (this.terms[k] as Term<R>).weight;
    if (this.#reduction !== "none") {
      return results.reduce<number>((sum, { value }, k) => sum + weightOf(k) * (value as number), 0) as ValueOf<R>;
    }
    const [first] = results as [Outcome];
    return (first.value as Float64Array).map((_, g) =>
      results.reduce((sum, { value }, k) => sum + weightOf(k) * ((value as Float64Array)[g] as number), 0),
    ) as ValueOf<R>;
  }
}

function checkLength(normalizer: unknown, terms: number): void {
  const expected = `"normalizer": expected an array of ${terms} numbers, one per term`;
  if (!Array.isArray(normalizer)) throw new TypeError(`${expected}, got ${kindOf(normalizer)}`);
  if (normalizer.length !== terms) throw new RangeError(`${expected}, got ${normalizer.length}`);
}
