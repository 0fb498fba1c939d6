// Threads: workers that share the memory of `zeros` and take units of a pass from one counter, together with the calling thread.
//
// A control block of int32 in that memory is all that they talk through. The caller describes a section, opens it, works along,
// closes it, and waits until no worker is busy: only then are results complete, or is anything described anew.
//
//     caller                          worker i
//     ──────                          ────────
//     describe, NEXT = first          wait until the ROUND changes
//     OPEN = 1, ROUND += 1, wake      BUSY[i] = 1
//     take units until none is left   if OPEN: take units until none is left
//     OPEN = 0                        BUSY[i] = 0, wake the caller
//     wait until all BUSY are 0
//
// BUSY is set before OPEN is read, and OPEN is cleared before BUSY is read: a worker that wakes late sees the section closed, or is
// waited for.

import { checkNumber, kindOf, ownOptions } from "../check.ts";
import { heap, type Kernels } from "../memory/kernels.ts";
import { type Crew, LostWorker, setCrew } from "./crew.ts";
import {
  BUSY,
  CHUNK,
  CONTROL,
  JOB,
  LAST,
  MAX_THREADS,
  NEXT,
  OPEN,
  PROGRESS,
  ROUND,
  SCRATCH,
  SCRATCH_BYTES,
  SHARES,
  workerSource,
} from "./workerSource.ts";

/** A busy worker is given up when so many waits of WAIT_MS pass without anything being finished: 5 s. */
const PATIENCE = 250;
const WAIT_MS = 20;

/** How long a page's worker may take to load its script. */
const START_MS = 10_000;

/** A worker of whichever kind the host has. */
interface Hand {
  readonly index: number;
  terminate(): void;
}

let pool: Pool | undefined;

/** The last call of `setThreads`, which the next one waits for. */
let settled: Promise<unknown> = Promise.resolve();

/** Where a page's workers come from. */
export interface ThreadOptions {
  /**
   * Address (a string or a URL) of the package's file `valid-pixel-loss/worker`, for pages whose Content-Security-Policy does not allow
   * `worker-src blob:`; where Trusted Types are required, a TrustedScriptURL of it. Node, Bun and Deno need none.
   */
  readonly worker?: string | { toString(): string };
}

/**
 * Sets how many threads losses, gradients and metrics of tensors in the kernels' memory (see `zeros`) are computed on: the
 * calling one and n − 1 workers, which share that memory. Results have the same bits for any number. Small calls, and ordinary
 * arrays, which have to be staged, stay on the calling thread. Workers do not keep a Node process alive.
 *
 * @param n from 1 to 64; 1 ends all workers
 * @param options `worker`: where a page whose security policy refuses workers made of a Blob finds the package's worker file
 * @returns the number of threads that run. Where it is less than n, as in a page that is not cross-origin isolated, one warning on
 *   the console says why
 * @throws TypeError, RangeError for anything but a whole number from 1 to 64, TypeError for a `worker` that is no address
 * @example
 * ```ts
 * await setThreads(4);
 * await setThreads(4, { worker: "/assets/valid-pixel-loss/worker.js" });
 * ```
 */
export async function setThreads(n: number, options: ThreadOptions = {}): Promise<number> {
  checkNumber("n", n, { min: 1, max: MAX_THREADS });
  if (!Number.isInteger(n)) throw new RangeError(`"n": expected a whole number, got ${n}`);
  const { worker } = ownOptions("options", options, ["worker"]);
  if (worker !== undefined && typeof worker !== "string" && !isAddress(worker)) {
    throw new TypeError(`"worker": expected a string, a URL or a TrustedScriptURL, got ${kindOf(worker)}`);
  }
  const running = settled.then(() => startThreads(n, worker));
  settled = running.catch(() => {});
  return running;
}

function isAddress(value: unknown): boolean {
  return value instanceof URL || Object.prototype.toString.call(value) === "[object TrustedScriptURL]";
}

