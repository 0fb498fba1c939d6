import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { NpyWriter, openRaster, RasterError, writeNpy } from "../../src/raster/index.ts";
import { type SampleType, sampleArrays, sampleTypes } from "../../src/raster/samples.ts";
import { temporaryFolder } from "./folder.ts";
import { sampleBytes } from "./tiffBytes.ts";

const file = temporaryFolder();

function npy(header: string, data: Uint8Array, version = 1): string {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  const path = file("array.npy");
  writeFileSync(
    path,
    Buffer.concat([Buffer.from("\x93NUMPY", "latin1"), Buffer.from([version, 0]), length, Buffer.from(header), data]),
  );
  return path;
}

function header(descr: string, shape: readonly number[], fortran = false): string {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  return `{'descr': '${descr}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': (${tuple}), }\n`;
}

/** The elements of a C-order array in Fortran order: the first axis runs fastest. */
function fortranOrder(values: readonly number[], shape: readonly number[]): number[] {
  const out = new Array<number>(values.length);
  for (let i = 0; i < values.length; i++) {
    let rest = i;
    let to = 0;
    const index = [...shape].reverse().map((size) => {
      const at = rest % size;
      rest = Math.floor(rest / size);
      return at;
    });
    let stride = 1;
    for (const [axis, at] of index.reverse().entries()) {
      to += at * stride;
      stride *= shape[axis] as number;
    }
    out[to] = values[i] as number;
  }
  return out;
}

const [samples, bands, height, width] = [2, 3, 5, 4];
const count = samples * bands * height * width;

/** What stands at a place, and the planar window that `readWindow` should give of it. */
const valueAt = (s: number, b: number, y: number, x: number) => ((s * 3 + b) * 5 + y) * 4 + x + 1;

function expected(s: number, each: readonly number[], x0: number, y0: number, w: number, h: number): number[] {
  const window: number[] = [];
  for (const b of each)
    for (let y = y0; y < y0 + h; y++) for (let x = x0; x < x0 + w; x++) window.push(valueAt(s, b, y, x));
  return window;
}

