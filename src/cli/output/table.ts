/** A column of a table: what stands above it, and where it is set. */
export interface Column {
  readonly heading: string;
  readonly align: "left" | "right";
}

/** What a terminal shows in a line. */
export const lineWidth = 80;

/** Names are cut to this, so that there is room for figures beside them. */
const longestName = 32;

/**
 * Rows of text under headings, columns two spaces apart, a line each. Columns that have no room in a line follow in a table below, beside
 * the first one again.
 */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map(({ heading }) => heading), ...rows].map((row) =>
    row.map((cell, c) => (c === 0 ? shortened(cell, longestName) : cell)),
  );
  const widths = columns.map((_, c) => Math.max(...cells.map((row) => (row[c] ?? "").length)));
  return blocksOf(widths)
    .map((block) =>
      cells
        .map(
          (row) =>
            `${block
              .map((c) => set(row[c] ?? "", widths[c] ?? 0, columns[c]?.align))
              .join("  ")
              .trimEnd()}\n`,
        )
        .join(""),
    )
    .join("\n");
}

/** Columns by the table that they stand in; the first stands in each. */
function blocksOf([first = 0, ...widths]: readonly number[]): number[][] {
  const blocks: number[][] = [];
  let room = 0;
  for (const [i, width] of widths.entries()) {
    if (room < width + 2) {
      blocks.push([0]);
      room = lineWidth - first;
    }
    blocks.at(-1)?.push(i + 1);
    room -= width + 2;
  }
  return blocks.length > 0 ? blocks : [[0]];
}

const set = (cell: string, width: number, align: Column["align"] = "left") =>
  align === "right" ? cell.padStart(width) : cell.padEnd(width);

/** A name with its middle left out, where it is too long: both ends tell files apart. */
export function shortened(name: string, longest: number): string {
  if (name.length <= longest) return name;
  const end = Math.ceil((longest - 1) * 0.6);
  return `${name.slice(0, longest - 1 - end)}…${name.slice(-end)}`;
}

/** Text in lines of at most `lineWidth`, broken between words; those that follow the first are indented. */
export function wrapped(text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line.trim() !== "" && line.length + 1 + word.length > lineWidth) {
      lines.push(line);
      line = ` `;
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

/** A number of that many significant digits; whole numbers as they are; "–" for what is undefined. */
export function formatNumber(value: number, digits = 4): string {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const text = value.toPrecision(digits);
  // Without an exponent where zeros say the same in as much room.
  return /e\+/.test(text) && Math.abs(value) < 1e9 ? String(Number(text)) : text;
}

/** RFC 4180: a cell in quotes where it holds a comma, a quote or a line break. */
export function formatCsv(rows: readonly (readonly (string | number)[])[]): string {
  const cell = (value: string | number) => {
    if (typeof value === "number") return Number.isNaN(value) ? "" : String(value);
    return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\n`).join("");
}

/** JSON knows neither NaN, which becomes null, nor Infinity, which becomes a word. */
export function formatJson(value: unknown): string {
  const text = JSON.stringify(
    value,
    (_, field) => {
      if (typeof field !== "number" || Number.isFinite(field)) return field;
      return Number.isNaN(field) ? null : String(field);
    },
    2,
  );
  return `${text}\n`;
}