async function startThreads(n: number, worker: ThreadOptions["worker"]): Promise<number> {
  pool?.end();
  pool = undefined;
  setCrew(undefined);
  if (n === 1) return 1;
  let reason = hindrance();
  if (reason === undefined) {
    const started = new Pool(heap(), n - 1);
    reason = await started.hireAll(worker);
    if (started.size > 0) {
      pool = started;
      setCrew(started);
    } else started.end();
  }
  const running = (pool?.size ?? 0) + 1;
  if (running < n) warn(n, running, reason);
  return running;
}

/** What keeps this host from running any worker, as far as can be told without starting one. */
function hindrance(): string | undefined {
  if (!nodeThreads()) {
    if (typeof Worker !== "function") return "there are no workers here";
    if (!globalThis.crossOriginIsolated) {
      return (
        "the page is not cross-origin isolated, which takes the headers " +
        '"Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp"'
      );
    }
  }
  return heap().shared ? undefined : "the engine has no WebAssembly memory that threads can share";
}

/** Says once per call, whatever the number of workers that are missing, why they are. */
function warn(n: number, running: number, reason = "a worker ended while it was started"): void {
  console.warn(
    `valid-pixel-loss: setThreads(${n}): ${running > 1 ? `${running} threads run` : "1 thread runs"}, as ${reason}`,
  );
}

/** The calling thread and its workers. */
class Pool implements Crew {
  readonly #kernels: Kernels;
  readonly #control: number;
  readonly #at: Int32Array;
  readonly #size: number;
  #hands: Hand[] = [];

  constructor(kernels: Kernels, size: number) {
    this.#kernels = kernels;
    this.#size = size;
    this.#control = kernels.allocator.allocate(CONTROL * 4);
    this.#at = new Int32Array(kernels.f32.buffer, this.#control, CONTROL).fill(0);
  }

