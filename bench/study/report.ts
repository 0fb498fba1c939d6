// The report: docs/study.md, written from the results alone, and its plots.

import * as Plot from "@observablehq/plot";
import { plot, writeText } from "../../examples/figures.ts";
import { claims, column, estimateOf, holds, type Results } from "./claims.ts";
import { optimizers, rateWeightings, sets, unequal, weightingsOf } from "./cells.ts";
import { type Regime, regimes } from "./data.ts";
import { traits, traitWeightings } from "./gradients.ts";
import { change, type Estimate } from "./statistics.ts";
import { errors, mean } from "./trial.ts";

const regimeNames: Record<Regime, string> = {
  even: "even: 35 % everywhere",
  skewed: "skewed: 2 to 100 %",
  extreme: "extreme: a third full, the rest 2.5 %",
  "hard-hidden": "hard hidden: what is hard is skewed to few",
};

const shortName = (regime: Regime): string => regimeNames[regime].split(":")[0];

const setColours = ["#0969da", "#e16f24"];
const powers = ["0", "0.25", "0.5", "0.75", "1"] as const;

/** Writes the page and the plots into a folder, of what cells there are. */
export function writeReport(results: Results, folder: string): void {
  const parts = [
    "# The study: tables",
    "Written by `npm run study -- --report` from `bench/study/results.json`; what it means is said in [training.md](training.md). Changes are " +
      "geometric means over seeds of paired ratios, with 95 % bootstrap intervals in brackets; sets 1 and 2 are different seeds.",
    "## What is claimed, and whether it holds",
    claimTable(results),
    "## Error on complete, unseen patches, against that of pixel weighting (power 1)",
    ...errorTables(results),
    "![Changes by weighting](study/errors.svg)",
    "## Without the division by Σ w",
    "Error after training with Σ w·L against that with Σ w·L / Σ w, both with w = √r.",
    undividedTable(results),
    "## Gradients of batches",
    ...traits.map((trait, t) => traitTable(results, trait, t)),
    "![Gradients by weighting](study/gradients.svg)",
    "## The largest learning rate of gradient descent that still converges",
    rateTable(results),
  ];
  writeText(`${folder}/study.md`, `${parts.join("\n\n")}\n`);
  writeText(`${folder}/study/errors.svg`, errorPlot(results));
  writeText(`${folder}/study/gradients.svg`, gradientPlot(results));
}

const claimTable = (results: Results): string =>
  table(
    ["claim", ...sets.flatMap((set) => [`set ${set}`, "holds"])],
    claims.map((claim) => [
      claim.text,
      ...sets.flatMap((set) => {
        const estimate = estimateOf(claim, results, set);
        return estimate ? [show(estimate), holds(estimate, claim) ? "yes" : "**no**"] : ["missing", ""];
      }),
    ]),
  );

/** The sets of seeds for which all of these cells are there; `#` stands for the set. */
const setsWith = (results: Results, ...keys: string[]): number[] =>
  sets.filter((set) => keys.every((key) => key.replace("#", String(set)) in results));

/** How each of the errors changes from the second cell to the first. */
const changes = (results: Results, key: string, other: string): string[] =>
  errors.map((_, e) => show(change(column(results, key, e), column(results, other, e))));

function errorTables(results: Results): string[] {
  const courses = regimes.flatMap((regime) => optimizers.map((optimizer) => ({ regime, optimizer })));
  return courses
    .filter(({ regime, optimizer }) => weightingsOf(regime, optimizer).length > 0)
    .map(({ regime, optimizer }) => {
      const rows = weightingsOf(regime, optimizer).flatMap((weighting) =>
        setsWith(results, `training/#/${regime}/${optimizer}/${weighting}`, `training/#/${regime}/${optimizer}/1`).map(
          (set) => {
            const key = `training/${set}/${regime}/${optimizer}/`;
            const own = errors.map((_, e) => `${(1e6 * geometricMean(column(results, `${key}1`, e))).toFixed(0)}e-6`);
            return [weighting, set, ...(weighting === "1" ? own : changes(results, key + weighting, `${key}1`))];
          },
        ),
      );
      return `### ${regimeNames[regime]}; ${optimizer}\n\n${table(["weighting", "set", ...errors], rows)}`;
    });
}

function undividedTable(results: Results): string {
  const rows = optimizers.flatMap((optimizer) =>
    unequal.flatMap((regime) => {
      const cell = `#/${regime}/${optimizer}/0.5`;
      return setsWith(results, `undivided/${cell}`, `training/${cell}`).map((set) => {
        const own = cell.replace("#", String(set));
        return [optimizer, regime, set, ...changes(results, `undivided/${own}`, `training/${own}`)];
      });
    }),
  );
  return table(["optimizer", "ratios", "set", ...errors], rows);
}

function traitTable(results: Results, trait: string, t: number): string {
  const rows = regimes.flatMap((regime) =>
    setsWith(results, `gradients/#/${regime}`).map((set) => [
      regime,
      set,
      ...traitWeightings.map((_, w) => traitOf(results, set, regime, w, t).toFixed(3)),
    ]),
  );
  return `### ${trait}\n\n${table(["ratios", "set", ...traitWeightings], rows)}`;
}

