/** What scripts/check-release.mjs lets through, and what it does not: in a folder made for it. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "./raster/folder.ts";

const file = temporaryFolder();
const today = new Date().toISOString().slice(0, 10);
const places = { repository: "https://a.example", homepage: "https://b.example", bugs: "https://c.example" };
const manifest = { name: "valid-pixel-loss", version: "1.2.3", ...places };
const changelog = `# Changelog\n\n## 1.2.3 — ${today}\n\n- A change.\n\n## 1.2.2 — 2026-01-01\n\n- Another.\n`;

function problems({ tag = "v1.2.3", lockVersion = "1.2.3", ...files }: Record<string, unknown> = {}) {
  writeFileSync(file("package.json"), JSON.stringify({ ...manifest, ...(files.manifest as object) }));
  writeFileSync(
    file("package-lock.json"),
    JSON.stringify({ version: lockVersion, packages: { "": { version: lockVersion } } }),
  );
  writeFileSync(file("CHANGELOG.md"), (files.changelog as string | undefined) ?? changelog);
  const { status, stderr } = spawnSync(process.execPath, [resolve("scripts/check-release.mjs"), tag as string], {
    cwd: file("."),
    encoding: "utf8",
  });
  const lines = stderr.split("\n").filter(Boolean);
  expect(status).toBe(lines.length > 0 ? 1 : 0);
  return lines;
}

test("a version whose tag, manifest, lock file and CHANGELOG agree can be published", () => {
  expect(problems()).toEqual([]);
});

test.each([
  ["another tag", { tag: "v1.2.4" }, /tag is "v1.2.4"/],
  ["no tag", { tag: "" }, /tag is ""/],
  ["another lock file", { lockVersion: "1.2.2" }, /package-lock.json has version 1.2.2/],
  ["changes that are unreleased", { changelog: changelog.replace(/1.2.3.*/, "Unreleased") }, /heading .* "Unreleased"/],
  ["a version without a date", { changelog: changelog.replace(` — ${today}`, "") }, /expected "1.2.3 — /],
  ["a date to come", { changelog: changelog.replace(today, "2999-01-01") }, /dates 1.2.3 2999-01-01/],
  ["a date that is none", { changelog: changelog.replace(today, "2026-13-01") }, /dates 1.2.3 2026-13-01/],
  ["no changes", { changelog: changelog.replace("- A change.", "") }, /says nothing/],
  ["no repository", { manifest: { repository: undefined } }, /no "repository"/],
  ["a dependency", { manifest: { dependencies: { other: "1.0.0" } } }, /dependencies/],
])("%s is refused", (_, files, message) => {
  const found = problems(files);
  expect(found[0]).toMatch(message);
});

test("this repository lacks nothing but what its owner sets, and a date", () => {
  const { stderr } = spawnSync(process.execPath, ["scripts/check-release.mjs", "v0.1.0"], { encoding: "utf8" });
  for (const line of stderr.split("\n").filter(Boolean)) {
    expect(line).toMatch(/no "(repository|homepage|bugs)"|first heading of CHANGELOG|the tag is "v0.1.0"/);
  }
});