  /** Starts the workers; says why, where one was not to be had. */
  async hireAll(url: ThreadOptions["worker"]): Promise<string | undefined> {
    const reasons = await Promise.all(Array.from({ length: this.#size }, (_, i) => this.#hire(i + 1, url)));
    return reasons.find((reason) => reason !== undefined);
  }

  get size(): number {
    return this.#hands.length;
  }

  serves(kernels: Kernels): boolean {
    return this.#kernels === kernels && this.#hands.length > 0;
  }

  end(): void {
    Atomics.store(this.#at, ROUND, -1);
    Atomics.notify(this.#at, ROUND);
    for (const hand of this.#hands) hand.terminate();
    this.#hands = [];
    // The control block is left to the workers that may still look at it.
  }

  get count(): number {
    return this.#size + 1;
  }

  run(
    job: number,
    scratch: number,
    scratchBytes: number,
    first: number,
    last: number,
    chunk: number,
    shares: number,
  ): void {
    const at = this.#at;
    at[JOB] = job;
    at[SCRATCH] = scratch;
    at[SCRATCH_BYTES] = scratchBytes;
    at[LAST] = last;
    at[CHUNK] = chunk;
    at[SHARES] = shares;
    Atomics.store(at, NEXT, first);
    Atomics.store(at, OPEN, 1);
    Atomics.store(at, ROUND, ((at[ROUND] as number) + 1) & 0x7fffffff);
    Atomics.notify(at, ROUND);
    try {
      for (;;) {
        const unit = Atomics.load(at, NEXT);
        if (unit >= last) break;
        const end = Math.min(unit + Math.max(chunk, Math.floor((last - unit) / shares)), last);
        if (Atomics.compareExchange(at, NEXT, unit, end) !== unit) continue;
        this.#kernels.exports.run(job, scratch, unit, end);
      }
    } finally {
      Atomics.store(at, OPEN, 0);
      this.#settle();
    }
  }

  /** Waits until no worker is busy; gives up those that are for too long without finishing anything. */
  #settle(): void {
    const at = this.#at;
    for (const hand of [...this.#hands]) {
      let progress = Atomics.load(at, PROGRESS);
      let waits = 0;
      while (Atomics.load(at, BUSY + hand.index) !== 0) {
        waits += pause(at, BUSY + hand.index);
        const latest = Atomics.load(at, PROGRESS);
        if (latest !== progress) {
          progress = latest;
          waits = 0;
        } else if (waits > PATIENCE) {
          this.#dismiss(hand);
          throw new LostWorker(
            `a worker thread died during the computation, whose results are incomplete; ${this.#hands.length + 1} threads go on`,
          );
        }
      }
    }
  }

  #dismiss(hand: Hand): void {
    this.#hands = this.#hands.filter((other) => other !== hand);
    hand.terminate();
    Atomics.store(this.#at, BUSY + hand.index, 0);
  }

  /** Starts a worker; says why, where the host does not run it. The others go on without it. */
  async #hire(index: number, url: ThreadOptions["worker"]): Promise<string | undefined> {
    const data = { parts: this.#kernels.parts, control: this.#control, index };
    const gone = () => {
      this.#hands = this.#hands.filter((hand) => hand.index !== index);
      Atomics.store(this.#at, BUSY + index, 0);
    };
    try {
      const threads = nodeThreads();
      this.#hands.push(await (threads ? hireNode(threads, data, gone) : hireWeb(data, gone, url)));
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }
}

interface WorkerData {
  readonly parts: object;
  readonly control: number;
  readonly index: number;
}

type NodeThreads = typeof import("node:worker_threads");

/** Node's own workers, and those of engines that have its modules; asked for in a way that no bundler follows. */
function nodeThreads(): NodeThreads | undefined {
  return typeof process === "object" ? process.getBuiltinModule?.("node:worker_threads") : undefined;
}

async function hireNode({ Worker }: NodeThreads, data: WorkerData, gone: () => void): Promise<Hand> {
  const worker = new Worker(workerSource, { eval: true, workerData: data, execArgv: [] });
  worker.unref();
  await new Promise<void>((resolve, reject) => {
    worker.once("message", () => resolve());
    worker.once("error", (error) => reject(new Error(`a worker failed to start: ${error.message}`)));
    worker.once("exit", (code) => reject(new Error(`a worker ended at its start with code ${code}`)));
  });
  worker.on("error", gone);
  worker.on("exit", gone);
  return { index: data.index, terminate: () => void worker.terminate() };
}

async function hireWeb(data: WorkerData, gone: () => void, url: ThreadOptions["worker"]): Promise<Hand> {
  const blob =
    url === undefined ? URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" })) : undefined;
  let worker: Worker | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    worker = new Worker((url ?? blob) as string);
    const made = worker;
    await new Promise<void>((resolve, reject) => {
      made.onmessage = () => resolve();
      made.onerror = () => reject(new Error("its script was not loaded"));
      timer = setTimeout(() => reject(new Error(`its script gave no answer for ${START_MS / 1000} s`)), START_MS);
      made.postMessage(data);
    });
    worker.onerror = gone;
    return { index: data.index, terminate: () => made.terminate() };
  } catch (error) {
    worker?.terminate();
    const help =
      url === undefined ? '; a Content-Security-Policy without "worker-src blob:" needs setThreads(n, { worker })' : "";
    throw new Error(`a worker of ${url ?? "a Blob"} failed to start (${(error as Error).message})${help}`);
  } finally {
    clearTimeout(timer);
    if (blob !== undefined) URL.revokeObjectURL(blob);
  }
}

/**
 * Waits for a flag to be cleared: asleep where the host lets this thread sleep, awake on a browser's main thread. Returns how many
 * waits of WAIT_MS have passed. Time that the whole process was stopped counts once.
 */
function pause(at: Int32Array, place: number): number {
  try {
    return Atomics.wait(at, place, 1, WAIT_MS) === "timed-out" ? 1 : 0;
  } catch {
    const until = performance.now() + WAIT_MS;
    while (Atomics.load(at, place) === 1) if (performance.now() > until) return 1;
    return 0;
  }
}
