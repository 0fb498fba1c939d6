/** The kernels as the package carries them: a text in which each character is a byte. */
import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { decode, kernelModule } from "../src/memory/kernelModule.ts";
import { kernelsText } from "../src/memory/module.ts";

const built = readFileSync(new URL("../build/kernels.wasm", import.meta.url));

afterEach(() => vi.unstubAllGlobals());

test("decoded, the text is the module as it was built", () => {
  expect(built.equals(decode(kernelsText))).toBe(true);
});

test("and so it is in a browser, which has no Buffer", () => {
  vi.stubGlobal("Buffer", undefined);
  const bytes = decode(kernelsText);
  vi.unstubAllGlobals();
  expect(built.equals(bytes)).toBe(true);
});

test.each([false, true])("one flag makes the module for its memory, shared: %s", (shared) => {
  const [initial, maximum] = [1, 65536];
  const instance = (memory: WebAssembly.Memory) => new WebAssembly.Instance(kernelModule(shared), { env: { memory } });
  expect(instance(new WebAssembly.Memory({ initial, maximum, shared })).exports.run).toBeTypeOf("function");
  expect(() => instance(new WebAssembly.Memory({ initial, maximum, shared: !shared }))).toThrow(WebAssembly.LinkError);
});
