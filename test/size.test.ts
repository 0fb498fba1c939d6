/**
 * What the package weighs over the wire, kernels included: one minified bundle for browsers, compressed with brotli. A feature may
 * weigh something, and CHANGELOG says how much; the limits are there for a weight that nobody meant to add.
 */
import { brotliCompressSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

const losses =
  "FlexibleWeightedLoss, mse, mae, rmse, huber, smoothL1, charbonnier, logCosh, pinball, tukey, mape, bce, bceWithLogits, " +
  "poissonNLL, crossEntropy, dice, vectorAngle, sam, ssim, custom";

test.each([
  { entry: "FlexibleWeightedLoss and the base losses", exported: `{ ${losses} }`, limit: 52_000 },
  { entry: "everything", exported: "*", limit: 65_000 },
])("$entry: at most $limit bytes, and nothing of Node", async ({ entry, exported, limit }) => {
  // A bundle with warnings, or with an import that a browser has not, fails.
  const { outputFiles, metafile, warnings } = await build({
    stdin: { contents: `export ${exported} from "./src/index.ts"`, resolveDir: "." },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    charset: "utf8",
    write: false,
    metafile: true,
  });
  const bytes = brotliCompressSync(outputFiles[0]?.contents ?? "").length;
  console.log(`${entry}: ${bytes} bytes`);
  expect(warnings).toEqual([]);
  // webpack warns of an import whose name it cannot see, and breaks it.
  expect(outputFiles[0]?.text).not.toMatch(/\bimport\(/);
  expect(Object.keys(metafile.inputs).filter((file) => /node_modules|src\/(cli|raster)/.test(file))).toEqual([]);
  expect(bytes).toBeLessThan(limit);
});
