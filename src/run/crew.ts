// The threads that passes are dealt out to. `setThreads` puts them here, so that a program that never calls it carries nothing of
// what they take.

import type { Kernels } from "../memory/kernels.ts";

export interface Crew {
  /** Threads that `run` needs scratch for, the calling one among them. */
  readonly count: number;
  /** Whether they share the memory of these kernels, and there are any but the calling one. */
  serves(kernels: Kernels): boolean;
  /**
   * Runs the passes of a job and those after it over units [first, last). A thread takes `chunk` of them at a time, or one of
   * `shares` parts of those that are left where that is more; its scratch stands behind that of the one before.
   */
  run(
    job: number,
    scratch: number,
    scratchBytes: number,
    first: number,
    last: number,
    chunk: number,
    shares: number,
  ): void;
}

/** Thrown where results are incomplete and a worker may still be writing for a moment: its workspace is not used again. */
export class LostWorker extends Error {}

let crew: Crew | undefined;

/** Has passes dealt out to these threads, or to none but the calling one. */
export function setCrew(next: Crew | undefined): void {
  crew = next;
}

/** The threads that share the memory of these kernels; `undefined` where there is only the calling one. */
export function crewFor(kernels: Kernels): Crew | undefined {
  return crew?.serves(kernels) ? crew : undefined;
}
