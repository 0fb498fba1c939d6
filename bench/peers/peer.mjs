// A peer at 1M pixels, in a process of its own, for some of them change globals that others need. It is told "result"
// or "sample", and answers.

import { makeScene, SCENES } from "../data.mjs";
import { sampleAsync } from "../timing.mjs";

const OPEN = {
  "@jax-js/jax": async (scene) => (await import("./jax.mjs")).open(scene),
  "onnxruntime-node": async (scene) => (await import("./onnx.mjs")).open(await import("onnxruntime-node"), scene),
  "onnxruntime-web": async (scene) => (await import("./onnx.mjs")).open(await import("onnxruntime-web"), scene),
  "@tensorflow/tfjs-backend-wasm": async (scene) => (await import("./tfjs.mjs")).open(scene),
};

const [name] = process.argv.slice(2);
const { run, result } = await OPEN[name](makeScene(...SCENES["1M"]));
const answers = { result, sample: () => sampleAsync(async () => run()) };
process.on("message", async (question) => process.send(await answers[question]()));
process.send("ready");
