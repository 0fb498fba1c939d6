import { BandMetrics } from "../index.ts";
import { type Job, type MeasureOptions, measureJob } from "./measure.ts";
import type { PairState } from "./StateFile.ts";
import { Thread } from "./Thread.ts";
import type { Reply } from "./worker.ts";

/**
 * Measures pairs on `workers` threads, or on this one where there is one. What is wrong with a pair is said in its outcome and stops no
 * other. `onDone` gets them in the order in which they are done, one at a time.
 */
export async function measureAll(
  jobs: readonly Job[],
  options: MeasureOptions,
  workers: number,
  onDone: (pair: PairState) => Promise<void>,
): Promise<void> {
  const waiting = [...jobs];
  let reported = Promise.resolve();
  const work = async (measure: (job: Job) => Promise<Reply>) => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const reply = await measure(job);
      const pair =
        "error" in reply ? { ...job, ...reply } : { ...job, ...reply, metrics: BandMetrics.fromJSON(reply.metrics) };
      reported = reported.then(() => onDone(pair));
      await reported;
    }
  };
  if (workers === 1) return work((job) => measureHere(job, options));
  const count = Math.min(workers, jobs.length);
  const script = new URL("./worker.js", import.meta.url);
  const threads = Array.from({ length: count }, () => new Thread<Job, Reply>(script, options));
  const failed = (error: Error): Reply => ({ error: error.message });
  try {
    await Promise.all(threads.map((thread) => work((job) => thread.ask(job).catch(failed))));
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

async function measureHere(job: Job, options: MeasureOptions): Promise<Reply> {
  try {
    const { metrics, missing } = await measureJob(job, options);
    return { metrics: metrics.toJSON(), missing };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
