/** A table of approx.ts: its coefficients and their largest relative error, beside those of a fit, and the least that there is. */
export interface Comparison {
  readonly table: string;
  readonly fitted: readonly number[];
  readonly standing: readonly number[];
  readonly least: number;
  readonly fittedError: number;
  readonly standingError: number;
}

export function compare(source: string): Generator<Comparison, void, void>;
