// An ONNX model as bytes, written by hand: a few fields of onnx.proto3, length-delimited or varint.

const FLOAT = 1;
const INT64 = 7;

/** The loss and its gradient as a graph: `pred`, `target` [batch, total] → `value` [], `grad` [batch, total]. */
export function lossGraph(batch, total) {
  const nodes = [
    node("GreaterOrEqual", ["target", "zero"], "valid"),
    node("Sub", ["pred", "target"], "difference"),
    node("Where", ["valid", "difference", "zero"], "d"),
    node("Cast", ["valid"], "ones", field(5, attribute("to", field(3, FLOAT), 2))),
    node("ReduceSum", ["ones", "perSample"], "count"),
    node("Max", ["count", "one"], "divisor"),
    node("ReduceSumSquare", ["d"], "squares", field(5, attribute("axes", field(8, 1), 7))),
    node("Div", ["squares", "divisor"], "loss"),
    node("Div", ["count", "total"], "ratio"),
    node("Sqrt", ["ratio"], "weight"),
    node("ReduceSum", ["weight", "all"], "weightSum"),
    node("Mul", ["weight", "loss"], "weighted"),
    node("ReduceSum", ["weighted", "all"], "numerator"),
    node("Div", ["numerator", "weightSum"], "value"),
    node("Mul", ["divisor", "weightSum"], "denominator"),
    node("Mul", ["weight", "two"], "twice"),
    node("Div", ["twice", "denominator"], "coefficient"),
    node("Mul", ["d", "coefficient"], "grad"),
  ];
  const constants = [
    tensor("zero", FLOAT, new Float32Array([0]), []),
    tensor("one", FLOAT, new Float32Array([1]), []),
    tensor("two", FLOAT, new Float32Array([2]), []),
    tensor("total", FLOAT, new Float32Array([total]), []),
    tensor("perSample", INT64, new BigInt64Array([1n]), [1]),
    tensor("all", INT64, new BigInt64Array([0n, 1n]), [2]),
  ];
  const graph = [
    ...nodes.map((bytes) => field(1, bytes)),
    field(2, "loss"),
    ...constants.map((bytes) => field(5, bytes)),
    ...["pred", "target"].map((name) => field(11, valueInfo(name, [batch, total]))),
    field(12, valueInfo("value", [1, 1])),
    field(12, valueInfo("grad", [batch, total])),
  ];
  const opset = field(2, 17);
  return Buffer.concat([field(1, 8), field(7, Buffer.concat(graph)), field(8, opset)]);
}

function node(op, inputs, output, attributes = Buffer.alloc(0)) {
  return Buffer.concat([...inputs.map((name) => field(1, name)), field(2, output), field(4, op), attributes]);
}

function attribute(name, value, type) {
  return Buffer.concat([field(1, name), value, field(20, type)]);
}

function tensor(name, type, values, dims) {
  const raw = Buffer.from(values.buffer);
  return Buffer.concat([...dims.map((size) => field(1, size)), field(2, type), field(8, name), field(9, raw)]);
}

function valueInfo(name, dims) {
  const shape = Buffer.concat(dims.map((size) => field(1, field(1, size))));
  return Buffer.concat([field(1, name), field(2, field(1, Buffer.concat([field(1, FLOAT), field(2, shape)])))]);
}

/** A protobuf field: numbers as varints, strings and messages with their length before them. */
function field(number, value) {
  if (typeof value === "number") return Buffer.concat([varint(number << 3), varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}
