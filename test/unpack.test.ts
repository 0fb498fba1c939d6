/** The kernels as the package carries them: text that is taken apart into streams, and back. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { pack } from "../scripts/pack.mjs";
import { kernelsText } from "../src/module.ts";
import { unpack } from "../src/unpack.ts";

const built = readFileSync(new URL("../build/kernels.wasm", import.meta.url));

test("the text is that of the kernels as they were built", () => {
  expect(kernelsText).toBe(pack(built));
});

test("unpacked they are a module with the same imports and exports", () => {
  const [want, got] = [built, unpack(kernelsText)].map((bytes) => new WebAssembly.Module(new Uint8Array(bytes)));
  for (const list of [WebAssembly.Module.imports, WebAssembly.Module.exports]) {
    expect(list(got as WebAssembly.Module)).toEqual(list(want as WebAssembly.Module));
  }
});

test("whose every operation, operand and use of a local is the same", () => {
  expect(pack(unpack(kernelsText))).toBe(kernelsText);
});
