import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import decode, { init } from "@jsquash/webp/decode.js";

let library: Promise<void> | undefined;

/**
 * WebP by libwebp: red, green, blue and alpha of each pixel.
 *
 * @throws Error for damaged data, as far as they show it: WebP has no checksum
 */
export async function decodeWebp(bytes: Uint8Array): Promise<Uint8ClampedArray> {
  library ??= load();
  await library;
  try {
    return (await decode(bytes.slice().buffer)).data;
  } catch (cause) {
    library = undefined;
    throw new Error("damaged WebP data", { cause });
  }
}

async function load(): Promise<void> {
  // The bundled command has it beside this file.
  const beside = new URL("./webp_dec.wasm", import.meta.url);
  const path = existsSync(beside)
    ? beside
    : createRequire(import.meta.url).resolve("@jsquash/webp/codec/dec/webp_dec.wasm");
  await init(await WebAssembly.compile(await readFile(path)));
}
