/** The report's style sheet: the reader's fonts, light and dark, and a page that prints. */
export const style = `
:root { --ink: #1c2430; --faint: #6a7482; --line: #d5dae1; --paper: #ffffff; --accent: #2f6f9f; --guide: #c4432b; --hole: #eceff3; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --faint: #9aa5b3; --line: #38414e; --paper: #12161c; --accent: #6aaedb; --guide: #f0866c; --hole: #232a33; }
}
@media print {
  :root { --ink: #000; --faint: #444; --line: #bbb; --paper: #fff; --accent: #2f6f9f; --guide: #c4432b; --hole: #eceff3; }
  section, figure, tr { break-inside: avoid; } h2 { break-after: avoid; }
}
* { box-sizing: border-box; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
body { margin: 0 auto; padding: 1.5rem; max-width: 76rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
code { font-size: .9em; } footer { margin-top: 2rem; color: var(--faint); font-size: .85rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; font-size: .85rem; }
th, td { padding: .2rem .55rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } th:first-child { text-align: left; padding-left: 0; }
@media print { .scroll { overflow: visible; } table { font-size: 7pt; } th, td { padding: .1rem .2rem; }
  thead th { white-space: normal; vertical-align: bottom; overflow-wrap: normal; } body { padding: 0; } }
.row { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1rem; align-items: start; }
.row.small { display: flex; flex-wrap: wrap; } .row.small figure { max-width: 100%; }
@media print { .row { grid-template-columns: repeat(3, 1fr); } }
figure { margin: .5rem 0; } figcaption { color: var(--faint); font-size: .85rem; margin-bottom: .25rem; }
img { display: block; width: 100%; height: auto; image-rendering: pixelated; border: 1px solid var(--line); background:
  repeating-linear-gradient(45deg, var(--hole) 0 6px, var(--paper) 6px 12px); }
.bar { display: flex; gap: .5rem; align-items: center; font-size: .8rem; color: var(--faint); margin-top: .25rem; }
.bar i { flex: 1; height: .6rem; border-radius: 2px; border: 1px solid var(--line); }
svg { display: block; width: 100%; max-width: 22rem; height: auto; } svg.bars { max-width: 100%; } svg text { font-size: 11px; fill: var(--faint); }
.frame { fill: none; stroke: var(--line); } .ink { fill: var(--accent); } .guide { stroke: var(--guide); stroke-width: 1.5; }
`;
