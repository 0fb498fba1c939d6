/** The text that src/unpack.ts takes apart, of a module with functions of its own. */
export function pack(wasm: Uint8Array): string;
