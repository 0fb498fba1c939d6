// For maps: the planes of a call, in strips of whole rows, as planar float32 in the kernels' memory, whatever the layout, the element
// type, the rule and the mask are.

import { Role } from "../memory/kernelApi.ts";
import type { Prepared } from "../plan/arrays.ts";
import { isSoft, isWeighted, type Operand } from "../plan/call.ts";
import type { Strides } from "../plan/geometry.ts";
import { checkMasses } from "../run/masses.ts";
import type { Workspace } from "../run/workspace.ts";

/** Pixels of a strip, all channels together: with pred, target and mask, a second-level cache is not exceeded. */
const STRIP = 65536;

/** Rows at once at least, so that those which strips share do not count for much. */
const LEAST_ROWS = 16;

/** Rows of the planes that are looked at together: one, or all channels of a sample. */
export interface Strip {
  readonly sample: number;
  /** The first of its channels, and how many there are. */
  readonly channel: number;
  readonly channels: number;
  /** The strip's own rows, and the range of those that are there, where windows reach further. */
  readonly row: number;
  readonly rows: number;
  readonly top: number;
  readonly bottom: number;
  /** Address of the pixel at the left of `top`, of the first channel; target is NaN where it does not count. */
  readonly pred: number;
  readonly target: number;
  /** Of the pixels' masses; 0 where there are none. */
  readonly mass: number;
  /** Bytes from channel to channel. */
  readonly stride: number;
}

/** An array that strips are written to; its strides are in elements. */
export interface Output {
  readonly data: Float32Array;
  readonly strides: Strides;
}

type Planes = Pick<Prepared, "call" | "size">;

export class Strips {
  readonly #workspace: Workspace;
  readonly #prepared: Planes;

  constructor(workspace: Workspace, prepared: Planes) {
    this.#workspace = workspace;
    this.#prepared = prepared;
    const { kernels, job } = workspace;
    const { rule, mask, weights } = prepared.call;
    const nodata = workspace.area("nodata", rule.nodata.length * 4);
    kernels.f32.set(rule.nodata, nodata / 4);
    kernels.exports.setRule(job, false, rule.min, rule.max, nodata, rule.nodata.length);
    const { width } = prepared.size;
    if (mask) kernels.exports.setMask(job, isSoft(mask), width, mask.row * mask.array.BYTES_PER_ELEMENT);
    if (weights) kernels.exports.setPixelWeights(job, width, weights.row * weights.array.BYTES_PER_ELEMENT);
    const { pixels, channels, planes, tile, planesPerGroup, groups, total } = prepared.call.geometry;
    kernels.exports.setGeometry(job, pixels, channels, planes, tile, planesPerGroup, groups, total);
  }

  /** Visits all strips, with up to `reach` rows above and below their own. */
  each(reach: number, visit: (strip: Strip) => void): void {
    const { call, size } = this.#prepared;
    const { planes, channels } = call.geometry;
    const { height, width } = size;
    const own = Math.max(LEAST_ROWS, Math.floor(STRIP / Math.max(1, width * channels)));
    const stride = padded((own + 2 * reach) * width) * 4;
    const pred = this.#workspace.area("strip pred", stride * channels);
    const target = this.#workspace.area("strip target", stride * channels);
    const mass = isWeighted(call) ? this.#workspace.area("strip mass", stride * channels) : 0;
    if (width === 0) return;
    for (let plane = 0; plane < size.samples * planes; plane++) {
      const sample = Math.floor(plane / planes);
      const channel = plane % planes;
      for (let row = 0; row < height; row += own) {
        const rows = Math.min(own, height - row);
        const top = Math.max(0, row - reach);
        const bottom = Math.min(height, row + rows + reach);
        for (let k = 0; k < channels; k++) {
          const at = (area: number) => (area === 0 ? 0 : area + k * stride);
          this.#load(sample, channel + k, k === 0, top, bottom, [at(pred), at(target), at(mass)]);
        }
        checkMasses(this.#workspace, call);
        visit({ sample, channel, channels, row, rows, top, bottom, pred, target, mass, stride });
      }
    }
  }

  /** Writes planar rows at `from`, of plane (sample, channel), from `row` on. */
  store({ data, strides }: Output, sample: number, channel: number, row: number, rows: number, from: number): void {
    const { width } = this.#prepared.size;
    const { kernels } = this.#workspace;
    const start = sample * strides.sample + channel * strides.channel + row * width * strides.pixel;
    const length = rows * width;
    const source = kernels.f32.subarray(from / 4, from / 4 + length);
    if (strides.pixel === 1) data.set(source, start);
    else for (let i = 0; i < length; i++) data[start + i * strides.pixel] = source[i] as number;
  }

  #load(
    sample: number,
    channel: number,
    isFirst: boolean,
    top: number,
    bottom: number,
    [pred, target, mass]: [number, number, number],
  ) {
    const { call, size } = this.#prepared;
    const { width } = size;
    const { exports } = this.#workspace.kernels;
    for (const operand of [call.pred, call.target]) {
      this.#place(operand, operand.strides.pixel * width, sample, channel, isFirst, top, bottom);
    }
    for (const operand of [call.mask, call.weights]) {
      if (operand) this.#place(operand, operand.row, sample, channel, isFirst, top, bottom);
    }
    const n = (bottom - top) * width;
    const scratch = this.#workspace.area("strip scratch", exports.planeScratchBytes(n));
    exports.setPlaces(scratch, pred, target, mass);
    exports.loadPlane(this.#workspace.job, scratch, sample, channel, top * width, n);
  }

  /** Tells the kernels where an operand lies, once its rows [top, bottom) have been copied in if it is the caller's own. */
  #place(
    operand: Operand,
    rowStride: number,
    b: number,
    c: number,
    isFirst: boolean,
    top: number,
    bottom: number,
  ): void {
    const { kernels, job } = this.#workspace;
    const { role, array, type, scale, offset, strides } = operand;
    const bytes = array.BYTES_PER_ELEMENT;
    let base = array.byteOffset;
    if (!kernels.owns(array.buffer)) {
      // Channels that alternate are copied together, with the first.
      const together = strides.channel > 0 && strides.channel < strides.pixel;
      if (together && !isFirst) return;
      const start = b * strides.sample + c * strides.channel + top * rowStride;
      const last = (bottom - top - 1) * rowStride + (this.#prepared.size.width - 1) * strides.pixel;
      const length = last + 1 + (together ? (this.#prepared.size.channels - 1) * strides.channel : 0);
      const area = this.#workspace.area(`strip ${role}`, length * bytes);
      kernels.u8.set(new Uint8Array(array.buffer, array.byteOffset + start * bytes, length * bytes), area);
      base = area - start * bytes;
    }
    kernels.exports.setOperand(job, Role[role], base, type, scale, offset);
    kernels.exports.setStrides(job, Role[role], strides.sample * bytes, strides.channel * bytes, strides.pixel * bytes);
  }
}

/** Whole numbers of the kernels' steps. */
export function padded(n: number): number {
  return Math.ceil(n / 16) * 16;
}
