/** A host of the flat functions: lays a call out as docs/valid_pixel_loss.h says, whose fields it reads from that file. */
import { readFileSync } from "node:fs";
import { Loss, Reduction } from "../../src/memory/kernelApi.ts";
import type { Base, Problem, Settings } from "../../reference/losses.ts";
import { compileRule, DEFAULT_RULE } from "../../src/plan/rule.ts";
import { make } from "./api.ts";

const header = readFileSync(new URL("../../docs/valid_pixel_loss.h", import.meta.url), "utf8");
const sizes = { double: 8, float: 4, uint32_t: 4 } as const;

/** Where each field of vpl_call lies, and its type. */
export const fields = new Map<string, { at: number; type: keyof typeof sizes }>();
export let callBytes = 0;
const [, body = ""] = header.match(/typedef struct \{(.*?)\} vpl_call;/s) ?? [];
for (const [, type, names] of body.replace(/\/\*.*?\*\//gs, "").matchAll(/(double|float|uint32_t) ([^;]+);/g)) {
  for (const name of (names as string).split(",")) {
    fields.set(name.trim(), { at: callBytes, type: type as keyof typeof sizes });
    callBytes += sizes[type as keyof typeof sizes];
  }
}

/** The names of an enum of the header, in order. */
export const enumOf = (name: string): string[] =>
  [...header.matchAll(/typedef enum \{([^}]*)\} (\w+);/g)]
    .filter(([, , found]) => found === name)
    .flatMap(([, list]) => (list as string).replace(/\/\*.*?\*\//gs, "").split(","))
    .map((entry) => entry.trim());

/** A call laid out in memory: its bytes from `start` on, and where the host finds what. */
export interface LaidOut {
  readonly start: number;
  readonly image: Uint8Array;
  readonly call: number;
  readonly work: number;
  readonly grad: number;
  readonly groups: number;
  /** Addresses of a number per group each. */
  readonly of: Record<"losses" | "weights" | "counts" | "values", number>;
}

const groupBys = ["sample", "channel", "batch", "band"];
const types = new Map<unknown, number>([
  [Float32Array, 0],
  [Uint8Array, 1],
  [Int32Array, 4],
]);
const powers: Record<string, number> = { sqrt: 0.5, linear: 1, uniform: 0 };

/** Lays a problem out from `start` on; `bytes` are those that a call takes. */
export function layOut(base: Base, problem: Problem, settings: Settings, start: number, bytes: number): LaidOut {
  const { shape, pred, target, mask, weights, gradOutput = 1, normalizer = Number.NaN } = problem;
  const [samples, channels, height, width] = shape;
  const { groupBy = "sample", reduction = "mean", weighting = "sqrt" } = settings;
  const groups = { sample: samples, channel: samples * channels, batch: 1, band: channels }[groupBy as "sample"];
  const { kernel, scale, a, b, ignoreIndex } = make(base);
  const rule = settings.valid ? compileRule("valid", settings.valid) : DEFAULT_RULE;
  const nodata = Float32Array.from(ignoreIndex === undefined ? rule.nodata : [ignoreIndex]);
  const upstreams = Float64Array.from(typeof gradOutput === "number" ? [] : gradOutput);

  const pieces: { at: number; bytes: Uint8Array }[] = [];
  let end = (start + 15) & ~15;
  const room = (length: number): number => {
    const at = end;
    end = (end + length + 15) & ~15;
    return at;
  };
  const put = (array: ArrayBufferView | undefined): number => {
    if (!array || array.byteLength === 0) return 0;
    const at = room(array.byteLength);
    pieces.push({ at, bytes: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) });
    return at;
  };
  const call = room(bytes);
  const grad = room(pred.length * 4);
  const of = {
    losses: room(groups * 8),
    weights: room(groups * 8),
    counts: room(groups * 8),
    values: room(groups * 8),
  };
  const values: Record<string, number> = {
    scale,
    a,
    b,
    power: typeof weighting === "number" ? weighting : (powers[weighting] as number),
    normalizer,
    upstream: typeof gradOutput === "number" ? gradOutput : Number.NaN,
    min: rule.min,
    max: rule.max,
    loss: Loss[kernel],
    reduction: Reduction[({ mean: "Mean", sum: "Sum", none: "None" } as const)[reduction]],
    group_by: groupBys.indexOf(groupBy),
    samples,
    channels,
    height,
    width,
    nodata: put(nodata),
    nodata_count: nodata.length,
    pred: put(pred),
    target: put(target),
    target_type: types.get(target.constructor) as number,
    mask: put(mask?.data),
    mask_type: mask ? (types.get(mask.data.constructor) as number) : 0,
    pixel_weights: put(weights?.data),
    grad,
    upstreams: put(upstreams),
    group_losses: of.losses,
    group_weights: of.weights,
    group_counts: of.counts,
    values: of.values,
  };
  const image = new Uint8Array(end - start);
  for (const { at, bytes } of pieces) image.set(bytes, at - start);
  const view = new DataView(image.buffer, call - start);
  for (const [name, value] of Object.entries(values)) {
    const { at, type } = fields.get(name) as { at: number; type: keyof typeof sizes };
    if (type === "double") view.setFloat64(at, value, true);
    else if (type === "float") view.setFloat32(at, value, true);
    else view.setUint32(at, value, true);
  }
  return { start, image, call, work: end, grad, groups, of };
}
