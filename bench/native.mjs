import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("./native/", import.meta.url));
const BUILD = fileURLToPath(new URL("../build/native/", import.meta.url));

/** Compiles `native/NAME.c`; returns the program's path. Throws where there is no compiler or the source refuses. */
export function compile(name, flags) {
  mkdirSync(BUILD, { recursive: true });
  const source = `${SOURCES}${name}.c`;
  try {
    execFileSync("cc", ["-O3", ...flags, "-o", BUILD + name, source, "-lm"], { stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const reason =
      error.code === "ENOENT" ? "no C compiler (cc)" : String(error.stderr ?? error.message).split("\n")[0];
    throw new Error(`native yardstick: ${reason}`);
  }
  return BUILD + name;
}

/** The C program of masked mean squared error per channel; it times itself, on command. */
export class NativeMse {
  static async start() {
    const native = new NativeMse();
    native.child = spawn(compile("masked", ["-march=native"]), { stdio: ["pipe", "pipe", "inherit"] });
    native.chunks = native.child.stdout[Symbol.asyncIterator]();
    native.rest = Buffer.alloc(0);
    native.isa = await native.#line();
    return native;
  }

  async load({ shape: [batch, channels, height, width], pred, target }) {
    this.elements = pred.length;
    await this.#write(`load ${batch * channels} ${height * width}\n`);
    await this.#write(new Uint8Array(pred.buffer, pred.byteOffset, pred.byteLength));
    await this.#write(new Uint8Array(target.buffer, target.byteOffset, target.byteLength));
  }

  /** The contenders of a loss in a pass; none for the losses that have no twin in C. */
  contenders(loss, pass) {
    if (loss !== "mse") return [];
    if (pass === "value") return [this.#contender("native C", "value")];
    return [this.#contender("native C", "grad"), this.#contender("native C, streaming stores", "stream")];
  }

  #contender(label, kernel) {
    const run = async (samples) => {
      await this.#write(`run ${kernel} ${samples} 0.01\n`);
      const [value, ...durations] = (await this.#line()).split(" ").map(Number);
      return { value, durations };
    };
    return {
      label,
      result: async () => {
        const { value } = await run(1);
        return kernel === "value" ? { value } : { value, grad: await this.#readGrad() };
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
