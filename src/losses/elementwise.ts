// Losses whose pixels are independent of each other: the mean over the n valid pixels of a group of a function of p (prediction)
// and t (target), d = p − t. The kernels are in assembly/elementwise/, formula and gradient together.

import { checkNumber, ownOptions } from "../check.ts";
import { type BaseLoss, baseLoss, type NoOptions } from "./BaseLoss.ts";

/**
 * Mean squared error: mean d².
 *
 * @example
 * ```ts
 * new FlexibleWeightedLoss(mse()).forward(pred, target).value;
 * ```
 */
export function mse(options: NoOptions = {}): BaseLoss<"elementwise"> {
  ownOptions("mse options", options, []);
  return baseLoss("mse", "Mse");
}

/**
 * Mean absolute error: mean |d|. Its gradient at d = 0 is 0.
 *
 * @example
 * ```ts
 * new FlexibleWeightedLoss(mae(), { threshold: 0 }).forward(pred, target).value;
 * ```
 */
export function mae(options: NoOptions = {}): BaseLoss<"elementwise"> {
  ownOptions("mae options", options, []);
  return baseLoss("mae", "Mae");
}

/**
 * Root mean squared error: √(mean d²), the root taken per group. Its gradient is 0 where prediction and target are the same.
 *
 * @example
 * ```ts
 * new FlexibleWeightedLoss(rmse()).forward(pred, target).groups.loss; // a root per group
 * ```
 */
export function rmse(options: NoOptions = {}): BaseLoss<"elementwise"> {
  ownOptions("rmse options", options, []);
  return baseLoss("rmse", "Rmse");
}

/**
 * Huber loss: mean of ½d² where |d| ≤ δ, else δ(|d| − ½δ). (Huber 1964, as in PyTorch's `huber_loss`.)
 *
 * @param options.delta δ, above 0; 1 by default
 * @throws TypeError, RangeError for a `delta` that is no number above 0
 * @example
 * ```ts
 * new FlexibleWeightedLoss(huber({ delta: 0.05 })).valueAndGrad(pred, target).grad;
 * ```
 */
export function huber(options: { delta?: number } = {}): BaseLoss<"elementwise"> {
  const { delta } = ownOptions("huber options", options, ["delta"]);
  return baseLoss("huber", "Huber", huberOf(checkNumber("delta", delta ?? 1, { above: 0 }), 1));
}

/** The kernel computes twice the loss; see assembly/elementwise/Huber.ts. */
function huberOf(delta: number, scale: number) {
  return { a: delta, b: -delta, scale: 0.5 * scale };
}

/**
 * Smooth L1: mean of ½d²/β where |d| < β, else |d| − ½β: the Huber loss of δ = β, divided by β. (Girshick 2015.)
 *
 * @param options.beta β, from 1e-300 on; 1 by default
 * @throws TypeError, RangeError for a `beta` that is no number from 1e-300 on
 * @example
 * ```ts
 * new FlexibleWeightedLoss(smoothL1({ beta: 0.05 })).forward(pred, target).value;
 * ```
 */
export function smoothL1(options: { beta?: number } = {}): BaseLoss<"elementwise"> {
  const given = ownOptions("smoothL1 options", options, ["beta"]);
  const beta = checkNumber("beta", given.beta ?? 1, { min: 1e-300 });
  return baseLoss("smoothL1", "Huber", huberOf(beta, 1 / beta));
}

/**
 * Charbonnier loss: mean √(d² + ε²), a smooth absolute error; for ε = 0 that itself. (Charbonnier et al. 1994.)
 *
 * @param options.eps ε, from 0 to 1e150, in the units of the images; 1e-3 by default
 * @throws TypeError, RangeError for an `eps` that is no number from 0 to 1e150
 * @example
 * ```ts
 * new FlexibleWeightedLoss(charbonnier({ eps: 1e-3 })).forward(pred, target).value;
 * ```
 */
export function charbonnier(options: { eps?: number } = {}): BaseLoss<"elementwise"> {
  const given = ownOptions("charbonnier options", options, ["eps"]);
  const eps = checkNumber("eps", given.eps ?? 1e-3, { min: 0, max: 1e150 });
  // Without ε there is nothing that the square of a small d could vanish beside: the root is |d|.
  if (eps === 0) return baseLoss("charbonnier", "Mae");
  return baseLoss("charbonnier", "Charbonnier", { a: eps ** 2, b: eps });
}

/**
 * Log-cosh: mean log cosh d. Never overflows, and keeps its digits for small d. Its gradient is tanh d.
 *
 * @example
 * ```ts
 * new FlexibleWeightedLoss(logCosh()).forward(pred, target).value;
 * ```
 */
export function logCosh(options: NoOptions = {}): BaseLoss<"elementwise"> {
  ownOptions("logCosh options", options, []);
  return baseLoss("logCosh", "LogCosh");
}

