import { countGroups, weigh, weightedMean } from "./groups.mjs";

/**
 * The loops of mean ρ(p, t), from the source text of ρ and ∂ρ/∂p in p, t and d = p − t. Compiled from text because each
 * loss must own its loop, as one written by hand does: a callback in a shared loop is no longer inlined after a few
 * losses.
 */
export function elementwise(rho, slope) {
  const sumGroup = new Function(
    ...["pred", "target", "start", "end"],
    `let sum = 0, valid = 0;
    for (let i = start; i < end; i++) {
      const t = target[i];
      if (t >= 0) {
        const p = pred[i], d = p - t;
        sum += ${rho};
        valid++;
      }
    }
    return { sum, valid };`,
  );
  const sumGroupWithGrad = new Function(
    ...["pred", "target", "start", "end", "grad", "coefficient"],
    `let sum = 0;
    for (let i = start; i < end; i++) {
      const t = target[i];
      if (t >= 0) {
        const p = pred[i], d = p - t;
        sum += ${rho};
        grad[i] = coefficient * (${slope});
      } else {
        grad[i] = 0;
      }
    }
    return sum;`,
  );
  return {
    value(pred, target, shape) {
      const size = shape[2] * shape[3];
      const loss = new Float64Array(pred.length / size);
      const count = new Float64Array(loss.length);
      for (let g = 0; g < loss.length; g++) {
        const { sum, valid } = sumGroup(pred, target, g * size, (g + 1) * size);
        count[g] = valid;
        loss[g] = valid > 0 ? sum / valid : 0;
      }
      return weightedMean(loss, weigh(count, size));
    },
    valueAndGrad(pred, target, shape, grad) {
      const size = shape[2] * shape[3];
      const groups = countGroups(target, size);
      const loss = groups.count.map((valid, g) => {
        const coefficient = valid > 0 ? groups.weight[g] / groups.weightSum / valid : 0;
        const sum = sumGroupWithGrad(pred, target, g * size, (g + 1) * size, grad, coefficient);
        return valid > 0 ? sum / valid : 0;
      });
      return weightedMean(loss, groups);
    },
  };
}
