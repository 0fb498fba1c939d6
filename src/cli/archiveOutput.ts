// What evaluate and merge do with many pairs once they are measured.

import { askForDataRange, joinExtents, NO_EXTENT } from "./decide/dataRange.ts";
import { DataError, GateError } from "./errors.ts";
import { deliver, formatOf, type OutputOptions, say, warn } from "./options.ts";
import { archiveText, failuresOf, type GivenOptions } from "./output/evaluationText.ts";
import { failedLines, type Gate } from "./output/gate.ts";
import { writeText } from "./output/outputFile.ts";
import { archivePage } from "./output/report/page.ts";
import { archiveOf, isDone, type Outcome } from "./result.ts";

export interface ArchiveOptions extends OutputOptions {
  readonly report?: string;
  readonly keepGoing?: boolean;
}

/**
 * Prints what is known of many pairs.
 *
 * @param unmatched files without a counterpart
 * @throws DataError where pairs could not be evaluated, unless the run is to keep going; GateError where figures are not good enough
 */
export async function deliverArchive(
  outcomes: readonly Outcome[],
  given: GivenOptions,
  options: ArchiveOptions,
  gate: Gate,
  unmatched = 0,
): Promise<void> {
  const archive = archiveOf(outcomes);
  const done = archive.outcomes.filter(isDone);
  for (const { remarks } of done) for (const remark of remarks) say(remark, options);
  const unknown = done.filter(({ about }) => about.dataRange === null);
  if (unknown.length > 0) {
    const extent = unknown.reduce((all, result) => joinExtents(all, result.extent), NO_EXTENT);
    warn(`${unknown.length} of ${done.length} pairs: ${askForDataRange(extent)}`, options);
  }
  const format = formatOf(options);
  const page = () => archivePage(archive, given, options);
  if (options.report !== undefined) await writeText(options.report, page());
  await deliver(format === "html" ? page() : archiveText(archive, format, given, options), options);
  const failures = failuresOf(archive);
  // A table on the screen has them already.
  if (format !== "table" || options.output !== undefined) for (const failure of failures) warn(failure, options);
  const lines = failedLines(gate, archive.total, archive.dataRange);
  const failed = failures.length + unmatched;
  if (failed > 0) {
    const text = `${failed} of ${outcomes.length + unmatched} pairs could not be evaluated`;
    if (!options.keepGoing) {
      for (const line of lines) warn(line, options);
      throw new DataError(text);
    }
    warn(text, options);
  }
  if (lines.length > 0) throw new GateError(lines);
}
