const BAR = 14;
const GAP = 10;
const PLOT = 520;
// A generous width of a letter of the labels.
const LETTER = 7.5;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .note, .number { fill: #59636e }
  .note, .number, .legend { font-size: 12px }
  .axis { stroke: #59636e }
  .mark { stroke: #cf222e; stroke-dasharray: 4 3 }
  .series0 { fill: #0969da } .series1, .muted { fill: #afb8c1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note, .number { fill: #9198a1 }
    .axis { stroke: #9198a1 }
    .mark { stroke: #ff7b72 }
    .series0 { fill: #4493f8 } .series1, .muted { fill: #59636e }
  }`;

/**
 * Horizontal bars from zero, as an SVG that follows the reader's light or dark theme.
 * @param {object} content
 * @param {string} content.title
 * @param {string} content.note what was measured where, below the title
 * @param {string[]} content.series names of the bars of each group, at most two
 * @param {{ label: string, values: (number | null)[], muted?: boolean }[]} content.groups a value per series
 * @param {{ label: string, value: number }} [content.mark] a line across all groups
 */
export function chart({ title, note, series, groups, mark }) {
  const largest = Math.max(mark?.value ?? 0, ...groups.flatMap(({ values }) => values));
  const left = 26 + LETTER * Math.max(...groups.map(({ label }) => label.length));
  const width = left + PLOT + 70;
  const x = (value) => left + (value / largest) * PLOT;
  const parts = [];
  const text = (kind, at, y, content, anchor = "start") =>
    parts.push(`<text class="${kind}" x="${round(at)}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`);
  const bar = (kind, at, y, long, high) =>
    parts.push(`<rect class="${kind}" x="${round(at)}" y="${y}" width="${round(long)}" height="${high}" rx="2"/>`);
  const line = (kind, at, y1, y2) =>
    parts.push(`<line class="${kind}" x1="${round(at)}" y1="${y1}" x2="${round(at)}" y2="${y2}"/>`);

  text("title", 16, 26, title);
  text("note", 16, 46, note);
  let top = 66;
  if (series.length > 1) {
    series.forEach((name, s) => {
      bar(`series${s}`, left + s * 190, top, 12, 12);
      text("legend", left + s * 190 + 18, top + 10, name);
    });
    top += 24;
  }
  if (mark) {
    text("legend", x(mark.value), top + 10, mark.label, "end");
    top += 18;
  }
  const plotTop = top;
  for (const { label, values, muted } of groups) {
    text("label", left - 10, top + (values.length * BAR) / 2 + 4, label, "end");
    values.forEach((value, s) => {
      if (value === null) return;
      const y = top + s * BAR;
      bar(muted ? "muted" : `series${s}`, left, y, x(value) - left, BAR - 2);
      text("number", x(value) + 5, y + BAR - 4, value.toPrecision(value < 1000 ? 3 : 4));
    });
    top += values.length * BAR + GAP;
  }
  line("axis", left, plotTop - 4, top - GAP + 4);
  if (mark) line("mark", x(mark.value), plotTop - 4, top - GAP + 4);
  const height = top + GAP;
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
${parts.join("\n")}
</svg>
`;
}

const round = (value) => Math.round(value * 10) / 10;

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
