// Which arrays are taken: of other realms, of every element type, as ONNX Runtime has them; and what is said of others.
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import * as api from "../src/index.ts";
import { seeded } from "./support/data.ts";

const { CombinedLoss, custom, FlexibleWeightedLoss, mse, tensor } = api;

const shape = [2, 2, 12, 13];
const n = 2 * 2 * 12 * 13;
const random = seeded(3);
const floats = Float32Array.from({ length: n }, () => random());
const bytes = Uint8Array.from({ length: n }, () => 250 * random());
const criterion = new FlexibleWeightedLoss(mse());

/** What types forbid is handed to the API on purpose. */
// biome-ignore lint/suspicious/noExplicitAny: the tests of errors call what does not compile
type Any = any;

/** As text, gradients and maps included, to every digit. */
const textOf = (result: unknown) =>
  JSON.stringify(result, (_, value) => (value instanceof api.Tensor ? [...value.data] : value));

describe("arrays of another realm", () => {
  type Copy = <T>(value: T) => T;
  const foreign: Copy = (value) => {
    const { name } = (value as object).constructor;
    const copy = runInNewContext(`(values) => ${name}.from(values)`)(value);
    expect(copy).not.toBeInstanceOf((value as Any).constructor);
    return copy;
  };

  /** What calls give whose arrays are copied by `of`. */
  const calls: Record<string, (of: Copy) => unknown> = {
    "pred, target, mask and their shapes": (of) => {
      const pred = { data: of(floats), shape: of(shape) };
      const target = { data: of(floats.toReversed()), dims: of(shape) };
      return criterion.valueAndGrad(pred, target, { mask: { data: of(bytes.map((b) => b % 2)), shape: of(shape) } });
    },
    integers: (of) => [
      new FlexibleWeightedLoss(mse(), { valid: { nodata: of([3, 4]) } }).valueAndGrad(
        { data: of(Uint16Array.from(bytes)), shape, scale: 0.5 },
        { data: of(Uint16Array.from(bytes.toReversed())), shape, scale: 0.5 },
      ),
      criterion.forward({ data: of(Int16Array.from(bytes)), shape }, { data: of(bytes), shape }),
    ],
    "tensor()": (of) => criterion.valueAndGrad(tensor(of(floats), of(shape)), tensor(of(bytes), shape, { scale: 0.1 })),
    "gradOutput, as numbers of either kind": (of) => {
      const each = new FlexibleWeightedLoss(mse(), { reduction: "none" });
      const pair = [tensor(floats, shape), tensor(floats.toReversed(), shape)] as const;
      return [
        each.valueAndGrad(...pair, { gradOutput: of([1, 2, 3, 4]) }),
        each.valueAndGrad(...pair, { gradOutput: of(Float64Array.of(1, 2, 3, 4)) }),
      ];
    },
    out: (of) => {
      const out = { data: of(new Float32Array(n)), shape };
      const { grad } = criterion.valueAndGrad({ data: floats, shape }, { data: floats.toReversed(), shape }, { out });
      expect([...out.data]).toEqual([...grad.data]);
      return grad;
    },
    "the gradient of a custom loss": (of) => {
      const loss = custom((p) => ({ value: 1, grad: of(p.map((x) => 2 * x)) }));
      return new FlexibleWeightedLoss(loss).valueAndGrad({ data: floats, shape }, { data: floats, shape });
    },
    "class labels": (of) => {
      const labels = { data: of(Int32Array.from({ length: n / 2 }, (_, i) => i % 2)), shape: of([2, 12, 13]) };
      const classes = new FlexibleWeightedLoss(api.crossEntropy());
      const pred = { data: floats, shape };
      using prepared = api.prepareTarget(labels);
      return [classes.valueAndGrad(pred, labels), classes.valueAndGrad(pred, prepared)];
    },
    "a target that is prepared": (of) => {
      using prepared = api.prepareTarget({ data: of(floats), shape }, { mask: { data: of(bytes), shape } });
      return criterion.valueAndGrad({ data: floats.toReversed(), shape }, prepared);
    },
    "terms of a combined loss": (of) => {
      const terms = [mse(), api.sam()].map((base) => ({ weight: 1, loss: new FlexibleWeightedLoss(base) }));
      return new CombinedLoss(of(terms)).valueAndGrad(
        { data: floats, shape },
        { data: floats, shape },
        { normalizer: of([1, 2]) },
      );
    },
    "metrics and windows of an image": (of) => {
      const [pred, target] = [floats, floats.toReversed()].map((data) => ({
        data: of(data.subarray(0, n / 2)),
        shape: [1, 2, 12, 13],
      }));
      const options = { bands: of(["a", "b"]), dataRange: 1, without: of(["uqi" as const]) };
      const metrics = new api.BandMetrics(options);
      metrics.update(pred as Any, target as Any, { sample: "s", halo: { left: 3 } });
      const loss = new api.LossAccumulator(criterion).add(pred as Any, target as Any, {
        sample: "s",
        halo: { left: 3 },
      });
      return [metrics.compute(), loss.finish()];
    },
    maps: (of) => api.errorMap({ data: of(floats), shape }, { data: of(bytes), shape: of(shape) }),
  };

  test.each(Object.keys(calls))("%s", (name) => {
    const call = calls[name] as (of: Copy) => unknown;
    expect(textOf(call(foreign))).toBe(textOf(call((value) => value)));
  });
});

