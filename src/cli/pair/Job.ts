import type { MaskRequest } from "./MaskFile.ts";

/** A prediction and a target to be compared, by their paths, and the masks that go with them. */
export interface Job {
  readonly pred: string;
  readonly target: string;
  readonly masks: readonly MaskRequest[];
  /** What results call the pair. */
  readonly name?: string;
  /** Further columns of the list that the pair comes from. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What tells a pair from others. */
export function keyOf({ pred, target, masks }: Job): string {
  return JSON.stringify([pred, target, masks]);
}

/** What a pair is called: by its list, or by its prediction. */
export const nameOf = ({ name, pred }: Job): string => name ?? pred;
