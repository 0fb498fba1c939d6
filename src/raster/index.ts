export { compareGeoreference, epsgGeoreference, type Georeference, type GeoTransform } from "./georeference.ts";
export { type GeoTiffDescription, GeoTiffWriter, writeGeoTiff } from "./geotiff/writeGeoTiff.ts";
export { NpyWriter } from "./npy/NpyWriter.ts";
export { writeNpy } from "./npy/writeNpy.ts";
export { openRaster } from "./openRaster.ts";
export { encodePng, type PngImage, writePng } from "./images/writePng.ts";
export type { Band, OpenOptions, Page, Raster, SourceFile } from "./Raster.ts";
export { RasterError } from "./RasterFile.ts";
export { type SampleArray, type SampleType, toFloat32 } from "./samples.ts";
