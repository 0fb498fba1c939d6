import { blockUntilReady, defaultDevice, init, jit, numpy as np, valueAndGrad } from "@jax-js/jax";

/** The loss by jax-js, its gradient by automatic differentiation, both in one compiled function. */
export async function open({ shape: [batch, ...rest], pred, target }) {
  await init("wasm");
  defaultDevice("wasm");
  const total = rest.reduce((product, size) => product * size, 1);
  const predArray = np.array(pred).reshape([batch, total]);
  const targetArray = np.array(target).reshape([batch, total]);

  const lossAndGrad = jit(valueAndGrad(lossOf));
  function lossOf(p, t) {
    const valid = t.ref.greaterEqual(0);
    const d = np.where(valid.ref, p.sub(t), 0);
    const count = np.sum(valid.astype(np.float32), 1);
    const loss = np.sum(d.ref.mul(d), 1).div(np.maximum(count.ref, 1));
    const weight = np.sqrt(count.mul(1 / total));
    return np.sum(weight.ref.mul(loss)).div(np.sum(weight));
  }
  const call = async () => {
    const result = lossAndGrad(predArray.ref, targetArray.ref);
    await blockUntilReady(result);
    return result;
  };
  return {
    async run() {
      for (const array of await call()) array.dispose();
    },
    async result() {
      const [value, grad] = await call();
      return { value: (await value.data())[0], grad: await grad.data() };
    },
  };
}
