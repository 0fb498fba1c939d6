/** @typedef {{ count: Float64Array, weight: Float64Array, weightSum: number }} Groups */

/**
 * Counts the valid elements of each group and weighs it by √(valid / total).
 * A group is `size` consecutive elements; an element is valid where `target >= 0`.
 */
export function countGroups(target, size) {
  const count = new Float64Array(target.length / size);
  for (let g = 0; g < count.length; g++) {
    let valid = 0;
    for (let i = g * size, end = i + size; i < end; i++) if (target[i] >= 0) valid++;
    count[g] = valid;
  }
  return weigh(count, size);
}

export function weigh(count, size) {
  const weight = count.map((valid) => Math.sqrt(valid / size));
  return { count, weight, weightSum: weight.reduce((sum, w) => sum + w, 0) };
}

/** Σ w·L / Σ w, 0 where nothing is valid. */
export function weightedMean(loss, { weight, weightSum }) {
  let numerator = 0;
  for (let g = 0; g < loss.length; g++) numerator += weight[g] * loss[g];
  return weightSum > 0 ? numerator / weightSum : 0;
}
