// npm run docs:walk: docs/command-line.md, written anew from what the command prints on real rasters.
//
// The rasters are small crops of satellite images beside the project (../shared/data), not part of it. The commands run in a temporary
// folder in which they lie under short names.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const data = fileURLToPath(new URL("../shared/data/", root));
const command = fileURLToPath(new URL("dist/cli/main.js", root));
const page = fileURLToPath(new URL("docs/command-line.md", root));

/** The rasters by the names that the page calls them. */
const rasters = {
  "toa.tif": "sen2r_S2A1C_20170703_022_Barbellino_TOA_10.tif",
  "boa.tif": "sen2r_S2A2A_20170703_022_Barbellino_BOA_10.tif",
  "scl.tif": "sen2r_S2A2A_20170703_022_Barbellino_SCL_10.tif",
  "s1.tif": "riotiler_S1_gamma0VV_f32_nodata.tif",
  "landsat.tif": "riotiler_L8_mosaic_cog1_u16x3.tif",
};

/** What the walk shows: why, how its rasters are made of the real ones, and the commands. */
async function steps(folder) {
  const { openRaster, writeGeoTiff } = await import("../build/modules/raster/index.js");
  const file = (name) => join(folder, name);
  const read = async (name) => {
    const raster = await openRaster(file(name));
    const { width, height, bands, georeference } = raster;
    const planes = [];
    for (const b of bands.keys()) planes.push(await raster.readWindow(0, 0, width, height, [b]));
    await raster.close();
    return { width, height, georeference, planes };
  };
  const boa = await read("boa.tif");
  const names = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"];
  const image = { width: boa.width, height: boa.height, georeference: boa.georeference };
  const four = [1, 2, 3, 7];
  const bandNames = four.map((b) => names[b]);
  const of = (make) => four.map((b, k) => make(boa.planes[b], k));

  // Reflectance over dark water and shade goes a little below 0 after atmospheric correction.
  const reflectance = of((plane) => Float32Array.from(plane, (v) => v * 1e-4 - 0.04));
  await writeGeoTiff(file("reflectance.tif"), { ...image, bands: reflectance, bandNames });
  const nir = bandNames.toReversed();
  const predicted = reflectance.map((plane) => plane.map((v, i) => v + 0.01 * Math.sin(i)));
  await writeGeoTiff(file("model.tif"), { ...image, bands: predicted.toReversed(), bandNames: nir });

  const s1 = await read("s1.tif");
  const place = { width: s1.width, height: s1.height, georeference: s1.georeference, nodata: Number.NaN };
  const decibels = Float32Array.from(s1.planes[0], (v) => (v > 0 ? 10 * Math.log10(v) : Number.NaN));
  await writeGeoTiff(file("s1_db.tif"), { ...place, bands: [decibels] });
  await writeGeoTiff(file("s1_model.tif"), { ...place, bands: [decibels.map((v, i) => v + 0.5 * Math.sin(i))] });

  // QA_PIXEL as Landsat's Collection 2 has it: clear, cloud in the upper quarter, fill where there is no data.
  const landsat = await read("landsat.tif");
  const l8 = { width: landsat.width, height: landsat.height, georeference: landsat.georeference };
  const quarter = (l8.width * l8.height) / 4;
  const qa = Uint16Array.from(landsat.planes[0], (v, i) => (v === 0 ? 1 : i < quarter ? 22280 : 21824));
  await writeGeoTiff(file("qa.tif"), { ...l8, bands: [qa], nodata: 1 });
  const shifted = landsat.planes.map((plane) => plane.map((v) => (v === 0 ? 0 : v + 120)));
  await writeGeoTiff(file("landsat_model.tif"), { ...l8, bands: shifted, nodata: 0 });

  // Since baseline 04.00 Sentinel-2's digital numbers are 1000 larger, and the offset says so.
  const dn = { ...image, bandNames, nodata: 65535 };
  await writeGeoTiff(file("baseline3.tif"), { ...dn, bands: of((plane) => Uint16Array.from(plane)) });
  await writeGeoTiff(file("baseline4.tif"), { ...dn, bands: of((plane) => plane.map((v) => v + 1000 + (v % 3))) });

  const holed = reflectance.map((plane) => plane.map((v, i) => (i % 24 < 4 ? Number.NaN : v + 0.005)));
  await writeGeoTiff(file("holes.tif"), { ...image, bands: holed, bandNames });

  return [
    {
      title: "Reflectance with values below 0",
      text: "Nothing in this target says which pixels are missing, so target ≥ 0 holds, and what it leaves out is said. Reflectance below 0\nis data: `--min -inf` counts it. The model's bands come in another order; both files name them, and they are paired by name.",
      commands: ["evaluate model.tif reflectance.tif", "evaluate model.tif reflectance.tif --min -inf --data-range 1"],
    },
    {
      title: "Decibels, with NaN where there is nothing",
      text: "The tag says what is missing: all other values are data, whatever their sign. A data range of decibels nobody can know.",
      commands: [
        "evaluate s1_model.tif s1_db.tif",
        "evaluate s1_model.tif s1_db.tif --data-range 30 --without ssim,uqi",
      ],
    },
    {
      title: "A Landsat scene with its QA bits",
      text: "`landsat-qa` lets pixels count in which the bits of fill, dilated cloud, cirrus, cloud and shadow are clear; `--mask-bits 0-4` is the\nsame. Figures are in digital numbers here.",
      commands: [
        "evaluate landsat_model.tif landsat.tif --mask qa.tif --mask-preset landsat-qa --data-range 65535 --without ssim,uqi",
      ],
    },
    {
      title: "Two Sentinel-2 products of different baselines",
      text: "Digital numbers of the newer one are 1000 larger. Where files carry the tags of scale and offset, each is read by its own; these two\ncarry none, and taken as they are they differ by an offset that is no error of anybody's.",
      commands: [
        "evaluate baseline4.tif baseline3.tif --data-range 10000 --without ssim,uqi",
        "evaluate baseline4.tif baseline3.tif --scale 1e-4 --pred-offset -0.1",
      ],
    },
    {
      title: "A surface product against the top of the atmosphere, under a scene classification",
      text: "The classification has pixels of 20 m beside bands of 10 m. Without a test all but class 0 would count, which is said; `s2-scl` takes\nvegetation, soil, water, unclassified and snow.",
      commands: [
        "evaluate toa.tif boa.tif --pred-bands 2-4,8 --target-bands 2-4,8 --scale 1e-4 --mask scl.tif",
        "evaluate toa.tif boa.tif --pred-bands 2-4,8 --target-bands 2-4,8 --scale 1e-4 --mask scl.tif --mask-preset s2-scl",
      ],
    },
    {
      title: "A prediction with holes",
      text: "Pixels that the prediction lacks are left out and counted: `coverage` is the share of the target's valid values that it has. A run that\nmust not miss any says so.",
      commands: [
        "evaluate holes.tif reflectance.tif --min -inf --data-range 1",
        "evaluate holes.tif reflectance.tif --min -inf --data-range 1 --pred-nodata fail",
      ],
    },
    {
      title: "A gate",
      text: "Exit code 3 and a line for each figure that is not good enough.",
      commands: [
        'evaluate model.tif reflectance.tif --min -inf --data-range 1 --fail-if "psnr<45" --fail-if "B08.ssim<0.5"',
      ],
    },
  ];
}

