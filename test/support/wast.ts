/** A call of the flat functions as a WebAssembly script, for interpreters that know no JavaScript. */
import type { LaidOut } from "./flat.ts";

const quoted = (bytes: Uint8Array): string =>
  `"${Array.from(bytes, (byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("")}"`;

/** The module of the kernels, a memory, and a host that holds the call's bytes; `words` of 8 bytes are read from each address of `results`. */
export function script(kernels: Uint8Array, laid: LaidOut, results: readonly { at: number; words: number }[]): string {
  const reads = results.flatMap(({ at, words }) =>
    Array.from({ length: words }, (_, i) => `(invoke $host "word" (i32.const ${at + 8 * i}))`),
  );
  return `
(module $memory (memory (export "memory") 64 65536))
(register "env" $memory)
(module $kernels binary ${quoted(kernels)})
(register "kernels" $kernels)
(module $host
  (import "env" "memory" (memory 64 65536))
  (import "kernels" "heapStart" (func $heapStart (result i32)))
  (import "kernels" "lossWorkBytes" (func $lossWorkBytes (param i32) (result i32)))
  (import "kernels" "computeLoss" (func $computeLoss (param i32 i32) (result i32)))
  (data (i32.const ${laid.start}) ${quoted(laid.image)})
  (func (export "start") (result i32) (call $heapStart))
  (func (export "work") (result i32) (call $lossWorkBytes (i32.const ${laid.call})))
  (func (export "compute") (result i32) (call $computeLoss (i32.const ${laid.call}) (i32.const ${laid.work})))
  (func (export "word") (param $at i32) (result i64) (i64.load align=4 (local.get $at))))
(invoke $host "start")
(invoke $host "work")
(invoke $host "compute")
${reads.join("\n")}
`;
}