describe("every type, order, byte order and axis order", () => {
  const codes: Partial<Record<SampleType, string>> = {
    u8: "u1",
    i8: "i1",
    u16: "u2",
    i16: "i2",
    u32: "u4",
    i32: "i4",
    f32: "f4",
    f64: "f8",
  };

  function array(layout: "chw" | "hwc"): number[] {
    const values: number[] = [];
    for (let i = 0; i < count; i++) {
      const [b, y, x] =
        layout === "chw"
          ? [Math.floor(i / 20) % 3, Math.floor(i / 4) % 5, i % 4]
          : [i % 3, Math.floor(i / 12) % 5, Math.floor(i / 3) % 4];
      values.push(valueAt(Math.floor(i / 60), b, y, x));
    }
    return values;
  }

  for (const layout of ["chw", "hwc"] as const) {
    for (const fortran of [false, true]) {
      test(`${layout}, ${fortran ? "Fortran" : "C"} order`, async () => {
        const shape = layout === "chw" ? [samples, bands, height, width] : [samples, height, width, bands];
        const values = fortran ? fortranOrder(array(layout), shape) : array(layout);
        for (const type of sampleTypes) {
          for (const littleEndian of [true, false]) {
            const descr = `${littleEndian ? "<" : ">"}${codes[type]}`;
            const path = npy(header(descr, shape, fortran), sampleBytes(values, type, littleEndian));
            const raster = await openRaster(path, { layout, cacheBytes: 0 });
            expect([raster.samples, raster.bands.length, raster.height, raster.width]).toEqual([2, 3, 5, 4]);
            for (const s of [0, 1]) {
              const all = await raster.readWindow(0, 0, width, height, undefined, s);
              expect(all).toBeInstanceOf(sampleArrays[type]);
              expect(Array.from(all)).toEqual(expected(s, [0, 1, 2], 0, 0, 4, 5));
            }
            expect(Array.from(await raster.readWindow(1, 2, 2, 3, [2, 0], 1))).toEqual(expected(1, [2, 0], 1, 2, 2, 3));
            expect(await raster.readMask(0, 0, 1, 1)).toBeNull();
            await raster.close();
          }
        }
      });
    }
  }

  test("(H, W) and (C, H, W), versions 2 and 3", async () => {
    for (const version of [1, 2, 3]) {
      const plane = await openRaster(npy(header("<f4", [2, 3]), sampleBytes([1, 2, 3, 4, 5, 6], "f32"), version));
      expect([plane.samples, plane.bands.length, plane.height, plane.width]).toEqual([1, 1, 2, 3]);
      expect(Array.from(await plane.readWindow(1, 0, 2, 2))).toEqual([2, 3, 5, 6]);
      await plane.close();
      const image = await openRaster(npy(header("<f4", [2, 1, 3]), sampleBytes([1, 2, 3, 4, 5, 6], "f32"), version));
      expect([image.samples, image.bands.length, image.height, image.width]).toEqual([1, 2, 1, 3]);
      await image.close();
    }
  });

  test("booleans are bytes, half floats float32", async () => {
    const flags = await openRaster(npy(header("|b1", [1, 3]), Uint8Array.of(1, 0, 1)));
    expect([flags.type, ...(await flags.readWindow(0, 0, 3, 1))]).toEqual(["u8", 1, 0, 1]);
    await flags.close();
    const halves = await openRaster(npy(header(">f2", [1, 2]), sampleBytes([0x3c00, 0xc000], "u16", false)));
    expect([halves.type, ...(await halves.readWindow(0, 0, 2, 1))]).toEqual(["f32", 1, -2]);
    await halves.close();
  });

  test("large arrays in Fortran order are read in squares, wherever the window lies", async () => {
    const [h, w] = [700, 900];
    const values = Float32Array.from({ length: h * w }, (_, i) => i % 16_777_213);
    const raster = await openRaster(
      npy(header("<f4", [h, w], true), sampleBytes(fortranOrder([...values], [h, w]), "f32")),
    );
    expect(raster.tile.width).toBeLessThan(w);
    const [x0, y0] = [raster.tile.width - 2, raster.tile.height - 2];
    const window = await raster.readWindow(x0, y0, 4, 4);
    for (let i = 0; i < 16; i++) expect(window[i]).toBe(values[(y0 + Math.floor(i / 4)) * w + x0 + (i % 4)]);
    await raster.close();
  });
});

describe("refused, in one line", () => {
  const data = new Uint8Array(64);
  const cases: [string, () => string, RegExp][] = [
    ["pickled objects", () => npy(header("|O", [2, 2]), data), /dtype '\|O' cannot be read/],
    ["records", () => npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 2), }", data), /structured/],
    ["complex numbers", () => npy(header("<c8", [2, 2]), data), /dtype '<c8'/],
    ["text", () => npy(header("<U3", [2, 2]), data), /dtype '<U3'/],
    ["one dimension", () => npy(header("<f4", [16]), data), /shape \(16\) is no image/],
    ["five dimensions", () => npy(header("<f4", [1, 1, 1, 4, 4]), data), /is no image/],
    ["no pixels", () => npy(header("<f4", [0, 4]), data), /holds nothing/],
    ["truncated data", () => npy(header("<f4", [4, 5]), data), /needs 80 bytes, but 64 follow/],
    ["sizes beyond the file", () => npy(header("<f4", [4_000_000_000, 4_000_000_000]), data), /needs/],
    [
      "sizes beyond all numbers",
      () => npy(header("<f4", [10 ** 300, 10 ** 300]).replaceAll("1e+300", "9".repeat(320)), data),
      /needs/,
    ],
    ["negative sizes", () => npy(header("<f4", [-4, 4]), data), /cannot be understood/],
    ["another version", () => npy(header("<f4", [4, 4]), data, 4), /version 4/],
    ["garbage for a header", () => npy("'".repeat(500), data), /cannot be understood/],
  ];
  for (const [name, make, problem] of cases) {
    test(name, async () => {
      const opening = openRaster(make());
      await expect(opening).rejects.toThrow(RasterError);
      await expect(opening).rejects.toThrow(problem);
    });
  }

  test("every truncation of a file", async () => {
    const path = npy(header("<f4", [4, 4]), data);
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      await expect(openRaster(path)).rejects.toThrow(RasterError);
    }
  });
});

