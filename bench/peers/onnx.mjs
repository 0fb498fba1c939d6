import { lossGraph } from "./onnxGraph.mjs";

/** The loss and gradient by ONNX Runtime; `runtime` is onnxruntime-node or onnxruntime-web. */
export async function open(runtime, { shape: [batch, ...rest], pred, target }) {
  const total = rest.reduce((product, size) => product * size, 1);
  if (runtime.env.wasm) runtime.env.wasm.numThreads = 1;
  const session = await runtime.InferenceSession.create(lossGraph(batch, total), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
  });
  const feeds = {
    pred: new runtime.Tensor("float32", pred, [batch, total]),
    target: new runtime.Tensor("float32", target, [batch, total]),
  };
  return {
    run: () => session.run(feeds),
    async result() {
      const { value, grad } = await session.run(feeds);
      return { value: value.data[0], grad: grad.data };
    },
  };
}
