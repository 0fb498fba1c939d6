export type { Float16Data } from "./arrayTypes.ts";
export {
  type CombinedGradientOptions,
  type CombinedGradientResult,
  CombinedLoss,
  type CombinedResult,
  type Term,
} from "./CombinedLoss.ts";
export type { Groups } from "./call.ts";
export type { LossOptions, Reduction, RuleOptions, Weighting } from "./criterion.ts";
export { FlexibleWeightedLoss } from "./FlexibleWeightedLoss.ts";
export { type AccumulatedLoss, type AccumulatedTerm, type AddOptions, LossAccumulator } from "./LossAccumulator.ts";
export type { BaseLoss, CustomFunction, Kind } from "./losses/BaseLoss.ts";
export { custom } from "./losses/custom.ts";
export {
  bce,
  bceWithLogits,
  charbonnier,
  huber,
  logCosh,
  mae,
  mse,
  pinball,
  poissonNLL,
  rmse,
  smoothL1,
} from "./losses/elementwise.ts";
export { dice, vectorAngle } from "./losses/moments.ts";
export { crossEntropy, sam } from "./losses/pixel.ts";
export { type SsimOptions, ssim } from "./losses/ssim.ts";
export { angleMap, errorMap, type MapOptions, ssimMap } from "./maps.ts";
export { BandMetrics, type MetricsOptions, type UpdateOptions } from "./metrics/BandMetrics.ts";
export { type EvaluateOptions, evaluate } from "./metrics/evaluate.ts";
export { type BandStats, Evaluation, type SceneStats } from "./metrics/figures.ts";
export { HALO, type Halo } from "./metrics/halo.ts";
export type { WindowedFigure } from "./metrics/moments.ts";
export { PreparedTarget, type TargetLike } from "./PreparedTarget.ts";
export type { GroupBy, Layout } from "./plan.ts";
export { type PrepareOptions, prepareTarget } from "./prepareTarget.ts";
export type { ForwardOptions, GradientOptions, GradientResult, LossResult, TargetOf, ValueOf } from "./results.ts";
export type { ValidRule } from "./rule.ts";
export {
  type Calibration,
  type ImageLike,
  type LabelsLike,
  type MaskLike,
  type OrtTensorView,
  type PixelData,
  Tensor,
  type TensorData,
  type TensorLike,
  type TensorView,
  tensor,
  zeros,
} from "./tensor.ts";
export { setThreads, type ThreadOptions } from "./threads.ts";
export { validPixelWeightedLoss } from "./validPixelWeightedLoss.ts";
