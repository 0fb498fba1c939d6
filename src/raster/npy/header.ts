/** The header of NumPy's array files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
import type { ByteSource } from "../ByteSource.ts";
import type { SampleType } from "../samples.ts";

export const magic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59); // "\x93NUMPY"

export interface NpyHeader {
  readonly type: SampleType;
  /** Stored as 16-bit floats, which become float32. */
  readonly half: boolean;
  /** Bytes of a stored number. */
  readonly itemSize: number;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Where the numbers begin. */
  readonly dataOffset: number;
}

/** NumPy's kind and size of a number, and what it becomes here. */
export const npyTypes: Record<string, SampleType> = {
  b1: "u8",
  u1: "u8",
  i1: "i8",
  u2: "u16",
  i2: "i16",
  u4: "u32",
  i4: "i32",
  i8: "i64",
  u8: "u64",
  f2: "f32",
  f4: "f32",
  f8: "f64",
};

const maxHeaderBytes = 65536;

export async function readNpyHeader(file: ByteSource): Promise<NpyHeader> {
  const start = await file.read(0, Math.min(12, file.size));
  const view = new DataView(start.buffer);
  const major = start[6] ?? 0;
  if (start.length < 12) throw file.error("too short for an NPY file");
  if (major < 1 || major > 3) throw file.error(`NPY version ${major}.${start[7]} is not known`);
  const textOffset = major === 1 ? 10 : 12;
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > maxHeaderBytes) throw file.error(`its NPY header claims ${length} bytes`);
  const text = Buffer.from(await file.read(textOffset, length)).toString(major === 3 ? "utf8" : "latin1");

  const descr = /'descr'\s*:\s*('[^']*'|\[)/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const dimensions = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text)?.[1];
  if (descr === undefined || order === undefined || dimensions === undefined) {
    throw file.error("its NPY header cannot be understood");
  }
  const dtype = /^'([<>|=])([a-zA-Z]\d+)'$/.exec(descr);
  const type = dtype?.[2] && npyTypes[dtype[2]];
  if (!dtype?.[2] || !type) {
    const name = descr === "[" ? "structured records" : `dtype ${descr}`;
    throw file.error(`NPY ${name} cannot be read: booleans, integers and floats can`);
  }
  return {
    type,
    half: dtype[2] === "f2",
    itemSize: Number(dtype[2].slice(1)),
    littleEndian: dtype[1] !== ">",
    fortranOrder: order === "True",
    shape: dimensions.split(",").flatMap((word) => (word.trim() === "" ? [] : [Number(word)])),
    dataOffset: textOffset + length,
  };
}
