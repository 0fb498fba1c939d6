// What FlexibleWeightedLoss, CombinedLoss and validPixelWeightedLoss are made with, checked once.

import { checkChoice, checkNumber, kindOf, ownOptions } from "../check.ts";
import { type BaseLoss, isBaseLoss, type Kind } from "../losses/BaseLoss.ts";
import type { GroupBy, Layout } from "./geometry.ts";
import { compileRule, type Rule, type ValidRule } from "./rule.ts";

export type Reduction = "mean" | "sum" | "none";

/** `"sqrt"`: √r, `"linear"`: r, `"uniform"`: 1, a number p from −16 to 16: r^p, of r = valid / total of a group. */
export type Weighting = "sqrt" | "linear" | "uniform" | number;

interface CommonOptions<R extends Reduction> {
  /** `"sqrt"` by default. */
  weighting?: Weighting;
  /** `"mean"`: Σ wL / Σ w (default); `"sum"`: Σ wL; `"none"`: the vector of w·L. */
  reduction?: R;
  /** Order of the dimensions: `"NCHW"` (default) or `"NHWC"`. */
  layout?: Layout;
}

/**
 * What is weighed as one: `"sample"` (all its elements), `"channel"` of a sample, `"batch"` (every valid pixel counts alike, whatever its
 * sample), or `"band"` (a channel of all samples).
 */
interface GroupOptions<G extends GroupBy = GroupBy> {
  groupBy?: G;
}

/** Which target values count. `threshold: x` is short for `valid: { above: x }`: one of the two at most; `{ min: 0 }` by default. */
export type RuleOptions = { threshold?: number; valid?: undefined } | { threshold?: undefined; valid?: ValidRule };

/**
 * Options of a criterion whose base loss is of kind K. The groups of what looks across the channels of a pixel have all of these, and
 * class labels have a rule of their own.
 */
export type LossOptions<R extends Reduction = Reduction, K extends Kind = Kind> = CommonOptions<R> &
  ([K] extends ["pixel" | "labels"] ? GroupOptions<"sample" | "batch"> : GroupOptions) &
  ([K] extends ["labels"] ? { threshold?: undefined; valid?: undefined } : RuleOptions);

/** What a criterion was made with, checked. */
export interface Settings {
  readonly base: BaseLoss;
  readonly groupBy: GroupBy;
  readonly power: number;
  readonly reduction: Reduction;
  readonly layout: Layout;
  /** `undefined` where none was given. */
  readonly rule: Rule | undefined;
}

const POWERS = { sqrt: 0.5, linear: 1, uniform: 0 };

/** Within these, no power of a ratio of pixel counts leaves the range of float64. */
const POWER_BOUNDS = { min: -16, max: 16 };

/** Whether the loss looks across the channels of a pixel, so that its groups have all of them. */
export function looksAcrossChannels(base: BaseLoss): boolean {
  return base.kind === "pixel" || base.kind === "labels";
}

/** The rule that is given, if any. */
export function checkRule({ threshold, valid }: RuleOptions): Rule | undefined {
  if (threshold !== undefined && valid !== undefined) {
    throw new TypeError(`"threshold": expected it without "valid", for which it is short, got both`);
  }
  if (threshold !== undefined) {
    return compileRule("valid", { above: checkNumber("threshold", threshold, { infinite: true }) });
  }
  return valid === undefined ? undefined : compileRule("valid", valid);
}

export function checkSettings(base: unknown, options: LossOptions, defaultGroupBy: GroupBy): Settings {
  if (!isBaseLoss(base)) {
    const wrapped = typeof base === "function" ? " (wrap a function of your own as custom(fn))" : "";
    throw new TypeError(`"base": expected a base loss such as mse(), got ${kindOf(base)}${wrapped}`);
  }
  const known = ["groupBy", "threshold", "valid", "weighting", "reduction", "layout"];
  const given = ownOptions("options", options, known);
  const { threshold, valid, weighting = "sqrt", reduction = "mean", layout = "NCHW" } = given;
  const across = looksAcrossChannels(base);
  const groupBy = checkChoice("groupBy", given.groupBy ?? (across ? "sample" : defaultGroupBy), [
    "sample",
    "channel",
    "batch",
    "band",
  ]);
  if (across && (groupBy === "channel" || groupBy === "band")) {
    const instead = `"sample" or "batch"${base.name === "sam" ? ", or vectorAngle() for an angle per channel" : ""}`;
    throw new RangeError(`"groupBy": expected ${instead}, since ${base.name} looks across channels, got "${groupBy}"`);
  }
  if (typeof weighting !== "number") checkChoice("weighting", weighting, ["sqrt", "linear", "uniform"]);
  if (base.kind === "labels" && (threshold !== undefined || valid !== undefined)) {
    throw new TypeError(
      `"${valid === undefined ? "threshold" : "valid"}": expected none with crossEntropy, whose valid pixels are told by class, ` +
        "ignoreIndex and mask, got one",
    );
  }
  return Object.freeze({
    base,
    groupBy,
    power: typeof weighting === "number" ? checkNumber("weighting", weighting, POWER_BOUNDS) : POWERS[weighting],
    reduction: checkChoice("reduction", reduction, ["mean", "sum", "none"]),
    layout: checkChoice("layout", layout, ["NCHW", "NHWC"]),
    rule: checkRule(given),
  });
}
