import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { epsgGeoreference, writeGeoTiff, writeNpy } from "../../src/raster/index.ts";
import { temporaryFolder } from "../raster/folder.ts";
import { call, main, run } from "./run.ts";

const file = temporaryFolder();
const [width, height] = [8, 6];
const plane = new Float32Array(width * height).fill(0.5);
const northUp = (x: number) => epsgGeoreference(32632, "projected", [x, 10, 0, 5100000, 0, -10]);

beforeAll(async () => {
  await writeGeoTiff(file("a.tif"), { width, height, bands: [plane, plane], georeference: northUp(600000) });
  await writeGeoTiff(file("moved.tif"), { width, height, bands: [plane, plane], georeference: northUp(600020) });
  await writeGeoTiff(file("one.tif"), { width, height, bands: [plane] });
  await writeGeoTiff(file("wide.tif"), { width: 12, height: 4, bands: [plane] });
  await writeGeoTiff(file("ids.tif"), { width: 12, height: 4, bands: [new Uint32Array(48)] });
  await writeNpy(file("batch.npy"), new Float32Array(3 * 48), [3, 1, height, width]);
  await writeNpy(file("broken.npy"), plane, [height, width]);
  writeFileSync(file("broken.npy"), readFileSync(file("broken.npy")).subarray(0, 200));
  writeFileSync(file("text.tif"), "not a raster at all");
  writeFileSync(file("empty.tif"), "");
  writeFileSync(
    file("pickled.npy"),
    readFileSync(file("batch.npy")).toString("latin1").replace("<f4", "|O "),
    "latin1",
  );
  mkdirSync(file("folder.tif"));
  execFileSync("mkfifo", [file("pipe.tif")]);
});

/** One line on standard error, nothing on standard output, and no trace of the code. */
async function expectError(words: string[], code: number, message: RegExp): Promise<void> {
  const got = await call(words, file(""));
  expect(got.stderr).toMatch(message);
  expect(got.stderr).toMatch(/^error: [^\n]+\n$/);
  expect(got.stderr).not.toMatch(/\bat .*:\d+|Error:|node:/);
  expect(got).toMatchObject({ code, stdout: "" });
}

describe("usage: exit code 2, before any file is read", () => {
  test.each<[string, string[], RegExp]>([
    ["no command", [], /expected a command/],
    ["an unknown command", ["train"], /unknown command 'train'/],
    ["a missing argument", ["evaluate", "no.tif"], /missing required argument 'target'/],
    ["one argument too many", ["evaluate", "no.tif", "no.tif", "no.tif"], /too many arguments/],
    [
      "an unknown option",
      ["evaluate", "no.tif", "no.tif", "--daat-range", "1"],
      /unknown option '--daat-range'.*--data-range/,
    ],
    ["a number that is none", ["evaluate", "no.tif", "no.tif", "--min", "low"], /--min.*Expected a number, got "low"/],
    ["bands of one name", ["evaluate", "no.tif", "no.tif", "--bands", "red,red"], /--bands: expected different names/],
    ["a range of 0", ["evaluate", "no.tif", "no.tif", "--data-range", "0"], /--data-range.*above 0/],
    ["an unknown layout", ["evaluate", "no.tif", "no.tif", "--layout", "bip"], /--layout.*chw, hwc/],
    [
      "a condition that is none",
      ["evaluate", "no.tif", "no.tif", "--mask", "m", "--mask-valid", "~3"],
      /--mask-valid.*">20"/,
    ],
    ["a condition without a mask", ["evaluate", "no.tif", "no.tif", "--mask-valid", ">3"], /need --mask/],
    ["JSON and CSV", ["evaluate", "no.tif", "no.tif", "--json", "--csv"], /--csv.*cannot be used with.*--json/],
    ["an unknown loss", ["loss", "no.tif", "no.tif", "--loss", "mse+l2"], /expected one of .*mse.*got "l2"/],
    ["a name of every object", ["loss", "no.tif", "no.tif", "--loss", "toString"], /expected one of .*mse/],
    ["a sum that is none", ["loss", "no.tif", "no.tif", "--loss", "mse+"], /--loss: expected a sum/],
    ["a parameter of another", ["loss", "no.tif", "no.tif", "--loss", "huber(q=1)"], /expected options among delta/],
    ["a parameter of none", ["loss", "no.tif", "no.tif", "--loss", "mse(delta=1)"], /mse.*expected none.*delta/],
    ["a parameter out of range", ["loss", "no.tif", "no.tif", "--loss", "huber(delta=-1)"], /"delta".*above 0.*-1/],
    ["sam by channel", ["loss", "no.tif", "no.tif", "--loss", "sam", "--group-by", "channel"], /vectorAngle/],
    ["a weighting", ["loss", "no.tif", "no.tif", "--weighting", "cubic"], /--weighting.*"cubic"/],
    ["a rule with labels", ["loss", "no.tif", "no.tif", "--loss", "crossEntropy", "--min", "0"], /crossEntropy/],
    [
      "a device to write to",
      ["loss", "no.tif", "no.tif", "--grad", "/dev/null"],
      /--grad: expected the name of a file/,
    ],
    [
      "a state to go on with that is a FIFO",
      ["evaluate", "no.tif", "no.tif", "--resume", "pipe.tif"],
      /--resume: expected the name of a file, got pipe\.tif/,
    ],
    ["a folder that is not there", ["loss", "no.tif", "no.tif", "--output", "no/x"], /--output: there is no folder no/],
  ])("%s", (_, words, message) => expectError(words, 2, message));
});

