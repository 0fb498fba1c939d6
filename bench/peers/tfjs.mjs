import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

/** The loss and gradient by TensorFlow.js on its WebAssembly backend. */
export async function open({ shape: [batch, ...rest], pred, target }) {
  setWasmPaths(`${dirname(fileURLToPath(import.meta.resolve("@tensorflow/tfjs-backend-wasm")))}/`);
  setThreadsCount(1);
  await tf.setBackend("wasm");
  await tf.ready();
  const total = rest.reduce((product, size) => product * size, 1);
  const predTensor = tf.tensor2d(pred, [batch, total]);
  const targetTensor = tf.tensor2d(target, [batch, total]);

  // The derivative is written out: the build of tfjs-core for Node registers no gradients.
  const lossAndGrad = () => {
    const valid = tf.greaterEqual(targetTensor, 0);
    const d = tf.where(valid, tf.sub(predTensor, targetTensor), tf.zerosLike(predTensor));
    const count = tf.sum(tf.cast(valid, "float32"), 1, true);
    const divisor = tf.maximum(count, 1);
    const loss = tf.div(tf.sum(tf.square(d), 1, true), divisor);
    const weight = tf.sqrt(tf.div(count, total));
    const weightSum = tf.sum(weight);
    const coefficient = tf.div(tf.mul(weight, 2), tf.mul(divisor, weightSum));
    return { value: tf.div(tf.sum(tf.mul(weight, loss)), weightSum), grad: tf.mul(d, coefficient) };
  };
  return {
    run: () => tf.tidy(() => void lossAndGrad()),
    result: () =>
      tf.tidy(() => {
        const { value, grad } = lossAndGrad();
        return { value: value.dataSync()[0], grad: grad.dataSync() };
      }),
  };
}
