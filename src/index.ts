export {
  type CombinedGradientOptions,
  type CombinedGradientResult,
  CombinedLoss,
  type CombinedResult,
  type Term,
} from "./criteria/CombinedLoss.ts";
export { FlexibleWeightedLoss } from "./criteria/FlexibleWeightedLoss.ts";
export { GradientInto, type Places } from "./criteria/GradientInto.ts";
export {
  type AccumulatedLoss,
  type AccumulatedTerm,
  type AddOptions,
  LossAccumulator,
} from "./criteria/LossAccumulator.ts";
export { type PrepareOptions, prepareTarget } from "./criteria/prepareTarget.ts";
export type {
  ForwardOptions,
  GradientOptions,
  GradientResult,
  LossResult,
  TargetOf,
  ValueOf,
} from "./criteria/results.ts";
export { validPixelWeightedLoss } from "./criteria/validPixelWeightedLoss.ts";
export type { BaseLoss, CustomFunction, Kind } from "./losses/BaseLoss.ts";
export { custom } from "./losses/custom.ts";
export * from "./losses/index.ts";
export { angleMap, errorMap, type MapOptions, ssimMap } from "./maps/maps.ts";
export type { Float16Data } from "./memory/arrayTypes.ts";
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
} from "./memory/tensor.ts";
export { BandMetrics, type MetricsOptions, type UpdateOptions } from "./metrics/BandMetrics.ts";
export { type Accumulator, Parts } from "./metrics/Parts.ts";
export { type EvaluateOptions, evaluate } from "./metrics/evaluate.ts";
export { type Average, type Averages, type BandStats, Evaluation, type SceneStats } from "./metrics/figures.ts";
export { HALO, type Halo } from "./metrics/halo.ts";
export type { WindowedFigure } from "./metrics/moments.ts";
export type { Groups } from "./plan/call.ts";
export type { GroupBy, Layout } from "./plan/geometry.ts";
export { PreparedTarget, type TargetLike } from "./plan/PreparedTarget.ts";
export type { ValidRule } from "./plan/rule.ts";
export type { LossOptions, Reduction, RuleOptions, Weighting } from "./plan/settings.ts";
export { setThreads, type ThreadOptions } from "./run/threads.ts";
