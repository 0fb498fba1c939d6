// A loss and its gradient over images that are read in parts: the sums of all parts first, which the gradient of each then follows from.

import {
  type AccumulatedTerm,
  type CombinedLoss,
  FlexibleWeightedLoss,
  type Groups,
  HALO,
  LossAccumulator,
  mse,
  type Term,
} from "../index.ts";
import type { Kind } from "../losses/BaseLoss.ts";
import { DataError } from "./errors.ts";
import { checkOutcome, learn } from "./measure.ts";
import type { Window } from "./pair/grid.ts";
import type { Pair, Pixels } from "./pair/Pair.ts";
import { readParts } from "./pair/parts.ts";
import { type Found, joinFound, NOTHING_FOUND } from "./pair/samples.ts";
import { joinTallies, massesOf, noTally, type Tally, tallyOf } from "./pair/tally.ts";

/** What is known of the loss of a pair once it has been read. */
export interface MeasuredLoss {
  /** As it is known in the end. */
  readonly pair: Pair;
  readonly criterion: CombinedLoss;
  /** Its samples go by their numbers. */
  readonly sums: LossAccumulator;
  readonly tally: Tally;
  readonly found: Found;
}

/**
 * Adds up the loss of a pair, part by part; anew where reading finds out what changes a decision, as `measurePair` does.
 *
 * @param criterionOf the loss, by what is known of the pair
 * @param isRangeWatched whether the loss depends on a data range that nobody gave
 * @param onPart is told the pixels of each part
 * @throws DataError where no pixel is valid, or the prediction lacks some that it must have
 */
export async function measureLoss(
  pair: Pair,
  criterionOf: (pair: Pair) => CombinedLoss,
  isRangeWatched: boolean,
  onPart: (pixels: number) => void,
): Promise<MeasuredLoss> {
  for (let known = pair; ; ) {
    const criterion = criterionOf(known);
    checkSize(known, criterion);
    const outcome = await attempt(known, criterion, isRangeWatched, onPart);
    if ("sums" in outcome) {
      checkOutcome(outcome);
      return outcome;
    }
    known = outcome;
  }
}

async function attempt(
  pair: Pair,
  criterion: CombinedLoss,
  isRangeWatched: boolean,
  onPart: (pixels: number) => void,
): Promise<MeasuredLoss | Pair> {
  const sums = new LossAccumulator(criterion);
  const hasLabels = has(criterion, "labels");
  let tally = noTally(pair.bands.length);
  let found = NOTHING_FOUND;
  for (let sample = 0; sample < pair.samples; sample++) {
    for await (const { pixels, halo, window, found: more } of readParts(pair, sample)) {
      if (!hasLabels) found = joinFound(found, more);
      tally = joinTallies(tally, tallyOf(pixels, hasLabels ? { min: 0 } : pair.kernelRule, halo));
      const better = learn(pair, isRangeWatched, tally, found);
      if (better) return better;
      sums.add(pixels.pred, pixels.target, { ...massesOf(pixels, pair.predNodata), sample: String(sample), halo });
      onPart((window.width - halo.left - halo.right) * (window.height - halo.top - halo.bottom));
    }
  }
  return { pair, criterion, sums, tally, found };
}

const has = (criterion: CombinedLoss, kind: Kind) =>
  criterion.terms.some(({ loss }) => loss.settings.base.kind === kind);

function checkSize({ width, height, job }: Pair, criterion: CombinedLoss): void {
  const least = 2 * HALO + 1;
  if (!has(criterion, "window") || Math.min(width, height) >= least) return;
  throw new DataError(`${job.pred}: ssim is of images of at least ${least}×${least} pixels, got ${width}×${height}`);
}

/** The gradient of a window of an image. */
export interface GradientPart {
  readonly window: Window;
  readonly sample: number;
  /** `channels × height × width` */
  readonly grad: Float32Array;
}

/**
 * The gradient of the loss of a pair, whose sums are known: part by part where a part's follows from them, else image by image.
 */
