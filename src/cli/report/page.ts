import type { Evaluation, ValidRule } from "../../index.ts";
import type { Archive } from "../evaluationText.ts";
import { bandFigures, type Figure, sceneFigures } from "../figures.ts";
import type { Pair } from "../Pair.ts";
import { formatNumber } from "../table.ts";
import { version } from "../version.ts";
import { bars, errorHistogram, scatter } from "./charts.ts";
import { binary, diverging, sequential } from "./colours.ts";
import { escapeHtml, short } from "./html.ts";
import type { BandPreview, Preview } from "./Preview.ts";
import { picture } from "./pictures.ts";
import { quantiles, rangeOf } from "./statistics.ts";
import { style } from "./style.ts";

/** The report of a pair: one HTML file that needs no network, no script and no fonts but the reader's. */
export function pairPage(pair: Pair, { bands, scene }: Evaluation, preview: Preview): string {
  const { pred, target, width, height, samples, dataRange, rule } = pair;
  const sampled =
    preview.step === 1 ? "" : ` Pictures and charts show every ${preview.step}th pixel of every ${preview.step}th row.`;
  const first = samples === 1 ? "" : ` Pictures and charts show the first of ${samples} images.`;
  return page(
    `${nameOf(pred.path)} against ${nameOf(target.path)}`,
    `<p>Prediction <code>${escapeHtml(pred.path)}</code>, target <code>${escapeHtml(target.path)}</code>:
${pair.bands.length} ${pair.bands.length === 1 ? "band" : "bands"} of ${width}×${height} pixels${crsText(pair)}.
Valid where ${escapeHtml(ruleText(rule))}${pair.masked ? ", and where the mask allows" : ""}; data range ${dataRange}.
Errors are prediction − target, over valid pixels alone.${sampled}${first}</p>
${bandSummary(bands)}
<h2>Scene</h2>
${table("scene", sceneFigures, [["all bands", scene]])}
${angleSection(preview)}
${preview.bands.map((band) => bandSection(band, preview)).join("")}`,
  );
}

/** The report of many pairs: the figures of each, and of all together. */
export function archivePage({ pairs, total }: Archive): string {
  const read = pairs.flatMap((pair) => ("evaluation" in pair ? [pair] : []));
  const broken = pairs.flatMap((pair) => ("error" in pair ? pair.error : []));
  const failures = broken.map((error) => `<li>${escapeHtml(error)}</li>`).join("\n");
  return page(
    `${pairs.length} pairs`,
    `<p>Figures of all together are pooled over pixels; sam and ssim are means over images.</p>
${bandSummary(total.bands)}
<h2>All together</h2>
${table("scene", sceneFigures, [["all bands", total.scene]])}
<h2>Pairs</h2>
${table(
  "pair",
  sceneFigures,
  read.map(({ pred, evaluation }) => [nameOf(pred), evaluation.scene] as const),
)}
${broken.length === 0 ? "" : `<h2>Could not be evaluated</h2>\n<ul>${failures}</ul>`}`,
  );
}

function page(title: string, body: string): string {
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
${body}
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

/** Rows of figures under their headings. */
function table<Key extends string>(
  first: string,
  figures: readonly Figure<Key>[],
  rows: readonly (readonly [string, Readonly<Record<Key, number>>])[],
): string {
  const cells = (values: readonly string[], tag: string) =>
    values.map((value) => `<${tag}>${escapeHtml(value)}</${tag}>`).join("");
  const lines = rows.map(([name, stats]) => {
    return `<tr><th>${escapeHtml(name)}</th>${cells(
      figures.map(({ key }) => formatNumber(stats[key])),
      "td",
    )}</tr>\n`;
  });
  const headings = cells([first, ...figures.map(({ heading }) => heading)], "th");
  return `<div class="scroll"><table><thead><tr>${headings}</tr></thead><tbody>\n${lines.join("")}</tbody></table></div>`;
}

const withWeight = [...bandFigures, { key: "weight", heading: "weight √(valid/total)" }] as const;
const drawn = ["psnr", "rmse", "ssim", "sam", "r2", "weight"];

/** The figures of the bands, and what each weighs in a loss, as a table and as bars. */
function bandSummary(bands: Evaluation["bands"]): string {
  const rows = Object.entries(bands).map(
    ([name, stats]) => [name, { ...stats, weight: Math.sqrt(stats.validRatio) }] as const,
  );
  const charts = withWeight
    .filter(({ key }) => drawn.includes(key))
    .map(({ key, heading }) => {
      const values = rows.map(([, stats]) => stats[key]);
      return bars(
        heading,
        Object.keys(bands),
        values,
        values.map((value) => (Number.isFinite(value) ? short(value) : formatNumber(value))),
      );
    });
  return `<h2>Bands</h2>\n${table("band", withWeight, rows)}\n<div class="row small">${charts.join("")}</div>`;
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
  // One range for both, that neither of them lies beside.
  const [pLow = 0, pHigh = 0] = quantiles(pred, 0.01, 0.99);
  const [tLow = 0, tHigh = 0] = quantiles(target, 0.01, 0.99);
  const range = rangeOf(Math.min(pLow, tLow), Math.max(pHigh, tHigh));
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