describe("data: exit code 1, naming the file", () => {
  test.each<[string, string[], RegExp]>([
    ["a list that is a FIFO", ["evaluate", "--pairs", "pipe.tif"], /^error: pipe\.tif: is not a regular file$/m],
    ["a list that is a folder", ["evaluate", "--pairs", "folder.tif"], /^error: folder\.tif: is a directory$/m],
    ["a list that is a device", ["evaluate", "--pairs", "/dev/zero"], /^error: \/dev\/zero: is not a regular file$/m],
    ["a state that is a FIFO", ["merge", "pipe.tif"], /^error: pipe\.tif: is not a regular file$/m],
    ["a state that is a folder", ["merge", "folder.tif"], /^error: folder\.tif: is a directory$/m],
    ["a state that is a device", ["merge", "/dev/zero"], /^error: \/dev\/zero: is not a regular file$/m],
  ])("%s", (_, words, message) => expectError(words, 1, message));

  test.each<[string, string[], RegExp]>([
    ["no such file", ["no.tif", "a.tif"], /no\.tif: no such file/],
    ["a folder", ["a.tif", "folder.tif"], /folder\.tif: is a directory/],
    ["a device", ["/dev/zero", "a.tif"], /\/dev\/zero: is not a regular file/],
    ["a FIFO", ["pipe.tif", "a.tif"], /pipe\.tif: is not a regular file/],
    ["a mask that is a FIFO", ["a.tif", "a.tif", "--mask", "pipe.tif"], /pipe\.tif: is not a regular file/],
    ["an empty file", ["empty.tif", "a.tif"], /empty\.tif: is empty/],
    ["another format", ["text.tif", "a.tif"], /text\.tif: is no raster of a kind that can be read/],
    ["a truncated file", ["one.tif", "broken.npy"], /broken\.npy: shape \(6, 8\) needs 192 bytes/],
    ["pickled objects", ["pickled.npy", "a.tif"], /pickled\.npy: .*cannot be (read|understood)/],
    ["another size", ["one.tif", "wide.tif"], /one\.tif and wide\.tif: size differs: 8×6 and 12×4/],
    ["another size, whatever its place", ["one.tif", "wide.tif", "--ignore-georeference"], /size differs/],
    ["another place", ["a.tif", "moved.tif"], /geotransform differs by 2 pixels.*--ignore-georeference/],
    ["another number of bands", ["one.tif", "a.tif"], /number of bands differs: 1 and 2.*--pred-bands/],
    ["another number of images", ["batch.npy", "one.tif"], /number of images differs: 3 and 1.*--pred-sample/],
    ["a band that is not there", ["a.tif", "a.tif", "--pred-bands", "B8A"], /a\.tif: expected bands among 1, 2.*"B8A"/],
    ["a band number too high", ["a.tif", "a.tif", "--pred-bands", "1-3"], /numbers from 1 to 2, got "1-3"/],
    ["an image that is not there", ["batch.npy", "one.tif", "--pred-sample", "4"], /image from 1 to 3, got 4/],
    ["too many names", ["one.tif", "one.tif", "--bands", "a,b"], /--bands names 2 bands, but 1 are compared/],
    ["a mask of another size", ["a.tif", "a.tif", "--mask", "wide.tif"], /wide\.tif: expected a mask of 8×6.*12×4/],
    ["a mask elsewhere", ["a.tif", "a.tif", "--mask", "moved.tif"], /moved\.tif and a\.tif: geotransform differs/],
  ])("%s", (_, words, message) => expectError(["evaluate", ...words], 1, message));

  const isRoot = process.getuid?.() === 0;
  if (isRoot) console.warn("a file that may not be read: skipped, root reads every file");
  test.skipIf(isRoot)("a file that may not be read", async () => {
    await writeGeoTiff(file("secret.tif"), { width, height, bands: [plane] });
    chmodSync(file("secret.tif"), 0);
    await expectError(["evaluate", "secret.tif", "one.tif"], 1, /secret\.tif: permission denied/);
  });

  test("labels and a loss that has none", () =>
    expectError(["loss", "a.tif", "one.tif", "--loss", "crossEntropy+mse"], 1, /"target"/));
});

