/** The golden vectors, in the API's own words: names of makers, options and settings as SPEC has them. */
import { readFileSync } from "node:fs";
import type { Shape } from "../../reference/layout.ts";
import type { Base, BaseName, Params, Problem, Settings, ValidRule } from "../../reference/losses.ts";

/** A group's figures as the index writes them. */
export interface Figures {
  readonly value: number | number[];
  readonly losses: number[];
  readonly weights: number[];
  readonly counts: number[];
  readonly totals: number[];
  /** Of the vectors with weights. */
  readonly validWeights?: number[];
  readonly totalWeights?: number[];
}

interface RawOptions {
  loss: string;
  loss_params?: Record<string, number | boolean | string>;
  group: "sample" | "channel";
  reduction: "mean" | "sum" | "none";
  weight: { rule: "sqrt" | "linear" | "none" | "pow"; p?: number };
  threshold?: number | string;
  inclusive?: boolean;
  ignore_index?: number | null;
  terms?: { coef: number; loss: string; group: "sample" | "channel"; loss_params?: RawOptions["loss_params"] }[];
}

interface RawMetricsOptions {
  data_range: number;
  threshold: number | string;
  inclusive: boolean;
  bands: string[];
}

interface RawCase {
  id: string;
  name: string;
  tags: string[];
  shape: [number, number, number, number];
  pred: string;
  target: string;
  target_dtype: "f32" | "i32";
  mask?: string;
  mask_dtype?: "u8" | "f32";
  mask_shape?: number[];
  weights?: string;
  weights_shape?: number[];
}

interface RawLossCase extends RawCase {
  kind: "loss";
  options: RawOptions;
  grad_output: number | number[];
  expected: (Figures | { value: number | number[]; terms: Figures[] }) & { grad: string | null };
}

/** Statistics of one band; null where undefined. */
export interface Stats {
  readonly count: number;
  readonly rmse: number | null;
  readonly mae: number | null;
  readonly psnr: number | "Infinity" | null;
  readonly sam: number | null;
  readonly ssim: number | null;
  readonly ssim_count: number;
}

interface RawMetricsCase extends RawCase {
  kind: "metrics";
  options: RawMetricsOptions;
  expected: {
    pooled: Record<string, Stats>;
    per_sample: Record<string, Stats>[];
    /** What `evaluate` has to give, by its own names; of the vectors with weights. */
    evaluate?: Record<string, Record<string, number | string | null>>;
    scene?: Record<string, number | string | null>;
  };
}

/** One term of a case: a single loss is one term of weight 1. */
export interface Term {
  readonly weight: number;
  readonly base: Base;
  readonly settings: Settings;
  readonly expected: Figures;
}

export interface LossCase {
  readonly title: string;
  readonly tags: readonly string[];
  readonly problem: Problem;
  readonly terms: readonly Term[];
  readonly combined: boolean;
  readonly value: number | number[];
  /** NCHW; null where only the value is specified. */
  readonly grad: Float64Array | null;
  /** Whether a 0 in `grad` is one: a pixel that is not valid, or the convention. It may be what f64 makes of e^−120 otherwise. */
  readonly exactZeros: boolean;
}

export interface MetricsCase {
  readonly title: string;
  readonly tags: readonly string[];
  readonly problem: Problem;
  readonly valid: ValidRule;
  readonly dataRange: number;
  readonly bands: readonly string[];
  readonly pooled: Readonly<Record<string, Stats>>;
  readonly perSample: readonly Readonly<Record<string, Stats>>[];
  readonly evaluated: RawMetricsCase["expected"]["evaluate"];
  readonly scene: RawMetricsCase["expected"]["scene"];
}

interface Vectors {
  readonly lossCases: readonly LossCase[];
  readonly metricsCases: readonly MetricsCase[];
}

/** A copy of an array's bytes, by its name in the index. */
type Bytes = (name: string) => ArrayBuffer;

