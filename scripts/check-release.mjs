// node scripts/check-release.mjs TAG
//
// What has to agree before a version is published: the tag, package.json, the lock file and the CHANGELOG; and the places that a package's
// page leads to. Says all that does not, and ends with 1.
import { readFileSync } from "node:fs";

const problems = releaseProblems(process.argv[2] ?? "", {
  manifest: JSON.parse(readFileSync("package.json", "utf8")),
  lock: JSON.parse(readFileSync("package-lock.json", "utf8")),
  changelog: readFileSync("CHANGELOG.md", "utf8"),
  today: new Date().toISOString().slice(0, 10),
});
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`${process.argv[2]} can be published`);

function releaseProblems(tag, { manifest, lock, changelog, today }) {
  const { version } = manifest;
  const problems = [];
  if (tag !== `v${version}`) problems.push(`the tag is "${tag}", and the version of package.json ${version}`);
  for (const found of [lock.version, lock.packages[""].version]) {
    if (found !== version) problems.push(`package-lock.json has version ${found}, package.json ${version}`);
  }
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) problems.push(`version ${version} is none that npm orders`);
  const [title = "", ...lines] = (changelog.split(/^## /m)[1] ?? "").split("\n");
  const [, named, date] = title.match(/^(\S+) — (\d{4}-\d{2}-\d{2})$/) ?? [];
  if (named !== version) {
    problems.push(`the first heading of CHANGELOG.md is "${title}": expected "${version} — ${today}"`);
  } else if (Number.isNaN(Date.parse(date)) || date > today) {
    problems.push(`CHANGELOG.md dates ${version} ${date}, and today is ${today}`);
  }
  if (lines.join("").trim() === "") problems.push(`CHANGELOG.md says nothing under "${title}"`);
  for (const place of ["repository", "homepage", "bugs"]) {
    if (!manifest[place]) problems.push(`package.json has no "${place}"`);
  }
  if (Object.keys(manifest.dependencies ?? {}).length > 0) problems.push("package.json has dependencies");
  return problems;
}
