// How the kernels read the pixels of a call, and which number is the least that counts: settled once, from types, calibrations and the rule.

import type { Call, Operand } from "./call.ts";

export const isFloat = ({ array }: Operand) => array instanceof Float32Array;
export const isUint16 = ({ array }: Operand) => array instanceof Uint16Array;

export const isCalibrated = ({ scale, offset }: Operand) => scale !== 1 || offset !== 0;

/** Scales that leave room for a difference in float32. */
const LEAST_SCALE = 1e-30;
const GREATEST_SCALE = 1e30;

/** Whether pred and target are digital numbers of one calibration: tiles hold these, and kernels compute from what they stand for. */
export function areDigitalNumbers({ loss, pred, target }: Call): boolean {
  const size = Math.abs(pred.scale);
  const alike =
    pred.scale === target.scale && pred.offset === target.offset && size >= LEAST_SCALE && size <= GREATEST_SCALE;
  // Pixels that "zero" puts in place of invalid ones are values.
  const putsZeros = loss.kind === "window" && loss.b === 2;
  return alike && !isFloat(pred) && loss.kind !== "labels" && !putsZeros;
}

/**
 * The rule in its simplest form, a least number alone, where it comes to that: for uint16 `nodata: 0` is `min: 1`.
 */
export function leastOf({ rule, target }: Call): number | undefined {
  const bounded = !(rule.max >= (target.array instanceof Uint16Array ? GREATEST : Number.POSITIVE_INFINITY));
  if (bounded || Number.isNaN(rule.min)) return undefined;
  if (!(target.array instanceof Uint16Array)) return rule.nodata.length === 0 ? rule.min : undefined;
  let least = Math.max(0, Math.ceil(rule.min));
  for (const value of [...rule.nodata].sort((a, b) => a - b)) {
    if (value === least) least++;
    else if (Number.isInteger(value) && value > least && value <= GREATEST) return undefined;
  }
  return least;
}

/** Greatest uint16. */
const GREATEST = 65535;
