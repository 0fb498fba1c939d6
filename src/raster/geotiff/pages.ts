import { type Directory, Tag } from "./directory.ts";

/** An image of a TIFF, and the mask that goes with it. Smaller copies of it (overviews) are passed over. */
export interface TiffPage {
  readonly width: number;
  readonly height: number;
  readonly image: Directory;
  readonly mask: Directory | null;
}

/** Bits of NewSubfileType. */
const reducedResolution = 1;
const transparencyMask = 4;

/** A mask belongs to the page that it follows. The first directory is a page, whatever it says of itself. */
export async function findPages(directories: readonly Directory[]): Promise<TiffPage[]> {
  const pages: TiffPage[] = [];
  for (const directory of directories) {
    const kind = await directory.number(Tag.newSubfileType, 0);
    const page = pages.at(-1);
    if (page === undefined || (kind & (reducedResolution | transparencyMask)) === 0) {
      const width = await directory.number(Tag.imageWidth, 0);
      const height = await directory.number(Tag.imageLength, 0);
      pages.push({ width, height, image: directory, mask: null });
    } else if ((kind & reducedResolution) === 0 && page.mask === null) {
      pages[pages.length - 1] = { ...page, mask: directory };
    }
  }
  return pages;
}

/** The pages that are read: the one that is asked for, all if they are of one size, otherwise the first. */
export function choosePages(pages: readonly TiffPage[], wanted: number | undefined): readonly TiffPage[] {
  if (wanted !== undefined) return pages.slice(wanted, wanted + 1);
  const isLikeFirst = ({ width, height }: TiffPage) => width === pages[0]?.width && height === pages[0].height;
  return pages.every(isLikeFirst) ? pages : pages.slice(0, 1);
}
