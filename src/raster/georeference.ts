/**
 * Pixel (column, row) to map coordinates, in GDAL's order, for the outer corner of pixels:
 * `x = t[0] + column·t[1] + row·t[2]`, `y = t[3] + column·t[4] + row·t[5]`.
 */
export type GeoTransform = readonly [number, number, number, number, number, number];

/** The three tags GeoTIFF keeps a coordinate system in, as stored. */
export interface GeoKeys {
  readonly directory: readonly number[];
  readonly doubles: readonly number[];
  readonly ascii: string;
}

/** Where on Earth a raster lies. */
export interface Georeference {
  /** `"EPSG:32632"`, or the citation of a coordinate system that has no code; `null` where the file names none. */
  readonly crs: string | null;
  readonly transform: GeoTransform | null;
  readonly keys: GeoKeys | null;
}

/** GeoKey numbers: OGC 19-008r4, GeoTIFF 1.1. */
const GeoKey = { modelType: 1024, rasterType: 1025, citation: 1026, geodetic: 2048, geodeticCitation: 2049 } as const;
const ProjectedKey = { code: 3072, citation: 3073 } as const;
const userDefined = 32767;
const asciiTag = 34737;
const doublesTag = 34736;
const pixelIsPoint = 2;

/**
 * A georeference for writing, of a coordinate system known by its EPSG code.
 *
 * @example
 * epsgGeoreference(32632, "projected", [600000, 10, 0, 5100000, 0, -10]);
 */
export function epsgGeoreference(
  code: number,
  kind: "projected" | "geographic",
  transform: GeoTransform,
): Georeference {
  const projected = kind === "projected";
  const entries = [
    [GeoKey.modelType, 0, 1, projected ? 1 : 2],
    [GeoKey.rasterType, 0, 1, 1],
    [projected ? ProjectedKey.code : GeoKey.geodetic, 0, 1, code],
  ];
  const directory = [1, 1, 0, entries.length, ...entries.flat()];
  return { crs: `EPSG:${code}`, transform, keys: { directory, doubles: [], ascii: "" } };
}

type KeyValue = number | string | readonly number[];

function keyValues({ directory, doubles, ascii }: GeoKeys): Map<number, KeyValue> {
  const values = new Map<number, KeyValue>();
  for (let at = 4; at + 3 < directory.length; at += 4) {
    const [key, location, count, value] = directory.slice(at, at + 4) as [number, number, number, number];
    if (location === 0) values.set(key, value);
    else if (location === asciiTag) values.set(key, ascii.slice(value, value + count).split("|", 1)[0] ?? "");
    else if (location === doublesTag) values.set(key, doubles.slice(value, value + count));
  }
  return values;
}

export function crsOf(keys: GeoKeys): string | null {
  const values = keyValues(keys);
  for (const key of [ProjectedKey.code, GeoKey.geodetic]) {
    const code = values.get(key);
    if (typeof code === "number" && code > 0 && code < userDefined) return `EPSG:${code}`;
    if (code === userDefined) break;
  }
  const citations = [ProjectedKey.citation, GeoKey.citation, GeoKey.geodeticCitation].map((key) => values.get(key));
  return (citations.find((citation) => typeof citation === "string" && citation !== "") as string | undefined) ?? null;
}

/** Half a pixel where the keys say that coordinates are those of pixel centres, 0 where they are those of corners. */
function centreOffset(keys: GeoKeys | null): number {
  return keys !== null && keyValues(keys).get(GeoKey.rasterType) === pixelIsPoint ? 0.5 : 0;
}

function shift([x, xByColumn, xByRow, y, yByColumn, yByRow]: GeoTransform, pixels: number): GeoTransform {
  const originX = x + pixels * (xByColumn + xByRow);
  return [originX, xByColumn, xByRow, y + pixels * (yByColumn + yByRow), yByColumn, yByRow];
}

