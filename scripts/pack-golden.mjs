// Packs a folder of golden vectors, an index and a file for each array, into two files:
//
//     cases.json    the index as it is, with `arrays` beside it: of each array's name, where it begins in arrays.bin and how long it is
//     arrays.bin    all arrays, one after the other, each at a multiple of 8 bytes
//
//     node scripts/pack-golden.mjs ../shared/golden test/golden
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) {
  console.error("usage: node scripts/pack-golden.mjs FROM TO");
  process.exit(2);
}

const arrays = {};
const parts = [];
let end = 0;
for (const name of readdirSync(from)
  .filter((name) => name.endsWith(".bin"))
  .sort()) {
  const bytes = readFileSync(join(from, name));
  arrays[name] = [end, bytes.length];
  const padding = Buffer.alloc(-bytes.length & 7);
  parts.push(bytes, padding);
  end += bytes.length + padding.length;
}

mkdirSync(to, { recursive: true });
const index = readFileSync(join(from, "cases.json"), "utf8").trimEnd();
writeFileSync(join(to, "cases.json"), `${index.slice(0, -1).trimEnd()},\n "arrays": ${JSON.stringify(arrays)}\n}\n`);
writeFileSync(join(to, "arrays.bin"), Buffer.concat(parts));
copyFileSync(join(from, "README.md"), join(to, "README.md"));
