/** Reads how the samples of a TIFF image are stored, and checks it before anything is allocated for them. */
import type { ByteSource } from "../ByteSource.ts";
import { type SampleType, sampleArrays } from "../samples.ts";
import { conversion } from "../kinds.ts";
import { codecs, jpeg, unreadable, ycbcr } from "./codecs.ts";
import { type Directory, Tag } from "./directory.ts";
import type { Layout } from "./storage.ts";

/** A block that decodes to more than this is refused: it has to be in memory as a whole. */
const maxBlockBytes = 2 ** 28;
/** Uncompressed strips are cut to about this size, for they may be as large as the image. */
const rawBlockBytes = 2 ** 20;

const formats = { 1: "unsigned integer", 2: "signed integer", 3: "floating-point" } as Record<number, string>;

function sampleTypeFor(format: number, bits: number): SampleType | undefined {
  // 25 to 31 bits would need arithmetic of their own and are not seen.
  if (format === 1 && bits === 64) return "u64";
  if (format === 1) return bits <= 8 ? "u8" : bits <= 16 ? "u16" : bits <= 24 || bits === 32 ? "u32" : undefined;
  if (format === 2) return ({ 8: "i8", 16: "i16", 32: "i32", 64: "i64" } as const)[bits];
  if (format === 3) return ({ 16: "f32", 32: "f32", 64: "f64" } as const)[bits];
  return undefined;
}

function isSize(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value < 2 ** 31;
}

/** The one value that all bands share. */
function shared(file: ByteSource, what: string, values: Float64Array | undefined, absent: number): number {
  const first = values?.[0] ?? absent;
  if (values?.some((value) => value !== first)) throw file.error(`bands of different ${what} are not supported`);
  return first;
}

export function bytesPerRow(layout: Pick<Layout, "block" | "interleaved" | "samplesPerPixel" | "bits">): number {
  return Math.ceil((layout.block.width * (layout.interleaved ? layout.samplesPerPixel : 1) * layout.bits) / 8);
}

