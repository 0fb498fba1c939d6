import { expect, test } from "vitest";
import { Kernels, staging } from "../src/memory/kernels.ts";
import { LostWorker } from "../src/run/crew.ts";
import { Workspace } from "../src/run/workspace.ts";

/** The workspace that a call gets which ends in an error. */
function lentTo(error: Error): Workspace {
  let lent: Workspace | undefined;
  expect(() =>
    Workspace.use(staging(), (workspace) => {
      lent = workspace;
      throw error;
    }),
  ).toThrow(error);
  return lent as Workspace;
}

test("a workspace is lent again after an error, but not where a lost worker may still write to it", () => {
  const first = lentTo(new Error("of a custom loss"));
  const second = lentTo(new LostWorker("that may be writing yet"));
  expect(second).toBe(first);
  Workspace.use(staging(), (third) => expect(third).not.toBe(second));
});

// UQI counts the valid pixels of sixteen columns at a time: up to fifteen float32 behind the last one are read, 60 bytes.
test("behind every block there is memory that loops may read", () => {
  const kernels = new Kernels({ initial: 2, maximum: 65536 });
  const start = kernels.allocator.allocate(64) + 64;
  // Up to the last address of a page, and to others near it.
  for (const missing of [0, 64, 128]) {
    const bytes = 3 * 65536 - start - missing;
    expect(kernels.allocator.allocate(bytes)).toBe(start);
    expect(kernels.u8.length - (start + bytes)).toBeGreaterThanOrEqual(60);
    kernels.allocator.free(start);
  }
});
