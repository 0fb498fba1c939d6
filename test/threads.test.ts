import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createContext, runInContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { type BuildOptions, buildSync } from "esbuild";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  CombinedLoss,
  custom,
  evaluate,
  FlexibleWeightedLoss,
  mse,
  prepareTarget,
  setThreads,
  ssim,
  type Tensor,
  type ValidRule,
  zeros,
} from "../src/index.ts";
import { criterionOf, place, tensorsOf } from "./support/api.ts";
import { bitsError, bitsOf } from "./support/compare.ts";
import { everyBase, inLayout, layouts, problemOf, titleOf } from "./support/data.ts";
import type { Layout, Shape } from "../reference/layout.ts";

/** Large enough that a pass over it is dealt out. */
const large: Shape = [2, 3, 256, 256];

/** The workers that were started since the test began. */
let workers: Worker[];
const alive = () => workers.filter(({ threadId }) => threadId > 0).length;

beforeEach(() => {
  workers = [];
  // A worker is let go of right after it is made: that is where the test meets it.
  const { unref } = Worker.prototype;
  vi.spyOn(Worker.prototype, "unref").mockImplementation(function (this: Worker) {
    workers.push(this);
    unref.call(this);
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await setThreads(1);
});

/** The bits of what a call answers. */
interface Answer {
  readonly value: number | ArrayLike<number>;
  readonly grad: Tensor;
}

function expectSameBits(got: Answer, want: Answer) {
  expect(bitsError(bitsOf(got.value), bitsOf(want.value))).toBe("");
  expect(bitsError(got.grad.data, want.grad.data)).toBe("");
}

describe("the same bits for every number of threads, on tensors made before the switch", () => {
  test.each([2, 3])("%s", async (n) => {
    const calls = everyBase.flatMap((base) =>
      layouts
        .filter((layout) => layout === "NCHW" || ["mse", "vectorAngle", "sam", "ssim"].includes(base.name))
        .map((layout) => ({
          title: `${titleOf(base)} ${layout}`,
          criterion: criterionOf(base, { layout }),
          ...tensorsOf(problemOf(base, base.name === "ssim" ? [2, 3, 200, 90] : large, 7), layout, "in place"),
          weights: undefined as Tensor | undefined,
        })),
    );
    // Each of them with weights once more, but for what can have none.
    for (const call of calls.slice()) {
      if (call.title.includes("zero") || call.title.endsWith("NHWC")) continue;
      const [height = 1, width = 1] = call.pred.shape.slice(2);
      const weights = place(
        Float32Array.from({ length: height * width }, (_, i) => i % 7),
        [height, width],
        "in place",
      );
      calls.push({ ...call, title: `${call.title} with weights`, weights });
    }
    const answer = ({ criterion, pred, target, weights }: (typeof calls)[0]) =>
      criterion.valueAndGrad(pred, target, weights ? { weights } : {});
    const alone = calls.map(answer);
    expect(await setThreads(n)).toBe(n);
    expect(alive()).toBe(n - 1);
    for (const [i, call] of calls.entries()) {
      expectSameBits(answer(call), alone[i] as Answer);
      const { value } = call.criterion.forward(call.pred, call.target, call.weights ? { weights: call.weights } : {});
      expect([call.title, bitsError(bitsOf(value), bitsOf(alone[i]?.value ?? []))]).toEqual([call.title, ""]);
    }
    for (const { pred, target, weights } of calls) {
      pred.dispose();
      target.dispose();
      weights?.dispose();
    }
  });

  test("the metrics of all bands, in place or not, in either layout", async () => {
    // Several strips of rows, the last one not full.
    const problem = problemOf({ name: "mse" }, [2, 3, 150, 75], 4);
    const figures = (layout: Layout, where: "staged" | "in place", valid: ValidRule) => {
      const { pred, target } = tensorsOf(inLayout(problem, layout), layout, where);
      return JSON.stringify(evaluate(pred, target as Tensor, { dataRange: 1, layout, valid }));
    };
    const rules: ValidRule[] = [{ min: 0 }, { min: 0, max: 0.8 }];
    const all = () =>
      rules.map((valid) =>
        layouts.flatMap((layout) => [figures(layout, "staged", valid), figures(layout, "in place", valid)]),
      );
    const alone = all();
    for (const same of alone) expect(new Set(same).size).toBe(1);
    await setThreads(3);
    expect(all()).toEqual(alone);
  });

  test("a combination, a mask, rules, integers, and a gradient that is added to", async () => {
    const { pred, target } = tensorsOf(problemOf({ name: "mse" }, large, 8), "NCHW", "in place");
    using bytes = zeros([2, 1, 256, 256], { type: "uint8" });
    bytes.data.forEach((_, i) => {
      bytes.data[i] = i % 5;
    });
    using stored = zeros([...large], { type: "uint16", scale: 1e-4, offset: -0.1 });
    stored.data.forEach((_, i) => {
      stored.data[i] = (i * 7919) % 65536;
    });
    const terms = new CombinedLoss([
      { weight: 0.5, loss: criterionOf({ name: "sam" }, { valid: { min: 0.1, max: 0.8 } }) },
      { weight: 2, loss: criterionOf({ name: "ssim", params: { dataRange: 1 } }, { groupBy: "sample" }) },
      // These share their tiles, and the last two their counts.
      { weight: -1, loss: criterionOf({ name: "rmse" }, { valid: { nodata: [0.5] } }) },
      { weight: 1, loss: criterionOf({ name: "mae" }) },
      { weight: 3, loss: criterionOf({ name: "charbonnier" }) },
    ]);
    const digital = criterionOf({ name: "mse" });
    using shifted = zeros([...large], { type: "uint16", scale: 1e-4, offset: -0.1 });
    shifted.data.set(stored.data.map((v) => v ^ 5));
    using prepared = prepareTarget(stored);
    const answers = () => [
      terms.valueAndGrad(pred, target, { mask: bytes }),
      terms.valueAndGrad(pred, stored),
      digital.valueAndGrad(shifted, stored),
      digital.valueAndGrad(shifted, prepared),
    ];
    const alone = answers();
    for (const n of [3, 2, 3]) {
      expect(await setThreads(n)).toBe(n);
      for (const [i, got] of answers().entries()) expectSameBits(got, alone[i] as Answer);
    }
    pred.dispose();
    target.dispose();
  });
});

describe("switching", () => {
  test("again and again: as many workers as the last call said", async () => {
    for (const n of [3, 1, 2, 2, 4, 1, 3]) {
      expect(await setThreads(n)).toBe(n);
      await vi.waitFor(() => expect(alive()).toBe(n - 1));
    }
  });

  test("two calls at once: the later one holds, nothing is left of the other", async () => {
    for (const [first, second] of [
      [3, 2],
      [2, 3],
      [3, 1],
    ] as const) {
      const both = await Promise.all([setThreads(first), setThreads(second)]);
      expect(both[1]).toBe(second);
      await vi.waitFor(() => expect(alive()).toBe(second - 1));
      await setThreads(1);
      await vi.waitFor(() => expect(alive()).toBe(0));
    }
  });

  test("from within a custom loss", async () => {
    const { pred, target } = tensorsOf(problemOf({ name: "mse" }, large, 9), "NCHW", "in place");
    const half = (p: Float32Array, t: Float32Array) => {
      const grad = p.map((x, i) => x - (t[i] as number));
      return { value: grad.reduce((sum, d) => sum + d * d, 0) / 2, grad };
    };
    const want = new FlexibleWeightedLoss(custom(half)).valueAndGrad(pred, target);
    const switches: Promise<number>[] = [];
    await setThreads(2);
    const turning = custom((p, t) => {
      switches.push(setThreads(1 + (switches.length % 3)));
      return half(p, t);
    });
    expectSameBits(new FlexibleWeightedLoss(turning).valueAndGrad(pred, target), want);
    expect(switches.length).toBe(5);
    await Promise.all(switches);
    await setThreads(1);
    await vi.waitFor(() => expect(alive()).toBe(0));
    pred.dispose();
    target.dispose();
  });
});

describe("a worker that dies", () => {
  // A rule of more than a bound makes every thread use its scratch memory.
  const criterion = new FlexibleWeightedLoss(mse(), { valid: { min: 0, max: 0.8 } });

  /** The right bits or an error, and at most a few errors; never anything else. */
  function expectRightOrError(call: () => Answer, want: Answer): number {
    let errors = 0;
    for (let round = 0; round < 6; round++) {
      let got: Answer | undefined;
      try {
        got = call();
      } catch (error) {
        expect((error as Error).message).toMatch(/worker/);
        errors++;
      }
      if (got) expectSameBits(got, want);
    }
    return errors;
  }

  test("one of several, before a call: the others go on, in memory of their own", async () => {
    const { pred, target } = tensorsOf(problemOf({ name: "mse" }, large, 10), "NCHW", "in place");
    const want = criterion.valueAndGrad(pred, target);
    for (const dead of [0, 1, 2]) {
      workers = [];
      expect(await setThreads(4)).toBe(4);
      await workers[dead]?.terminate();
      const neighbours = Array.from({ length: 20 }, () => zeros([1, 4096]));
      for (const { data } of neighbours) data.fill(42);
      expect(expectRightOrError(() => criterion.valueAndGrad(pred, target), want)).toBe(0);
      for (const { data } of neighbours) expect(data.every((x) => x === 42)).toBe(true);
      for (const neighbour of neighbours) neighbour.dispose();
    }
    pred.dispose();
    target.dispose();
  });

  test("all of them, while a call runs: the right result or an error, and the next call is right", async () => {
    const { pred, target } = tensorsOf(problemOf({ name: "mse" }, large, 11), "NCHW", "in place");
    const similarity = new FlexibleWeightedLoss(ssim({ dataRange: 1 }));
    const want = similarity.valueAndGrad(pred, target);
    for (let round = 0; round < 3; round++) {
      workers = [];
      expect(await setThreads(3)).toBe(3);
      // Termination is asked for, and comes at some point of the calls below.
      const ended = Promise.all(workers.map((worker) => worker.terminate()));
      expect(expectRightOrError(() => similarity.valueAndGrad(pred, target), want)).toBeLessThan(3);
      await ended;
      expectSameBits(similarity.valueAndGrad(pred, target), want);
      expect(await setThreads(2)).toBe(2);
      expectSameBits(similarity.valueAndGrad(pred, target), want);
    }
    pred.dispose();
    target.dispose();
  });
});

test("a clock that jumps, as when a process is stopped and goes on, costs no worker", async () => {
  const { pred, target } = tensorsOf(problemOf({ name: "mse" }, [1, 1, 512, 2048], 12), "NCHW", "in place");
  const criterion = new FlexibleWeightedLoss(ssim({ dataRange: 1 }));
  const want = criterion.valueAndGrad(pred, target);
  await setThreads(3);
  const { wait } = Atomics;
  let clock = 0;
  // An hour passes each time the clock is looked at, which is soon: what a worker does takes longer than 2 ms.
  vi.spyOn(performance, "now").mockImplementation(() => {
    clock += 3_600_000;
    return clock;
  });
  const briefly = (array: Int32Array, index: number, value: number) => wait(array, index, value, 2);
  vi.spyOn(Atomics, "wait").mockImplementation(briefly as typeof wait);
  for (let round = 0; round < 3; round++) expectSameBits(criterion.valueAndGrad(pred, target), want);
  expect(alive()).toBe(2);
  pred.dispose();
  target.dispose();
});

/** The sources that the suite runs, as one script. */
function bundle(options: BuildOptions): string {
  const entryPoints = [fileURLToPath(new URL("../src/index.ts", import.meta.url))];
  return buildSync({ ...options, entryPoints, bundle: true, write: false }).outputFiles?.[0]?.text ?? "";
}

describe("workers that do not start", () => {
  test("because they end at once: fewer threads, no hang", async () => {
    vi.spyOn(Worker.prototype, "unref").mockImplementation(function (this: Worker) {
      workers.push(this);
      if (workers.length !== 2) void this.terminate();
    });
    expect(await setThreads(4)).toBe(2);
    expect(await setThreads(1)).toBe(1);
    await vi.waitFor(() => expect(alive()).toBe(0));
  });
});

describe("in a page", () => {
  const script = bundle({ platform: "browser", format: "iife", globalName: "loss" });

  /** A page's `setThreads`, what its Worker is called with, and what its console says. */
  function page(isolated: boolean, WorkerOf?: (made: unknown[]) => object) {
    const made: unknown[] = [];
    const warnings: string[] = [];
    const context = createContext({
      ...(WorkerOf && { Worker: WorkerOf(made) }),
      URL,
      Blob,
      setTimeout,
      clearTimeout,
      crossOriginIsolated: isolated,
      console: { warn: (text: string) => warnings.push(text) },
    });
    runInContext(script, context);
    return { setThreads: runInContext("loss.setThreads", context) as typeof setThreads, made, warnings };
  }

  /** A Worker that answers a message with the event of this name, or throws. */
  const answering = (event: "onmessage" | "onerror" | "throws") => (made: unknown[]) =>
    class {
      onmessage() {}
      onerror() {}
      constructor(url: unknown) {
        made.push(url);
      }
      postMessage() {
        if (event === "throws") throw new Error("DataCloneError");
        setTimeout(() => this[event]());
      }
      terminate() {
        made.pop();
      }
    };

  test("that is not cross-origin isolated no worker is started, and a warning says why at each call", async () => {
    const { setThreads, made, warnings } = page(false, answering("onmessage"));
    expect(await setThreads(3)).toBe(1);
    expect(await setThreads(3)).toBe(1);
    expect(made).toEqual([]);
    const why = expect.stringMatching(/setThreads\(3\): 1 thread .*Cross-Origin-Embedder-Policy/);
    expect(warnings).toEqual([why, why]);
  });

  test("without workers one warning says so", async () => {
    const { setThreads, warnings } = page(true);
    expect(await setThreads(2)).toBe(1);
    expect(warnings).toEqual([expect.stringContaining("no workers")]);
  });

  test.each(["onerror", "throws"] as const)(
    "whose policy refuses the worker's script, or memory (%s), none is left",
    async (how) => {
      const { setThreads, made, warnings } = page(true, answering(how));
      expect(await setThreads(3)).toBe(1);
      expect(made).toEqual([]);
      expect(warnings).toEqual([expect.stringContaining("worker-src blob:")]);
    },
  );

  test("the worker's script comes from the address that is given", async () => {
    const { setThreads, made, warnings } = page(true, answering("onmessage"));
    expect(await setThreads(3, { worker: "/worker.js" })).toBe(3);
    expect(made).toEqual(["/worker.js", "/worker.js"]);
    expect(await setThreads(2)).toBe(2);
    expect(made).toEqual([expect.stringMatching(/^blob:/)]);
    expect(warnings).toEqual([]);
  });
});

describe("a process of its own", () => {
  const script = bundle({ platform: "node", format: "esm" });

  test("exits by itself with workers idle", async () => {
    const child = promisify(execFile)(process.execPath, ["--input-type=module"], { timeout: 20_000 });
    child.child.stdin?.end(`${script}
      const pred = zeros([4, 3, 256, 256]);
      const target = zeros([4, 3, 256, 256]);
      pred.data.fill(0.5);
      const threads = await setThreads(3);
      console.log(threads, new FlexibleWeightedLoss(mse()).valueAndGrad(pred, target).value);
    `);
    // `--input-type` is for that script alone: the workers' own is none. Killed, and so rejected, if it does not.
    expect((await child).stdout.trim()).toBe("3 0.25");
  });
});

test("fewer threads than were asked for: each call says why, once", async () => {
  const said = vi.spyOn(console, "warn").mockImplementation(() => {});
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
  for (const n of [3, 3, 2]) expect(await setThreads(n)).toBe(1);
  expect(await setThreads(1)).toBe(1);
  expect(said.mock.calls.map(([text]) => text)).toEqual(
    [3, 3, 2].map((n) => `valid-pixel-loss: setThreads(${n}): 1 thread runs, as there are no workers here`),
  );
});