describe("writeNpy", () => {
  test("what it writes is read back, whatever the type", async () => {
    for (const type of sampleTypes) {
      const values = new sampleArrays[type](Array.from({ length: 24 }, (_, i) => i + 1));
      await writeNpy(file("out.npy"), values, [2, 3, 4]);
      const raster = await openRaster(file("out.npy"));
      const read = await raster.readWindow(0, 0, 4, 3);
      expect(raster.type).toBe(type);
      expect(read).toEqual(values);
      await raster.close();
    }
  });

  test("the header is NumPy's to the byte", async () => {
    await writeNpy(file("out.npy"), Float32Array.of(1.5), [1]);
    const bytes = readFileSync(file("out.npy"));
    const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }".padEnd(117);
    expect(bytes.toString("latin1")).toBe(`\x93NUMPY\x01\x00\x76\x00${text}\n\x00\x00\xc0\x3f`);
  });

  test("a shape that is not the data's, a folder that is not there", async () => {
    await expect(writeNpy(file("x.npy"), new Float32Array(6), [2, 4])).rejects.toThrow(
      /"shape": expected .* 6 numbers/,
    );
    await expect(writeNpy(file("none/x.npy"), new Float32Array(6), [2, 3])).rejects.toThrow(/no such file/);
  });
});

describe("NpyWriter", () => {
  test("pieces in any order are one array", async () => {
    const values = Float32Array.from({ length: 24 }, (_, i) => i);
    await writeNpy(file("whole.npy"), values, [2, 3, 4]);
    const writer = await NpyWriter.create(file("pieces.npy"), "f32", [2, 3, 4]);
    for (const [start, end] of [
      [20, 24],
      [0, 7],
      [7, 20],
    ] as const) {
      expect(existsSync(file("pieces.npy"))).toBe(false);
      await writer.write(values.subarray(start, end), start);
    }
    await writer.finish();
    expect(readFileSync(file("pieces.npy"))).toEqual(readFileSync(file("whole.npy")));
  });

  test("what is no piece, and an array that is not complete", async () => {
    await expect(NpyWriter.create(file("x.npy"), "f32", [2, 1.5])).rejects.toThrow('"shape": expected whole sizes');
    const writer = await NpyWriter.create(file("x.npy"), "f32", [2, 3]);
    await expect(writer.write(new Float32Array(3), 4)).rejects.toThrow('"first": expected a place for 3 of 6 numbers');
    await expect(writer.write(new Uint8Array(3), 0)).rejects.toThrow('"numbers": expected a Float32Array, got u8');
    await writer.write(new Float32Array(3), 3);
    await expect(writer.finish()).rejects.toThrow('"numbers": expected 6 in all, got 3');
    await writer.discard();
    expect(readdirSync(dirname(file("x.npy"))).filter((name) => name.startsWith("x.npy"))).toEqual([]);
  });
});

