import { weigh, weightedMean } from "./groups.mjs";

/**
 * The loops of a loss that is a function of a few sums of each group. `terms` are the source texts of what is summed,
 * in p, t and d = p − t; `lossOf(sums, valid)` gives the loss and the a, b, c of its gradient a·p + b·t + c.
 */
export function moments(terms, lossOf) {
  const names = terms.map((_, k) => `sum${k}`);
  const sumGroup = new Function(
    ...["pred", "target", "start", "end"],
    `let valid = 0, ${names.map((name) => `${name} = 0`).join(", ")};
    for (let i = start; i < end; i++) {
      const t = target[i];
      if (t >= 0) {
        const p = pred[i], d = p - t;
        ${terms.map((term, k) => `${names[k]} += ${term};`).join(" ")}
        valid++;
      }
    }
    return { valid, sums: [${names}] };`,
  );

  function reduceGroups(pred, target, size) {
    const results = [];
    for (let start = 0; start < pred.length; start += size) {
      const { valid, sums } = sumGroup(pred, target, start, start + size);
      results.push(valid > 0 ? { valid, ...lossOf(sums, valid) } : { valid, loss: 0, a: 0, b: 0, c: 0 });
    }
    const groups = weigh(
      Float64Array.from(results, ({ valid }) => valid),
      size,
    );
    const value = weightedMean(
      results.map(({ loss }) => loss),
      groups,
    );
    return { results, groups, value };
  }

  return {
    value(pred, target, shape) {
      return reduceGroups(pred, target, shape[2] * shape[3]).value;
    },
    valueAndGrad(pred, target, shape, grad) {
      const size = shape[2] * shape[3];
      const { results, groups, value } = reduceGroups(pred, target, size);
      results.forEach(({ a, b, c }, g) => {
        const coefficient = groups.weight[g] / groups.weightSum;
        writeLinear(pred, target, grad, g * size, (g + 1) * size, coefficient * a, coefficient * b, coefficient * c);
      });
      return value;
    },
  };
}

function writeLinear(pred, target, grad, start, end, a, b, c) {
  for (let i = start; i < end; i++) grad[i] = target[i] >= 0 ? a * pred[i] + b * target[i] + c : 0;
}

/** Root of the mean of the sums' only term, d². */
export function rootMean([squares], valid) {
  const loss = Math.sqrt(squares / valid);
  const slope = loss > 0 ? 1 / (valid * loss) : 0;
  return { loss, a: slope, b: -slope, c: 0 };
}

/** Angle between the vectors p and t from Σp², Σt², Σpt. */
export function angle([pp, tt, pt]) {
  const norms = Math.sqrt(pp * tt);
  const cosine = Math.min(1, Math.max(-1, pt / norms));
  const sine = Math.sqrt(1 - cosine * cosine);
  return { loss: Math.acos(cosine), a: cosine / (pp * sine), b: -1 / (norms * sine), c: 0 };
}

/** 1 − (2Σpt + 1) / (Σp + Σt + 1) from Σp, Σt, Σpt. */
export function overlap([p, t, pt]) {
  const union = p + t + 1;
  const ratio = (2 * pt + 1) / union;
  return { loss: 1 - ratio, a: 0, b: -2 / union, c: ratio / union };
}
