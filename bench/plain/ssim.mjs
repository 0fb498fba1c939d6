import { weigh, weightedMean } from "./groups.mjs";

const RADIUS = 5;
const SIGMA = 1.5;
const GAUSS = Float64Array.from({ length: 2 * RADIUS + 1 }, (_, i) =>
  Math.exp(-((i - RADIUS) ** 2) / (2 * SIGMA ** 2)),
);
const GAUSS_SUM = GAUSS.reduce((sum, g) => sum + g, 0);
for (let k = 0; k < GAUSS.length; k++) GAUSS[k] /= GAUSS_SUM;

/** 1 − SSIM per channel, separable sums over whole maps in f64, normalised convolution where pixels are invalid. */
export function ssim(dataRange) {
  function loss(pred, target, [, , height, width], grad) {
    const size = height * width;
    const planes = pred.length / size;
    const results = [];
    for (let g = 0; g < planes; g++) {
      const range = [g * size, (g + 1) * size];
      results.push(
        planeLoss(pred.subarray(...range), target.subarray(...range), height, width, dataRange, grad !== null),
      );
    }
    const groups = weigh(
      Float64Array.from(results, ({ centres, valid }) => (centres > 0 ? valid : 0)),
      size,
    );
    if (grad) {
      results.forEach((result, g) => {
        const coefficient = result.centres > 0 ? groups.weight[g] / groups.weightSum / result.centres : 0;
        for (let i = 0; i < size; i++) grad[g * size + i] = coefficient * result.grad[i];
      });
    }
    return weightedMean(
      results.map(({ mean }) => 1 - mean),
      groups,
    );
  }
  return { value: (pred, target, shape) => loss(pred, target, shape, null), valueAndGrad: loss };
}

/** SSIM at each valid centre at least 5 px from the border, NaN elsewhere. */
export function ssimMap(pred, target, height, width, dataRange) {
  return planeLoss(pred, target, height, width, dataRange, false).map;
}

/**
 * Mean SSIM of a plane, and the gradient of −Σ SSIM over the centres. With filtered maps divided by the mask's share W
 * of the window: μx, μy, e = mean (x² + y²), f = mean xy, SSIM = A₁A₂ / (B₁B₂) where
 *   A₁ = 2μxμy + C₁       A₂ = 2(f − μxμy) + C₂
 *   B₁ = μx² + μy² + C₁   B₂ = e − μx² − μy² + C₂
 */
function planeLoss(pred, target, height, width, dataRange, wantsGrad) {
  const size = height * width;
  const c1 = (0.01 * dataRange) ** 2;
  const c2 = (0.03 * dataRange) ** 2;
  const maps = Array.from({ length: 5 }, () => new Float64Array(size));
  const [shares, meansX, meansY, energies, products] = maps;
  let valid = 0;
  for (let i = 0; i < size; i++) {
    if (!(target[i] >= 0)) continue;
    valid++;
    shares[i] = 1;
    meansX[i] = pred[i];
    meansY[i] = target[i];
    energies[i] = pred[i] * pred[i] + target[i] * target[i];
    products[i] = pred[i] * target[i];
  }
  const between = new Float64Array(size);
  for (const map of maps) filter(map, between, height, width);

  const map = new Float64Array(size).fill(Number.NaN);
  // ∂SSIM by the filtered sums of x, x² + y² and xy, zero where there is no centre.
  const byX = wantsGrad ? new Float64Array(size) : null;
  const byEnergy = wantsGrad ? new Float64Array(size) : null;
  const byProduct = wantsGrad ? new Float64Array(size) : null;
  let sum = 0;
  let centres = 0;
  for (let y = RADIUS; y < height - RADIUS; y++) {
    for (let x = RADIUS; x < width - RADIUS; x++) {
      const i = y * width + x;
      if (!(target[i] >= 0)) continue;
      const share = shares[i];
      const mx = meansX[i] / share;
      const my = meansY[i] / share;
      const a1 = 2 * mx * my + c1;
      const a2 = 2 * (products[i] / share - mx * my) + c2;
      const b1 = mx * mx + my * my + c1;
      const b2 = energies[i] / share - mx * mx - my * my + c2;
      const value = (a1 * a2) / (b1 * b2);
      map[i] = value;
      sum += value;
      centres++;
      if (wantsGrad) {
        byX[i] = ((2 * my * (a2 - a1)) / (b1 * b2) - 2 * mx * value * (1 / b1 - 1 / b2)) / share;
        byEnergy[i] = -value / b2 / share;
        byProduct[i] = (2 * a1) / (b1 * b2) / share;
      }
    }
  }
  if (wantsGrad) {
    // The window is symmetric, so the filter is its own adjoint.
    for (const partial of [byX, byEnergy, byProduct]) filter(partial, between, height, width);
    for (let i = 0; i < size; i++) {
      byX[i] = target[i] >= 0 ? -(byX[i] + 2 * pred[i] * byEnergy[i] + target[i] * byProduct[i]) : 0;
    }
  }
  return { mean: centres > 0 ? sum / centres : 1, centres, valid, map, grad: byX };
}

/** Gaussian sums in place, zero beyond the border: along the rows into `between`, then down the columns. */
function filter(map, between, height, width) {
  for (let y = 0; y < height; y++) {
    const row = y * width;
    for (let x = 0; x < width; x++) {
      const from = Math.max(-RADIUS, -x);
      const to = Math.min(RADIUS, width - 1 - x);
      let sum = 0;
      for (let k = from; k <= to; k++) sum += GAUSS[k + RADIUS] * map[row + x + k];
      between[row + x] = sum;
    }
  }
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const from = Math.max(-RADIUS, -y);
    const to = Math.min(RADIUS, height - 1 - y);
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = from; k <= to; k++) sum += GAUSS[k + RADIUS] * between[row + x + k * width];
      map[row + x] = sum;
    }
  }
}
