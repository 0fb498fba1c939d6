import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { chart } from "./chart.mjs";

export function machine() {
  return { cpu: cpus()[0].model.trim(), node: process.version };
}

const COLUMNS = [
  ["loss", 14, (row) => row.loss],
  ["pass", 9, (row) => row.pass],
  ["size", 5, (row) => row.size],
  ["contender", 27, (row) => row.contender],
  ["ms", 9, (row) => digits(row.ms.median)],
  ["min", 9, (row) => digits(row.ms.min)],
  ["±", 5, (row) => `${Math.round(100 * row.ms.spread)}%`],
  ["GB/s", 7, (row) => digits(row.gigabytesPerSecond)],
  ["× plain JS", 11, (row) => digits(row.timesPlain)],
  ["of native", 10, (row) => digits(row.shareOfNative)],
  ["to in place", 12, (row) => digits(row.toInPlace)],
  ["to mse", 7, (row) => digits(row.toMse)],
  ["error of value, gradient", 25, (row) => (row.error ? Object.values(row.error).map(tiny).join(", ") : "reference")],
];
const LEFT_ALIGNED = 4;

export function printHeader() {
  console.log(`
ms: median of the calls, ± half the middle 80 % of them; GB/s: bytes that must be read or written once.
× plain JS: times faster; of native: share of the C program's speed; to in place, to mse: times longer.
`);
  console.log(COLUMNS.map(([title, width], i) => pad(title, width, i)).join(" "));
}

export function printRow(row) {
  console.log(COLUMNS.map(([, width, cell], i) => pad(cell(row), width, i)).join(" "));
}

const pad = (text, width, column) => (column < LEFT_ALIGNED ? text.padEnd(width) : text.padStart(width));
export const digits = (number) =>
  Number.isNaN(number) ? "" : number >= 1000 ? number.toFixed(0) : number.toPrecision(3);
const tiny = (number) => (number === 0 ? "0" : number.toExponential(1));

/** Throughput of each loss in place on the largest scene that was measured, beside plain JavaScript. */
export function throughputChart(rows, { cpu, node, isa }) {
  const inPlace = rows.filter(({ contender, pass }) => contender === "in place" && pass === "gradient");
  const elements = Math.max(...inPlace.map((row) => row.elements));
  const size = inPlace.find((row) => row.elements === elements)?.size;
  const speed = (loss, contender, pass = "gradient") =>
    rows.find((row) => row.loss === loss && row.size === size && row.contender === contender && row.pass === pass)
      ?.gigabytesPerSecond ?? null;
  const native = speed("mse", "native C");
  return chart({
    title: `Masked weighted loss with its gradient, ${size} pixels: GB/s`,
    note: `Longer is faster; one thread, Node ${node}, ${cpu}`,
    series: ["valid-pixel-loss, in place", "plain JavaScript"],
    groups: inPlace
      .filter((row) => row.size === size)
      .map(({ loss }) => ({ label: loss, values: [speed(loss, "in place"), speed(loss, "plain JavaScript")] })),
    ...(native && { mark: { label: `native C (${isa}), mse`, value: native } }),
  });
}

/** Writes results/NAME.json and the chart beside it. */
export function save(name, results, svg) {
  const folder = new URL("./results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${name}.json`, folder), toJson(results));
  writeFileSync(new URL(`${name}.svg`, folder), svg);
}

export const toJson = (results) => `${JSON.stringify(results, null, 2)}\n`;
