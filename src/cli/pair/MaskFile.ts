import { compareGeoreference, type Georeference, openRaster, type Raster } from "../../raster/index.ts";
import { alignMask, type MaskGrid, maskIndex } from "../decide/maskGrid.ts";
import { isNumeric, looksLikeClasses, maskPredicate, type MaskTest, maskTestText } from "../decide/maskTest.ts";
import { DataError } from "../errors.ts";
import type { Window } from "./grid.ts";

/** A mask that is asked for: its file, and which of its values let a pixel count. */
export interface MaskRequest {
  readonly file: string;
  readonly test: MaskTest;
}

/**
 * A raster that says which pixels count: those whose value passes the test; or how much each counts, as a soft mask or weights. It may cover more than the image, and be coarser or finer by
 * a whole factor, as a 20 m scene classification is beside 10 m bands. Its own missing pixels do not count.
 */
export class MaskFile {
  readonly raster: Raster;
  readonly test: MaskTest;
  readonly #counts: (value: number) => boolean;
  readonly #grid: MaskGrid;
  /** Values that have come, of bytes under the default test: classes are taken for a plain mask by mistake. */
  readonly #seen = new Set<number>();

  private constructor(raster: Raster, test: MaskTest, grid: MaskGrid) {
    this.raster = raster;
    this.test = test;
    this.#counts = maskPredicate(test);
    this.#grid = grid;
  }

  /**
   * @param isPlaced whether georeferences are looked at
   * @throws DataError for a mask that does not fit the image
   */
  static async open({ file, test }: MaskRequest, image: Raster, isPlaced: boolean): Promise<MaskFile> {
    const raster = await openRaster(file);
    try {
      return new MaskFile(raster, test, await align(raster, image, isPlaced));
    } catch (error) {
      await raster.close();
      throw error;
    }
  }

  /** Whether it says how much each pixel counts, by its own numbers. */
  get isNumeric(): boolean {
    return isNumeric(this.test);
  }

  /**
   * 1 where a pixel of the window may count, 0 elsewhere; of a soft mask or weights, their numbers.
   *
   * @throws DataError for a share outside [0, 1], and a weight that is negative or not finite
   */
  async read({ x, y, width, height }: Window, sample: number): Promise<Uint8Array | Float32Array> {
    const { raster } = this;
    const columns = Array.from({ length: width }, (_, i) => maskIndex(this.#grid.x, x + i));
    const rows = Array.from({ length: height }, (_, i) => maskIndex(this.#grid.y, y + i));
    const [left, top] = [columns[0] as number, rows[0] as number];
    const across = (columns.at(-1) as number) - left + 1;
    const down = (rows.at(-1) as number) - top + 1;
    // An array of several masks goes with a batch: it has no axis of channels.
    const [band, image] = raster.bands.length > 1 ? [sample, 0] : [0, raster.samples === 1 ? 0 : sample];
    const values = await raster.readWindow(left, top, across, down, [band], image);
    const own = await raster.readMask(left, top, across, down);
    const tag = raster.bands[0]?.nodata ?? Number.NaN;
    // The tag may say -9999.9 where float32 comes no closer than -9999.900390625.
    const nodata = raster.type === "f32" ? Math.fround(tag) : tag;
    if (raster.type === "u8" && this.test.kind === "default") this.#look(values as Uint8Array);
    const isMissing = (value: number, i: number) => own?.[i] === 0 || value === nodata;
    const passes = this.isNumeric
      ? Float32Array.from(values, (value, i) => {
          if (isMissing(value, i)) return 0;
          this.#check(value, left + (i % across), top + Math.floor(i / across));
          return value;
        })
      : Uint8Array.from(values, (value, i) =>
          isMissing(value, i) || Number.isNaN(value) || !this.#counts(value) ? 0 : 1,
        );
    if (across === width && down === height) return passes;
    const mask = new (passes.constructor as new (length: number) => typeof passes)(width * height);
    for (let row = 0, i = 0; row < height; row++) {
      const line = ((rows[row] as number) - top) * across - left;
      for (let column = 0; column < width; column++, i++)
        mask[i] = passes[line + (columns[column] as number)] as number;
    }
    return mask;
  }

  /** What the values that have come make one doubt; `null`: nothing. */
  doubt(): string | null {
    if (!looksLikeClasses(this.#seen)) return null;
    const values = [...this.#seen].sort((a, b) => a - b).join(", ");
    return (
      `${this.raster.path}: its values ${values} look like classes, of which all but 0 count ` +
      "(--mask-classes or --mask-preset s2-scl after --mask chooses)"
    );
  }

  /** "scl.tif (classes 4-6,11)" */
  toString(): string {
    return `${this.raster.path} (${maskTestText(this.test)})`;
  }

  close(): Promise<void> {
    return this.raster.close();
  }

  #check(value: number, column: number, row: number): void {
    const isSoft = this.test.kind === "soft";
    if (value >= 0 && (isSoft ? value <= 1 : value < Number.POSITIVE_INFINITY)) return;
    const expected = isSoft ? "shares from 0 to 1" : "finite weights from 0 on";
    throw new DataError(
      `${this.raster.path}: expected ${expected}, got ${value} at column ${column + 1}, row ${row + 1}`,
    );
  }

  #look(values: Uint8Array): void {
    let last = -1;
    for (const value of values) {
      if (value === last) continue;
      last = value;
      this.#seen.add(value);
    }
  }
}

/** @throws DataError that says what differs */
async function align(raster: Raster, image: Raster, isPlaced: boolean): Promise<MaskGrid> {
  const { path, width, height } = raster;
  const places = [raster, image].map((file) => (isPlaced ? file.georeference : null)) as [Place, Place];
  const elsewhere = (difference: string) =>
    new DataError(`${path} and ${image.path}: ${difference} (--ignore-georeference to go on)`);
  const [otherSystem] = await compareGeoreference(systemOf(places[0]), systemOf(places[1]));
  if (otherSystem !== undefined) throw elsewhere(otherSystem);
  const grid = alignMask(
    { width, height, transform: places[0]?.transform ?? null },
    { width: image.width, height: image.height, transform: places[1]?.transform ?? null },
  );
  if (typeof grid !== "string") {
    checkBands(raster, image);
    return grid;
  }
  if (width === image.width && height === image.height) {
    const [difference] = await compareGeoreference(raster, image);
    if (difference !== undefined) throw elsewhere(difference);
  }
  throw new DataError(
    `${path}: expected a mask of ${image.width}×${image.height} pixels, one that covers more, or one that is coarser or finer by a ` +
      `whole factor, got ${width}×${height}: ${grid}`,
  );
}

/** An array of several masks goes with a batch of images. */
function checkBands({ path, shape, bands, samples }: Raster, image: Raster): void {
  const isBatch = shape !== null && bands.length === image.samples;
  if (bands.length !== 1 && !isBatch) throw new DataError(`${path}: expected a mask of one band, got ${bands.length}`);
  if (samples !== 1 && samples !== image.samples) {
    throw new DataError(`${path}: expected 1 or ${image.samples} images, got ${samples}`);
  }
}

type Place = Georeference | null;

/** The coordinate system alone, whatever the size and the place. */
const systemOf = (place: Place) => ({ width: 1, height: 1, georeference: place && { ...place, transform: null } });
