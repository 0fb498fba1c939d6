import { BandMetrics } from "../index.ts";
import { type MeasureOptions, measureJob } from "./measure.ts";
import type { Job } from "./pair/Job.ts";
import { type Outcome, resultOf } from "./result.ts";
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
  onDone: (outcome: Outcome) => Promise<void>,
): Promise<void> {
  const waiting = [...jobs];
  let reported = Promise.resolve();
  const work = async (measure: (job: Job) => Promise<Outcome>) => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const failed = { ...job };
      const outcome = await measure(job).catch((error: Error) => ({ ...failed, error: error.message }));
      reported = reported.then(() => onDone(outcome));
      await reported;
    }
  };
  if (workers === 1) return work((job) => measureJob(job, options, resultOf));
  const count = Math.min(workers, jobs.length);
  const script = new URL("./worker.js", import.meta.url);
  const threads = Array.from({ length: count }, () => new Thread<Job, Reply>(script, options));
  const askIn = (thread: Thread<Job, Reply>) => async (job: Job) => {
    const reply = await thread.ask(job);
    return "error" in reply ? { ...job, ...reply } : { ...reply, metrics: BandMetrics.fromJSON(reply.metrics) };
  };
  try {
    await Promise.all(threads.map((thread) => work(askIn(thread))));
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
}
