// What stored numbers stand for: scale · v + offset, from the tags of each file and the options.

import type { Calibration } from "../../index.ts";

export type SideName = "pred" | "target";

/** What is known of a file of the pair. */
export interface StoredFacts {
  readonly isFloat: boolean;
  /** By band: the tags of the file, 1 and 0 where there are none. */
  readonly tags: readonly Required<Calibration>[];
}

export interface CalibrationOptions {
  /** Of both files. */
  readonly scale?: number;
  readonly offset?: number;
  readonly predScale?: number;
  readonly predOffset?: number;
  readonly targetScale?: number;
  readonly targetOffset?: number;
  /** Numbers are taken as they are stored, whatever the tags say. */
  readonly raw?: boolean;
}

export const IDENTITY: Required<Calibration> = { scale: 1, offset: 0 };

export const isIdentity = ({ scale, offset }: Required<Calibration>): boolean => scale === 1 && offset === 0;

/**
 * Scale and offset of each band. What is given for a file replaces its tags one by one. What is given for both reaches floats only if
 * both files hold floats: beside digital numbers, floats are in the units of the images already.
 */
export function calibrationsOf(
  side: SideName,
  facts: Record<SideName, StoredFacts>,
  options: CalibrationOptions,
): Required<Calibration>[] {
  const { tags } = facts[side];
  if (options.raw) return tags.map(() => IDENTITY);
  const forBoth = sharedReach(facts)[side] ? options : {};
  const scale = options[`${side}Scale`] ?? forBoth.scale;
  const offset = options[`${side}Offset`] ?? forBoth.offset;
  return tags.map((tag) => ({ scale: scale ?? tag.scale, offset: offset ?? tag.offset }));
}

/** Whether --scale and --offset reach a file. */
export function sharedReach({ pred, target }: Record<SideName, StoredFacts>): Record<SideName, boolean> {
  const isMixed = pred.isFloat !== target.isFloat;
  return { pred: !(isMixed && pred.isFloat), target: !(isMixed && target.isFloat) };
}

/** "0.0001·v − 0.1", "v" as stored, or that the bands differ. */
export function calibrationText(calibrations: readonly Required<Calibration>[]): string {
  const [first = IDENTITY, ...rest] = calibrations;
  if (rest.some(({ scale, offset }) => scale !== first.scale || offset !== first.offset))
    return "by the tags of each band";
  const scaled = first.scale === 1 ? "v" : `${first.scale}·v`;
  if (first.offset === 0) return scaled;
  return `${scaled} ${first.offset < 0 ? "−" : "+"} ${Math.abs(first.offset)}`;
}
