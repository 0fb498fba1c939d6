/**
 * One set of calls for every engine: golden vectors, poisoned pixels, every loss in every memory and on threads. Each result is held to
 * what is expected of it; the bits of all of them make the digests that bits.json keeps.
 */
import {
  BandMetrics,
  CombinedLoss,
  custom,
  evaluate,
  FlexibleWeightedLoss,
  mse,
  setThreads,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { type Criterion, criterionOf, givenOf, memories, tensorsOf } from "../support/api.ts";
import { gradError, valueError } from "../support/compare.ts";
import { everyBase, groupingsOf, inLayout, invalidOf, layouts, problemOf, seeded, titleOf } from "../support/data.ts";
import { lossCases, metricsCases } from "../support/golden.ts";
import { relayout } from "../../reference/layout.ts";
import type { Base, Problem, Settings } from "../../reference/losses.ts";

export interface Report {
  /** By part of the set: the digest of its results' bits. */
  readonly bits: Record<string, string>;
  /** Bytes of results that the digests are of. */
  readonly bytes: number;
  /** What is wrong, if anything. */
  readonly failures: string[];
  /** Threads that ran where three were asked for, and what the console was told. */
  readonly threads: number;
  readonly warnings: string[];
  /** Whether tensors have the method that `using` calls. */
  readonly using: boolean;
}

/** Runs the set, or what is about threads alone. `worker`: the address that `setThreads` is given. */
export async function conformance(worker?: string | { toString(): string }, threadsAlone = false): Promise<Report> {
  const digests: Record<string, Digest> = {};
  const failures: string[] = [];
  const into = (part: string) => {
    digests[part] ??= new Digest();
    return digests[part];
  };
  const expectNoError = (title: string, error: string) => {
    if (error && failures.length < 20) failures.push(`${title}: ${error}`);
  };
  /** Every memory gives the same bits, which are digested once. */
  const call = (part: string, title: string, loss: Criterion, problem: Problem, settings: Settings) => {
    const results = memories.map((memory) => {
      const { pred, target, given } = tensorsOf(problem, settings.layout, memory);
      const result = loss.valueAndGrad(pred, target, { ...given, ...givenOf(problem) });
      const digest = new Digest();
      digest.add(result.value);
      digest.add(result.grad.data);
      for (const { loss, weight, validCount } of termsOf(result))
        for (const x of [loss, weight, validCount]) digest.add(x);
      for (const owned of [pred, target]) owned.dispose();
      return { result, digest };
    });
    const [first] = results as [(typeof results)[0], ...typeof results];
    for (const { digest } of results) {
      expectNoError(title, digest.hex === first.digest.hex ? "" : "bits depend on where arrays lie");
    }
    into(part).join(first.digest);
    return first.result;
  };

  function everyLoss() {
    for (const golden of lossCases) {
      for (const layout of layouts) {
        const problem = inLayout(golden.problem, layout);
        const parts = golden.terms.map(({ weight, base, settings }) => ({
          weight,
          loss: criterionOf(base, { ...settings, layout }),
        }));
        const loss = golden.combined
          ? (new CombinedLoss(parts) as unknown as Criterion)
          : (parts[0]?.loss as Criterion);
        const { value, grad } = call("golden losses", golden.title, loss, problem, { layout });
        expectNoError(golden.title, valueError(value, golden.value));
        if (golden.grad) {
          expectNoError(golden.title, gradError(grad.data, relayout(golden.grad, problem.shape, "NCHW", layout)));
        }
      }
    }

    for (const { title, problem, valid, dataRange, bands, pooled } of metricsCases) {
      const { pred, target, given } = tensorsOf(problem);
      const figures = evaluate(pred, target as Tensor, { bands: [...bands], dataRange, valid, ...given }).bands;
      for (const band of bands) {
        const got = figures[band];
        const want = pooled[band];
        if (!got || !want) expectNoError(title, `no figures of ${band}`);
        else {
          expectNoError(title, valueError(got.rmse, want.rmse ?? Number.NaN));
          into("metrics").add([got.psnr, got.rmse, got.mae, got.bias, got.ssim, got.sam, got.r2, got.cpsnr]);
        }
      }
    }

    for (const base of everyBase) {
      const part = titleOf(base);
      for (const groupBy of groupingsOf(base)) {
        for (const layout of layouts) {
          const problem = inLayout(problemOf(base, [2, 3, 37, 41], 7), layout);
          const settings: Settings = { groupBy, layout };
          const { grad } = call(part, part, criterionOf(base, settings), problem, settings);
          // NaN, infinities and what overflows, at pixels that are not valid.
          const random = seeded(13);
          const poison = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4e38, 1e-45];
          const invalid = invalidOf(base, problem, layout);
          const pred = problem.pred.map((x, i) => (invalid[i] ? (poison[Math.floor(5 * random())] ?? 0) : x));
          const poisoned = call("poison", part, criterionOf(base, settings), { ...problem, pred }, settings);
          const same = grad.data.every((x, i) => Object.is(x, poisoned.grad.data[i]));
          expectNoError(part, same ? "" : "what stands at invalid pixels changes the gradient");
        }
      }
    }

    const own = custom((p, t) => ({
      value: p.reduce((sum, x, i) => sum + Math.abs(x - (t[i] as number)), 0) / p.length,
      grad: p.map((x, i) => Math.sign(x - (t[i] as number)) / p.length),
    }));
    const random = seeded(3);
    const shape = [1, 3, 40, 50];
    const stored = () =>
      tensor(
        Uint16Array.from({ length: 6000 }, () => 4000 * random()),
        shape,
        { scale: 1e-4, offset: -0.1 },
      );
    const [pred, target] = [stored(), stored()];
    for (const loss of [own, mse()]) {
      const { value, grad } = new FlexibleWeightedLoss(loss, { valid: { above: 900 } }).valueAndGrad(pred, target);
      for (const x of [value, grad.data]) into("digital numbers, custom").add(x);
    }
    const metrics = new BandMetrics({ bands: ["B02", "B03", "B04"], dataRange: 1 });
    for (let batch = 0; batch < 2; batch++) metrics.update(stored(), stored());
    const { r2, ssim, uqi } = { uqi: 0, ...metrics.compute().bands.B03 } as Record<string, number>;
    into("digital numbers, custom").add([r2, ssim, uqi] as number[]);
  }
  if (!threadsAlone) everyLoss();

  const warnings: string[] = [];
  const { warn } = console;
  console.warn = (text: string) => warnings.push(text);
  const threads = await setThreads(3, worker === undefined ? {} : { worker }).finally(() => {
    console.warn = warn;
  });
  const many: { base: Base; digest: string }[] = [];
  for (const count of [threads, 1]) {
    await setThreads(count, worker === undefined || count === 1 ? {} : { worker });
    for (const [i, base] of everyBase.entries()) {
      if (!["mse", "logCosh", "vectorAngle", "sam", "crossEntropy", "ssim"].includes(base.name) || base.params?.invalid)
        continue;
      const extent = base.name === "ssim" ? [1, 2, 150, 170] : [1, 3, 256, 256];
      const problem = problemOf(base, extent as unknown as Problem["shape"], 5);
      const { pred, target } = tensorsOf(problem, "NCHW", "in place");
      const { value, grad } = criterionOf(base).valueAndGrad(pred, target);
      const digest = new Digest();
      digest.add(value);
      digest.add(grad.data);
      for (const owned of [pred, target]) owned.dispose();
      const before = many[i];
      if (!before) {
        many[i] = { base, digest: digest.hex };
        into("threads").join(digest);
      } else expectNoError(titleOf(base), before.digest === digest.hex ? "" : "bits depend on the number of threads");
    }
  }

  const dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");
  return {
    bits: Object.fromEntries(Object.entries(digests).map(([part, digest]) => [part, digest.hex])),
    bytes: Object.values(digests).reduce((sum, digest) => sum + digest.bytes, 0),
    failures,
    threads,
    warnings,
    using: typeof (zeros([1]) as unknown as Record<symbol, unknown>)[dispose] === "function",
  };
}