export async function readLayout(directory: Directory): Promise<Layout> {
  const { file } = directory;
  const width = await directory.number(Tag.imageWidth, 0);
  const height = await directory.number(Tag.imageLength, 0);
  const samplesPerPixel = await directory.number(Tag.samplesPerPixel, 1);
  if (!isSize(width) || !isSize(height)) throw file.error(`an image of ${width}×${height} pixels`);
  if (!isSize(samplesPerPixel)) throw file.error(`an image of ${samplesPerPixel} bands`);

  const bits = shared(file, "bit depths", await directory.numbers(Tag.bitsPerSample), 1);
  // Format 4 is "undefined": GDAL takes it for unsigned, too.
  const stated = shared(file, "number formats", await directory.numbers(Tag.sampleFormat), 1);
  const format = stated === 4 ? 1 : stated;
  const type = bits >= 1 ? sampleTypeFor(format, bits) : undefined;
  if (type === undefined) throw file.error(`${bits}-bit ${formats[format] ?? "complex"} samples are not supported`);

  const compression = await directory.number(Tag.compression, 1);
  const codec = codecs[compression];
  if (codec === undefined) {
    const name = unreadable[compression];
    const problem = name ? `${name} compression cannot be read here` : `compression ${compression} is not known`;
    throw file.error(`${problem}; ${conversion(file.path, "-co COMPRESS=DEFLATE")} writes one that can`);
  }
  if ((await directory.number(Tag.fillOrder, 1)) !== 1) throw file.error("bits in reversed order are not supported");
  const predictor = codec.predicts ? await directory.number(Tag.predictor, 1) : 1;
  const predictable =
    predictor === 1 || (predictor === 2 && [8, 16, 32, 64].includes(bits)) || (predictor === 3 && format === 3);
  // libtiff writes such files with their bytes swapped once too often, and misreads them itself; others write them right.
  if (predictor === 3 && !directory.littleEndian) throw file.error("predictor 3 in a big-endian file is ambiguous");
  if (!predictable) throw file.error(`predictor ${predictor} of ${bits}-bit samples is not supported`);

  const photometric = await directory.number(Tag.photometric, 1);
  if (compression === jpeg && bits !== 8) throw file.error(`${bits}-bit JPEG is not supported`);
  if (compression !== jpeg && photometric === ycbcr) throw file.error("YCbCr colours outside JPEG are not supported");

  const interleaved = (await directory.number(Tag.planarConfiguration, 1)) !== 2 || samplesPerPixel === 1;
  const tiled = directory.has(Tag.tileWidth);
  const rowsPerStrip = Math.min(await directory.number(Tag.rowsPerStrip, height), height);
  const block = tiled
    ? { width: await directory.number(Tag.tileWidth, 0), height: await directory.number(Tag.tileLength, 0) }
    : { width, height: rowsPerStrip };
  if (!isSize(block.width) || !isSize(block.height))
    throw file.error(`blocks of ${block.width}×${block.height} pixels`);

  const offsets = await directory.numbers(tiled ? Tag.tileOffsets : Tag.stripOffsets);
  if (offsets === undefined) throw file.error("says nowhere where its pixels are");
  const byteCounts = await directory.numbers(tiled ? Tag.tileByteCounts : Tag.stripByteCounts);
  const jpegTables = await directory.numbers(Tag.jpegTables);
  const stored = {
    file,
    width,
    height,
    samplesPerPixel,
    bits,
    type,
    half: format === 3 && bits === 16,
    littleEndian: directory.littleEndian,
    compression,
    predictor,
    photometric,
    extraSamples: Array.from((await directory.numbers(Tag.extraSamples)) ?? []),
    interleaved,
    tiled,
    jpegTables: jpegTables && Uint8Array.from(jpegTables),
    lercParameters: Array.from((await directory.numbers(Tag.lercParameters)) ?? []),
  };
  const blocksAcross = Math.ceil(width / block.width);
  const blocksDown = Math.ceil(height / block.height);
  const blocks = blocksAcross * blocksDown * (interleaved ? 1 : samplesPerPixel);
  if (offsets.length < blocks) {
    throw file.error(`an image of ${width}×${height} pixels needs ${blocks} blocks, but ${offsets.length} are listed`);
  }
  if (compression === 1 && !tiled) {
    return cutStrips({ ...stored, block, blocksAcross, blocksDown, offsets, byteCounts: new Float64Array() });
  }
  if (byteCounts === undefined || byteCounts.length < blocks) throw file.error("does not say how long its blocks are");
  const layout = { ...stored, block, blocksAcross, blocksDown, offsets, byteCounts };
  const blockBytes =
    block.width * block.height * (interleaved ? samplesPerPixel : 1) * sampleArrays[type].BYTES_PER_ELEMENT;
  if (blockBytes > maxBlockBytes) {
    const mebibytes = Math.round(blockBytes / 2 ** 20);
    throw file.error(
      `its blocks of ${block.width}×${block.height} pixels take ${mebibytes} MiB each: rewrite it tiled`,
    );
  }
  return layout;
}

/** Uncompressed strips in smaller ones: a file may be a single strip, of which a window needs a few rows. */
function cutStrips(layout: Layout): Layout {
  const { file, height, block, offsets } = layout;
  const rowBytes = bytesPerRow(layout);
  const samplesPerRow = block.width * (layout.interleaved ? layout.samplesPerPixel : 1);
  if (samplesPerRow * sampleArrays[layout.type].BYTES_PER_ELEMENT > maxBlockBytes) {
    throw file.error(`a row of ${layout.width} pixels is too long`);
  }
  let rows = Math.max(1, Math.min(block.height, Math.floor(rawBlockBytes / rowBytes)));
  // Only a strip that is the whole image may end in a shorter piece: all rows of blocks are of one height.
  if (block.height < height) while (block.height % rows !== 0) rows--;
  const pieces = Math.ceil(block.height / rows);
  const planes = layout.interleaved ? 1 : layout.samplesPerPixel;
  const blocksDown = Math.ceil(height / rows);
  if (blocksDown * planes > 2 ** 24) throw file.error(`an image of ${layout.width}×${height} pixels is too large`);
  const cut = { offsets: new Float64Array(blocksDown * planes), byteCounts: new Float64Array(blocksDown * planes) };
  for (let plane = 0, i = 0; plane < planes; plane++) {
    for (let row = 0; row < blocksDown; row++, i++) {
      const strip = offsets[plane * layout.blocksDown + Math.floor(row / pieces)] as number;
      cut.offsets[i] = strip === 0 ? 0 : strip + (row % pieces) * rows * rowBytes;
      cut.byteCounts[i] = strip === 0 ? 0 : Math.min(rows, height - row * rows) * rowBytes;
    }
  }
  return { ...layout, ...cut, block: { width: block.width, height: rows }, blocksDown };
}
