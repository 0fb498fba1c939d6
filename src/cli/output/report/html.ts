export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Three significant digits, for the ends of axes. */
export function short(value: number): string {
  return value === 0 ? "0" : String(Number(value.toPrecision(3)));
}
