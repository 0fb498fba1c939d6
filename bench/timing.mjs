import Benchmark from "benchmark";

/**
 * A contender is timed by `sample()`: it resolves to a few durations in ms of one call each.
 * @typedef {{ name: string, sample: () => Promise<number[]> }} Contender
 */

/** Samples of `call` by benchmark.js: each averages as many calls as take `minTime` seconds. */
export function sampleCall(call) {
  const bench = new Benchmark({ fn: call, minTime: 0.01, maxTime: 0.02, minSamples: 3 });
  bench.run();
  if (bench.error) throw bench.error;
  return bench.stats.sample.map((seconds) => seconds * 1e3);
}

/**
 * Times the contenders in turns, so that whatever else the machine does in a while falls on all of them alike.
 * @param {Contender[]} contenders
 * @returns {Promise<Map<string, { min: number, median: number, spread: number }>>} ms; spread = half the middle 80 % / median
 */
export async function alternate(contenders, rounds) {
  const samples = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, sample } of contenders) samples.get(name).push(...(await sample()));
  }
  return new Map([...samples].map(([name, durations]) => [name, summarize(durations)]));
}

function summarize(durations) {
  const sorted = durations.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return { min: sorted[0], median: at(0.5), spread: (at(0.9) - at(0.1)) / 2 / at(0.5) };
}
