// A WebAssembly module as text that brotli and gzip make little of: what src/unpack.ts takes apart again.
//
// Instructions are mixtures of things that have nothing in common: what is done, on which local, at which offset, with which
// constant. One after the other they hide from each other what repeats; here each kind is a stream of its own:
//
//     before  after   what stands before and after the code section, as it is
//     table           each different operation, commonest first: length, kind of its operand, its bytes
//     parameters      of each function, their types, ended by 0
//     operations      as places in the table
//     locals          0 for the first use of a local, else how many others of its type were used since its last use, and 1:
//                     functions that differ in their numbering alone become the same
//     the rest        operands by their kind
//
// Locals are renumbered in the order of their first use. Alignments, which are hints alone, become 1. As text a stream is a line, a
// byte the character 38 further on: the commonest ones, 253 to 255 and 0 to 88, are one character from "#" to "~". Those above need
// a space before a character 92 lower, or "!" before one 184 lower.

/**
 * Kinds of operands. Those of locals, one per type, are from LOCAL on. From OFFSET on a kind is the number of its line, of numbers
 * in LEB128, from LANE on of 2^(kind − LANE) bytes. END is that of a function's last operation.
 */
const [NONE, LOCAL, OFFSET, BLOCK, BRANCH, CALL, I32, I64, LANE, F32, F64, V128, END] = [
  0, 1, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17,
];

/** What a value type's code is above the kind of a local of that type. */
const TYPE = 0x7a;

export function pack(wasm) {
  const sections = sectionsOf(wasm);
  const code = sections.findIndex(({ id }) => id === 10);
  const before = wasm.subarray(0, sections[code].start);
  const after = wasm.subarray(sections[code].end);
  const signatures = signaturesOf(wasm, sections);

  const parameters = [];
  const sequence = [];
  const locals = [];
  const operands = Array.from({ length: V128 + 1 }, () => []);
  functionsOf(wasm, sections[code]).forEach(({ types, start, end }, i) => {
    const kinds = [...signatures[i], ...types].map((type) => type - TYPE);
    parameters.push(...kinds.slice(0, signatures[i].length), 0);
    const used = operands.map(() => []);
    for (const local of signatures[i].keys()) used[kinds[local]].push(local);
    for (let at = start; at < end; ) {
      const { length, name, kind, operand, local } = operationAt(wasm, at);
      at += length;
      if (kind === LOCAL) {
        const others = used[kinds[local]];
        const place = others.indexOf(local);
        locals.push(place + 1);
        if (place >= 0) others.splice(place, 1);
        others.unshift(local);
        sequence.push([kinds[local], ...name].join());
      } else {
        sequence.push([at === end ? END : kind, ...name].join());
        operands[kind].push(...operand);
      }
    }
  });

  const counts = new Map();
  for (const operation of sequence) counts.set(operation, (counts.get(operation) ?? 0) + 1);
  const different = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  const places = new Map(different.map((operation, place) => [operation, place]));
  if (places.size > 256) throw new Error(`kernels.wasm: expected at most 256 different operations, got ${places.size}`);
  const table = different.flatMap((operation) => {
    const [kind, ...name] = operation.split(",").map(Number);
    return [name.length, kind, ...name];
  });
  const operations = sequence.map((operation) => places.get(operation));
  return [before, after, table, parameters, operations, locals, ...operands.slice(OFFSET)].map(lineOf).join("\n");
}

function lineOf(bytes) {
  return Array.from(bytes, (byte) => {
    const above = (byte + 3) & 255;
    return ["", " ", "!"][Math.floor(above / 92)] + String.fromCharCode(35 + (above % 92));
  }).join("");
}

/** A number in LEB128, and where it ends. */
function numberAt(wasm, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = wasm[at++];
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return { value, end: at };
  }
}

/** The items of a vector: `read(at)` gives an item with its end. */
function vectorAt(wasm, at, read) {
  let { value: count, end } = numberAt(wasm, at);
  const items = [];
  for (; count > 0; count--) {
    items.push(read(end));
    end = items.at(-1).end;
  }
  return { items, end };
}

