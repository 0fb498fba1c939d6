import { existsSync, readFileSync } from "node:fs";

/** Of the nearest folder above: the command is a file in dist/cli once it is built, and in build/modules/cli where tests load it. */
function packageFile(folder = new URL(".", import.meta.url)): URL {
  const file = new URL("package.json", folder);
  return existsSync(file) ? file : packageFile(new URL("..", folder));
}

/** The package's version. */
export const version: string = JSON.parse(readFileSync(packageFile(), "utf8")).version;