/** The vectors of a folder of test/. */
function vectorsIn(name: string): Vectors {
  const folder = new URL(`../${name}/`, import.meta.url);
  const index = JSON.parse(readFileSync(new URL("cases.json", folder), "utf8")) as {
    cases: (RawLossCase | RawMetricsCase)[];
    arrays: Record<string, [start: number, length: number]>;
  };
  const arrays = new Uint8Array(readFileSync(new URL("arrays.bin", folder)));
  const bytes: Bytes = (name) => {
    const place = index.arrays[name];
    if (!place) throw new Error(`golden vectors: no array ${name}`);
    return arrays.slice(place[0], place[0] + place[1]).buffer;
  };
  return {
    lossCases: index.cases.flatMap((c) => (c.kind === "loss" ? [lossCase(c, bytes)] : [])),
    metricsCases: index.cases.flatMap((c) => (c.kind === "metrics" ? [metricsCase(c, bytes)] : [])),
  };
}

function problemOf(c: RawCase, bytes: Bytes): Problem {
  const Mask = c.mask_dtype === "f32" ? Float32Array : Uint8Array;
  return {
    shape: c.shape as Shape,
    pred: new Float32Array(bytes(c.pred)),
    target: c.target_dtype === "i32" ? new Int32Array(bytes(c.target)) : new Float32Array(bytes(c.target)),
    ...(c.mask && c.mask_shape ? { mask: { data: new Mask(bytes(c.mask)), shape: c.mask_shape } } : {}),
    ...(c.weights && c.weights_shape
      ? { weights: { data: new Float32Array(bytes(c.weights)), shape: c.weights_shape } }
      : {}),
  };
}

/** The index writes a few names its own way. */
const makerOf: Readonly<Record<string, BaseName>> = { logcosh: "logCosh" };
const paramOf: Readonly<Record<string, string>> = { mode: "pixels", log_input: "logInput", data_range: "dataRange" };

function baseOf(loss: string, raw: Params = {}, ignoreIndex?: number | null): Base {
  const params = Object.fromEntries(Object.entries(raw).map(([key, value]) => [paramOf[key] ?? key, value]));
  return {
    name: makerOf[loss] ?? (loss as BaseName),
    params: ignoreIndex === undefined || ignoreIndex === null ? params : { ...params, ignoreIndex },
  };
}

const ruleOf = (threshold: number | string, inclusive: boolean): ValidRule =>
  inclusive ? { min: Number(threshold) } : { above: Number(threshold) };

function settingsOf(o: RawOptions, groupBy: "sample" | "channel"): Settings {
  const weighting = o.weight.rule === "none" ? "uniform" : o.weight.rule === "pow" ? Number(o.weight.p) : o.weight.rule;
  const rule = o.threshold === undefined ? {} : { valid: ruleOf(o.threshold, o.inclusive !== false) };
  return { groupBy, weighting, reduction: o.reduction, ...rule };
}

function lossCase(c: RawLossCase, bytes: Bytes): LossCase {
  const { options: o, expected } = c;
  const terms: Term[] =
    "terms" in expected
      ? (o.terms ?? []).map((t, k) => ({
          weight: t.coef,
          base: baseOf(t.loss, t.loss_params),
          settings: settingsOf(o, t.group),
          expected: expected.terms[k] as Figures,
        }))
      : [
          {
            weight: 1,
            base: baseOf(o.loss, o.loss_params, o.ignore_index),
            settings: settingsOf(o, o.group),
            expected,
          },
        ];
  return {
    title: `${c.id} ${c.name}`,
    tags: c.tags,
    problem: { ...problemOf(c, bytes), gradOutput: c.grad_output },
    terms,
    combined: "terms" in expected,
    value: expected.value,
    grad: expected.grad ? new Float64Array(bytes(expected.grad)) : null,
    exactZeros: !c.tags.includes("extreme"),
  };
}

function metricsCase(c: RawMetricsCase, bytes: Bytes): MetricsCase {
  return {
    title: `${c.id} ${c.name}`,
    tags: c.tags,
    problem: problemOf(c, bytes),
    valid: ruleOf(c.options.threshold, c.options.inclusive),
    dataRange: c.options.data_range,
    bands: c.options.bands,
    pooled: c.expected.pooled,
    perSample: c.expected.per_sample,
    evaluated: c.expected.evaluate,
    scene: c.expected.scene,
  };
}

export const { lossCases, metricsCases } = vectorsIn("golden");

/** Those with soft masks and weights. */
export const weighted = vectorsIn("golden-weights");
