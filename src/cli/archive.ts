import { BandMetrics } from "../index.ts";
import { DataError } from "./errors.ts";
import type { Archive, Outcome } from "./evaluationText.ts";
import type { Job } from "./measure.ts";
import type { PairState } from "./StateFile.ts";

/** What tells a pair from others. */
export function keyOf({ pred, target }: Job): string {
  return JSON.stringify([pred, target]);
}

/**
 * The figures of each pair and of all together, which are pooled: not a mean of means. Pairs are taken in the order given, so that it
 * does not matter in which they were done. A pair that does not go with those before (other bands, another rule) counts as broken.
 *
 * @throws DataError where no pair could be evaluated
 */
export function archiveOf(pairs: readonly PairState[]): Archive {
  let total: BandMetrics | undefined;
  const outcomes = pairs.map((pair): Outcome => {
    const { pred, target } = pair;
    if ("error" in pair) return { pred, target, error: pair.error };
    try {
      if (total) total.merge(pair.metrics);
      else total = BandMetrics.fromJSON(pair.metrics.toJSON());
    } catch (error) {
      return {
        pred,
        target,
        error: `${pred} and ${target}: do not go with the pairs before: ${(error as Error).message}`,
      };
    }
    return { pred, target, evaluation: pair.metrics.compute() };
  });
  if (!total) {
    const [first] = outcomes.flatMap((pair) => ("error" in pair ? pair.error : []));
    throw new DataError(`none of ${pairs.length} pairs could be evaluated: ${first}`);
  }
  return { pairs: outcomes, total: total.compute() };
}