/**
 * Pinball (quantile) loss: mean max(q·e, (q − 1)·e), e = t − p. Its gradient at e = 0 is 0. (Koenker and Bassett 1978.)
 *
 * @param options.q the quantile, from 0 to 1; 0.5 by default, which is half the mean absolute error
 * @throws TypeError, RangeError for a `q` that is no number from 0 to 1
 * @example
 * ```ts
 * new FlexibleWeightedLoss(pinball({ q: 0.9 })).forward(pred, target).value;
 * ```
 */
export function pinball(options: { q?: number } = {}): BaseLoss<"elementwise"> {
  const given = ownOptions("pinball options", options, ["q"]);
  const q = checkNumber("q", given.q ?? 0.5, { min: 0, max: 1 });
  return baseLoss("pinball", "Pinball", { a: q, b: q - 1 });
}

/**
 * Tukey's biweight: mean c²/6·(1 − (1 − (d/c)²)³) where |d| ≤ c, else c²/6, so that what is further off than c has no say. Its gradient
 * is d(1 − (d/c)²)², 0 beyond c. (Beaton and Tukey 1974.)
 *
 * @param options.c c, from 1e-150 to 1e150, in the units of the images; 4.685 by default, for differences of unit variance
 * @throws TypeError, RangeError for a `c` that is no number from 1e-150 to 1e150
 * @example
 * ```ts
 * new FlexibleWeightedLoss(tukey({ c: 0.2 })).valueAndGrad(pred, target).grad;
 * ```
 */
export function tukey(options: { c?: number } = {}): BaseLoss<"elementwise"> {
  const given = ownOptions("tukey options", options, ["c"]);
  const c = checkNumber("c", given.c ?? 4.685, { min: 1e-150, max: 1e150 });
  // The kernel computes six times the loss, in float32 with what that leaves of c; see assembly/elementwise/Tukey.ts.
  const rounded = Math.fround(c);
  return baseLoss("tukey", "Tukey", { a: c, b: Number.isFinite(rounded) ? c - rounded : 0, scale: 1 / 6 });
}

/**
 * Mean absolute percentage error, as a share: mean |d| / max(|t|, ε). Its gradient at d = 0 is 0.
 *
 * @param options.eps ε, from 1e-150 on, in the units of the images: targets nearer to 0 count as that far from it; 1e-8 by default
 * @throws TypeError, RangeError for an `eps` that is no number from 1e-150 on
 * @example
 * ```ts
 * new FlexibleWeightedLoss(mape({ eps: 0.01 })).forward(pred, target).value; // 0.05 for 5 %
 * ```
 */
export function mape(options: { eps?: number } = {}): BaseLoss<"elementwise"> {
  const given = ownOptions("mape options", options, ["eps"]);
  return baseLoss("mape", "Mape", { a: checkNumber("eps", given.eps ?? 1e-8, { min: 1e-150 }) });
}

/**
 * Binary cross entropy of probabilities: mean −[t·log p + (1 − t)·log(1 − p)], each logarithm held at ≥ −100. p in [0, 1]; outside,
 * the value is NaN. At p = 0 and p = 1 the gradient is (p − t)/1e-12: 0 where right, large and finite where wrong (PyTorch's
 * convention).
 *
 * @example
 * ```ts
 * new FlexibleWeightedLoss(bce()).forward(probabilities, labels).value;
 * ```
 */
export function bce(options: NoOptions = {}): BaseLoss<"elementwise"> {
  ownOptions("bce options", options, []);
  return baseLoss("bce", "Bce");
}

/**
 * Binary cross entropy of logits: mean max(p, 0) − p·t + log(1 + e^−|p|). Never overflows. Its gradient is σ(p) − t.
 *
 * @example
 * ```ts
 * new FlexibleWeightedLoss(bceWithLogits()).valueAndGrad(logits, labels).grad;
 * ```
 */
export function bceWithLogits(options: NoOptions = {}): BaseLoss<"elementwise"> {
  ownOptions("bceWithLogits options", options, []);
  return baseLoss("bceWithLogits", "BceWithLogits");
}

/**
 * Negative log-likelihood of Poisson counts t, without Stirling's term: mean eᵖ − t·p where the prediction is the logarithm of the
 * rate, else mean p − t·log(p + ε). Not finite for a logarithm beyond 709.78, that of float64's largest number, nor for a rate with
 * p + ε ≤ 0.
 *
 * @param options.logInput whether the prediction is the logarithm of the rate; true by default
 * @param options.eps ε, from 0 on; 1e-8 by default
 * @throws TypeError, RangeError for options of the wrong kind or value
 * @example
 * ```ts
 * new FlexibleWeightedLoss(poissonNLL()).forward(logRates, counts).value;
 * ```
 */
export function poissonNLL(options: { logInput?: boolean; eps?: number } = {}): BaseLoss<"elementwise"> {
  const given = ownOptions("poissonNLL options", options, ["logInput", "eps"]);
  const { logInput = true } = given;
  if (typeof logInput !== "boolean") throw new TypeError(`"logInput": expected a boolean, got ${typeof logInput}`);
  const eps = checkNumber("eps", given.eps ?? 1e-8, { min: 0 });
  return baseLoss("poissonNLL", logInput ? "PoissonNLLLog" : "PoissonNLL", { a: eps });
}
