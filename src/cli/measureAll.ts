import { Worker } from "node:worker_threads";
import { BandMetrics } from "../index.ts";
import { type Job, type MeasureOptions, measureJob } from "./measure.ts";
import type { PairState } from "./StateFile.ts";
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
  const threads = Array.from({ length: count }, () => new Thread(options));
  try {
    await Promise.all(threads.map((thread) => work((job) => thread.measure(job))));
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

/** A worker thread that measures a pair at a time, started anew where it died over one. */
class Thread {
  readonly #options: MeasureOptions;
  #worker: Worker | undefined;
  /** Takes the reply of the pair that is being measured. */
  #answer: (reply: Reply) => void = () => {};

  constructor(options: MeasureOptions) {
    this.#options = options;
  }

  measure(job: Job): Promise<Reply> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#worker ??= this.#start();
      this.#worker.postMessage(job);
    });
  }

  async end(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: this.#options });
    worker.on("message", (reply: Reply) => this.#answer(reply));
    worker.on("error", (error: Error) => this.#died(worker, error.message));
    worker.on("exit", (code) => this.#died(worker, `exit code ${code}`));
    return worker;
  }

  /** A worker that dies of an error also exits, perhaps when another is at work in its place, which that must not hit. */
  #died(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#answer({ error: `the worker died over it (${reason})` });
  }
}