export async function* readGradient({ pair, criterion, sums }: MeasuredLoss): AsyncGenerator<GradientPart> {
  checkGroups(pair, criterion);
  const windows = pair.windows();
  const image = { x: 0, y: 0, width: pair.width, height: pair.height };
  const totals = sums.finish().terms;
  for (let sample = 0; sample < pair.samples; sample++) {
    const groups = sums.groups(String(sample));
    const terms = criterion.terms.map((term, k): KnownTerm => {
      return { ...term, groups: groups[k] as Groups, weightSum: (totals[k] as AccumulatedTerm).weightSum };
    });
    // How much of an image's weight a part has is not known before it is read.
    if (windows.length > 1 && !pair.isWeighted && terms.every(isMean)) {
      for (const window of windows) {
        yield { window, sample, grad: gradientOfPart(pair, terms, window, await read(pair, window, sample)) };
      }
    } else {
      yield { window: image, sample, grad: gradientOfImage(criterion, totals, await read(pair, image, sample)) };
    }
  }
}

/** @throws DataError for groups that are of several images, whose gradient no image has for itself */
function checkGroups({ samples, job }: Pair, criterion: CombinedLoss): void {
  const isPooled = criterion.terms.some(({ loss: { settings } }) => ["batch", "band"].includes(settings.groupBy));
  if (samples === 1 || !isPooled) return;
  throw new DataError(
    `${job.pred}: expected one image for the gradient of --group-by batch or band, got ${samples} (--pred-sample, --target-sample choose)`,
  );
}

/** The pixels of a window, with those that the prediction lacks left out by the mask. */
async function read(pair: Pair, window: Window, sample: number): Promise<MaskedPixels> {
  const { pixels } = await pair.read(window, sample);
  return { pred: pixels.pred, target: pixels.target, masses: massesOf(pixels, pair.predNodata) };
}

interface MaskedPixels extends Pick<Pixels, "pred" | "target"> {
  readonly masses: ReturnType<typeof massesOf>;
}

/** The other images of a batch take part in the sum of the weights alone. */
function gradientOfImage(
  criterion: CombinedLoss,
  totals: readonly AccumulatedTerm[],
  { pred, target, masses }: MaskedPixels,
): Float32Array {
  const isDivided = criterion.terms[0]?.loss.settings.reduction === "mean";
  // Where nothing is valid there is nothing to divide.
  const normalizer = totals.map(({ weightSum }) => weightSum || 1);
  const options = { ...masses, ...(isDivided && { normalizer }) };
  return criterion.valueAndGrad(pred, target, options).grad.data;
}

/** A term and what is known of it: the groups of an image, and Σ w over all images. */
interface KnownTerm extends Term {
  readonly groups: Groups;
  readonly weightSum: number;
}

/** Whether a loss is a mean over the pixels of each group, or the root of one that has a slope. */
function isMean({ loss: { settings }, groups }: KnownTerm): boolean {
  const { kind, kernel } = settings.base;
  if (kernel === "Rmse") return groups.loss.every(Number.isFinite);
  return kind === "elementwise" || kind === "pixel" || kind === "labels";
}

/**
 * A group's loss is L = Σ n·L_part / N over its parts, that have n of its N valid pixels. A criterion that weighs the part linearly gives
 * the gradient of n/total · L_part, so that what is upstream of it is total/N times what is upstream of L: w/Σw, or w. For L = √M it
 * gives that of M: dL = dM / 2L.
 */
function gradientOfPart(
  pair: Pair,
  terms: readonly KnownTerm[],
  window: Window,
  { pred, target, masses }: MaskedPixels,
): Float32Array {
  const share = (window.width * window.height) / (pair.width * pair.height);
  const grads = terms.map(({ weight: coefficient, loss: { settings }, groups, weightSum }) => {
    const { base, groupBy, reduction } = settings;
    const isRoot = base.kernel === "Rmse";
    const gradOutput = groups.loss.map((loss, g) => {
      const [weight, valid, total] = [groups.weight[g], groups.validCount[g], groups.totalCount[g]] as [
        number,
        number,
        number,
      ];
      if (valid === 0 || (isRoot && loss === 0)) return 0;
      const upstream = (coefficient * weight) / (reduction === "mean" ? weightSum : 1) / (isRoot ? 2 * loss : 1);
      return (upstream * share * total) / valid;
    });
    const criterion = new FlexibleWeightedLoss(isRoot ? mse() : base, {
      ...{ groupBy, weighting: "linear", reduction: "none" },
      ...(base.kind !== "labels" && { valid: pair.kernelRule }),
    });
    return criterion.valueAndGrad(pred, target, { ...masses, gradOutput }).grad.data;
  });
  return grads.reduce(addTo);
}

function addTo(sum: Float32Array, grad: Float32Array): Float32Array {
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (grad[i] as number);
  return sum;
}
