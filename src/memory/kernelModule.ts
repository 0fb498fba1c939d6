import { kernelsText, memoryFlagOffset } from "./module.ts";

/** The kernels as they were built, decoded once. */
let bytes: Uint8Array<ArrayBuffer> | undefined;

/** The kernels, compiled for a memory that other threads can see, or for one that they cannot. */
export function kernelModule(shared: boolean): WebAssembly.Module {
  bytes ??= decode(kernelsText);
  bytes[memoryFlagOffset] = shared ? 3 : 1;
  return new WebAssembly.Module(bytes);
}

/** The bytes of a text in which each character is one. */
export function decode(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  // Where there is a Buffer, as in Node, it spares a first call half of its time: most of the loop's is its own compilation.
  if (globalThis.Buffer) globalThis.Buffer.from(bytes.buffer).write(text, "latin1");
  else for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
