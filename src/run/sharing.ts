// How the losses of a CombinedLoss share their way through the arrays: where two ask for passes over the same tiles, these are run tile by
// tile, one loss after the other.

import type { Counts, Outcome } from "../plan/call.ts";
import type { Request, Steps } from "./steps.ts";
import { Workspace } from "./workspace.ts";

/** A computation, and the pass that it waits for. */
interface Waiting {
  readonly term: number;
  readonly steps: Steps;
  readonly request: Request;
}

/** Runs the passes of all computations, round by round, those of a batch tile by tile. */
export function runTogether(computations: readonly Steps[]): Outcome[] {
  const outcomes: Outcome[] = [];
  const resume = (steps: Steps, term: number): Waiting[] => {
    const next = steps.next();
    if (!next.done) return [{ term, steps, request: next.value }];
    outcomes[term] = next.value;
    return [];
  };
  let waiting = computations.flatMap(resume);
  while (waiting.length > 0) {
    // Gradients are added up in the order of the terms: they wait until all that are left have come to theirs.
    const early = waiting.filter(({ request }) => !request.writes);
    const ready = early.length > 0 ? early : waiting;
    const resumed = batches(ready).flatMap((batch) => {
      const requests = needed(batch.map(({ request }) => request));
      if (requests.length > 0) Workspace.run(requests as [Request, ...Request[]]);
      return batch.flatMap(({ steps, term }) => resume(steps, term));
    });
    waiting = [...waiting.filter((each) => !ready.includes(each)), ...resumed].sort((a, b) => a.term - b.term);
  }
  return outcomes;
}

/** What has to be run of a batch: nothing that counts what is known, and no two that count the same. */
function needed(requests: readonly Request[]): Request[] {
  const first = (counts: Counts, i: number) => i === requests.findIndex((other) => other.counts === counts);
  return requests.filter(({ itself, counts }, i) => !itself && (!counts || (!counts.known && first(counts, i))));
}

/** Neighbours whose passes go through the same tiles of the same arrays, together. */
function batches(waiting: readonly Waiting[]): Waiting[][] {
  const all: Waiting[][] = [];
  for (const each of waiting) {
    const batch = all.at(-1);
    if (batch?.every(({ request }) => shareTiles(request, each.request))) batch.push(each);
    else all.push([each]);
  }
  return all;
}

function shareTiles(a: Request, b: Request): boolean {
  const [one, other] = [a.geometry, b.geometry];
  return (
    !(a.itself || b.itself || one.rows || other.rows) &&
    one.channels === other.channels &&
    one.planes === other.planes &&
    one.pixels === other.pixels &&
    // Tiles are staged once for all: what both passes read has to be the same array. A custom loss has a copy of a broadcast mask.
    a.operands.every(({ role, array }) => b.operands.every((own) => own.role !== role || own.array === array))
  );
}
