// npm run bench -- [LOSS …] [--size 64K …] [--pass value|gradient] [--variant "in place" …] [--rounds 3] [--json FILE]
// npm run bench -- ssim-masking
// npm run bench -- evaluate [--side 10000]
// npm run bench -- startup
// npm run bench -- allocation
// npm run bench -- weights

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { allocation } from "./allocation.mjs";
import { evaluateArchive } from "./archive.mjs";
import { makeScene, SCENES } from "./data.mjs";
import { LOSSES } from "./losses.mjs";
import { measure } from "./measure.mjs";
import { startNatives } from "./native.mjs";
import { machine, printHeader, printRow, save, throughputChart, toJson } from "./report.mjs";
import { ssimMasking } from "./ssim-masking.mjs";
import { startup } from "./startup.mjs";
import { VARIANTS } from "./variants.mjs";
import { WrongResult } from "./verify.mjs";
import { weights } from "./weights.mjs";

const PASSES = ["value", "gradient"];

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: "string", multiple: true },
    pass: { type: "string", multiple: true },
    variant: { type: "string", multiple: true },
    rounds: { type: "string", default: "3" },
    json: { type: "string" },
    side: { type: "string", default: "10000" },
  },
});

if (positionals[0] === "ssim-masking") {
  ssimMasking(await import("../dist/index.js"));
} else if (positionals[0] === "evaluate") {
  await evaluateArchive(Number(values.side));
} else if (positionals[0] === "startup") {
  startup();
} else if (positionals[0] === "allocation") {
  allocation();
} else if (positionals[0] === "weights") {
  await weights();
} else {
  await bench({
    losses: choose("loss", positionals, Object.keys(LOSSES)),
    sizes: choose("--size", values.size, Object.keys(SCENES)),
    passes: choose("--pass", values.pass, PASSES),
    variants: choose("--variant", values.variant, Object.keys(VARIANTS)),
    rounds: Number(values.rounds),
    // A choice of rows must not replace the results of all.
    whole: positionals.length === 0 && !values.size && !values.pass && !values.variant,
  });
}

function choose(what, wanted, known) {
  for (const name of wanted ?? []) {
    if (known.includes(name)) continue;
    console.error(`${what}: expected one of ${known.join(", ")}, got ${name}`);
    process.exit(2);
  }
  return wanted?.length > 0 ? wanted : known;
}

async function bench({ losses, sizes, passes, variants, rounds, whole }) {
  const api = await import("../dist/index.js");
  const leftOut = new Set();
  const present = (feature, has = () => feature in api) => {
    if (has(api)) return true;
    leftOut.add(`the package has no ${feature}`);
    return false;
  };
  losses = losses.filter((name) => present(LOSSES[name].maker ?? name));
  variants = variants.filter((variant) => present(VARIANTS[variant].needs, VARIANTS[variant].has));
  const natives = await startNatives((error) => leftOut.add(error.message));
  const on = { ...machine(), isa: natives[0]?.isa };
  console.log(`${on.cpu}, Node ${on.node}${on.isa ? `, native C with ${on.isa}` : ""}`);
  printHeader();

  const rows = [];
  for (const size of sizes) {
    let made;
    let scene;
    for (const name of losses) {
      const { scenes = SCENES } = LOSSES[name];
      if (!(size in scenes)) continue;
      if (made !== scenes[size]) {
        made = scenes[size];
        scene = makeScene(...made);
        for (const native of natives) await native.load(scene);
      }
      for (const pass of passes) {
        const onError = (contender, error) => {
          if (error instanceof WrongResult) process.exitCode = 1;
          leftOut.add(`${name} ${contender}: ${error.message}`);
        };
        for (const row of await measure({ api, name, scene, pass, variants, natives, rounds, onError })) {
          rows.push({ ...row, size });
          printRow(rows.at(-1));
        }
      }
    }
  }
  for (const native of natives) native.stop();
  for (const line of leftOut) console.log(`left out: ${line}`);
  const results = { machine: on, rows };
  if (values.json) writeFileSync(values.json, toJson(results));
  if (whole) save("bench", results, throughputChart(rows, on));
}
