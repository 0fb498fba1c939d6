import { LOSSES } from "./losses.mjs";
import { alternate, sampleCall } from "./timing.mjs";
import { predOf, targetOf, VARIANTS } from "./variants.mjs";
import { check, errorsOf } from "./verify.mjs";

/** The package's mse in place takes a turn in every comparison, as the measure of the other losses. */
const MEASURE = "mse in place";

/**
 * One loss on one scene in one pass: verifies every contender against the plain loop, then times them all in turns.
 * `onError(contender, error)` is told of those that cannot run or are wrong.
 * @returns {Promise<object[]>} a row for each contender
 */
export async function measure({ api, name, scene, pass, variants, natives, rounds, onError }) {
  const loss = LOSSES[name];
  const plain = plainContender(loss, scene, pass);
  const reference = plain.result();
  const tensors = [];
  const fair = [];
  try {
    const wanted = variants.map((variant) => [variant, variant, loss]);
    if (name !== "mse") wanted.push([MEASURE, "in place", LOSSES.mse]);
    for (const [label, variant, ofLoss] of wanted) {
      try {
        const opened = VARIANTS[variant].open(api, ofLoss, scene);
        tensors.push(opened.pred, opened.target, opened.out, ...(opened.held ?? []));
        const contender = ourContender(api, label, variant, opened, pass);
        const right = opened.verify ? plainContender(loss, scene, pass, ...opened.verify).result() : reference;
        if (label !== MEASURE) contender.error = check(await contender.result(), right);
        fair.push(contender);
      } catch (error) {
        onError(label, error);
      }
    }
    for (const native of natives) {
      for (const contender of native.contenders(name, pass)) {
        contender.error = errorsOf(await contender.result(), reference);
        fair.push(contender);
      }
    }
    const times = await alternate([plain, ...fair], rounds);
    return [plain, ...fair]
      .filter(({ label }) => label !== MEASURE)
      .map((contender) => rowOf(contender, times, { name, loss, scene, pass }));
  } finally {
    for (const tensor of tensors) tensor.dispose?.();
  }
}

function plainContender(loss, scene, pass, pred = predOf(scene, loss), target = targetOf(scene, loss)) {
  const grad = pass === "gradient" ? new Float32Array(pred.length) : null;
  const call = grad
    ? () => loss.plain.valueAndGrad(pred, target, scene.shape, grad)
    : () => loss.plain.value(pred, target, scene.shape);
  return { label: "plain JavaScript", result: () => ({ value: call(), grad }), sample: () => sampleCall(call) };
}

function ourContender(api, label, variant, { criterion, pred, target, out, bytesRead }, pass) {
  const { around = (_, turn) => turn() } = VARIANTS[variant];
  const call =
    pass === "gradient" ? () => criterion.valueAndGrad(pred, target, { out }) : () => criterion.forward(pred, target);
  return {
    label,
    bytesRead,
    async result() {
      const { value, grad } = await around(api, call);
      return { value, grad: grad?.data };
    },
    sample: () => around(api, () => sampleCall(call)),
  };
}

function rowOf({ label, error = null, bytesRead }, times, { name, loss, scene, pass }) {
  const ms = times[label];
  const read = bytesRead ?? predOf(scene, loss).byteLength + targetOf(scene, loss).byteLength;
  const bytes = pass === "gradient" ? read + scene.pred.byteLength : read;
  // NaN, which JSON has as null, where the other did not run.
  const timeOf = (other) => times[other]?.median ?? Number.NaN;
  return {
    ...{ loss: name, pass, contender: label, elements: scene.pred.length, ms, error },
    gigabytesPerSecond: bytes / ms.median / 1e6,
    timesPlain: timeOf("plain JavaScript") / ms.median,
    shareOfNative: timeOf("native C") / ms.median,
    toInPlace: ms.median / timeOf("in place"),
    toMse: ms.median / timeOf(name === "mse" ? "in place" : MEASURE),
  };
}
