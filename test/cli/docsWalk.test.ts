import { expect, test } from "vitest";
// @ts-expect-error: a script without types
import { isPossible, keptPage, writtenPage } from "../../scripts/docs-walk.mjs";

const possible = isPossible() as boolean;
if (!possible) console.warn("docs/command-line.md: skipped, ../shared/data is not there");

test.skipIf(!possible)(
  "docs/command-line.md shows what the command prints",
  async () => {
    expect(await writtenPage()).toBe(keptPage());
  },
  240_000,
);
