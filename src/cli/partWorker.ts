// A thread that measures the parts of an image that it is sent, one at a time.

import { parentPort } from "node:worker_threads";
import { type PixelData, tensor } from "../index.ts";
import { measurePart } from "./measurePart.ts";
import type { PartReply, PartTask } from "./PartThreads.ts";

parentPort?.on("message", ({ sample, halo, settings, ...task }: PartTask) => {
  const revived = <Data extends PixelData>({ data, shape, scale, offset }: { data: Data } & PartTask["pred"]) =>
    tensor(data, shape, { scale, offset });
  const pixels = {
    pred: revived(task.pred),
    target: revived(task.target),
    mask: task.mask && revived<Uint8Array | Float32Array>(task.mask),
    weights: task.weights && revived(task.weights),
    missing: task.missing && revived(task.missing),
  };
  const { metrics, tally } = measurePart({ pixels, halo }, sample, settings);
  parentPort?.postMessage({ metrics: metrics.toJSON(), tally } satisfies PartReply);
});
