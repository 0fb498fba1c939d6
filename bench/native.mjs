import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("./native/", import.meta.url));
const BUILD = fileURLToPath(new URL("../build/native/", import.meta.url));

// 128 bits without fused multiply-add: what WebAssembly has.
const LIKE_WASM = ["-msse4.1", "-mno-avx", "-ffp-contract=off"];
const WIDEST = ["-march=native"];

/** The programs, what they are compiled with, and their kernels by loss and pass: [label, kernel]. */
const PROGRAMS = [
  {
    source: "masked",
    flags: WIDEST,
    loss: "mse",
    value: [["native C", "value"]],
    gradient: [
      ["native C", "grad"],
      ["native C, streaming stores", "stream"],
    ],
  },
  {
    source: "masked",
    flags: LIKE_WASM,
    loss: "mse",
    value: [["native C, 128 bits", "value"]],
    gradient: [["native C, 128 bits", "grad"]],
  },
  { source: "ssim", flags: [...LIKE_WASM, "-DREAL=double"], loss: "ssim", value: [["native C", "value"]] },
  { source: "ssim", flags: [...LIKE_WASM, "-DREAL=float"], loss: "ssim", value: [["native C, float32", "value"]] },
  { source: "ssim", flags: [...WIDEST, "-DREAL=float"], loss: "ssim", value: [["native C, float32 widest", "value"]] },
];

/** Starts those that compile here; `onError` is told of the others. */
export async function startNatives(onError) {
  const natives = [];
  for (const [number, program] of PROGRAMS.entries()) {
    try {
      natives.push(await Native.start(program, compile(program, number)));
    } catch (error) {
      onError(error);
    }
  }
  return natives;
}

function compile({ source, flags }, number) {
  mkdirSync(BUILD, { recursive: true });
  const program = `${BUILD}${source}${number}`;
  try {
    const stdio = ["ignore", "pipe", "pipe"];
    execFileSync("cc", ["-O3", ...flags, "-o", program, `${SOURCES}${source}.c`, "-lm"], { stdio });
  } catch (error) {
    const reason = error.code === "ENOENT" ? "there is no C compiler (cc)" : String(error.stderr ?? error.message);
    throw new Error(`native C of ${source}: ${reason.split("\n")[0]}`);
  }
  return program;
}

/** A C program that times itself, on command. */
class Native {
  static async start(program, path) {
    const native = new Native();
    native.program = program;
    native.child = spawn(path, { stdio: ["pipe", "pipe", "inherit"] });
    native.chunks = native.child.stdout[Symbol.asyncIterator]();
    native.rest = Buffer.alloc(0);
    native.isa = await native.#line();
    return native;
  }

  async load({ shape: [batch, channels, height, width], pred, target }) {
    this.elements = pred.length;
    await this.#write(`load ${batch * channels} ${height} ${width}\n`);
    await this.#write(new Uint8Array(pred.buffer, pred.byteOffset, pred.byteLength));
    await this.#write(new Uint8Array(target.buffer, target.byteOffset, target.byteLength));
  }

  /** The contenders of a loss in a pass; none for the losses that have no twin in C. */
  contenders(loss, pass) {
    if (loss !== this.program.loss) return [];
    return (this.program[pass] ?? []).map(([label, kernel]) => this.#contender(label, kernel, pass));
  }

  #contender(label, kernel, pass) {
    const run = async (samples) => {
      await this.#write(`run ${kernel} ${samples} 0.01\n`);
      const [value, ...durations] = (await this.#line()).split(" ").map(Number);
      return { value, durations };
    };
    return {
      label,
      result: async () => {
        const { value } = await run(1);
        return pass === "value" ? { value } : { value, grad: await this.#readGrad() };
      },
      sample: async () => (await run(3)).durations,
    };
  }

  async #readGrad() {
    await this.#write("read\n");
    return new Float32Array((await this.#read(this.elements * 4)).buffer);
  }

  stop() {
    this.child.stdin.end();
  }

  async #line() {
    while (!this.rest.includes(10)) this.rest = Buffer.concat([this.rest, await this.#chunk()]);
    const end = this.rest.indexOf(10);
    const line = this.rest.subarray(0, end).toString();
    this.rest = this.rest.subarray(end + 1);
    return line;
  }

  async #read(length) {
    const bytes = new Uint8Array(length);
    for (let at = 0; ; this.rest = await this.#chunk()) {
      const piece = this.rest.subarray(0, length - at);
      bytes.set(piece, at);
      at += piece.length;
      if (at === length) {
        this.rest = this.rest.subarray(piece.length);
        return bytes;
      }
    }
  }

  async #chunk() {
    const { value, done } = await this.chunks.next();
    if (done) throw new Error("native yardstick: the program ended early");
    return value;
  }

  #write(data) {
    return new Promise((resolve, reject) =>
      this.child.stdin.write(data, (error) => (error ? reject(error) : resolve())),
    );
  }
}
