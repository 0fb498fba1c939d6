import { Worker } from "node:worker_threads";

/** A worker thread that answers a message with a message, in order, started anew where it died over one. */
export class Thread<Task, Answer> {
  readonly #script: URL;
  readonly #data: unknown;
  #worker: Worker | undefined;
  /** Of the tasks that have not been answered yet. */
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = [];

  /** @param data what the script gets as `workerData` */
  constructor(script: URL, data: unknown) {
    this.#script = script;
    this.#data = data;
  }

  /** Its answer to a task. Rejects where it dies over this one or one before. */
  ask(task: Task): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#worker ??= this.#start();
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(task);
    });
  }

  async end(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#script, { workerData: this.#data });
    worker.on("message", (answer: Answer) => this.#waiting.shift()?.resolve(answer));
    worker.on("error", (error: Error) => this.#died(worker, error.message));
    worker.on("exit", (code) => this.#died(worker, `exit code ${code}`));
    return worker;
  }

  /** A worker that dies of an error also exits, perhaps when another is at work in its place, which that must not hit. */
  #died(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(`a worker thread died (${reason})`));
  }
}
