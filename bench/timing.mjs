import Benchmark from "benchmark";

/**
 * What is timed: `sample()` gives, or resolves to, a few durations in ms of one call each.
 * @typedef {{ label: string, sample: () => number[] | Promise<number[]> }} Contender
 */

/** A call as long as this (ms) is timed by itself: averaging many of them would only take long. */
const LONG = 100;

/** benchmark.js: at least 3 samples, each the average of as many calls as fill 10 ms. Seconds. */
const EFFORT = { minTime: 0.01, maxTime: 0.02, minSamples: 3 };

/** Durations of `call` in ms. */
export function sampleCall(call) {
  const start = performance.now();
  call();
  const once = performance.now() - start;
  if (once > LONG) return [once];
  const bench = new Benchmark({ fn: call, ...EFFORT });
  bench.run();
  return durationsOf(bench);
}

/** The same of a call that gives a promise. */
export async function sampleAsync(call) {
  const bench = new Benchmark({ defer: true, fn: (turn) => call().then(() => turn.resolve()), ...EFFORT });
  await new Promise((resolve) => bench.on("complete", resolve).run({ async: true }));
  return durationsOf(bench);
}

function durationsOf(bench) {
  if (bench.error) throw bench.error;
  return bench.stats.sample.map((seconds) => seconds * 1e3);
}

/**
 * Times the contenders in turns, so that whatever else the machine does in a while falls on all of them alike. A first
 * turn does not count: engines compile their best code while it lasts.
 * @param {Contender[]} contenders
 * @returns {Promise<Record<string, { min: number, median: number, spread: number }>>} ms by label
 */
export async function alternate(contenders, rounds) {
  const samples = Object.fromEntries(contenders.map(({ label }) => [label, []]));
  for (const { sample } of contenders) await sample();
  for (let round = 0; round < rounds; round++) {
    for (const { label, sample } of contenders) samples[label].push(...(await sample()));
  }
  return Object.fromEntries(Object.entries(samples).map(([label, durations]) => [label, summarize(durations)]));
}

/** `spread` is half the distance from the 10 % to the 90 % quantile, as a share of the median. */
function summarize(durations) {
  const sorted = durations.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return { min: sorted[0], median: at(0.5), spread: (at(0.9) - at(0.1)) / 2 / at(0.5) };
}
