// All losses: their names, their traits, and the kernels and formulas that compute them. A new one is entered here.

import { BANDS } from "./bands";
import { CUSTOM, custom } from "./custom";
import { Bce } from "./elementwise/Bce";
import { BceWithLogits } from "./elementwise/BceWithLogits";
import { Charbonnier } from "./elementwise/Charbonnier";
import { Huber } from "./elementwise/Huber";
import { LogCosh } from "./elementwise/LogCosh";
import { elementary, elementwise } from "./elementwise/loops";
import { Mae } from "./elementwise/Mae";
import { Mape } from "./elementwise/Mape";
import { Mse } from "./elementwise/Mse";
import { Pinball } from "./elementwise/Pinball";
import { PoissonNLL, PoissonNLLLog } from "./elementwise/PoissonNLL";
import { Tukey } from "./elementwise/Tukey";
import { Job, Sums } from "./job";
import { DICE, dice, diceCoefficients, diceLoss } from "./moments/dice";
import { VECTOR_ANGLE, vectorAngle, vectorAngleCoefficients, vectorAngleLoss } from "./moments/vectorAngle";
import { CROSS_ENTROPY, crossEntropy } from "./pixel/crossEntropy";
import { SAM, sam } from "./pixel/sam";
import { SSIM } from "./rows";
import { Tile } from "./tile";
import { Trait } from "./traits";

export enum Loss {
  Mse,
  Rmse,
  Mae,
  Huber,
  Charbonnier,
  LogCosh,
  Pinball,
  Tukey,
  Mape,
  Bce,
  BceWithLogits,
  PoissonNLL,
  PoissonNLLLog,
  VectorAngle,
  Dice,
  Sam,
  CrossEntropy,
  Ssim,
  Custom,
  Bands,
}

/** Shape, traits and cost of a loss. */
export function traits(loss: Loss): u32 {
  switch (loss) {
    case Loss.Mse:
      return changetype<Mse<f32>>(0).traits();
    case Loss.Rmse:
      return changetype<Mse<f32>>(0).traits() | Trait.SumsFirst;
    case Loss.Mae:
      return changetype<Mae<f32>>(0).traits();
    case Loss.Huber:
      return changetype<Huber<f32>>(0).traits();
    case Loss.Charbonnier:
      return changetype<Charbonnier<f32>>(0).traits();
    case Loss.LogCosh:
      return changetype<LogCosh<f32>>(0).traits();
    case Loss.Pinball:
      return changetype<Pinball<f32>>(0).traits();
    case Loss.Tukey:
      return changetype<Tukey<f32>>(0).traits();
    case Loss.Mape:
      return changetype<Mape<f32>>(0).traits();
    case Loss.Bce:
      return changetype<Bce<f32>>(0).traits();
    case Loss.BceWithLogits:
      return changetype<BceWithLogits<f32>>(0).traits();
    case Loss.PoissonNLL:
      return changetype<PoissonNLL<f32>>(0).traits();
    case Loss.PoissonNLLLog:
      return changetype<PoissonNLLLog<f32>>(0).traits();
    case Loss.VectorAngle:
      return VECTOR_ANGLE;
    case Loss.Dice:
      return DICE;
    case Loss.Sam:
      return SAM;
    case Loss.CrossEntropy:
      return CROSS_ENTROPY;
    case Loss.Ssim:
      return SSIM;
    case Loss.Custom:
      return CUSTOM;
    default:
      return BANDS;
  }
}

/**
 * Does the job's pass on a tile; `channel` is the tile's among those of its unit. Returns whether it is done: if not, uint16 where they
 * lie have to be staged.
 */
export function runTile(job: Job, tile: Tile, channel: u32): bool {
  switch (job.loss) {
    case Loss.Mse:
    case Loss.Rmse:
      return elementwise<Mse<f32>, Mse<f64>>(job, tile);
    case Loss.Mae:
      return elementwise<Mae<f32>, Mae<f64>>(job, tile);
    case Loss.Huber:
      return elementwise<Huber<f32>, Huber<f64>>(job, tile);
    case Loss.Charbonnier:
      return elementwise<Charbonnier<f32>, Charbonnier<f64>>(job, tile);
    case Loss.LogCosh:
      return elementary<LogCosh<f32>, LogCosh<f64>>(job, tile);
    case Loss.Pinball:
      return elementwise<Pinball<f32>, Pinball<f64>>(job, tile);
    case Loss.Tukey:
      return elementwise<Tukey<f32>, Tukey<f64>>(job, tile);
    case Loss.Mape:
      return elementwise<Mape<f32>, Mape<f64>>(job, tile);
    case Loss.Bce:
      return elementary<Bce<f32>, Bce<f64>>(job, tile);
    case Loss.BceWithLogits:
      return elementary<BceWithLogits<f32>, BceWithLogits<f64>>(job, tile);
    case Loss.PoissonNLL:
      return elementary<PoissonNLL<f32>, PoissonNLL<f64>>(job, tile);
    case Loss.PoissonNLLLog:
      return elementary<PoissonNLLLog<f32>, PoissonNLLLog<f64>>(job, tile);
    case Loss.VectorAngle:
      vectorAngle(job, tile);
      break;
    case Loss.Dice:
      dice(job, tile);
      break;
    case Loss.Sam:
      sam(job, tile);
      break;
    case Loss.CrossEntropy:
      crossEntropy(job, tile);
      break;
    default:
      custom(job, tile, channel);
  }
  return true;
}

/** Loss of a group from its sums, of which it has some; that of a custom loss stands there already. */
export function groupLoss(job: Job, group: u32, sums: Sums): f64 {
  switch (job.loss) {
    case Loss.Rmse:
      return Math.sqrt(sums.sum(0) / job.massOf(sums));
    case Loss.VectorAngle:
      return vectorAngleLoss(job, group, sums);
    case Loss.Dice:
      return diceLoss(job, sums);
    case Loss.Ssim:
      return sums.sum(0) / sums.sum(1);
    case Loss.Custom:
      return load<f64>(job.losses + group * 8);
    default:
      return (sums.sum(0) / job.massOf(sums)) * job.scale;
  }
}

/** Sets the coefficients of a group's gradient; `outer` is ∂value / ∂loss of the group, not 0. */
export function groupCoefficients(job: Job, group: u32, sums: Sums, outer: f64): void {
  let a: f64;
  switch (job.loss) {
    case Loss.Rmse: {
      // ∂√(mean d²) = d / (n·L)
      const loss = load<f64>(job.losses + group * 8);
      a = loss == 0 ? 0 : outer / (job.massOf(sums) * loss);
      break;
    }
    case Loss.VectorAngle:
      return vectorAngleCoefficients(job, group, sums, outer);
    case Loss.Dice:
      return diceCoefficients(job, group, sums, outer);
    case Loss.Sam:
      a = outer / job.massOf(sums) / job.unit;
      break;
    case Loss.Ssim:
      a = outer / sums.sum(1);
      break;
    case Loss.Custom:
      a = outer;
      break;
    default:
      a = (outer * job.scale * (job.has(Trait.HalfSlope) ? 2 : 1)) / job.massOf(sums);
  }
  job.setCoefficient(group, 0, a);
}
