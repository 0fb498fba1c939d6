import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { rows, scenes } from "../../bench/bias/rows.ts";
import { isPresent } from "../../examples/realScenes.ts";

const absent = scenes.filter((scene) => !isPresent(scene));
if (absent.length > 0) console.warn(`skipped: these scenes are not here: ${absent.join(", ")}`);

test.skipIf(absent.length > 0)("docs/bias.md gives the figures that are computed from the scenes", async () => {
  const table = readFileSync("docs/bias.md", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| ["));
  expect(table).toHaveLength(rows.length);
  for (const [k, make] of rows.entries()) {
    const { figures, usually } = await make();
    const [, , documented, gives, valid] = table[k].split("|").map((cell) => cell.trim());
    expect(documented).toBe(usually);
    expect(figures.usual.split(",")[0]).toBe(gives.split(",")[0]);
    expect(figures.valid).toBe(valid);
  }
});
