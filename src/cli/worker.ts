// A thread that measures the pairs it is sent, one at a time.

import { parentPort, workerData } from "node:worker_threads";
import { type MeasureOptions, measureJob } from "./measure.ts";
import type { Job } from "./pair/Job.ts";
import { type PairResult, resultOf } from "./result.ts";

/** What comes back for a job: its result, the metrics as JSON, or what is wrong. */
export type Reply = (Omit<PairResult, "metrics"> & { readonly metrics: object }) | { readonly error: string };

parentPort?.on("message", async (job: Job) => {
  let reply: Reply;
  try {
    const { metrics, ...result } = await measureJob(job, workerData as MeasureOptions, resultOf);
    reply = { ...result, metrics: metrics.toJSON() };
  } catch (error) {
    reply = { error: (error as Error).message };
  }
  parentPort?.postMessage(reply);
});