describe("a proxy is refused by the argument's name, and what it is", () => {
  const proxied = <T extends object>(of: T): T => new Proxy(of, {});
  const pred = tensor(floats, shape);
  const labels = { data: new Int32Array(n / 2), shape: [2, 12, 13] };
  const none = new FlexibleWeightedLoss(mse(), { reduction: "none" });
  test.each<[string, () => unknown]>([
    ["pred", () => criterion.forward({ data: proxied(floats), shape }, pred)],
    ["pred", () => criterion.forward(proxied(pred), pred)],
    ["target", () => criterion.forward(pred, proxied(pred))],
    ["target", () => criterion.forward(pred, { data: proxied(floats), dims: shape })],
    ["mask", () => criterion.forward(pred, pred, { mask: { data: proxied(bytes), shape } })],
    ["out", () => criterion.valueAndGrad(pred, pred, { out: proxied(tensor(new Float32Array(n), shape)) })],
    ["gradOutput", () => none.valueAndGrad(pred, pred, { gradOutput: proxied(new Float64Array(4)) })],
    [
      "custom",
      () => new FlexibleWeightedLoss(custom((p) => ({ value: 1, grad: proxied(p) }))).valueAndGrad(pred, pred),
    ],
    ["data", () => tensor(proxied(floats), shape)],
    ["target", () => api.prepareTarget({ data: proxied(floats), shape })],
    [
      "target",
      () => new FlexibleWeightedLoss(api.crossEntropy()).forward(pred, { ...labels, data: proxied(labels.data) }),
    ],
    ["pred", () => api.evaluate(proxied(pred), pred, { dataRange: 1 })],
  ])("%s: %o", (name, call) => {
    expect(call).toThrow(TypeError);
    expect(call).toThrow(new RegExp(`^"${name}": expected .*got a proxy of `));
  });

  test("one of a plain object or a shape is as good as that", () => {
    const seen = criterion.forward(proxied({ data: floats, shape: proxied([...shape]) }), pred);
    expect(textOf(seen)).toBe(textOf(criterion.forward(pred, pred)));
  });

  test("so is another Tensor's prototype, or a getter's", () => {
    const odd = Object.create(api.Tensor.prototype);
    expect(() => criterion.forward(odd, pred)).toThrow(/^"pred": expected/);
  });
});

test("the bytes of a canvas are pixels, a mask, or labels", () => {
  const clamped = Uint8ClampedArray.from(bytes);
  const other = { data: floats, shape };
  const as = (data: Uint8Array | Uint8ClampedArray) => [
    criterion.valueAndGrad(tensor(data, shape, { scale: 0.1 }), other),
    criterion.valueAndGrad(other, { data, shape }),
    criterion.valueAndGrad(other, other, { mask: { data, shape } }),
    new FlexibleWeightedLoss(api.crossEntropy({ ignoreIndex: 7 })).valueAndGrad(other, {
      data: data.subarray(0, n / 2).map((b) => b % 2),
      shape: [2, 12, 13],
    }),
  ];
  expect(textOf(as(clamped))).toBe(textOf(as(bytes)));
  const shared = new Float32Array(n);
  const over = { data: new Uint8ClampedArray(shared.buffer, 0, n), shape };
  expect(() => criterion.valueAndGrad(other, over, { out: { data: shared, shape } })).toThrow(/overlaps target/);
});

