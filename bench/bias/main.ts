// npm run bias: prints what masked metrics cost when they are computed as usual, and draws a picture per row into docs/bias.

import { writePng } from "../../examples/figures.ts";
import { isPresent } from "../../examples/realScenes.ts";
import { rows, scenes } from "./rows.ts";

const absent = scenes.filter((scene) => !isPresent(scene));
if (absent.length > 0) {
  console.log(`left out: these scenes are not here: ${absent.join(", ")}`);
  process.exit(0);
}

console.log("| figure | usually | gives | over valid pixels | off by | scene |\n| --- | --- | --- | --- | --- | --- |");
/** Pixels of a picture, at most. */
const HEIGHT = 280;
const captions: string[] = [];
for (const [k, make] of rows.entries()) {
  const { name, usually, scene, figures, pictures, caption } = await make();
  console.log(`| ${name} | ${usually} | ${figures.usual} | ${figures.valid} | ${figures.off} | ${scene} |`);
  const file = `docs/bias/${k + 1}.png`;
  const { height } = pictures[0];
  writePng(file, pictures, height > HEIGHT ? 1 / Math.ceil(height / HEIGHT) : Math.floor(HEIGHT / height));
  captions.push(`${file}: ${caption}`);
}
console.log(`\n${captions.join("\n")}`);