/** The mean over the seeds. */
const traitOf = (results: Results, set: number, regime: Regime, weighting: number, trait: number): number =>
  mean(column(results, `gradients/${set}/${regime}`, weighting * traits.length + trait) as number[]);

function rateTable(results: Results): string {
  const rows = rateWeightings.flatMap((weighting) => {
    const [divided, undivided] = (["mean", "sum"] as const).map(
      (reduction) => `rates/#/extreme/${weighting}/${reduction}`,
    );
    return setsWith(results, divided, undivided).map((set) => {
      const [own, other] = [divided, undivided].map((key) => column(results, key.replace("#", String(set)), 0));
      return [weighting, set, geometricMean(own).toFixed(1), geometricMean(other).toFixed(1), show(change(other, own))];
    });
  });
  return table(["weighting", "set", "divided by Σ w", "not divided, rate over the mean of Σ w", "change"], rows);
}

interface Point extends Estimate {
  readonly regime: string;
  readonly error: string;
  readonly weighting: string;
  readonly set: number;
}

const shownErrors = ["overall", "quartile 1", "quartile 4", "worst decile"] as const;
const errorNames = ["all patches", "quarter with the least valid", "quarter with the most valid", "worst tenth"];

function errorPlot(results: Results): string {
  const shown = regimes.filter((regime) => regime !== "even");
  const points: Point[] = shown.flatMap((regime) =>
    weightingsOf(regime, "sgd")
      .filter((weighting) => weighting !== "pooled" && weighting !== "1")
      .flatMap((weighting) => {
        const key = `training/#/${regime}/sgd/`;
        return setsWith(results, key + weighting, `${key}1`).flatMap((set) =>
          shownErrors.map((error, e) => {
            const [own, pixels] = [weighting, "1"].map((name) =>
              column(results, key.replace("#", String(set)) + name, errors.indexOf(error)),
            );
            return { ...change(own, pixels), regime: shortName(regime), error: errorNames[e], weighting, set };
          }),
        );
      }),
  );
  const shifted = (set: number) => (set === 1 ? -4 : 4);
  return plot("Error against that of pixel weighting (power 1), in percent; seeds 1–10 blue, 101–110 orange", {
    width: 900,
    height: 620,
    marginLeft: 110,
    marginRight: 190,
    marginTop: 56,
    x: { label: null, grid: true },
    y: { label: null, domain: ["0", "0.25", "0.5", "0.75", "random effects"] },
    fx: { label: null, domain: shown.map(shortName) },
    fy: { label: null, domain: errorNames },
    marks: [
      Plot.ruleX([0], { stroke: "#59636e" }),
      ...sets.flatMap((set) => {
        const own = points.filter((point) => point.set === set);
        const shared = { y: "weighting", fx: "regime", fy: "error", stroke: setColours[set - 1], dy: shifted(set) };
        return [
          Plot.ruleY(own, { ...shared, x1: "low", x2: "high", strokeWidth: 1.5 }),
          Plot.dot(own, { ...shared, x: "mean", fill: setColours[set - 1], r: 3 }),
        ];
      }),
    ],
  });
}

function gradientPlot(results: Results): string {
  const points = regimes.flatMap((regime) =>
    setsWith(results, `gradients/#/${regime}`).flatMap((set) =>
      traits.flatMap((trait, t) =>
        powers.map((power) => ({
          regime: shortName(regime),
          set,
          trait,
          power: Number(power),
          value: traitOf(results, set, regime, traitWeightings.indexOf(power), t),
        })),
      ),
    ),
  );
  return plot("Gradients of batches of 8, by the power of r that weighs a patch; seeds 1–10 blue, 101–110 orange", {
    width: 900,
    height: 620,
    marginTop: 56,
    marginLeft: 50,
    marginRight: 270,
    inset: 8,
    x: { label: "power", ticks: [0, 0.5, 1], tickFormat: String },
    y: { label: null, grid: true, ticks: 4 },
    fx: { label: null, domain: regimes.map(shortName) },
    fy: { label: null, domain: [...traits] },
    marks: sets.flatMap((set) => {
      const own = points.filter((point) => point.set === set);
      const shared = { x: "power", y: "value", fx: "regime", fy: "trait", stroke: setColours[set - 1] };
      return [Plot.line(own, shared), Plot.dot(own, { ...shared, fill: setColours[set - 1], r: 2.5 })];
    }),
  });
}

const geometricMean = (values: readonly (number | null)[]): number =>
  Math.exp(mean(values.filter((value) => value !== null).map(Math.log)));

function show({ mean, low, high, count }: Estimate): string {
  const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
  return `${signed(mean)} % [${signed(low)}, ${signed(high)}]${count < 10 ? ` of ${count}` : ""}`;
}

const table = (header: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  rows.length === 0
    ? "Not computed yet."
    : [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