/** The groups of a loss, or of each term of a combined one. */
function termsOf(
  result: object,
): { loss: ArrayLike<number>; weight: ArrayLike<number>; validCount: ArrayLike<number> }[] {
  if ("terms" in result) return (result.terms as object[]).flatMap(termsOf);
  return [(result as { groups: ReturnType<typeof termsOf>[0] }).groups];
}

/** FNV-1a over the bytes of numbers, twice with different beginnings: not for secrets. */
class Digest {
  bytes = 0;
  #a = 0x811c9dc5;
  #b = 0x2f0b4a27;

  add(numbers: number | ArrayLike<number>): void {
    const data =
      numbers instanceof Float32Array ? numbers : Float64Array.from(typeof numbers === "number" ? [numbers] : numbers);
    // The payload of NaN is the engine's business.
    const plain = data.map((x) => (Number.isNaN(x) ? Number.NaN : x));
    this.#mix(new Uint8Array(plain.buffer, plain.byteOffset, plain.byteLength));
    this.bytes += plain.byteLength;
  }

  /** Takes another's digest, and its bytes as one's own. */
  join(other: Digest): void {
    this.#mix(Uint8Array.from(other.hex, (c) => c.charCodeAt(0)));
    this.bytes += other.bytes;
  }

  #mix(bytes: Uint8Array): void {
    let [a, b] = [this.#a, this.#b];
    for (let i = 0; i < bytes.length; i++) {
      a = Math.imul(a ^ (bytes[i] as number), 0x01000193);
      b = Math.imul(b ^ (bytes[i] as number), 0x0100019d);
    }
    [this.#a, this.#b] = [a, b];
  }

  get hex(): string {
    return [this.#a, this.#b].map((x) => (x >>> 0).toString(16).padStart(8, "0")).join("");
  }
}
