// What a computation is made of: passes of the kernels, of which it asks for one after the other.

import type { Counts, Outcome } from "../plan/call.ts";
import type { Step } from "./workspace.ts";

/** A pass that a computation waits for. */
export interface Request extends Step {
  /** Whether it writes a gradient; such a step waits for those of the terms before. */
  readonly writes: boolean;
  /** Whether the computation runs it itself, when it is resumed. */
  readonly itself: boolean;
  /** What it counts; one that counts the same need not be run. */
  readonly counts: Counts | undefined;
}

/** A loss is a generator of the passes that it needs, and resumes when its pass has been run. */
export type Steps = Generator<Request, Outcome, void>;
