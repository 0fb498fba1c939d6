import type { Evaluation } from "../../index.ts";
import { writeText } from "../outputFile.ts";
import type { Pair } from "../Pair.ts";
import { version } from "../version.ts";
import { Preview } from "./Preview.ts";
import { reportPage } from "./page.ts";

/** Writes the report of a pair, looking through it window by window once more. */
export async function writeReport(path: string, pair: Pair, evaluation: Evaluation): Promise<void> {
  const preview = new Preview(pair);
  for (const window of pair.windows()) preview.add(window, await pair.read(window));
  await writeText(path, reportPage({ pair, evaluation, preview, version }));
}
