import { weigh, weightedMean } from "./groups.mjs";

/** Spectral angle: the angle across the channels of a pixel, over the pixels whose channels are all valid. */
export const sam = {
  value: (pred, target, shape) => spectralAngle(pred, target, shape, null),
  valueAndGrad: spectralAngle,
};

function spectralAngle(pred, target, [batch, channels, height, width], grad) {
  const plane = height * width;
  const loss = new Float64Array(batch);
  const count = new Float64Array(batch);
  for (let b = 0; b < batch; b++) {
    const first = b * channels * plane;
    for (let i = first; i < first + plane; i++) if (allValid(target, i, channels, plane)) count[b]++;
  }
  const groups = weigh(count, plane);
  for (let b = 0; b < batch; b++) {
    const first = b * channels * plane;
    const coefficient = groups.weight[b] / groups.weightSum / count[b];
    let sum = 0;
    for (let i = first; i < first + plane; i++) {
      if (!allValid(target, i, channels, plane)) {
        if (grad) for (let c = 0; c < channels; c++) grad[i + c * plane] = 0;
        continue;
      }
      let pp = 0;
      let tt = 0;
      let pt = 0;
      for (let c = 0, j = i; c < channels; c++, j += plane) {
        pp += pred[j] * pred[j];
        tt += target[j] * target[j];
        pt += pred[j] * target[j];
      }
      const norms = Math.sqrt(pp * tt);
      const cosine = Math.min(1, pt / norms);
      sum += Math.acos(cosine);
      if (grad) {
        const slope = cosine < 1 ? coefficient / Math.sqrt(1 - cosine * cosine) : 0;
        for (let c = 0, j = i; c < channels; c++, j += plane) {
          grad[j] = slope * ((cosine / pp) * pred[j] - target[j] / norms);
        }
      }
    }
    loss[b] = count[b] > 0 ? sum / count[b] : 0;
  }
  return weightedMean(loss, groups);
}

function allValid(target, i, channels, plane) {
  for (let c = 0; c < channels; c++) if (!(target[i + c * plane] >= 0)) return false;
  return true;
}

/** −log softmax(logits)[class] over the pixels whose class is not negative. */
export const crossEntropy = {
  value: (logits, classes, shape) => classLoss(logits, classes, shape, null),
  valueAndGrad: classLoss,
};

function classLoss(logits, classes, [batch, channels, height, width], grad) {
  const plane = height * width;
  const loss = new Float64Array(batch);
  const count = new Float64Array(batch);
  for (let b = 0; b < batch; b++) for (let i = 0; i < plane; i++) if (classes[b * plane + i] >= 0) count[b]++;
  const groups = weigh(count, plane);
  for (let b = 0; b < batch; b++) {
    const coefficient = groups.weight[b] / groups.weightSum / count[b];
    let sum = 0;
    for (let i = 0; i < plane; i++) {
      const first = b * channels * plane + i;
      const chosen = classes[b * plane + i];
      if (chosen < 0) {
        if (grad) for (let c = 0; c < channels; c++) grad[first + c * plane] = 0;
        continue;
      }
      let largest = Number.NEGATIVE_INFINITY;
      for (let c = 0; c < channels; c++) largest = Math.max(largest, logits[first + c * plane]);
      let total = 0;
      for (let c = 0; c < channels; c++) total += Math.exp(logits[first + c * plane] - largest);
      sum += Math.log(total) + largest - logits[first + chosen * plane];
      if (grad) {
        for (let c = 0; c < channels; c++) {
          const probability = Math.exp(logits[first + c * plane] - largest) / total;
          grad[first + c * plane] = coefficient * (probability - (c === chosen ? 1 : 0));
        }
      }
    }
    loss[b] = count[b] > 0 ? sum / count[b] : 0;
  }
  return weightedMean(loss, groups);
}
