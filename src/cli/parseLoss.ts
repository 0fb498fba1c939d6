// The loss as it is written on the command line: a sum of base losses, each with a weight in front and parameters behind.

import type { BaseLoss } from "../index.ts";
import * as losses from "../losses/index.ts";
import { checkingUsage, UsageError } from "./errors.ts";

const makers = { ...losses } as unknown as Record<string, (parameters: object) => BaseLoss>;

export const lossNames: readonly string[] = Object.keys(makers);

/** A summand: `weight * loss`, and its text without the weight. */
export interface LossTerm {
  readonly text: string;
  readonly weight: number;
  readonly name: string;
  /** Whether it has a meaning only by a data range, and is not given its own. */
  readonly needsDataRange: boolean;
  /** `dataRange` is that of losses that need one and are not given their own. */
  make(dataRange: number): BaseLoss;
}

const term = /\s*(?:([\d.]+(?:e[+-]?\d+)?)\s*\*\s*)?([a-z]\w*)\s*(?:\(([^()]*)\)\s*)?(\+|$)/iy;

/**
 * `"mse"`, `"0.5*sam + 0.5*mse"`, `"huber(delta=0.5) + 0.1*sam(pixels=any)"`.
 *
 * @throws UsageError for a text that is no such sum, and for losses and parameters that do not exist
 */
export function parseLoss(text: string): LossTerm[] {
  const terms: LossTerm[] = [];
  term.lastIndex = 0;
  for (let more = true; more; ) {
    const start = term.lastIndex;
    const match = term.exec(text);
    if (!match) {
      throw new UsageError(
        `--loss: expected a sum such as "0.5*sam+0.5*mse", got "${text}" (at "${text.slice(start)}")`,
      );
    }
    const [, weight = "1", name = "", parameters, plus] = match;
    const given = parseParameters(parameters ?? "");
    terms.push({
      text: parameters === undefined ? name : `${name}(${parameters})`,
      weight: Number(weight),
      name,
      needsDataRange: name === "ssim" && !("dataRange" in given),
      make: (dataRange) => makeLoss(name, name === "ssim" ? { dataRange, ...given } : given),
    });
    more = plus === "+";
  }
  return terms;
}

function parseParameters(text: string): Record<string, unknown> {
  if (text.trim() === "") return {};
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [key = "", value, ...rest] = pair.split("=").map((word) => word.trim());
      if (key === "" || value === undefined || rest.length > 0) {
        throw new UsageError(`--loss: expected parameters such as "delta=0.5", got "${pair}"`);
      }
      return [key, parseValue(value)];
    }),
  );
}

function parseValue(word: string): unknown {
  if (word === "true" || word === "false") return word === "true";
  return word === "" || Number.isNaN(Number(word)) ? word : Number(word);
}

function makeLoss(name: string, parameters: Record<string, unknown>): BaseLoss {
  const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (!make) throw new UsageError(`--loss: expected one of ${lossNames.join(", ")}, got "${name}"`);
  return checkingUsage(() => make(parameters));
}
