import { checkBands } from "../BlockReader.ts";
import type { OpenOptions, Raster } from "../Raster.ts";
import type { RasterFile } from "../RasterFile.ts";
import { sampleArrays } from "../samples.ts";
import { readDirectories } from "./directory.ts";
import { openPage, type PageRaster } from "./openPage.ts";
import { choosePages, findPages } from "./pages.ts";

/** More bands than any sensor has. Each costs time and memory of its own, whatever its pixels. */
const maxBands = 4096;

export async function openGeoTiff(file: RasterFile, options: OpenOptions, cacheBytes: number): Promise<Raster> {
  const pages = await findPages(await readDirectories(file));
  const wanted = pages.length > 1 ? options.page : undefined;
  if (wanted !== undefined && wanted >= pages.length) {
    throw file.error(`expected a page from 1 to ${pages.length}, got ${wanted + 1}`);
  }
  const chosen = choosePages(pages, wanted);
  const opened: PageRaster[] = [];
  let bandCount = 0;
  for (const page of chosen) {
    const raster = await openPage(page, options, cacheBytes / chosen.length);
    opened.push(raster);
    bandCount += raster.bands.length;
    if (bandCount > maxBands) throw file.error(`has ${bandCount} bands or more: up to ${maxBands} can be read`);
  }
  const { path, source } = file;
  return {
    ...(opened.length === 1 ? (opened[0] as PageRaster) : stackPages(file, opened)),
    path,
    files: [source],
    format: "GeoTIFF",
    shape: null,
    pages: pages.map((page) => ({ width: page.width, height: page.height, isRead: chosen.includes(page) })),
    close: () => file.close(),
  };
}

/** Pages of one size as one raster: the bands of all, one page after the other. */
function stackPages(file: RasterFile, pages: readonly PageRaster[]): PageRaster {
  const [first] = pages as [PageRaster];
  const other = pages.findIndex(({ type }) => type !== first.type);
  if (other > 0) {
    throw file.error(`page 1 holds ${first.type}, page ${other + 1} ${pages[other]?.type}: --page takes one of them`);
  }
  const masked = pages.findIndex(({ maskSource }) => maskSource !== null);
  if (masked >= 0) {
    throw file.error(`page ${masked + 1} of ${pages.length} has a mask of its own: --page takes one of them`);
  }
  const bands = pages.flatMap((page) => page.bands);
  return {
    ...first,
    bands,
    async readWindow(x, y, width, height, indices = bands.map((_, index) => index), sample = 0) {
      checkBands(indices, bands.length);
      const pixels = width * height;
      const out = new sampleArrays[first.type](indices.length * pixels);
      let before = 0;
      for (const page of pages) {
        const own = indices.map((index) => index - before);
        const places = own.flatMap((band, place) => (page.bands[band] ? [place] : []));
        before += page.bands.length;
        if (places.length === 0) continue;
        const read = await page.readWindow(
          x,
          y,
          width,
          height,
          places.map((place) => own[place] as number),
          sample,
        );
        for (const [i, place] of places.entries()) {
          out.set(read.subarray(i * pixels, (i + 1) * pixels), place * pixels);
        }
      }
      return out;
    },
  };
}
