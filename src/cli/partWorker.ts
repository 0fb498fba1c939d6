// A thread that measures the parts of an image that it is sent, one at a time, and answers with the state of their metrics.

import { parentPort, workerData } from "node:worker_threads";
import { BandMetrics, type MetricsOptions } from "../index.ts";
import type { PartTask } from "./PartThreads.ts";

parentPort?.on("message", ({ pred, target, mask, sample, halo }: PartTask) => {
  const metrics = new BandMetrics(workerData as MetricsOptions);
  metrics.update(pred, target, { ...(mask && { mask }), sample, halo });
  parentPort?.postMessage(metrics.toJSON());
});
