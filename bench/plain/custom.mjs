import { countGroups, weightedMean } from "./groups.mjs";

/** A squared error of a caller's own, on a group's gathered valid elements. */
export function meanSquare(pred, target) {
  const grad = new Float32Array(pred.length);
  let sum = 0;
  for (let i = 0; i < pred.length; i++) {
    const d = pred[i] - target[i];
    sum += d * d;
    grad[i] = (2 * d) / pred.length;
  }
  return { value: sum / pred.length, grad };
}

/** Gathers each group's valid elements, calls `lossOf`, and scatters its gradient. */
export function gathered(lossOf) {
  function gather(pred, target, shape, grad) {
    const size = shape[2] * shape[3];
    const groups = countGroups(target, size);
    const loss = groups.count.map((valid, g) => {
      const start = g * size;
      const p = new Float32Array(valid);
      const t = new Float32Array(valid);
      for (let i = start, k = 0; k < valid; i++) {
        if (target[i] >= 0) {
          p[k] = pred[i];
          t[k++] = target[i];
        }
      }
      const result = valid > 0 ? lossOf(p, t) : { value: 0, grad: p };
      if (grad) {
        const coefficient = groups.weight[g] / groups.weightSum;
        for (let i = start, k = 0; i < start + size; i++) {
          grad[i] = target[i] >= 0 ? coefficient * result.grad[k++] : 0;
        }
      }
      return result.value;
    });
    return weightedMean(loss, groups);
  }
  return { value: (pred, target, shape) => gather(pred, target, shape, null), valueAndGrad: gather };
}
