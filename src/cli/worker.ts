// A thread that measures the pairs it is sent, one at a time.

import { parentPort, workerData } from "node:worker_threads";
import { type Job, type MeasureOptions, measureJob } from "./measure.ts";

/** What comes back for a job: the state of its metrics as JSON, or what is wrong. */
export type Reply = { readonly metrics: object; readonly missing: number } | { readonly error: string };

parentPort?.on("message", async (job: Job) => {
  let reply: Reply;
  try {
    const { metrics, missing } = await measureJob(job, workerData as MeasureOptions);
    reply = { metrics: metrics.toJSON(), missing };
  } catch (error) {
    reply = { error: (error as Error).message };
  }
  parentPort?.postMessage(reply);
});
