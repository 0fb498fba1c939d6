// The licences of what the command carries, as a text. A package's own licence file comes first; what its binaries are made of and say nothing of
// is kept in scripts/notices/.
import { readdirSync, readFileSync } from "node:fs";

/** Texts that packages do not carry. */
const untold = {
  "@cornerstonejs/codec-libjpeg-turbo-8bit": ["cornerstone", "libjpeg-turbo", "emscripten"],
  "@cornerstonejs/codec-openjpeg": ["cornerstone", "openjpeg", "emscripten"],
  "@jsquash/webp": ["libwebp", "emscripten"],
  lerc: ["lerc", "emscripten"],
};

const line = "=".repeat(80);

/** @param inputs paths of the files that were bundled; @throws where a package among them gives no licence */
export function notices(inputs) {
  const packages = new Set(inputs.map(packageOf).filter(Boolean));
  for (const name of Object.keys(untold)) if (!packages.has(name)) throw new Error(`${name} is no longer bundled`);
  const sections = [...packages].sort().map((name) => {
    const { version, license } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
    const texts = [...ownTexts(name), ...(untold[name] ?? []).map((text) => `scripts/notices/${text}.txt`)];
    if (texts.length === 0) throw new Error(`no licence text of ${name}: add it to scripts/notices/`);
    return [`${name} ${version} (${license})`, ...texts.map((file) => readFileSync(file, "utf8").trimEnd())].join(
      "\n\n",
    );
  });
  return `The command valid-pixel-loss carries the following packages. The library carries none.\n\n${sections
    .map((section) => `${line}\n${section}\n`)
    .join("\n")}`;
}

/** The package that a file in node_modules belongs to. */
function packageOf(file) {
  return file.match(/(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1];
}

function ownTexts(name) {
  return readdirSync(`node_modules/${name}`)
    .filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
    .map((file) => `node_modules/${name}/${file}`);
}
