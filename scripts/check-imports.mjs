// The floors of src/, from what knows nothing of the others to what is built on them all: a file imports from its own folder and from
// floors above, types included, and no chain of imports leads back to where it began. Prints what the graph comes to.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";

const FLOORS = [
  "check.ts",
  "memory",
  "losses",
  "plan",
  "run",
  "metrics",
  "maps",
  "criteria",
  "index.ts",
  "raster",
  "cli",
];

const files = readdirSync("src", { recursive: true })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts"));

/** The files that each file imports, or names in a type. */
const graph = new Map(
  files.map((file) => {
    const specifiers = readFileSync(`src/${file}`, "utf8").matchAll(/(?:\bfrom|\bimport\(?)\s*"(\.[^"]+)"/g);
    return [file, [...new Set([...specifiers].map(([, path]) => join(dirname(file), path)))]];
  }),
);

const floorOf = (file) => FLOORS.indexOf(file.split("/")[0]);
const homeless = files.filter((file) => floorOf(file) < 0).map((file) => `${file} is on no floor`);
const arrows = [...graph].flatMap(([from, all]) => all.map((to) => [from, to]));
const upward = arrows.filter(([from, to]) => floorOf(to) > floorOf(from)).map(([from, to]) => `${from} imports ${to}`);

/** Chains of imports that end where they began, one for each file that closes one. */
const circles = [];
const finished = new Set();
function follow(file, path) {
  if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
  else if (!finished.has(file)) for (const next of graph.get(file) ?? []) follow(next, [...path, file]);
  finished.add(file);
}
for (const file of files) follow(file, []);

for (const wrong of [...homeless, ...upward, ...circles]) console.error(wrong);
console.log(
  `src/: ${files.length} files, ${arrows.length} imports, ${upward.length} upward, ${circles.length} circles`,
);
process.exitCode = homeless.length + upward.length + circles.length === 0 ? 0 : 1;
