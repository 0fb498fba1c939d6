import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compare } from "../scripts/polynomials.mjs";

const source = readFileSync("assembly/approx.ts", "utf8");

test("the polynomials of approx.ts are off by little more than the best ones, which the script finds", () => {
  const off = [...compare(source)].map(({ table, standing, fitted, least, standingError }) => ({
    table,
    terms: standing.length - fitted.length,
    // Rounding to float32 costs the exponential a fifth, the others less.
    isClose: standingError <= 1.25 * least,
  }));
  expect(off).toHaveLength(10);
  expect(off.filter(({ terms, isClose }) => terms !== 0 || !isClose)).toEqual([]);
});

test("a digit that is wrong shows", () => {
  const wrong = source.replace("-0.08333333333323212", "-0.08333333333322212");
  expect(wrong).not.toBe(source);
  const worst = Math.max(...[...compare(wrong)].map(({ least, standingError }) => standingError / least));
  expect(worst).toBeGreaterThan(10);
});
