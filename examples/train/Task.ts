// What is trained on: pairs of an image and what it should become, cut into patches.

/** Planes f32[bands][height][width]; what is missing is NaN in the target and 0 in the input, as rasters store it. */
export interface Pair {
  readonly width: number;
  readonly height: number;
  readonly input: Float32Array;
  readonly target: Float32Array;
}

export interface Task {
  readonly title: string;
  readonly bandNames: readonly string[];
  /** Channels of the hidden layers. */
  readonly hidden: readonly number[];
  readonly training: readonly Pair[];
  readonly heldOut: Pair;
  /** Side of the square patches, and how many make a batch. */
  readonly patch: number;
  readonly batch: number;
  readonly steps: number;
  /** Learning rate of the first step; the last one's is 0. */
  readonly rate: number;
}

/** A pair of planes, with holes where `holes` is not 0. */
export function pairOf(
  input: readonly Float32Array[],
  target: readonly Float32Array[],
  holes: Uint8Array,
  width: number,
): Pair {
  const join = (planes: readonly Float32Array[], missing: number): Float32Array => {
    const joined = new Float32Array(planes.length * holes.length);
    planes.forEach((plane, c) => {
      joined.set(
        plane.map((value, i) => (holes[i] ? missing : value)),
        c * holes.length,
      );
    });
    return joined;
  };
  return { width, height: holes.length / width, input: join(input, 0), target: join(target, Number.NaN) };
}

/** Fills a batch with patches from random places, some of them mirrored or turned. */
export function fillBatch(task: Task, random: () => number, input: Float32Array, target: Float32Array): void {
  const { training, patch, batch, bandNames } = task;
  const elements = bandNames.length * patch * patch;
  for (let b = 0; b < batch; b++) {
    const pair = training[Math.floor(random() * training.length)];
    const left = Math.floor(random() * (pair.width - patch + 1));
    const top = Math.floor(random() * (pair.height - patch + 1));
    const turn = Math.floor(random() * 8);
    copyPatch(pair, pair.input, left, top, turn, patch, input, b * elements);
    copyPatch(pair, pair.target, left, top, turn, patch, target, b * elements);
  }
}

/** @param turn one of the eight symmetries of the square: bit 0 mirrors, bit 1 turns upside down, bit 2 swaps rows and columns */
function copyPatch(
  { width, height }: Pair,
  from: Float32Array,
  left: number,
  top: number,
  turn: number,
  patch: number,
  to: Float32Array,
  at: number,
): void {
  const bands = from.length / (width * height);
  for (let c = 0; c < bands; c++) {
    for (let y = 0; y < patch; y++) {
      for (let x = 0; x < patch; x++) {
        const u = turn & 1 ? patch - 1 - x : x;
        const v = turn & 2 ? patch - 1 - y : y;
        const row = top + (turn & 4 ? u : v);
        const column = left + (turn & 4 ? v : u);
        to[at++] = from[(c * height + row) * width + column];
      }
    }
  }
}
