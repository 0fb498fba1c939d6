// A rank as a worker thread: its part lies in memory that it shares with the thread that started it.

import { parentPort, workerData } from "node:worker_threads";
import { type Part, sumsOf, writeGrad } from "./rank.ts";

const part: Part = workerData;
parentPort?.postMessage(sumsOf(part));
parentPort?.once("message", (normalizer: number) => {
  writeGrad(part, normalizer);
  parentPort?.postMessage("written");
});
