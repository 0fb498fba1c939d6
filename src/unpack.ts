/** Lines of a text, by number. Operands have those from OFFSET on: numbers in LEB128, from LANE on 2^(line − LANE) bytes. */
const BEFORE = 0;
const AFTER = 1;
const TABLE = 2;
const PARAMETERS = 3;
const OPERATIONS = 4;
const LOCALS = 5;
const OFFSET = 6;
const LANE = 12;

/** What an operation may have instead of its operand's line: no operand, a local, told by its type less TYPE, the function's end. */
const NONE = 0;
const TYPE = 0x7a;
const END = 17;

/** Room for what stands before a function's body: more than any has locals. */
const ROOM = 4096;

/** The module that scripts/pack.mjs has made `text` of; it tells how. */
export function unpack(text: string): Uint8Array<ArrayBuffer> {
  const lines = text.split("\n");
  const places = lines.map(() => 0);
  const isLeft = (line: number) => (places[line] as number) < (lines[line] as string).length;
  const next = (line: number) => {
    const text = lines[line] as string;
    let place = places[line] as number;
    const code = text.charCodeAt(place++);
    // A space is 32, "!" is 33.
    const byte = code < 34 ? text.charCodeAt(place++) + 92 * (code - 31) : code;
    places[line] = place;
    return (byte - 38) & 255;
  };
  const names: number[][] = [];
  while (isLeft(TABLE)) {
    const name = [];
    for (let i = next(TABLE); i >= 0; i--) name.push(next(TABLE));
    names.push(name);
  }

  const module = new Uint8Array(2 * text.length + ROOM);
  let end = 0;
  const write = (bytes: readonly number[]) => {
    module.set(bytes, end);
    end += bytes.length;
  };
  while (isLeft(BEFORE)) module[end++] = next(BEFORE);
  const section = end + 1;
  write([10, ...leb(0), ...leb(0)]);
  let functions = 0;
  for (; isLeft(PARAMETERS); functions++) {
    // The locals of each type, last used first.
    const used = Array.from({ length: OFFSET }, (): number[] => []);
    const types: number[] = [];
    let locals = 0;
    for (let kind = next(PARAMETERS); kind !== NONE; kind = next(PARAMETERS)) used[kind]?.push(locals++);
    const body = end + ROOM;
    let at = body;
    for (let kind = NONE; kind !== END; ) {
      const name = names[next(OPERATIONS)] as number[];
      kind = name[0] as number;
      for (let i = 1; i < name.length; i++) module[at++] = name[i] as number;
      if (kind === NONE || kind === END) continue;
      if (kind >= LANE) for (let i = 1 << (kind - LANE); i > 0; i--) module[at++] = next(kind);
      else if (kind >= OFFSET) {
        do module[at] = next(kind);
        while ((module[at++] as number) > 127);
      } else {
        const others = used[kind] as number[];
        const place = next(LOCALS);
        let local = others[0] as number;
        if (place === 0) types.push(1, kind + TYPE);
        if (place !== 1) {
          local = place === 0 ? locals++ : (others.splice(place - 1, 1)[0] as number);
          others.unshift(local);
        }
        if (local > 127) module[at++] = local | 128;
        module[at++] = local > 127 ? local >> 7 : local;
      }
    }
    const head = [...leb(types.length / 2), ...types];
    write([...leb(head.length + at - body), ...head]);
    module.copyWithin(end, body, at);
    end += at - body;
  }
  module.set([...leb(end - section - 5), ...leb(functions)], section);
  while (isLeft(AFTER)) module[end++] = next(AFTER);
  return module.slice(0, end);
}

/** A number in LEB128, in five bytes whatever it is. */
function leb(value: number): number[] {
  return [0, 7, 14, 21, 28].map((shift) => ((value >>> shift) & 127) | (shift < 28 ? 128 : 0));
}
