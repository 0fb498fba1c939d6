/** A column of a table: what stands above it, and where it is set. */
export interface Column {
  readonly heading: string;
  readonly align: "left" | "right";
}

/** Rows of text under headings, columns two spaces apart, a line each. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ heading }, c) => Math.max(heading.length, ...rows.map((row) => (row[c] ?? "").length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, c) => (columns[c]?.align === "right" ? cell.padStart(widths[c] ?? 0) : cell.padEnd(widths[c] ?? 0)))
      .join("  ")
      .trimEnd();
  return [columns.map(({ heading }) => heading), ...rows].map((cells) => `${line(cells)}\n`).join("");
}

/** Six significant digits; "–" for what is undefined. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  return value.toPrecision(6);
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
