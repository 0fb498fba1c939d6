import type { Evaluation } from "../../src/index.ts";
import { valueError } from "../support/compare.ts";

type Figures = object;

/** What is wrong with figures by name, or "": each within `tolerance` relative, or of `floor`, the size that rounding has near 0. */
export function figuresError(got: Figures, want: Figures, tolerance: number, floor = 0): string {
  const [g, w] = [new Map(Object.entries(got)), new Map(Object.entries(want))];
  if ([...g.keys()].sort().join() !== [...w.keys()].sort().join()) return `got ${[...g.keys()]}, want ${[...w.keys()]}`;
  for (const [name, expected] of w) {
    const actual: unknown = g.get(name);
    if (typeof expected === "object") {
      const error = figuresError(actual as Figures, expected as Figures, tolerance, floor);
      if (error) return `${name}: ${error}`;
    } else if (Math.abs((actual as number) - expected) > floor || !Number.isFinite(expected)) {
      const error = valueError(actual as number, expected, tolerance);
      if (error) return `${name}: ${error}`;
    }
  }
  return "";
}

/** What is wrong with an evaluation against the plain reference, or "". The spectral angle is float32 at heart: SPEC's 1e-6 holds. */
export function evaluationError(got: Evaluation, want: { bands: Figures; scene: Figures & { sam: number } }): string {
  const { sam, ...scene } = want.scene;
  const { sam: angle, ...others } = got.scene;
  return (
    figuresError({ bands: got.bands, scene: others }, { bands: want.bands, scene }, 1e-9, 1e-12) ||
    figuresError({ sam: angle }, { sam }, 1e-6)
  );
}
