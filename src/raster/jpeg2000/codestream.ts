/** JPEG 2000 codestreams (ITU-T T.800, annex A): where each tile lies, and a tile as a stream of its own. */
import type { ByteSource } from "../ByteSource.ts";

export interface Codestream {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  readonly bits: number;
  readonly isSigned: boolean;
  readonly tile: { readonly width: number; readonly height: number };
  readonly tilesAcross: number;
  readonly tilesDown: number;
  /** The tile as a stream that holds nothing else, at its place on the canvas, which the wavelets depend on. */
  tileStream(row: number, column: number): Promise<Uint8Array>;
}

const [SOC, SIZ, SOT, EOC] = [0xff4f, 0xff51, 0xff90, 0xffd9];
/** Lengths of tile parts and of packets, which are others in a stream of one tile; comments. */
const [TLM, PLM, COM] = [0xff55, 0xff57, 0xff64];
/** The headers of all packets in one place. */
const PPM = 0xff60;

const maxHeaderBytes = 2 ** 22;

interface TilePart {
  readonly offset: number;
  readonly bytes: number;
}

/** Where things stand in a SIZ segment, from its marker on. */
const At = { image: 6, imageOffset: 14, tile: 22, tileOffset: 30, components: 38, first: 40 } as const;

export async function readCodestream(source: ByteSource): Promise<Codestream> {
  const segments = await readMainHeader(source);
  const siz = segments.find(({ marker }) => marker === SIZ)?.bytes;
  if (siz === undefined || siz.length < At.first + 3) throw source.error("its JPEG 2000 codestream has no size");
  if (segments.some(({ marker }) => marker === PPM)) throw source.error("packed packet headers are not supported");
  const view = new DataView(siz.buffer, siz.byteOffset, siz.length);
  const pair = (at: number) => [view.getUint32(at), view.getUint32(at + 4)] as const;
  const [right, bottom] = pair(At.image);
  const [left, top] = pair(At.imageOffset);
  const [tileWidth, tileHeight] = pair(At.tile);
  const [tileLeft, tileTop] = pair(At.tileOffset);
  const components = view.getUint16(At.components);
  const [width, height] = [right - left, bottom - top];
  if (!(width > 0 && height > 0 && tileWidth > 0 && tileHeight > 0 && components > 0)) {
    throw source.error(`an image of ${width}×${height} pixels in tiles of ${tileWidth}×${tileHeight}`);
  }
  if (siz.length < At.first + 3 * components) throw source.error("its JPEG 2000 codestream has no size");
  if (tileLeft !== left || tileTop !== top)
    throw source.error("tiles that do not begin with the image are not supported");
  for (let i = 0; i < components; i++) {
    const [depth, x, y] = siz.subarray(At.first + 3 * i);
    if (depth !== siz[At.first]) throw source.error("bands of different bit depths are not supported");
    if (x !== 1 || y !== 1) throw source.error("subsampled bands are not supported");
  }
  const tilesAcross = Math.ceil(width / tileWidth);
  const tilesDown = Math.ceil(height / tileHeight);
  if (tilesAcross * tilesDown > 65535) throw source.error(`${tilesAcross * tilesDown} tiles`);
  const headerBytes = segments.reduce((sum, { bytes }) => sum + bytes.length, 2);
  let parts: Promise<TilePart[][]> | undefined;

  return {
    width,
    height,
    components,
    bits: ((siz[At.first] as number) & 0x7f) + 1,
    isSigned: ((siz[At.first] as number) & 0x80) !== 0,
    tile: { width: Math.min(tileWidth, width), height: Math.min(tileHeight, height) },
    tilesAcross,
    tilesDown,
    async tileStream(row, column) {
      parts ??= findTileParts(source, headerBytes, tilesAcross * tilesDown);
      const own = (await parts)[row * tilesAcross + column] as TilePart[];
      if (own.length === 0) throw source.error("it is missing");
      const [x, y] = [left + column * tileWidth, top + row * tileHeight];
      const size = Uint8Array.from(siz);
      const sizeView = new DataView(size.buffer);
      const corners = [
        Math.min(x + tileWidth, right),
        Math.min(y + tileHeight, bottom),
        x,
        y,
        tileWidth,
        tileHeight,
        x,
        y,
      ];
      for (const [i, value] of corners.entries()) sizeView.setUint32(At.image + 4 * i, value);
      const header = segments
        .filter(({ marker }) => ![TLM, PLM, COM].includes(marker))
        .map(({ marker, bytes }) => (marker === SIZ ? size : bytes));
      const tileParts: Uint8Array[] = [];
      for (const { offset, bytes } of own) {
        const part = await source.read(offset, bytes);
        // It is the first tile of its stream, and its length is known.
        new DataView(part.buffer, part.byteOffset).setUint16(4, 0);
        new DataView(part.buffer, part.byteOffset).setUint32(6, bytes);
        tileParts.push(part);
      }
      return Buffer.concat([Uint8Array.of(0xff, 0x4f), ...header, ...tileParts, Uint8Array.of(0xff, 0xd9)]);
    },
  };
}

async function readMainHeader(source: ByteSource): Promise<{ marker: number; bytes: Uint8Array }[]> {
  const start = await source.read(0, Math.min(maxHeaderBytes, source.size));
  const view = new DataView(start.buffer, start.byteOffset, start.length);
  const segments: { marker: number; bytes: Uint8Array }[] = [];
  if (start.length < 2 || view.getUint16(0) !== SOC) throw source.error("its JPEG 2000 codestream has no beginning");
  for (let at = 2; at + 4 <= start.length; ) {
    const marker = view.getUint16(at);
    if (marker === SOT) return segments;
    const end = at + 2 + view.getUint16(at + 2);
    if (marker < 0xff00 || end > start.length) break;
    segments.push({ marker, bytes: start.subarray(at, end) });
    at = end;
  }
  throw source.error("the header of its JPEG 2000 codestream is damaged");
}

/** The parts of each tile, in their order. */
async function findTileParts(source: ByteSource, headerBytes: number, tiles: number): Promise<TilePart[][]> {
  const parts: TilePart[][] = Array.from({ length: tiles }, () => []);
  const sotBytes = 12;
  for (let at = headerBytes; at + sotBytes <= source.size; ) {
    const sot = await source.read(at, sotBytes);
    const view = new DataView(sot.buffer, sot.byteOffset, sot.length);
    if (view.getUint16(0) === EOC) return parts;
    const [tile, stated] = [view.getUint16(4), view.getUint32(6)];
    // The last one may leave its length open: it goes up to the end of the stream.
    const bytes = stated === 0 ? source.size - at - 2 : stated;
    if (view.getUint16(0) !== SOT || tile >= tiles || bytes < sotBytes + 2 || at + bytes > source.size) {
      throw source.error(`a tile part at byte ${at} of its codestream is damaged`);
    }
    (parts[tile] as TilePart[]).push({ offset: at, bytes });
    at += bytes;
  }
  return parts;
}
