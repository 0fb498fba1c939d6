/** What the package weighs over the wire, kernels included: one minified bundle for browsers, compressed with brotli. */
import { brotliCompressSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { kernelsText } from "../src/module.ts";

const losses =
  "FlexibleWeightedLoss, mse, mae, rmse, huber, smoothL1, charbonnier, logCosh, pinball, bce, bceWithLogits, poissonNLL, " +
  "crossEntropy, dice, vectorAngle, sam, ssim, custom";

test.each([
  { entry: "FlexibleWeightedLoss and the base losses", exported: `{ ${losses} }`, limit: 29_700 },
  { entry: "everything", exported: "*", limit: 39_300 },
])("$entry: at most $limit bytes, and nothing of Node", async ({ entry, exported, limit }) => {
  // A bundle with warnings, or with an import that a browser has not, fails.
  const { outputFiles, metafile, warnings } = await build({
    stdin: { contents: `export ${exported} from "./src/index.ts"`, resolveDir: "." },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    write: false,
    metafile: true,
  });
  const bytes = brotliCompressSync(outputFiles[0]?.contents ?? "").length;
  const kernels = brotliCompressSync(kernelsText).length;
  console.log(`${entry}: ${bytes} bytes, ${kernels} of them the kernels`);
  expect(warnings).toEqual([]);
  // webpack warns of an import whose name it cannot see, and breaks it.
  expect(outputFiles[0]?.text).not.toMatch(/\bimport\(/);
  expect(Object.keys(metafile.inputs).filter((file) => /node_modules|src\/(cli|raster)/.test(file))).toEqual([]);
  expect(bytes).toBeGreaterThan(kernels);
  expect(bytes).toBeLessThan(limit);
});
