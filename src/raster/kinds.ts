/** Files that are no raster to this program, told by their first bytes, and the command that makes one of them. */
import { existsSync } from "node:fs";
import { basename, extname } from "node:path";

/** A path as a shell takes it. */
export function quoted(path: string): string {
  return /^[\w./:@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** The command by which GDAL writes a GeoTIFF that can be read. */
export function conversion(path: string, options = "", source = path): string {
  const name = quoted(`${basename(path, extname(path))}-converted.tif`);
  return `gdal_translate ${options && `${options} `}${quoted(source)} ${name}`;
}

/** What to do with a file of a kind. */
type Hint = (path: string) => string;

const byGdal: Hint = (path) => `${conversion(path)} converts it`;
/** Of files that hold several arrays, one is to be chosen. */
const byVariable =
  (driver: string): Hint =>
  (path) =>
    `gdalinfo lists its arrays, ${conversion(path, "", `${driver}:${path}:NAME`)} converts one`;
const unpackedBy =
  (command: string): Hint =>
  (path) =>
    `${command} ${quoted(path)} unpacks it`;
const convertedBy =
  (command: string): Hint =>
  (path) =>
    `${command} ${quoted(path)} converted.png converts it`;

/** What files begin with, as latin1 without white space in front, and in lower case where the start is. */
const kinds: readonly (readonly [name: string, starts: readonly string[], hint: Hint, at?: number])[] = [
  ["a netCDF file", ["CDF\x01", "CDF\x02", "CDF\x05"], byVariable("NETCDF")],
  ["an HDF5 file", ["\x89HDF\r\n\x1a\n"], byVariable("HDF5")],
  ["an HDF4 file", ["\x0e\x03\x13\x01"], byVariable("HDF4")],
  ["a GRIB file", ["GRIB"], byGdal],
  ["a FITS file", ["SIMPLE  ="], byGdal],
  ["an ERDAS Imagine file", ["EHFA_HEADER_TAG"], byGdal],
  ["a NITF file", ["NITF"], byGdal],
  ["a virtual raster of GDAL's", ["<VRTDataset"], byGdal],
  ["the header of an ENVI raster", ["ENVI"], (path) => byGdal(path.replace(/\.hdr$/i, ""))],
  ["an ASCII grid", ["ncols"], byGdal],
  ["a WebP image", ["WEBP"], byGdal, 8],
  ["a GIF image", ["GIF8"], byGdal],
  ["a BMP image", ["BM"], byGdal],
  ["a PNM image", ["P1\n", "P2\n", "P3\n", "P4\n", "P5\n", "P6\n", "P7\n"], byGdal],
  ["a JPEG XL image", ["\xff\x0a", "\0\0\0\x0cJXL "], convertedBy("djxl")],
  ["a HEIF or AVIF image", ["ftyp"], convertedBy("heif-convert"), 4],
  ["an OpenEXR image", ["\x76\x2f\x31\x01"], byGdal],
  ["a PDF document", ["%PDF"], byGdal],
  ["a DICOM file", ["DICM"], byGdal, 128],
  ["a tar archive", ["ustar"], unpackedBy("tar -xf"), 257],
  ["compressed by gzip", ["\x1f\x8b"], unpackedBy("gunzip -k")],
  ["compressed by bzip2", ["BZh"], unpackedBy("bunzip2 -k")],
  ["compressed by xz", ["\xfd7zXZ\0"], unpackedBy("unxz -k")],
  ["compressed by zstd", ["\x28\xb5\x2f\xfd"], unpackedBy("unzstd")],
  ["a 7z archive", ["7z\xbc\xaf"], unpackedBy("7z x")],
  ["a ZIP archive", ["PK\x03\x04", "PK\x05\x06"], unpackedBy("unzip")],
  ["a MATLAB file", ["MATLAB 5.0"], () => "scipy.io.loadmat and numpy.save convert it"],
  [
    "a pickle of Python's",
    ["\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"],
    () => "numpy.save writes arrays that can be read",
  ],
  ["a pointer to a file of Git LFS", ["version https://git-lfs"], () => "git lfs pull fetches it"],
  ["a web page, as a failed download leaves it", ["<!doctype html", "<html"], () => "download it again"],
  ["the description of a product", ["<?xml"], byGdal],
];

/** How a file that is no raster is named, with what to do about it. */
export function describeKind(path: string, start: Uint8Array): string {
  const bytes = Buffer.from(start).toString("latin1");
  const isOf = (word: string, at?: number) => {
    if (at !== undefined) return bytes.startsWith(word, at);
    const text = bytes.trimStart();
    return bytes.startsWith(word) || text.startsWith(word) || text.toLowerCase().startsWith(word);
  };
  for (const [name, starts, hint, at] of kinds) {
    if (starts.some((word) => isOf(word, at))) return `is ${name}: ${hint(path)}`;
  }
  if (hasEnviHeader(path)) return `is an ENVI raster: ${byGdal(path)}`;
  return "is no raster of a kind that can be read: GeoTIFF, JPEG 2000, PNG, JPEG, NPY and NPZ are";
}

/** ENVI's numbers have no mark of their own; what they are stands in a file beside them. */
function hasEnviHeader(path: string): boolean {
  return [`${path}.hdr`, path.replace(/\.\w+$/, ".hdr")].some((header) => header !== path && existsSync(header));
}

/** How a folder is named: products of satellites come as folders. */
export function describeFolder(path: string): string {
  const name = basename(path.replace(/[/\\]+$/, ""));
  if (/\.SAFE$/i.test(name)) return "is a product in a folder: its bands are the .jp2 files under GRANULE/*/IMG_DATA";
  if (/\.zarr$/i.test(name))
    return `is a Zarr store: ${conversion(path, "", `ZARR:"${path}":/NAME`)} converts an array of it`;
  return "is a directory";
}
