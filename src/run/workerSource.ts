// What every worker of `setThreads` runs, and the control block through which it is told what to do: see threads.ts.

/** Places in the control block. */
export const ROUND = 0;
export const OPEN = 1;
export const NEXT = 2;
export const LAST = 3;
export const JOB = 4;
export const SCRATCH = 5;
export const SCRATCH_BYTES = 6;
export const PROGRESS = 7;
/** Units that are taken at a time; of those that are left, one of SHARES parts where that is more. */
export const CHUNK = 8;
export const SHARES = 9;
export const BUSY = 16;

export const MAX_THREADS = 64;

/** Places of the control block. */
export const CONTROL = BUSY + MAX_THREADS;

/** Plain JavaScript, as it is handed over as text; the package has it as a file, too. */
export const workerSource = `
const start = ({ parts: { module, memory }, control, index }) => {
  const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  const at = new Int32Array(memory.buffer, control, ${CONTROL});
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
const threads = typeof process === "object" && process.getBuiltinModule?.("node:worker_threads");
if (threads) {
  const { parentPort, workerData } = threads;
  parentPort.postMessage("ready");
  start(workerData);
} else {
  onmessage = ({ data }) => { postMessage("ready"); start(data); };
}
`;