/** The transform of pixel corners from the numbers a GeoTIFF stores, `null` where it has none. */
export function readTransform(
  scale: ArrayLike<number> | undefined,
  tiepoint: ArrayLike<number> | undefined,
  matrix: ArrayLike<number> | undefined,
  keys: GeoKeys | null,
): GeoTransform | null {
  const at = (array: ArrayLike<number>, index: number) => array[index] as number;
  let stored: GeoTransform | null = null;
  if (matrix !== undefined && matrix.length >= 8) {
    stored = [at(matrix, 3), at(matrix, 0), at(matrix, 1), at(matrix, 7), at(matrix, 4), at(matrix, 5)];
  } else if (scale !== undefined && scale.length >= 2 && tiepoint !== undefined && tiepoint.length >= 6) {
    const [sx, sy] = [at(scale, 0), at(scale, 1)];
    const [column, row, x, y] = [at(tiepoint, 0), at(tiepoint, 1), at(tiepoint, 3), at(tiepoint, 4)];
    stored = [x - column * sx, sx, 0, y + row * sy, 0, -sy];
  }
  return stored && shift(stored, -centreOffset(keys));
}

/** The transform as it is to be stored beside `keys`: of pixel centres where they say so. */
export function storedTransform({ transform, keys }: Georeference): GeoTransform | null {
  return transform && shift(transform, centreOffset(keys));
}

/** Two corners of a raster closer than this, in pixels, are the same place: rounding in files is far below it. */
const cornerTolerance = 0.01;

/** What `compareGeoreference` looks at; a `Raster` is one. */
export interface Placed {
  readonly width: number;
  readonly height: number;
  readonly georeference: Georeference | null;
}

function cornersApart(a: GeoTransform, b: GeoTransform, width: number, height: number): number {
  const pixel = Math.min(Math.hypot(a[1], a[4]), Math.hypot(a[2], a[5]));
  let worst = 0;
  for (const [column, row] of [
    [0, 0],
    [width, 0],
    [0, height],
    [width, height],
  ] as const) {
    const dx = a[0] - b[0] + column * (a[1] - b[1]) + row * (a[2] - b[2]);
    const dy = a[3] - b[3] + column * (a[4] - b[4]) + row * (a[5] - b[5]);
    worst = Math.max(worst, Math.hypot(dx, dy) / pixel);
  }
  return worst;
}

/** The numbers that define a coordinate system without a code, citations left out: they are prose. */
function definition(keys: GeoKeys | null): string {
  if (keys === null) return "";
  const numbers = [...keyValues(keys)].filter(([key, value]) => key !== GeoKey.rasterType && typeof value !== "string");
  return JSON.stringify(numbers.sort(([a], [b]) => a - b));
}

function sameCrs(a: Georeference, b: Georeference): boolean {
  const coded = a.crs?.startsWith("EPSG:") || b.crs?.startsWith("EPSG:");
  return coded ? a.crs === b.crs : definition(a.keys) === definition(b.keys);
}

/**
 * In what two rasters differ that should cover the same pixels of the same ground: size, coordinate system, geotransform.
 * One line for each; none where they agree. Geotransforms agree when no corner of the raster is off by more than 0.01
 * pixel. What only one of the two states (a plain array has no coordinate system) is no difference.
 *
 * @example
 * await compareGeoreference(pred, target); // ["CRS differs: EPSG:32632 and EPSG:32633"]
 */
export async function compareGeoreference(a: Placed, b: Placed): Promise<string[]> {
  const differences: string[] = [];
  const sameSize = a.width === b.width && a.height === b.height;
  if (!sameSize) differences.push(`size differs: ${a.width}×${a.height} and ${b.width}×${b.height} pixels`);
  const [ga, gb] = [a.georeference, b.georeference];
  if (ga?.crs != null && gb?.crs != null && !sameCrs(ga, gb)) {
    differences.push(`CRS differs: ${ga.crs} and ${gb.crs}`);
  }
  if (ga?.transform && gb?.transform) {
    const apart = cornersApart(ga.transform, gb.transform, a.width, a.height);
    if (!(apart <= cornerTolerance)) {
      const transforms = `[${ga.transform.join(", ")}] and [${gb.transform.join(", ")}]`;
      differences.push(`geotransform differs by ${Number(apart.toPrecision(3))} pixels: ${transforms}`);
    }
  }
  return differences;
}
