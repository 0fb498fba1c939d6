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

import { checkNumber } from "./check.ts";
import { type Crew, LostWorker, setCrew } from "./crew.ts";
import { heap, type Kernels } from "./kernels.ts";

/** Places in the control block. */
const ROUND = 0;
const OPEN = 1;
const NEXT = 2;
const LAST = 3;
const JOB = 4;
const SCRATCH = 5;
const SCRATCH_BYTES = 6;
const PROGRESS = 7;
/** Units that are taken at a time; of those that are left, one of SHARES parts where that is more. */
const CHUNK = 8;
const SHARES = 9;
const BUSY = 16;

const MAX_THREADS = 64;

/** A busy worker is given up when so many waits of WAIT_MS pass without anything being finished: 5 s. */
const PATIENCE = 250;
const WAIT_MS = 20;

/** What every worker runs: plain JavaScript, as it is handed over as text. */
const workerSource = `
const start = ({ parts: { module, memory }, control, index }) => {
  const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  const at = new Int32Array(memory.buffer, control, ${BUSY + MAX_THREADS});
  let round = 0;
  for (;;) {
    Atomics.wait(at, ${ROUND}, round);
    round = Atomics.load(at, ${ROUND});
    if (round < 0) return;
    Atomics.store(at, ${BUSY} + index, 1);
    if (Atomics.load(at, ${OPEN})) {
      const last = at[${LAST}];
      const scratch = at[${SCRATCH}] + index * at[${SCRATCH_BYTES}];
      for (;;) {
        const unit = Atomics.load(at, ${NEXT});
        if (unit >= last) break;
        const end = Math.min(unit + Math.max(at[${CHUNK}], Math.floor((last - unit) / at[${SHARES}])), last);
        if (Atomics.compareExchange(at, ${NEXT}, unit, end) !== unit) continue;
        run(at[${JOB}], scratch, unit, end);
        Atomics.add(at, ${PROGRESS}, 1);
      }
    }
    Atomics.store(at, ${BUSY} + index, 0);
    Atomics.notify(at, ${BUSY} + index);
  }
};
if (typeof process === "object" && process.versions?.node) {
  const { parentPort, workerData } = require("node:worker_threads");
  parentPort.postMessage("ready");
  start(workerData);
} else {
  onmessage = ({ data }) => { postMessage("ready"); start(data); };
}
`;

/** A worker of whichever kind the host has. */
interface Hand {
  readonly index: number;
  terminate(): void;
}

let pool: Pool | undefined;

/** The last call of `setThreads`, which the next one waits for. */
let settled: Promise<unknown> = Promise.resolve();

/**
 * Sets how many threads losses, gradients and metrics of tensors in the kernels' memory (see `zeros`) are computed on: the
 * calling one and n − 1 workers, which share that memory. Results have the same bits for any number. Small calls, and ordinary
 * arrays, which have to be staged, stay on the calling thread. Workers do not keep a Node process alive.
 *
 * @param n from 1 to 64; 1 ends all workers
 * @returns the number of threads that run: 1 where shared memory or workers are not to be had, as in a browser's page that is not
 *   cross-origin isolated
 * @throws TypeError, RangeError for anything but a whole number from 1 to 64
 * @example
 * ```ts
 * await setThreads(4);
 * ```
 */
export async function setThreads(n: number): Promise<number> {
  checkNumber("n", n, { min: 1, max: MAX_THREADS });
  if (!Number.isInteger(n)) throw new RangeError(`"n": expected a whole number, got ${n}`);
  const running = settled.then(() => startThreads(n));
  settled = running.catch(() => {});
  return running;
}

async function startThreads(n: number): Promise<number> {
  pool?.end();
  pool = undefined;
  setCrew(undefined);
  if (n === 1 || !heap().shared) return 1;
  const started = await Pool.start(heap(), n - 1);
  if (started.size === 0) {
    started.end();
    return 1;
  }
  pool = started;
  setCrew(started);
  return started.size + 1;
}

/** The calling thread and its workers. */
class Pool implements Crew {
  readonly #kernels: Kernels;
  readonly #control: number;
  readonly #at: Int32Array;
  readonly #size: number;
  #hands: Hand[] = [];

  private constructor(kernels: Kernels, size: number) {
    this.#kernels = kernels;
    this.#size = size;
    const length = BUSY + MAX_THREADS;
    this.#control = kernels.allocator.allocate(length * 4);
    this.#at = new Int32Array(kernels.f32.buffer, this.#control, length).fill(0);
  }

  static async start(kernels: Kernels, count: number): Promise<Pool> {
    const made = new Pool(kernels, count);
    await Promise.all(Array.from({ length: count }, (_, i) => made.#hire(i + 1)));
    return made;
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

  /** Starts a worker, where the host has any and will run it. */
  async #hire(index: number): Promise<void> {
    const data = { parts: this.#kernels.parts, control: this.#control, index };
    const gone = () => {
      this.#hands = this.#hands.filter((hand) => hand.index !== index);
      Atomics.store(this.#at, BUSY + index, 0);
    };
    try {
      const threads = nodeThreads();
      this.#hands.push(await (threads ? hireNode(threads, data, gone) : hireWeb(data, gone)));
    } catch {
      // The others go on without it.
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
    worker.once("error", reject);
    worker.once("exit", reject);
  });
  worker.on("error", gone);
  worker.on("exit", gone);
  return { index: data.index, terminate: () => void worker.terminate() };
}

async function hireWeb(data: WorkerData, gone: () => void): Promise<Hand> {
  const url = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
  const worker = new Worker(url);
  try {
    await new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = reject;
      worker.postMessage(data);
    });
    worker.onerror = gone;
    return { index: data.index, terminate: () => worker.terminate() };
  } catch (error) {
    // A page that is not cross-origin isolated cannot send the memory: the worker would wait for it forever.
    worker.terminate();
    throw error;
  } finally {
    URL.revokeObjectURL(url);
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
