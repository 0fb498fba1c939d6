import type { BandStats, Evaluation, ValidRule } from "../../index.ts";
import { bandFigures } from "../figures.ts";
import type { Pair } from "../Pair.ts";
import { formatNumber } from "../table.ts";
import { bars, errorHistogram, scatter } from "./charts.ts";
import { binary, diverging, sequential } from "./colours.ts";
import { escapeHtml, short } from "./html.ts";
import type { BandPreview, Preview } from "./Preview.ts";
import { picture } from "./pictures.ts";
import { quantiles, rangeOf } from "./statistics.ts";
import { style } from "./style.ts";

/** What a report shows. */
export interface Report {
  readonly pair: Pair;
  readonly evaluation: Evaluation;
  readonly preview: Preview;
  readonly version: string;
}

/** The report: one HTML file that needs no network, no script and no fonts but the reader's. */
export function reportPage({ pair, evaluation, preview, version }: Report): string {
  const { pred, target, width, height, samples, dataRange, rule } = pair;
  const sampled =
    preview.step === 1 ? "" : ` Pictures and charts show every ${preview.step}th pixel of every ${preview.step}th row.`;
  const first = samples === 1 ? "" : ` Pictures and charts show the first of ${samples} images.`;
  const title = `${nameOf(pred.path)} against ${nameOf(target.path)}`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p>Prediction <code>${escapeHtml(pred.path)}</code>, target <code>${escapeHtml(target.path)}</code>:
${pair.bands.length} ${pair.bands.length === 1 ? "band" : "bands"} of ${width}×${height} pixels${crsText(pair)}.
Valid where ${escapeHtml(ruleText(rule))}${pair.masked ? ", and where the mask allows" : ""}; data range ${dataRange}.
Errors are prediction − target, over valid pixels alone.${sampled}${first}</p>
<h2>Bands</h2>
${figureTable(evaluation)}
<div class="row small">${metricBars(evaluation)}</div>
${angleSection(preview)}
${preview.bands.map((band) => bandSection(band, preview)).join("")}
<footer>valid-pixel-loss ${escapeHtml(version)}</footer>
</body>
</html>
`;
}

function nameOf(path: string): string {
  return path.split(/[\\/]/).at(-1) as string;
}

function crsText({ target }: Pair): string {
  return target.georeference?.crs ? `, ${escapeHtml(target.georeference.crs)}` : "";
}

const signs = { min: "≥", above: ">", max: "≤", below: "<" } as const;

function ruleText(rule: ValidRule): string {
  const parts = Object.entries(signs).flatMap(([key, sign]) => {
    const bound = rule[key as keyof typeof signs];
    return bound === undefined ? [] : [`target ${sign} ${bound}`];
  });
  const nodata = [rule.nodata ?? []].flat().filter((value) => !Number.isNaN(value));
  return [...parts, ...nodata.map((value) => `target ≠ ${value}`)].join(", ") || "target is not NaN";
}

/** √(valid/total), what the band weighs in a loss. */
function weightOf({ validRatio }: BandStats): number {
  return Math.sqrt(validRatio);
}

function figureTable({ bands }: Evaluation): string {
  const cells = (values: readonly string[], tag: string) =>
    values.map((value) => `<${tag}>${escapeHtml(value)}</${tag}>`).join("");
  const rows = Object.entries(bands).map(([name, stats]) => {
    const figures = bandFigures.map(({ key }) => formatNumber(stats[key]));
    return `<tr><th>${escapeHtml(name)}</th>${cells([...figures, formatNumber(weightOf(stats))], "td")}</tr>\n`;
  });
  const headings = cells(["band", ...bandFigures.map(({ heading }) => heading), "weight √(valid/total)"], "th");
  return `<div class="scroll"><table><thead><tr>${headings}</tr></thead><tbody>\n${rows.join("")}</tbody></table></div>`;
}

function metricBars({ bands }: Evaluation): string {
  const names = Object.keys(bands);
  const stats = Object.values(bands);
  const chart = (title: string, of: (stats: BandStats) => number) => {
    const values = stats.map(of);
    return bars(
      title,
      names,
      values,
      values.map((value) => (Number.isFinite(value) ? short(value) : formatNumber(value))),
    );
  };
  const metrics = bandFigures.filter(({ key }) => key !== "validCount" && key !== "validRatio" && key !== "bias");
  return (
    metrics.map(({ key, heading }) => chart(heading, (band) => band[key])).join("") +
    chart("weight √(valid/total)", weightOf)
  );
}

function angleSection(preview: Preview): string {
  if (preview.bands.length < 2) return "";
  const angles = preview.angles();
  const [top = 0] = quantiles(angles, 0.99);
  const range = rangeOf(0, top);
  const map = picture("angle between the spectra [rad]", angles, preview.width, range, sequential, [
    "0",
    `≥ ${short(range.high)}`,
  ]);
  return `<h2>Spectral angle</h2>\n<div class="row">${map}</div>`;
}

function bandSection({ name, pred, target, error }: BandPreview, { width }: Preview): string {
  const [lowest = 0, highest = 0] = quantiles(target, 0.01, 0.99);
  const range = rangeOf(lowest, highest);
  const ends = [`≤ ${short(range.low)}`, `≥ ${short(range.high)}`] as const;
  const [largest = 0] = quantiles(error.map(Math.abs), 0.99);
  const { high } = rangeOf(0, largest);
  const errors = { low: -high, high };
  const errorEnds = [`≤ ${short(-high)}`, `≥ ${short(high)}`] as const;
  const validity = target.map((value) => (Number.isNaN(value) ? 0 : 1));
  return `<section>
<h2>${escapeHtml(name)}</h2>
<div class="row">
${picture("prediction, where the target is valid", pred, width, range, sequential, ends)}
${picture("target", target, width, range, sequential, ends)}
${picture("error, prediction − target", error, width, errors, diverging, errorEnds)}
${picture("validity", validity, width, { low: 0, high: 1 }, binary, ["missing", "valid"])}
<figure><figcaption>histogram of the error</figcaption>${errorHistogram(error, errors)}</figure>
<figure><figcaption>prediction over target, with the 1:1 line</figcaption>${scatter(target, pred, range)}</figure>
</div>
</section>
`;
}