describe("integers of 64 bits", () => {
  const integers = (...values: bigint[]) => Buffer.from(BigInt64Array.from(values).buffer);

  test("are read as what they are", async () => {
    const bytes = integers(-5n, 2n ** 53n, -(2n ** 63n), 7n);
    for (const [dtype, stored] of [
      ["<i8", bytes],
      [">i8", Buffer.from(bytes).swap64()],
    ] as const) {
      const raster = await openRaster(npy(header(dtype, [2, 2]), stored));
      expect(raster.type).toBe("i64");
      expect(Array.from(await raster.readWindow(0, 0, 2, 2))).toEqual([-5, 2 ** 53, -(2 ** 63), 7]);
      await raster.close();
    }
  });

  test("that no float holds are an error that names them", async () => {
    const raster = await openRaster(npy(header("<u8", [1, 2]), integers(1n, 2n ** 53n + 1n)));
    expect(raster.type).toBe("u64");
    await expect(raster.readWindow(0, 0, 2, 1)).rejects.toThrow(/array\.npy: holds 9007199254740993, which no float/);
    await raster.close();
  });
});

describe("NPZ", () => {
  /** A ZIP archive of members, packed or not. */
  function zip(members: Record<string, Buffer>, isPacked: boolean): Buffer {
    const [local, central]: Buffer[][] = [[], []];
    let offset = 0;
    for (const [name, bytes] of Object.entries(members)) {
      const packed = isPacked ? deflateRawSync(bytes) : bytes;
      const head = Buffer.alloc(26);
      head.writeUInt16LE(20, 0);
      head.writeUInt16LE(isPacked ? 8 : 0, 4);
      head.writeUInt32LE(crc32(bytes), 10);
      head.writeUInt32LE(packed.length, 14);
      head.writeUInt32LE(bytes.length, 18);
      head.writeUInt16LE(name.length, 22);
      const place = Buffer.alloc(14);
      place.writeUInt32LE(offset, 10);
      local?.push(Buffer.from("PK\x03\x04"), head, Buffer.from(name), packed);
      central?.push(Buffer.from("PK\x01\x02\x14\0"), head, place, Buffer.from(name));
      offset += 4 + head.length + name.length + packed.length;
    }
    const directory = Buffer.concat(central ?? []);
    const end = Buffer.alloc(22);
    end.write("PK\x05\x06");
    end.writeUInt16LE(Object.keys(members).length, 10);
    end.writeUInt32LE(directory.length, 12);
    end.writeUInt32LE(offset, 16);
    return Buffer.concat([...(local ?? []), directory, end]);
  }
  const array = readFileSync(npy(header("<u2", [2, 3]), Buffer.from(Uint16Array.of(1, 2, 3, 4, 5, 6).buffer)));

  test("one array is read, packed or not; its check sum tells of damage", async () => {
    for (const isPacked of [false, true]) {
      const bytes = zip({ "scene.npy": array }, isPacked);
      writeFileSync(file("a.npz"), bytes);
      const raster = await openRaster(file("a.npz"));
      expect([raster.format, raster.type, raster.width, raster.height]).toEqual(["NPZ", "u16", 3, 2]);
      expect(Array.from(await raster.readWindow(0, 0, 3, 2))).toEqual([1, 2, 3, 4, 5, 6]);
      await raster.close();
      const damaged = Buffer.from(bytes);
      const at = 39 + Math.floor(array.length / (isPacked ? 3 : 1)) - 2;
      damaged.writeUInt8(damaged.readUInt8(at) ^ 4, at);
      writeFileSync(file("a.npz"), damaged);
      await expect(openRaster(file("a.npz"))).rejects.toThrow(/a\.npz: scene\.npy is damaged/);
    }
  });

  test("several arrays, none, a cut archive", async () => {
    writeFileSync(file("a.npz"), zip({ "pred.npy": array, "target.npy": array }, false));
    await expect(openRaster(file("a.npz"))).rejects.toThrow(/holds the arrays pred, target, expected a single one/);
    const other = zip({ "readme.txt": Buffer.from("x") }, false);
    writeFileSync(file("a.npz"), other);
    await expect(openRaster(file("a.npz"))).rejects.toThrow(/is a ZIP archive: unzip \S+a\.npz unpacks it/);
    writeFileSync(file("a.npz"), other.subarray(0, -25));
    await expect(openRaster(file("a.npz"))).rejects.toThrow(/without a directory/);
  });
});
