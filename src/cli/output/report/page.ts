import {
  type About,
  type Archive,
  type BandFigures,
  type Figures,
  figuresOf,
  isDone,
  type Outcome,
  type PairResult,
} from "../../result.ts";
import { nameOf } from "../../pair/Job.ts";
import { version } from "../../version.ts";
import { failuresOf, type GivenOptions, type TextOptions, worstFirst } from "../evaluationText.ts";
import { bandFigures, type Figure, figureOf, sceneFigures } from "../figures.ts";
import { formatNumber } from "../table.ts";
import { bars, errorHistogram, scatter } from "./charts.ts";
import { binary, diverging, sequential } from "./colours.ts";
import { escapeHtml, short } from "./html.ts";
import type { BandPreview, Preview } from "./Preview.ts";
import { picture } from "./pictures.ts";
import { quantiles, rangeOf } from "./statistics.ts";
import { style } from "./style.ts";

/** The report of a pair: one HTML file that needs no network, no script and no fonts but the reader's. */
export function pairPage(
  result: PairResult,
  preview: Preview,
  given: GivenOptions,
  { digits }: TextOptions = {},
): string {
  const { pred, target, about, remarks } = result;
  const { width, height, images, compared, valid, dataRange } = about;
  const sampled =
    preview.step === 1 ? "" : ` Pictures and charts show every ${preview.step}th pixel of every ${preview.step}th row.`;
  const first = images === 1 ? "" : ` Pictures and charts show the first of ${images} images.`;
  const crs = about.crs === null ? "" : `, ${escapeHtml(about.crs)}`;
  const figures = figuresOf(result);
  return page(
    `${fileName(pred)} against ${fileName(target)}`,
    `<p>Prediction <code>${escapeHtml(pred)}</code>, target <code>${escapeHtml(target)}</code>:
${compared.length} ${compared.length === 1 ? "band" : "bands"} of ${width}×${height} pixels${crs}.
Valid where ${escapeHtml(valid.join("; "))}; data range ${dataRange ?? "not known"}.
Errors are prediction − target, over valid pixels alone.${sampled}${first}</p>
${list(remarks.map(({ text }) => text))}
${sceneSection("Scene", figures, digits)}
${bandSummary(figures, digits)}
${angleSection(preview)}
${preview
  .bands()
  .map((band) => bandSection(band, preview))
  .join("")}
<h2>What was measured</h2>
${aboutTable(about, given)}`,
  );
}

/** The report of many pairs: the figures of all together, and of each, the worst first. */
export function archivePage(archive: Archive, given: GivenOptions, { digits, sort }: TextOptions): string {
  const { outcomes, total } = archive;
  const { key, rows } = worstFirst(outcomes, sort);
  const failures = failuresOf(archive);
  return page(
    `${outcomes.length} pairs`,
    `<p>Figures of all together are pooled over pixels; sam and ssim are means over images.</p>
${sceneSection("All together", total, digits)}
${bandSummary(total, digits)}
<h2>Pairs, the worst first by ${figureOf(key).heading}</h2>
${table(
  "pair",
  sceneFigures,
  rows.map(({ result, figures }) => [fileName(nameOf(result)), figures.scene] as const),
  digits,
)}
${failures.length === 0 ? "" : `<h2>Could not be evaluated</h2>\n${list(failures)}`}
<h2>What was measured</h2>
${filesTable(outcomes)}
<p>Options: <code>${escapeHtml(JSON.stringify(given))}</code></p>`,
  );
}

const list = (lines: readonly string[]) =>
  lines.length === 0 ? "" : `<ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join("\n")}</ul>`;

const sceneSection = (title: string, { scene }: Figures, digits: number | undefined) =>
  `<h2>${title}</h2>\n${table("scene", sceneFigures, [["all bands", scene]], digits)}`;

function aboutTable(about: About, given: GivenOptions): string {
  const { files, valid, predNodata, values, dataRange, compared } = about;
  const rows: [string, string][] = [
    ...files.map(({ role, path, bytes, modified }): [string, string] => [role, `${path}, ${bytes} bytes, ${modified}`]),
    ["bands", compared.map(({ band, pred, target }) => `${band}: ${pred} and ${target}`).join(", ")],
    ["valid", valid.join("; ")],
    ["prediction without data", predNodata],
    ["stored v taken as", `${values.pred} (prediction), ${values.target} (target)`],
    ["data range", String(dataRange ?? "not known")],
    ["options", JSON.stringify(given)],
  ];
  const lines = rows.map(([name, text]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(text)}</td></tr>\n`);
  return `<table class="about"><tbody>\n${lines.join("")}</tbody></table>`;
}

function filesTable(outcomes: readonly Outcome[]): string {
  return list(
    outcomes.filter(isDone).map(({ about }) => {
      const files = about.files.map(({ path, bytes, modified }) => `${path} (${bytes} bytes, ${modified})`).join(", ");
      return `${files}: valid where ${about.valid.join("; ")}; data range ${about.dataRange ?? "not known"}`;
    }),
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

function fileName(path: string): string {
  return path.split(/[\\/]/).at(-1) as string;
}

/** Rows of figures under their headings. */
function table<Key extends string>(
  first: string,
  figures: readonly Figure<Key>[],
  rows: readonly (readonly [string, Readonly<Record<Key, number>>])[],
  digits: number | undefined,
): string {
  const cells = (values: readonly string[], tag: string) =>
    values.map((value) => `<${tag}>${escapeHtml(value)}</${tag}>`).join("");
  const lines = rows.map(([name, stats]) => {
    return `<tr><th>${escapeHtml(name)}</th>${cells(
      figures.map(({ key }) => formatNumber(stats[key], digits)),
      "td",
    )}</tr>\n`;
  });
  const headings = cells([first, ...figures.map(({ heading }) => heading)], "th");
  return `<div class="scroll"><table><thead><tr>${headings}</tr></thead><tbody>\n${lines.join("")}</tbody></table></div>`;
}

const withWeight: readonly Figure<keyof BandFigures | "weight">[] = [
  ...bandFigures,
  { key: "weight", heading: "weight √(valid/total)", worse: null },
];
const drawn: readonly string[] = ["psnr", "rmse", "ssim", "sam", "r2", "weight"];

/** The figures of the bands, and what each weighs in a loss, as a table and as bars. */
function bandSummary({ bands }: Figures, digits: number | undefined): string {
  const rows = bands.map(([name, stats]) => [name, { ...stats, weight: Math.sqrt(stats.validRatio) }] as const);
  const charts = withWeight
    .filter(({ key }) => drawn.includes(key))
    .map(({ key, heading }) => {
      const values = rows.map(([, stats]) => stats[key]);
      return bars(
        heading,
        bands.map(([name]) => name),
        values,
        values.map((value) => (Number.isFinite(value) ? short(value) : formatNumber(value))),
      );
    });
  return `<h2>Bands</h2>\n${table("band", withWeight, rows, digits)}\n<div class="row small">${charts.join("")}</div>`;
}

function angleSection(preview: Preview): string {
  const angles = preview.angles();
  if (angles.length === 0) return "";
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