/** What a command prints, standard error first: it is written first. */
function outputOf(words, cwd) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...words], { cwd, encoding: "utf8" });
  return { status, text: `${stderr}${stdout}`.trimEnd() };
}

const splitWords = (line) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);

export const isPossible = () => existsSync(data);

/** The page as the command is now. */
export async function writtenPage() {
  const folder = mkdtempSync(join(tmpdir(), "valid-pixel-loss-walk-"));
  try {
    for (const [name, source] of Object.entries(rasters)) symlinkSync(join(data, source), join(folder, name));
    const sections = (await steps(folder)).map(({ title, text, commands }) => {
      const blocks = commands.map((line) => {
        const { status, text: printed } = outputOf(splitWords(line), folder);
        const code = status === 0 ? "" : `\n(exit code ${status})`;
        return `\`\`\`console\n$ valid-pixel-loss ${line}\n${printed}${code}\n\`\`\`\n`;
      });
      return `## ${title}\n\n${text}\n\n${blocks.join("\n")}`;
    });
    return `${head}\n${sections.join("\n")}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const head = `# The command line, on real rasters

\`npm run docs:walk\` writes this page: the commands run on small crops of Sentinel-1, Sentinel-2 and Landsat-8 images, and on rasters made
of them. Lines that begin with \`warning\` or \`note\` come on standard error (\`--quiet\` leaves them out).

No ordinary raster gets a wrong or meaningless score without a word. What cannot be known is asked for, or left out with a reason; what is
assumed is printed with the result, and \`--json\`, \`--csv\` and \`--output report.html\` carry it along: version, files with size and
time, bands, rule, masks and their tests, scale and offset, data range, coverage, options.
`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (isPossible()) writeFileSync(page, await writtenPage());
  else console.error(`docs:walk: skipped, ${data} is not there`);
}

export const keptPage = () => readFileSync(page, "utf8");