/** The values of float16 by their bits: of 5 bits of exponent, counted from −15, and 10 of fraction. */
function halfOf(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits >> 15 ? -1 : 1;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** A tensor as ONNX Runtime has it: everything comes from its class. */
class OrtTensor {
  readonly #given: { type: string; data: Any; dims: readonly number[] };
  constructor(type: string, data: Any, dims: readonly number[]) {
    this.#given = { type, data, dims };
  }
  get type() {
    return this.#given.type;
  }
  get data() {
    return this.#given.data;
  }
  get dims() {
    return this.#given.dims;
  }
}

describe("tensors of ONNX Runtime", () => {
  const other = { data: floats, shape };
  const whole = Array.from(bytes);
  const arrays: Record<string, Any> = {
    float32: floats,
    uint8: bytes,
    bool: bytes.map((b) => b % 2),
    int16: Int16Array.from(bytes),
    uint16: Uint16Array.from(bytes),
    float16: Uint16Array.from({ length: n }, (_, i) => 0x3400 + i),
    int32: Int32Array.from(bytes),
    int8: Int8Array.from(bytes),
    uint32: Uint32Array.from(bytes),
    float64: Float64Array.from(floats),
    int64: BigInt64Array.from(whole, BigInt),
    uint64: BigUint64Array.from(whole, BigInt),
    string: whole.map(String),
    int4: Int8Array.from(bytes),
    uint4: bytes,
  };
  const pixels = ["float32", "uint8", "bool", "int16", "uint16", "float16"];

  test.each(Object.keys(arrays))("of type %s are read as what they are, or refused", (type) => {
    const given = new OrtTensor(type, arrays[type], shape) as Any;
    if (!pixels.includes(type)) {
      for (const call of [() => criterion.forward(given, other), () => api.errorMap(given, other)]) {
        expect(call).toThrow(TypeError);
        expect(call).toThrow(/^"pred": expected data to be a Float32Array or .*, got /);
      }
      return;
    }
    const read = type === "float16" ? Array.from(arrays[type] as Uint16Array, halfOf) : arrays[type];
    const same = { data: Float32Array.from(read), shape };
    expect(textOf(criterion.valueAndGrad(given, other))).toBe(textOf(criterion.valueAndGrad(same, other)));
    expect(textOf(criterion.valueAndGrad(other, given))).toBe(textOf(criterion.valueAndGrad(other, same)));
  });

  test("of type bool are masks, and of bytes; of no other", () => {
    const mask = tensor(arrays.bool, shape);
    const want = textOf(criterion.forward(other, other, { mask }));
    expect(textOf(criterion.forward(other, other, { mask: new OrtTensor("bool", arrays.bool, shape) as Any }))).toBe(
      want,
    );
    for (const type of ["float16", "uint16", "uint4"]) {
      const wrong = new OrtTensor(type, arrays[type], shape) as Any;
      expect(() => criterion.forward(other, other, { mask: wrong })).toThrow(/^"mask": expected .* got a/);
    }
  });

  test("of type int32 and uint8 are class labels, of type float16 are not", () => {
    const dims = [2, 12, 13];
    const labels = Int32Array.from({ length: n / 2 }, (_, i) => i % 2);
    const classes = new FlexibleWeightedLoss(api.crossEntropy());
    const want = textOf(classes.forward(other, { data: labels, shape: dims }));
    expect(textOf(classes.forward(other, new OrtTensor("int32", labels, dims) as Any))).toBe(want);
    expect(textOf(classes.forward(other, new OrtTensor("uint8", Uint8Array.from(labels), dims) as Any))).toBe(want);
    const halves = new OrtTensor("float16", Uint16Array.from(labels), dims) as Any;
    expect(() => classes.forward(other, halves)).toThrow(/^"target": .* got a Uint16Array of type "float16"$/);
  });
});

/** The pixels of pred as the kernels see them. */
function pixelsOf(pred: api.ImageLike, size: readonly number[]): Float32Array {
  let seen = new Float32Array();
  const look = custom((p) => {
    seen = p.slice();
    return 0;
  });
  new FlexibleWeightedLoss(look).forward(pred, { data: new Float32Array(65536), shape: size });
  return seen;
}

describe("float16", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const size = [256, 256];
  const want = Float32Array.from(all, halfOf);

  test("every one of its 65536 numbers is read exactly, −0, subnormals and ±Infinity among them", () => {
    const got = pixelsOf({ data: all, dims: size, type: "float16" } as Any, size);
    const wrong = all.filter((i) => !Object.is(got[i], want[i]));
    expect([...wrong]).toEqual([]);
  });

  test("is no target of a calibration, and no gradient", () => {
    const halves = { data: all, shape: size, type: "float16" };
    const other = { data: new Float32Array(65536), shape: size };
    expect(() => criterion.forward({ ...halves, scale: 2 } as Any, other)).toThrow(/^"pred": .*integers alone/);
    expect(() => criterion.valueAndGrad(other, other, { out: halves as Any })).toThrow(/^"out": expected .*float16/);
  });

  const Half = (globalThis as Any).Float16Array;
  test.skipIf(Half === undefined)("Float16Array is read (skipped where the engine has none)", () => {
    const data = new Half(all.buffer);
    const got = pixelsOf(tensor(data, size) as Any, size);
    expect([...all.filter((i) => !Object.is(got[i], want[i]))]).toEqual([]);
  });
});
