/** TIFF files put together tag by tag, right or wrong, apart from the project's own writer. */

export interface TiffOptions {
  littleEndian?: boolean;
  big?: boolean;
}

export type TiffTags = Record<number, number | readonly number[] | string>;

export interface TiffImage {
  tags: TiffTags;
  /** Data of the blocks; the tags for offsets and byte counts are made from them. */
  blocks: readonly Uint8Array[];
  tiled?: boolean;
}

type Field = [tag: number, type: number, values: readonly number[]];

const sizes: Record<number, number> = { 2: 1, 3: 2, 4: 4, 12: 8, 16: 8 };
const doubleTags = new Set([33550, 33922, 34264]);

/** Everything but text and doubles is LONG, which TIFF allows wherever it allows SHORT. */
function fieldOf(tag: number, value: TiffTags[number]): Field {
  if (typeof value === "string") return [tag, 2, [...Buffer.from(`${value}\0`, "utf8")]];
  return [tag, doubleTags.has(tag) ? 12 : 4, typeof value === "number" ? [value] : value];
}

export function tiffBytes(
  images: readonly TiffImage[],
  { littleEndian = true, big = false }: TiffOptions = {},
): Buffer {
  const pointerSize = big ? 8 : 4;
  const parts: Buffer[] = [];
  let position = 0;
  const append = (bytes: Uint8Array) => {
    const at = position;
    parts.push(Buffer.from(bytes));
    position += bytes.length;
    return at;
  };
  const number = (value: number, size: number, float = false) => {
    const bytes = Buffer.alloc(size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, size);
    if (float) view.setFloat64(0, value, littleEndian);
    else if (size === 8) view.setBigUint64(0, BigInt(value), littleEndian);
    else if (size === 4) view.setUint32(0, value, littleEndian);
    else if (size === 2) view.setUint16(0, value, littleEndian);
    else view.setUint8(0, value);
    return bytes;
  };

  append(Buffer.from(littleEndian ? "II" : "MM"));
  append(number(big ? 43 : 42, 2));
  if (big) append(Buffer.concat([number(8, 2), number(0, 2)]));
  // Where the pointer to the next directory stands, to be filled in when its place is known.
  let pointer = append(number(0, pointerSize));
  const pointers: [at: number, value: number][] = [];

  for (const { tags, blocks, tiled } of images) {
    const offsets = blocks.map((block) => (block.length ? append(block) : 0));
    const lengths = blocks.map((block) => block.length);
    const made = tiled ? { 324: offsets, 325: lengths } : { 273: offsets, 279: lengths };
    const fields = Object.entries({ ...made, ...tags }).map(([tag, value]) => fieldOf(Number(tag), value));
    const entries = fields.map(([tag, type, values]) => {
      const size = sizes[type] as number;
      const bytes = Buffer.concat(values.map((value) => number(value, size, type === 12)));
      const inline = bytes.length <= pointerSize;
      const place = inline ? Buffer.concat([bytes, Buffer.alloc(pointerSize - bytes.length)]) : undefined;
      const value = place ?? number(append(bytes), pointerSize);
      return Buffer.concat([number(tag, 2), number(type, 2), number(values.length, pointerSize), value]);
    });
    const start = append(Buffer.concat([number(entries.length, big ? 8 : 2), ...entries]));
    pointers.push([pointer, start]);
    pointer = append(number(0, pointerSize));
  }
  const file = Buffer.concat(parts);
  for (const [at, value] of pointers) file.set(number(value, pointerSize), at);
  return file;
}

/** The bytes of samples in the given order. */
export function sampleBytes(samples: ArrayLike<number>, kind: string, littleEndian = true): Buffer {
  const size = Number(kind.slice(1)) / 8;
  const bytes = Buffer.alloc(samples.length * size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const set = {
    u8: (at: number, value: number) => view.setUint8(at, value),
    i8: (at: number, value: number) => view.setInt8(at, value),
    u16: (at: number, value: number) => view.setUint16(at, value, littleEndian),
    i16: (at: number, value: number) => view.setInt16(at, value, littleEndian),
    u32: (at: number, value: number) => view.setUint32(at, value, littleEndian),
    i32: (at: number, value: number) => view.setInt32(at, value, littleEndian),
    f32: (at: number, value: number) => view.setFloat32(at, value, littleEndian),
    f64: (at: number, value: number) => view.setFloat64(at, value, littleEndian),
  }[kind] as (at: number, value: number) => void;
  for (let i = 0; i < samples.length; i++) set(i * size, samples[i] as number);
  return bytes;
}
