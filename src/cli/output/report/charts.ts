// Charts as inline SVG. Colours come from the page, so that they follow its light and dark.

import { sequential } from "./colours.ts";
import { escapeHtml, short } from "./html.ts";
import { pngUrl } from "./pictures.ts";
import { histogram, histogram2d, type Range } from "./statistics.ts";

const plot = { left: 44, top: 8, width: 240, height: 200 };
const bottom = plot.top + plot.height;
const right = plot.left + plot.width;

/** A frame with the ends of both axes written at it. */
function frame(content: string, x: Range, y: Range, xTitle: string, yTitle: string): string {
  const middle = plot.left + plot.width / 2;
  return (
    `<svg viewBox="0 0 ${right + 16} ${bottom + 34}" role="img" aria-label="${escapeHtml(`${yTitle} over ${xTitle}`)}">` +
    content +
    `<rect class="frame" x="${plot.left}" y="${plot.top}" width="${plot.width}" height="${plot.height}"/>` +
    `<text x="${plot.left}" y="${bottom + 14}">${short(x.low)}</text>` +
    `<text x="${right}" y="${bottom + 14}" text-anchor="end">${short(x.high)}</text>` +
    `<text x="${middle}" y="${bottom + 28}" text-anchor="middle">${escapeHtml(xTitle)}</text>` +
    `<text x="${plot.left - 4}" y="${bottom}" text-anchor="end">${short(y.low)}</text>` +
    `<text x="${plot.left - 4}" y="${plot.top + 9}" text-anchor="end">${short(y.high)}</text>` +
    `<text transform="translate(12 ${plot.top + plot.height / 2}) rotate(-90)" text-anchor="middle">` +
    `${escapeHtml(yTitle)}</text></svg>`
  );
}

/** How often each error occurs; the middle line is no error. */
export function errorHistogram(error: Float32Array, range: Range): string {
  const { bins, beside } = histogram(error, range, 61);
  const most = Math.max(1, ...bins);
  const step = plot.width / bins.length;
  const bars = bins.map((count, i) => {
    const height = (plot.height * count) / most;
    const x = plot.left + i * step;
    return `<rect class="ink" x="${x.toFixed(2)}" y="${(bottom - height).toFixed(2)}" width="${(step * 0.9).toFixed(2)}" height="${height.toFixed(2)}"/>`;
  });
  const middle = plot.left + plot.width / 2;
  const zero = `<line class="guide" x1="${middle}" x2="${middle}" y1="${plot.top}" y2="${bottom}"/>`;
  const total = bins.reduce((sum, count) => sum + count, beside);
  const shown = beside === 0 ? "" : `, ${short((100 * beside) / total)} % beside`;
  return frame(bars.join("") + zero, range, { low: 0, high: most }, `prediction − target${shown}`, "pixels");
}

/** Where pairs of target and prediction lie, brighter where there are more (logarithmic); on the line they are equal. */
export function scatter(target: Float32Array, pred: Float32Array, range: Range): string {
  const side = 100;
  const counts = histogram2d(target, pred, range, side).map((count) => (count === 0 ? Number.NaN : Math.log(count)));
  const most = counts.reduce((max, value) => Math.max(max, Number.isNaN(value) ? 0 : value), 1);
  const url = pngUrl(counts, side, { low: 0, high: most }, sequential);
  const box = `x="${plot.left}" y="${plot.top}" width="${plot.width}" height="${plot.height}"`;
  const image = `<image ${box} href="${url}" preserveAspectRatio="none" style="image-rendering:pixelated"/>`;
  const line = `<line class="guide" x1="${plot.left}" y1="${bottom}" x2="${right}" y2="${plot.top}"/>`;
  return frame(image + line, range, range, "target", "prediction");
}

/** Pixels that a character of a name takes at most, on average. */
const characterWidth = 6.6;
const longestName = 28;

/** A bar per name, from zero, the longest as long as there is room; a value below zero has none. */
export function bars(
  title: string,
  names: readonly string[],
  values: readonly number[],
  texts: readonly string[],
): string {
  const longest = Math.max(0, ...values.filter(Number.isFinite));
  const shown = names.map((name) => (name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name));
  const start = Math.ceil(Math.max(...shown.map(({ length }) => length), 8) * characterWidth) + 6;
  const rows = shown.map((name, i) => {
    const value = values[i] as number;
    const share =
      value === Number.POSITIVE_INFINITY ? 1 : Number.isFinite(value) && longest > 0 ? Math.max(0, value) / longest : 0;
    const y = i * 18;
    const width = Math.max(share * 110, share > 0 ? 1 : 0);
    return (
      `<text x="${start - 6}" y="${y + 12}" text-anchor="end">${escapeHtml(name)}</text>` +
      `<rect class="ink" x="${start}" y="${y + 2}" width="${width.toFixed(2)}" height="13"/>` +
      `<text x="${(start + 4 + width).toFixed(2)}" y="${y + 12}">${escapeHtml(texts[i] as string)}</text>`
    );
  });
  const [width, height] = [start + 168, names.length * 18 + 4];
  return (
    `<figure style="width:${width}px"><figcaption>${escapeHtml(title)}</figcaption>` +
    `<svg class="bars" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">${rows.join("")}</svg></figure>\n`
  );
}