function sectionsOf(wasm) {
  const sections = [];
  for (let at = 8; at < wasm.length; at = sections.at(-1).end) {
    const { value: length, end: body } = numberAt(wasm, at + 1);
    sections.push({ id: wasm[at], start: at, body, end: body + length });
  }
  return sections;
}

/** Parameter types of each function. */
function signaturesOf(wasm, sections) {
  const bodyOf = (wanted) => sections.find(({ id }) => id === wanted).body;
  const byte = (at) => ({ value: wasm[at], end: at + 1 });
  const types = vectorAt(wasm, bodyOf(1), (at) => {
    const parameters = vectorAt(wasm, at + 1, byte);
    const { end } = vectorAt(wasm, parameters.end, byte);
    return { parameters: parameters.items.map(({ value }) => value), end };
  });
  return vectorAt(wasm, bodyOf(3), (at) => numberAt(wasm, at)).items.map(({ value }) => types.items[value].parameters);
}

/** The types of the locals of each function, and where its instructions are. */
function functionsOf(wasm, { body }) {
  return vectorAt(wasm, body, (at) => {
    const { value: length, end: start } = numberAt(wasm, at);
    const end = start + length;
    const groups = vectorAt(wasm, start, (at) => {
      const { value: count, end } = numberAt(wasm, at);
      return { types: new Array(count).fill(wasm[end]), end: end + 1 };
    });
    return { types: groups.items.flatMap(({ types }) => types), start: groups.end, end };
  }).items;
}

/** An operation: its length, its name (the bytes that go into the table), and its operand. */
function operationAt(wasm, at) {
  const bytes = (from, to) => [...wasm.subarray(from, to)];
  const numbers = (count, from) => {
    let end = from;
    for (let k = 0; k < count; k++) end = numberAt(wasm, end).end;
    return end;
  };
  const plain = (end) => ({ length: end - at, name: bytes(at, end), kind: NONE, operand: [] });
  const of = (kind, from, end) => ({ length: end - at, name: bytes(at, from), kind, operand: bytes(from, end) });
  const memory = (from) => {
    const offset = numbers(1, from);
    const end = numbers(1, offset);
    return { length: end - at, name: [...bytes(at, from), 0], kind: OFFSET, operand: bytes(offset, end) };
  };

  const code = wasm[at];
  const next = at + 1;
  if (code === 0x02 || code === 0x03 || code === 0x04) return of(BLOCK, next, numbers(1, next));
  if (code === 0x0c || code === 0x0d) return of(BRANCH, next, numbers(1, next));
  if (code === 0x0e) return plain(numbers(numberAt(wasm, next).value + 2, next));
  if (code === 0x10) return of(CALL, next, numbers(1, next));
  if (code >= 0x20 && code <= 0x22) {
    const { value: local, end } = numberAt(wasm, next);
    return { ...of(LOCAL, next, end), local };
  }
  if (code >= 0x28 && code <= 0x3e) return memory(next);
  if (code === 0x41) return of(I32, next, numbers(1, next));
  if (code === 0x42) return of(I64, next, numbers(1, next));
  if (code === 0x43) return of(F32, next, next + 4);
  if (code === 0x44) return of(F64, next, next + 8);
  if (code === 0x00 || code === 0x01 || code === 0x05 || code === 0x0b || code === 0x0f) return plain(next);
  if (code === 0x1a || code === 0x1b || (code >= 0x45 && code <= 0xc4)) return plain(next);
  const { value: sub, end: name } = numberAt(wasm, next);
  if (code === 0xfc && sub <= 7) return plain(name);
  if (code === 0xfc && (sub === 10 || sub === 11)) return plain(numbers(12 - sub, name));
  if (code === 0xfd) {
    if (sub <= 11 || sub === 92 || sub === 93) return memory(name);
    if (sub <= 13) return of(V128, name, name + 16);
    if (sub >= 21 && sub <= 34) return of(LANE, name, name + 1);
    if (sub >= 84 && sub <= 91) return plain(numbers(2, name) + 1);
    return plain(name);
  }
  throw new Error(`kernels.wasm: unknown operation ${bytes(at, name)}`);
}
