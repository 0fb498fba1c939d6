// npm run bench:peers -- [--rounds 5]
// The same masked weighted loss with its gradient, and SSIM, by the packages that people would use otherwise.

import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import * as api from "../../dist/index.js";
import { chart } from "../chart.mjs";
import { makeScene, SCENES } from "../data.mjs";
import { LOSSES } from "../losses.mjs";
import { ssim } from "../plain/ssim.mjs";
import { digits, machine, save } from "../report.mjs";
import { alternate, sampleCall } from "../timing.mjs";
import { check, errorsOf } from "../verify.mjs";
import * as ssimjs from "./ssimjs.mjs";

const OURS = "valid-pixel-loss";
const PLAIN = "plain JavaScript";
const PEERS = ["@jax-js/jax", "onnxruntime-node", "onnxruntime-web", "@tensorflow/tfjs-backend-wasm"];

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const on = machine();
console.log(`${on.cpu}, Node ${on.node}, one thread`);

const rows = {
  loss: await compare(
    "Masked mean squared error with its gradient, 1M pixels",
    await lossContenders(makeScene(...SCENES["1M"])),
  ),
  ssim:
    "ssim" in api ? await compare("SSIM of 1024² pixels", ssimContenders(makeScene(...LOSSES.ssim.scenes["1M"]))) : [],
};
save("peers", { machine: on, ...rows }, barsOf(rows.loss));

/** Prints and returns a row for each of `contenders`, the first of which is the reference. */
async function compare(title, contenders) {
  console.log(`\n${title}`);
  const [plain] = contenders;
  const reference = await plain.result();
  for (const contender of contenders) contender.error = errorsOf(await contender.result(), reference);
  check(await contenders.find(({ label }) => label === OURS).result(), reference);
  const times = await alternate(contenders, Number(values.rounds));
  for (const { stop } of contenders) stop?.();
  return contenders.map(({ label, error }) => {
    const ms = times[label];
    const toOurs = ms.median / times[OURS].median;
    const errors = Object.entries(error).map(([what, size]) => `${what} ${size.toExponential(1)}`);
    const spread = `± ${Math.round(100 * ms.spread)} %`;
    console.log(
      [label.padEnd(38), `${digits(ms.median)} ms`.padStart(10), `min ${digits(ms.min)}`.padStart(10)].join(" "),
      [spread.padStart(7), `${digits(toOurs)} ×`.padStart(9), `  error of ${errors.join(", ")}`].join(" "),
    );
    return { contender: label, ms, toOurs, error };
  });
}

/** Mean squared error of each sample's valid pixels, weighted by √(valid / total), and its gradient. */
async function lossContenders(scene) {
  const { shape, pred, target } = scene;
  const [batch, channels, height, width] = shape;
  const grad = new Float32Array(pred.length);
  // One channel as long as a sample makes the plain loop's groups samples.
  const plain = () => LOSSES.mse.plain.valueAndGrad(pred, target, [batch, 1, channels * height, width], grad);

  const criterion = new api.FlexibleWeightedLoss(api.mse(), { groupBy: "sample" });
  const tensors = [api.zeros(shape), api.zeros(shape)];
  tensors[0].data.set(pred);
  tensors[1].data.set(target);
  const out = api.zeros(shape);
  const ours = () => criterion.valueAndGrad(...tensors, { out });

  const contenders = [
    { label: PLAIN, result: () => ({ value: plain(), grad }), sample: () => sampleCall(plain) },
    { label: OURS, result: () => ({ value: ours().value, grad: out.data }), sample: () => sampleCall(ours) },
  ];
  for (const name of PEERS) contenders.push(await startPeer(name));
  return contenders;
}

/** The peer NAME as a contender, in a process that `stop` ends. */
async function startPeer(name) {
  const child = fork(new URL("./peer.mjs", import.meta.url), [name], {
    serialization: "advanced",
  });
  const answer = async () => (await once(child, "message"))[0];
  const ask = (question) => {
    child.send(question);
    return answer();
  };
  await answer();
  return {
    label: `${name} ${versionOf(name)}`,
    result: () => ask("result"),
    sample: () => ask("sample"),
    stop: () => child.disconnect(),
  };
}

/** 1 − SSIM of whole 8-bit images, the only kind that ssim.js takes. */
function ssimContenders({ shape, predNumbers, targetNumbers }) {
  const [, , height, width] = shape;
  const [pred, target] = [predNumbers, targetNumbers].map((numbers) =>
    Float32Array.from(numbers, (number) => Math.min(255, Math.round(number / 40))),
  );
  const plain = () => ssim(255).value(pred, target, shape);
  const criterion = new api.FlexibleWeightedLoss(api.ssim({ dataRange: 255 }));
  const tensors = [api.zeros(shape), api.zeros(shape)];
  tensors[0].data.set(pred);
  tensors[1].data.set(target);
  const ours = () => criterion.forward(...tensors);
  return [
    { label: PLAIN, result: () => ({ value: plain() }), sample: () => sampleCall(plain) },
    { label: OURS, result: ours, sample: () => sampleCall(ours) },
    ...["original", "fast"].map((algorithm) => {
      const { run, result } = ssimjs.open(algorithm, { width, height, pred, target });
      return { label: `ssim.js ${versionOf("ssim.js")}, ${algorithm}`, result, sample: () => sampleCall(run) };
    }),
  ];
}

/** The version that package.json pins. */
function versionOf(name) {
  const { dependencies } = JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8"));
  return dependencies[name];
}

function barsOf(loss) {
  return chart({
    title: "Masked weighted loss with its gradient, 1M pixels: ms",
    note: `Shorter is faster; one thread, Node ${on.node}, ${on.cpu}`,
    series: ["ms"],
    groups: loss.map(({ contender, ms }) => ({ label: contender, values: [ms.median], muted: contender !== OURS })),
  });
}
