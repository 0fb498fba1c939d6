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
  .series0 { fill: #0969da } .series1 { fill: #54aeff } .series2 { fill: #afb8c1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note, .number { fill: #9198a1 }
    .axis { stroke: #9198a1 }
    .mark { stroke: #ff7b72 }
    .series0 { fill: #4493f8 } .series1 { fill: #1f5fae } .series2 { fill: #59636e }
  }`;

/**
 * Horizontal bars from zero, as an SVG that follows the reader's light or dark theme.
 * @param {object} content
 * @param {string} content.title
 * @param {string} content.note what was measured where, below the title
 * @param {string[]} content.series names of the bars of each group, at most three
 * @param {{ label: string, values: (number | null)[] }[]} content.groups a value per series
 * @param {{ label: string, value: number }} [content.mark] a line across all groups
 */
export function chart({ title, note, series, groups, mark }) {
  const largest = Math.max(mark?.value ?? 0, ...groups.flatMap(({ values }) => values));
  const left = 26 + LETTER * Math.max(...groups.map(({ label }) => label.length));
  const width = left + PLOT + 70;
  const x = (value) => left + (value / largest) * PLOT;
  const parts = [];
  const text = (cls, x, y, content, anchor = "start") =>
    parts.push(
      `<text class="${cls}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escaped(content)}</text>`,
    );

  text("title", 16, 26, title);
  text("note", 16, 46, note);
  let top = 66;
  if (series.length > 1) {
    series.forEach((name, s) => {
      parts.push(`<rect class="series${s}" x="${left + s * 190}" y="${top}" width="12" height="12" rx="2"/>`);
      text("legend", left + s * 190 + 18, top + 10, name);
    });
    top += 24;
  }
  if (mark) {
    text("legend", x(mark.value), top + 10, mark.label, "end");
    top += 18;
  }
  const plotTop = top;
  for (const { label, values } of groups) {
    text("label", left - 10, top + (values.length * BAR) / 2 + 4, label, "end");
    values.forEach((value, s) => {
      if (value === null) return;
      const y = top + s * BAR;
      parts.push(
        `<rect class="series${s}" x="${left}" y="${y}" width="${round(x(value) - left)}" height="${BAR - 2}" rx="2"/>`,
      );
      text("number", x(value) + 5, y + BAR - 4, value.toPrecision(value < 1000 ? 3 : 4));
    });
    top += values.length * BAR + GAP;
  }
  parts.push(`<line class="axis" x1="${left}" y1="${plotTop - 4}" x2="${left}" y2="${top - GAP + 4}"/>`);
  if (mark) {
    const at = round(x(mark.value));
    parts.push(`<line class="mark" x1="${at}" y1="${plotTop - 4}" x2="${at}" y2="${top - GAP + 4}"/>`);
  }
  const size = `width="${width}" height="${top}" viewBox="0 0 ${width} ${top}"`;
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