describe("what is read is not written over", () => {
  const contents = () => ["a.tif", "one.tif", "list.csv"].map((name) => readFileSync(file(name), "latin1"));
  beforeAll(() => {
    writeFileSync(file("list.csv"), "a.tif,a.tif\n");
    mkdirSync(file("maps"));
    symlinkSync(file("a.tif"), file("maps/error.tif"));
  });

  test.each<[string, string[], RegExp]>([
    [
      "figures over the prediction",
      ["evaluate", "a.tif", "moved.tif", "--output", "./a.tif"],
      /--output: .*a\.tif is read/,
    ],
    [
      "a report over the mask",
      ["evaluate", "a.tif", "a.tif", "--mask", "one.tif", "--report", "one.tif"],
      /--report: one/,
    ],
    [
      "a map over the file that a link leads to",
      ["evaluate", "a.tif", "a.tif", "--maps", "maps"],
      /--maps: maps.error\.tif/,
    ],
    [
      "figures over the list",
      ["evaluate", "--pairs", "list.csv", "--output", "list.csv"],
      /--output: list\.csv is read/,
    ],
    ["a gradient over the target", ["loss", "moved.tif", "a.tif", "--grad", "a.tif"], /--grad: a\.tif is read/],
    ["figures over a state", ["merge", "list.csv", "--output", "list.csv"], /--output: list\.csv is read/],
    [
      "two outputs of one name",
      ["evaluate", "a.tif", "a.tif", "--output", "x", "--report", "x"],
      /--report: x .*--output/,
    ],
  ])("%s", async (_, words, message) => {
    const files = contents();
    await expectError(words, 2, message);
    expect(contents()).toEqual(files);
  });
});

test("rasters in different places are compared where that is asked for", async () => {
  const got = await run(["evaluate", "a.tif", "moved.tif", "--ignore-georeference"], file(""));
  expect(got).toMatchObject({ code: 0, stderr: "" });
});

test("--version is the package's", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect(await run(["--version"])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
});

test.each([[[]], [["evaluate"]], [["loss"]]])("%j --help explains itself, with examples", async (words: string[]) => {
  const { code, stdout, stderr } = await run([...words, "--help"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("Usage: valid-pixel-loss");
  if (words.length > 0) expect(stdout).toContain("\nExamples:\n  $ valid-pixel-loss ");
});

test("a reader that stops early is no crash", async () => {
  const child = spawn(process.execPath, [main, "loss", "a.tif", "a.tif"], {
    cwd: file(""),
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect([code, stderr]).toEqual([0, ""]);
});

test.skipIf(!existsSync("/usr/bin/script"))(
  "an error has a line of its own on a terminal that shows progress",
  async () => {
    const [width, height] = [2000, 2000];
    const noise = Uint8Array.from({ length: width * height }, (_, i) => (i * i) >> 3);
    await writeGeoTiff(file("damaged.tif"), { width, height, bands: [noise] });
    const bytes = readFileSync(file("damaged.tif"));
    writeFileSync(
      file("damaged.tif"),
      bytes.fill(0xff, Math.floor(0.8 * bytes.length), Math.floor(0.9 * bytes.length)),
    );
    const command = `"${process.execPath}" "${main}" evaluate damaged.tif damaged.tif`;
    const { stdout } = spawnSync("script", ["-qec", command, "/dev/null"], { cwd: file(""), encoding: "utf8" });
    expect(stdout).toContain("Mpx/s");
    // Back to the start of the line, and what stands there is cleared.
    expect(stdout).toContain("\r\x1b[Kerror: damaged.tif: ");
  },
);

test("the built file is a program", () => {
  expect(readFileSync(main, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
});

test("a device is left as it is", () => {
  expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
});
