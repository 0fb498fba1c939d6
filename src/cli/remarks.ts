// What a reader of the figures should know and the figures do not show.

import { askForDataRange } from "./decide/dataRange.ts";
import type { Measured } from "./measure.ts";
import { type Tally, totalOf } from "./pair/tally.ts";

/** A warning may change what the figures mean; a note says what was chosen. */
export interface Remark {
  readonly kind: "warning" | "note";
  readonly text: string;
}

const warning = (text: string): Remark => ({ kind: "warning", text });

/** Root mean squares that differ by more than this are of other units, most likely. */
const suspicious = 20;

/**
 * Of a pair that has been measured, but for its data range; see `rangeRemark`.
 *
 * @param hasLabels whether the target holds class labels, whose numbers are no quantities
 */
export function remarksOn({ pair, tally, found }: Omit<Measured, "metrics">, hasLabels = false): Remark[] {
  const { job, bands, predNodata } = pair;
  const remarks: Remark[] = pair.notes.map((text) => ({ kind: "note", text }));
  if (pair.rule.isDefault && found.negatives > 0) {
    remarks.push(
      warning(
        `${job.target}: ${found.negatives} ${found.negatives === 1 ? "value" : "values"} below 0 left out, since nothing says ` +
          "what is missing (target ≥ 0; --min -inf counts them)",
      ),
    );
  }
  const { valid, missing } = totalOf(tally);
  if (missing > 0) {
    const share = Number(((100 * missing) / valid).toPrecision(3));
    const become = predNodata === "count" ? "counted as stored" : "left out";
    const text = `${missing} of the target's ${valid} valid values (${share} %) are nodata or NaN there, and ${become}`;
    remarks.push(warning(`${job.pred}: ${text} (--pred-nodata)`));
  }
  const apart = hasLabels ? [] : bandsApart(bands, tally);
  if (apart.length > 0) {
    remarks.push(
      warning(
        `${job.pred} and ${job.target}: root mean squares differ by a factor of more than ${suspicious}: ${apart.join(", ")}: ` +
          "other units? (--pred-scale, --target-scale)",
      ),
    );
  }
  for (const mask of pair.masks) {
    const doubt = mask.doubt();
    if (doubt !== null) remarks.push(warning(doubt));
  }
  return remarks;
}

/** Asks for a data range that is not known. */
export function rangeRemark(tally: Tally): Remark {
  return warning(askForDataRange(totalOf(tally).targetExtent));
}

function bandsApart(bands: readonly string[], tally: Tally): string[] {
  return tally.flatMap(({ valid, missing, predSquares, targetSquares }, b) => {
    const [pred, target] = [predSquares, targetSquares].map((sum) => Math.sqrt(sum / (valid - missing))) as [
      number,
      number,
    ];
    const isApart = pred > suspicious * target || target > suspicious * pred;
    return isApart ? [`${bands[b]} ${short(pred)} against ${short(target)}`] : [];
  });
}

const short = (value: number) => String(Number(value.toPrecision(3)));
