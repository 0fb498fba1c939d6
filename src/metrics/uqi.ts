import type { Prepared } from "../arrays.ts";
import { Workspace } from "../workspace.ts";
import type { Mean } from "./figures.ts";
import type { Sides } from "./halo.ts";
import { Strips } from "./strips.ts";

/** A window belongs to the pixel that stands this far from its first row and column: a halo of 5 holds it whole. */
const ANCHOR = 3;

/** Side of a window. */
const SIDE = 8;

/**
 * ΣQ and the number of windows that count, of each plane (b * C + c): of the windows that belong to the core of an image, if it is
 * itself a window with a halo. For Q see `SceneStats`.
 */
export function uqiSums(prepared: Prepared, { left, right, top, bottom }: Sides): Mean[] {
  const { kernels, size } = prepared;
  const { samples, channels, height, width } = size;
  const planes = Array.from({ length: samples * channels }, () => new Float64Array(2));
  const range = (length: number, before: number, after: number) => ({
    first: Math.max(0, before - ANCHOR),
    last: Math.min(length - SIDE, length - after - 1 - ANCHOR) + 1,
  });
  const rows = range(height, top, bottom);
  const columns = range(width, left, right);
  if (rows.first < rows.last && columns.first < columns.last) {
    Workspace.use(kernels, (workspace) => {
      const { exports } = kernels;
      const scratch = workspace.area("uqi scratch", exports.uqiScratchBytes());
      const room = workspace.area("uqi sums", 2 * 8);
      const strips = new Strips(workspace, prepared);
      const around = { ...rows, below: SIDE - 1 };
      strips.each(around, ({ sample, channel, channels: together, rows: count, pred, target, stride }) => {
        for (let k = 0; k < together; k++) {
          const own = planes[sample * channels + channel + k] as Float64Array;
          kernels.f64.set(own, room / 8);
          const [p, t] = [pred + k * stride, target + k * stride];
          exports.uqi(p, t, width, count, columns.first, columns.last, scratch, room);
          own.set(kernels.f64.subarray(room / 8, room / 8 + 2));
        }
      });
    });
  }
  return planes.map(([sum, count]) => ({ sum, count }) as Mean);
}
