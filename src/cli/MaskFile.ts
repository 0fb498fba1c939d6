import { compareGeoreference, openRaster, type Raster } from "../raster/index.ts";
import { DataError } from "./errors.ts";
import type { Window } from "./Pair.ts";

/**
 * A raster that says which pixels count: those whose value passes `counts`. It may be
 * coarser than the images by a whole factor, as a 20 m scene classification is beside 10 m bands: each of its pixels then
 * speaks for all that it covers. Its own missing pixels do not count.
 */
export class MaskFile {
  readonly #raster: Raster;
  readonly #counts: (value: number) => boolean;
  readonly #factor: { readonly x: number; readonly y: number };

  private constructor(raster: Raster, counts: (value: number) => boolean, factor: { x: number; y: number }) {
    this.#raster = raster;
    this.#counts = counts;
    this.#factor = factor;
  }

  static async open(
    path: string,
    counts: (value: number) => boolean,
    image: Raster,
    placed: boolean,
  ): Promise<MaskFile> {
    const raster = await openRaster(path);
    const x = image.width / raster.width;
    const y = image.height / raster.height;
    try {
      if (!Number.isInteger(x) || !Number.isInteger(y)) {
        throw new DataError(
          `${path}: expected a mask of ${image.width}×${image.height} pixels, or coarser by a whole factor, ` +
            `got ${raster.width}×${raster.height}`,
        );
      }
      const [difference] = placed ? await compareGeoreference(refine(raster, x, y), image) : [];
      if (difference) throw new DataError(`${path} and ${image.path}: ${difference} (--ignore-georeference to go on)`);
      if (raster.bands.length !== 1) {
        throw new DataError(`${path}: expected a mask of one band, got ${raster.bands.length}`);
      }
      if (raster.samples !== 1 && raster.samples !== image.samples) {
        throw new DataError(`${path}: expected 1 or ${image.samples} images, got ${raster.samples}`);
      }
    } catch (error) {
      await raster.close();
      throw error;
    }
    return new MaskFile(raster, counts, { x, y });
  }

  /** 1 where a pixel of the window may count, 0 elsewhere. */
  async read({ x, y, width, height }: Window, sample: number): Promise<Uint8Array> {
    const raster = this.#raster;
    const { x: across, y: down } = this.#factor;
    const left = Math.floor(x / across);
    const top = Math.floor(y / down);
    const columns = Math.ceil((x + width) / across) - left;
    const rows = Math.ceil((y + height) / down) - top;
    const values = await raster.readWindow(left, top, columns, rows, [0], raster.samples === 1 ? 0 : sample);
    const own = await raster.readMask(left, top, columns, rows);
    const tag = raster.bands[0]?.nodata ?? Number.NaN;
    // The tag may say -9999.9 where float32 comes no closer than -9999.900390625.
    const nodata = raster.type === "f32" ? Math.fround(tag) : tag;
    const coarse = Uint8Array.from(values, (value, i) =>
      own?.[i] === 0 || Number.isNaN(value) || value === nodata || !this.#counts(value) ? 0 : 1,
    );
    if (across === 1 && down === 1) return coarse;
    const mask = new Uint8Array(width * height);
    for (let row = 0, i = 0; row < height; row++) {
      const line = (Math.floor((y + row) / down) - top) * columns - left;
      for (let column = 0; column < width; column++, i++) {
        mask[i] = coarse[line + Math.floor((x + column) / across)] as number;
      }
    }
    return mask;
  }

  close(): Promise<void> {
    return this.#raster.close();
  }
}

/** Where a raster lies, as if each of its pixels were cut into `x` by `y`. */
function refine({ width, height, georeference }: Raster, x: number, y: number) {
  const t = georeference?.transform;
  const transform = t ? ([t[0], t[1] / x, t[2] / y, t[3], t[4] / x, t[5] / y] as const) : null;
  return { width: width * x, height: height * y, georeference: georeference && { ...georeference, transform } };
}
