/**
 * Every base loss in plain float64: value, figures of the groups and the gradient worked out by hand. Written from the definitions,
 * one pixel at a time, with nothing but readability in mind.
 */
import { at, type Layout, offsetOf, pixelOf, type Shape, sizeOf } from "./layout.ts";
import { type Rule as SsimRule, ssim } from "./ssim.ts";

export type BaseName = keyof typeof elementwise | keyof typeof vectorLosses | "sam" | "crossEntropy" | "ssim";
export type Params = Readonly<Record<string, number | boolean | string>>;
/** A base loss by the name of its maker, and what the maker is given. */
export interface Base {
  readonly name: BaseName;
  readonly params?: Params;
}

/** The parts of SPEC's rule `valid`. */
export interface ValidRule {
  readonly min?: number;
  readonly above?: number;
  readonly max?: number;
  readonly below?: number;
  readonly nodata?: readonly number[];
}

export interface Settings {
  readonly groupBy?: "sample" | "channel" | "batch" | "band";
  readonly valid?: ValidRule;
  readonly weighting?: "sqrt" | "linear" | "uniform" | number;
  readonly reduction?: "mean" | "sum" | "none";
  readonly layout?: Layout;
}

/** A number per pixel, of the target's shape or broadcast to it. */
export interface PixelValues<Data> {
  readonly data: Data;
  readonly shape: readonly number[];
}

export interface Problem {
  readonly shape: Shape;
  readonly pred: Float32Array | Float64Array;
  /** Of pred's shape; classes `[B, H, W]` for cross-entropy. */
  readonly target: Float32Array | Int32Array | Uint8Array;
  /** Bytes, or a soft mask: the share of each pixel that is valid. */
  readonly mask?: PixelValues<Uint8Array | Float32Array>;
  /** The importance or the area of each pixel. */
  readonly weights?: PixelValues<Float32Array>;
  readonly gradOutput?: number | readonly number[];
  readonly normalizer?: number;
}

export interface Groups {
  readonly loss: number[];
  readonly weight: number[];
  readonly validCount: number[];
  readonly totalCount: number[];
  readonly validWeight: number[];
  readonly totalWeight: number[];
}

export interface Answer {
  readonly value: number | number[];
  readonly numerator: number;
  readonly weightSum: number;
  readonly groups: Groups;
  /** In the layout of pred. */
  readonly grad: Float64Array;
}

/** ρ(p, t) and ∂ρ/∂p of the losses that are means of a term per element, by maker; 0 at a kink by convention. */
const elementwise = {
  mse: () => (p: number, t: number) => [(p - t) ** 2, 2 * (p - t)],
  mae: () => (p: number, t: number) => [Math.abs(p - t), Math.sign(p - t)],
  huber:
    ({ delta = 1 }: { delta?: number }) =>
    (p: number, t: number) => {
      const d = p - t;
      if (Math.abs(d) <= delta) return [d ** 2 / 2, d];
      return [delta * (Math.abs(d) - delta / 2), delta * Math.sign(d)];
    },
  smoothL1:
    ({ beta = 1 }: { beta?: number }) =>
    (p: number, t: number) => {
      const d = p - t;
      return Math.abs(d) < beta ? [d ** 2 / 2 / beta, d / beta] : [Math.abs(d) - beta / 2, Math.sign(d)];
    },
  charbonnier:
    ({ eps = 1e-3 }: { eps?: number }) =>
    (p: number, t: number) => {
      const root = Math.hypot(p - t, eps);
      return [root, (p - t) / root];
    },
  logCosh: () => (p: number, t: number) => {
    const d = Math.abs(p - t);
    // cosh d = 1 + 2 sinh²(d/2) keeps the d²/2 of small d; e^d overflows where the other form is exact.
    const value = d < 1 ? Math.log1p(2 * Math.sinh(d / 2) ** 2) : d + Math.log1p(Math.exp(-2 * d)) - Math.LN2;
    return [value, Math.tanh(p - t)];
  },
  pinball:
    ({ q = 0.5 }: { q?: number }) =>
    (p: number, t: number) => {
      const e = t - p;
      return [Math.max(q * e, (q - 1) * e), e > 0 ? -q : e < 0 ? 1 - q : 0];
    },
  tukey:
    ({ c = 4.685 }: { c?: number }) =>
    (p: number, t: number) => {
      const d = p - t;
      if (Math.abs(d) > c) return [c ** 2 / 6, 0];
      const u = (d / c) ** 2;
      // 1 − (1 − u)³, which cancels where u is small, multiplied out.
      return [(d ** 2 / 6) * (3 - 3 * u + u ** 2), d * (((c - d) / c) * ((c + d) / c)) ** 2];
    },
  mape:
    ({ eps = 1e-8 }: { eps?: number }) =>
    (p: number, t: number) => {
      const size = Math.max(Math.abs(t), eps);
      return [Math.abs(p - t) / size, Math.sign(p - t) / size];
    },
  bce: () => (p: number, t: number) => {
    const log = (x: number) => Math.max(x, -100);
    const value = -(t === 0 ? 0 : t * log(Math.log(p))) - (t === 1 ? 0 : (1 - t) * log(Math.log1p(-p)));
    return [value, p === t ? 0 : (p - t) / (p * (1 - p))];
  },
  bceWithLogits: () => (p: number, t: number) => {
    const decay = Math.exp(-Math.abs(p));
    // max(p, 0) − p·t and σ(p) − t, written so that neither cancels at t = 1.
    if (p > 0) return [p * (1 - t) + Math.log1p(decay), 1 - t - decay / (1 + decay)];
    return [-p * t + Math.log1p(decay), decay / (1 + decay) - t];
  },
  poissonNLL:
    ({ logInput = true, eps = 1e-8 }: { logInput?: boolean; eps?: number }) =>
    (p: number, t: number) =>
      logInput ? [Math.exp(p) - t * p, Math.exp(p) - t] : [p - t * Math.log(p + eps), 1 - t / (p + eps)],
} satisfies Record<string, (params: never) => (p: number, t: number) => number[]>;

interface Loss {
  readonly loss: number;
  readonly grad: number[];
}

/** The losses of the two vectors of a group's valid elements that are no mean of terms; m are the elements' masses. */
const vectorLosses = {
  rmse: () => (p: number[], t: number[], m: number[]) => {
    const d = p.map((x, i) => x - at(t, i));
    const mass = sum(m);
    const loss = Math.sqrt(sum(d.map((x, i) => at(m, i) * x ** 2)) / mass);
    return { loss, grad: d.map((x, i) => (loss === 0 ? 0 : (at(m, i) * x) / (mass * loss))) };
  },
  vectorAngle: () => (p: number[], t: number[], m: number[]) => {
    // Under the inner product Σ m·p·t: the angle between √m·p and √m·t.
    const root = m.map(Math.sqrt);
    const { loss, grad } = angle(
      p.map((x, i) => at(root, i) * x),
      t.map((x, i) => at(root, i) * x),
    );
    return { loss, grad: grad.map((g, i) => at(root, i) * g) };
  },
  dice:
    ({ smooth = 1 }: { smooth?: number }) =>
    (p: number[], t: number[], m: number[]) => {
      const [mp, mt, mpt] = [dot(m, p), dot(m, t), sum(m.map((x, i) => x * at(p, i) * at(t, i)))];
      const denominator = mp + mt + smooth;
      const numerator = 2 * mpt + smooth;
      // 1 − N/D without the smoothing that cancels.
      const loss = (mp + mt - 2 * mpt) / denominator;
      return {
        loss,
        grad: t.map((x, i) => (at(m, i) * (numerator - 2 * x * denominator)) / denominator ** 2),
      };
    },
} satisfies Record<string, (params: never) => (p: number[], t: number[], m: number[]) => Loss>;

const sum = (x: readonly number[]): number => x.reduce((total, term) => total + term, 0);
const dot = (x: readonly number[], y: readonly number[]): number => sum(x.map((value, i) => value * at(y, i)));

/**
 * The angle between two vectors of float32 numbers, radians, and its gradient with respect to the first. All cancellation is in the minors
 * p_i·t_j − p_j·t_i, and these are right to the last bit: products of float32 numbers are exact in f64. |p|·|t|·sin θ = √Σ_{i<j} minor².
 */
function angle(p: number[], t: number[]): Loss {
  const [pp, tt] = [dot(p, p), dot(t, t)];
  const flat = p.map(() => 0);
  // |p| or |t| is not a number to divide by: NaN, not the π/4 that atan2(Infinity, Infinity) would make of it.
  if (!Number.isFinite(pp + tt)) return { loss: Number.NaN, grad: p.map(() => Number.NaN) };
  if (pp === 0 || tt === 0) return { loss: pp === tt ? 0 : Math.PI / 2, grad: flat };
  const [P, T] = [Float64Array.from(p), Float64Array.from(t)];
  // What of t is not along p, times p·p: Σ_i p_i·minor_ij.
  const residual = new Float64Array(p.length);
  let minors = 0;
  for (let i = 0; i < p.length; i++) {
    const [x, y] = [P[i] as number, T[i] as number];
    let own = 0;
    for (let j = 0; j < i; j++) {
      const minor = x * (T[j] as number) - (P[j] as number) * y;
      minors += minor * minor;
      residual[j] = (residual[j] as number) + x * minor;
      own -= (P[j] as number) * minor;
    }
    residual[i] = (residual[i] as number) + own;
  }
  const sine = Math.sqrt(minors);
  const loss = Math.atan2(sine, dot(p, t));
  return { loss, grad: minors === 0 ? flat : Array.from(residual, (r) => -r / (sine * pp)) };
}

/** −log softmax(logits)[class]. */
function crossEntropyOf(logits: number[], [target]: number[]): Loss {
  const top = Math.max(...logits);
  const exps = logits.map((x) => Math.exp(x - top));
  const best = logits.indexOf(top);
  // log Σ e^(x − top) = log1p of all terms but the largest, which is 1.
  const rest = sum(exps.filter((_, k) => k !== best));
  const loss = Math.log1p(rest) + (top - at(logits, target as number));
  const others = sum(exps.filter((_, k) => k !== target)) / (1 + rest);
  return { loss, grad: exps.map((e, k) => (k === target ? -others : e / (1 + rest))) };
}

/**
 * Reads a mask or weights at a pixel of a channel, 1 where there are none: shapes are aligned at their last dimension, and one of 1 (or
 * missing) repeats, as in NumPy.
 */
function readerOf(
  values: PixelValues<Uint8Array | Float32Array> | undefined,
  { shape }: Problem,
  layout: Layout,
): (b: number, c: number, xy: number) => number {
  if (!values) return () => 1;
  const strides: number[] = [];
  for (let axis = 0, stride = 1; axis < 4; axis++) {
    const extent = values.shape[values.shape.length - 1 - axis] ?? 1;
    strides.unshift(extent === 1 ? 0 : stride);
    stride *= extent;
  }
  const [sample, ...rest] = strides as [number, number, number, number];
  const [channel, row, pixel] = layout === "NCHW" ? rest : ([rest[2], rest[0], rest[1]] as const);
  const width = shape[3];
  const bytes = values.data instanceof Uint8Array;
  return (b, c, xy) => {
    const value = at(values.data, b * sample + c * channel + Math.floor(xy / width) * row + (xy % width) * pixel);
    return bytes ? Math.min(value, 1) : value;
  };
}

/** SPEC's rule on one target, compared in float32. */
function holds({ min, above, max, below, nodata }: ValidRule, target: number): boolean {
  const f = Math.fround;
  return (
    !Number.isNaN(target) &&
    (min === undefined || target >= f(min)) &&
    (above === undefined || target > f(above)) &&
    (max === undefined || target <= f(max)) &&
    (below === undefined || target < f(below)) &&
    (nodata === undefined || nodata.every((value) => target !== f(value)))
  );
}

/** One angle, one term, one softmax: a set of elements of pred and what the loss makes of them. */
interface Unit {
  readonly offsets: number[];
  readonly count: number;
  /** mask · weight of its pixels, together. */
  readonly mass: number;
  readonly loss: number;
  readonly grad: number[];
}

interface Group {
  readonly total: number;
  /** Σ of the weights of all pixels. */
  readonly totalWeight: number;
  /** None where the group is skipped. */
  readonly units: Unit[];
  /** Where it is not that of the units: SSIM skips groups whose valid pixels hold no centre. */
  readonly validCount?: number;
  readonly validWeight?: number;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The groups with the loss and gradient of each of their units; the loss of a group is the mean of its units, by their masses. */
function groupsOf(base: Base, problem: Problem, settings: Settings): Group[] {
  const { shape, pred, target } = problem;
  const [B, C, H, W] = shape;
  const layout = settings.layout ?? "NCHW";
  const perPixel = base.name === "sam" || base.name === "crossEntropy";
  const groupBy = settings.groupBy ?? (perPixel ? "sample" : "channel");
  const offset = (b: number, c: number, xy: number) => offsetOf(shape, layout, b, c, xy);
  const [share, weight] = [readerOf(problem.mask, problem, layout), readerOf(problem.weights, problem, layout)];
  const massAt = (b: number, c: number, xy: number) => {
    const [s, a] = [share(b, c, xy), weight(b, c, xy)];
    return s > 0 && a > 0 ? s * a : 0;
  };
  const valid = (b: number, c: number, xy: number) =>
    holds(settings.valid ?? { min: 0 }, at(target, offset(b, c, xy))) && massAt(b, c, xy) > 0;
  const params = (base.params ?? {}) as never;
  const unit = (offsets: number[], count: number, mass: number, { loss, grad }: Loss): Unit => ({
    offsets,
    count,
    mass,
    loss,
    grad,
  });
  const pick = (from: ArrayLike<number>, offsets: number[]) => offsets.map((o) => at(from, o));

  if (base.name === "crossEntropy") {
    const classAt = (b: number, xy: number) => at(target, b * H * W + xy);
    // A class map has no channels: what goes with its shape [B, H, W] is [B, 1, H, W] of pred.
    const lift = <T extends Uint8Array | Float32Array>(values: PixelValues<T> | undefined) =>
      values?.shape.length === 3 ? { ...values, shape: [values.shape[0] ?? 1, 1, ...values.shape.slice(1)] } : values;
    const shareOf = readerOf(lift(problem.mask), problem, "NCHW");
    const weightOf = readerOf(lift(problem.weights), problem, "NCHW");
    const massOf = (b: number, xy: number) =>
      shareOf(b, 0, xy) > 0 && weightOf(b, 0, xy) > 0 ? shareOf(b, 0, xy) * weightOf(b, 0, xy) : 0;
    const samples = range(B).map((b) => ({
      total: H * W,
      totalWeight: sum(range(H * W).map((xy) => weightOf(b, 0, xy))),
      units: range(H * W)
        .filter((xy) => classAt(b, xy) >= 0 && classAt(b, xy) !== base.params?.ignoreIndex)
        .filter((xy) => massOf(b, xy) > 0)
        .map((xy) => {
          const offsets = range(C).map((c) => offset(b, c, xy));
          return unit(offsets, 1, massOf(b, xy), crossEntropyOf(pick(pred, offsets), [classAt(b, xy)]));
        }),
    }));
    return groupBy === "batch" ? [together(samples)] : samples;
  }
  if (base.name === "sam") {
    const any = base.params?.pixels === "any";
    const samples = range(B).map((b) => ({
      total: H * W,
      totalWeight: sum(range(H * W).map((xy) => weight(b, 0, xy))),
      units: range(H * W)
        .map((xy) => ({ xy, channels: range(C).filter((c) => valid(b, c, xy)) }))
        .filter(({ channels }) => (any ? channels.length >= 2 : channels.length === C))
        .map(({ xy, channels }) => {
          const offsets = channels.map((c) => offset(b, c, xy));
          const mass = massAt(b, channels[0] ?? 0, xy);
          return unit(offsets, 1, mass, angle(pick(pred, offsets), pick(target, offsets)));
        }),
    }));
    return groupBy === "batch" ? [together(samples)] : samples;
  }
  const planes = range(B * C).map((plane) => {
    const [b, c] = [Math.floor(plane / C), plane % C];
    const pixels = range(H * W).filter((xy) => valid(b, c, xy));
    return {
      plane,
      offsets: pixels.map((xy) => offset(b, c, xy)),
      masses: pixels.map((xy) => massAt(b, c, xy)),
      totalWeight: sum(range(H * W).map((xy) => weight(b, c, xy))),
    };
  });
  const groupOf = (plane: number) =>
    ({ sample: Math.floor(plane / C), channel: plane, batch: 0, band: plane % C })[groupBy];
  const membersOf = range({ sample: B, channel: B * C, batch: 1, band: C }[groupBy]).map((): typeof planes => []);
  for (const plane of planes) membersOf[groupOf(plane.plane)]?.push(plane);
  const groups = membersOf.map((members) => {
    return {
      members,
      offsets: members.flatMap(({ offsets }) => offsets),
      masses: members.flatMap(({ masses }) => masses),
      total: members.length * H * W,
      totalWeight: sum(members.map(({ totalWeight }) => totalWeight)),
    };
  });
  const name = base.name;
  if (name === "ssim") {
    const rule = { invalid: "normalize", ...base.params, lo: Number.NEGATIVE_INFINITY } as SsimRule;
    return groups.map(({ members, offsets, masses, total, totalWeight }) => {
      const results = members.map(({ plane }) => {
        const [b, c] = [Math.floor(plane / C), plane % C];
        const read = (of: ArrayLike<number>) => Float64Array.from(range(H * W), (xy) => at(of, offset(b, c, xy)));
        const seen = read(target).map((t, xy) => (valid(b, c, xy) ? t : Number.NaN));
        const mass = Float64Array.from(range(H * W), (xy) => massAt(b, c, xy));
        return ssim({ pred: read(pred), target: seen, mass, width: W, height: H }, rule);
      });
      const centres = sum(results.flatMap(({ counted }) => counted));
      const loss = sum(results.flatMap(({ sums }) => Array.from(sums))) / centres;
      const slopes = results.flatMap(({ grad }, k) =>
        (members[k]?.offsets ?? []).map((o) => at(grad, pixelOf(shape, layout, o)) / centres),
      );
      const units = centres ? [unit(offsets, offsets.length, sum(masses), { loss, grad: slopes })] : [];
      return { total, totalWeight, units, validCount: offsets.length, validWeight: sum(masses) };
    });
  }
  if (name in vectorLosses) {
    const of = vectorLosses[name as keyof typeof vectorLosses](params);
    return groups.map(({ offsets, masses, total, totalWeight }) => {
      const loss = () => of(pick(pred, offsets), pick(target, offsets), masses);
      return {
        total,
        totalWeight,
        units: offsets.length ? [unit(offsets, offsets.length, sum(masses), loss())] : [],
      };
    });
  }
  const of = elementwise[name as keyof typeof elementwise](params);
  return groups.map(({ offsets, masses, total, totalWeight }) => ({
    total,
    totalWeight,
    units: offsets.map((o, i) => {
      const [loss, slope] = of(at(pred, o), at(target, o)) as [number, number];
      return unit([o], 1, at(masses, i), { loss, grad: [slope] });
    }),
  }));
}

/** Several groups as one. */
function together(groups: readonly Group[]): Group {
  return {
    total: sum(groups.map(({ total }) => total)),
    totalWeight: sum(groups.map(({ totalWeight }) => totalWeight)),
    units: groups.flatMap(({ units }) => units),
  };
}

function weightOf(rule: Settings["weighting"], ratio: number): number {
  if (typeof rule === "number") return ratio ** rule;
  return { sqrt: Math.sqrt(ratio), linear: ratio, uniform: 1 }[rule ?? "sqrt"];
}

/** What `new FlexibleWeightedLoss(base, settings)` has to answer. */
export function reference(base: Base, problem: Problem, settings: Settings = {}): Answer {
  const reduction = settings.reduction ?? "mean";
  const groups = groupsOf(base, problem, settings);
  const validCount = groups.map((group) => group.validCount ?? sum(group.units.map(({ count }) => count)));
  const totalCount = groups.map(({ total }) => total);
  const massOf = ({ units }: Group) => sum(units.map(({ mass }) => mass));
  const validWeight = groups.map((group) => group.validWeight ?? massOf(group));
  const totalWeight = groups.map((group) => group.totalWeight);
  const loss = groups.map((group) =>
    group.units.length ? sum(group.units.map((u) => u.mass * u.loss)) / massOf(group) : 0,
  );
  const weight = groups.map(({ units }, g) =>
    units.length ? weightOf(settings.weighting, at(validWeight, g) / at(totalWeight, g)) : 0,
  );
  const numerator = dot(weight, loss);
  const weightSum = sum(weight);

  const divisor = problem.normalizer ?? weightSum;
  const value =
    reduction === "none"
      ? weight.map((w, g) => w * at(loss, g))
      : reduction === "sum"
        ? numerator
        : weightSum === 0
          ? 0
          : numerator / divisor;

  const grad = new Float64Array(sizeOf(problem.shape));
  groups.forEach((group, g) => {
    const upstream = problem.gradOutput ?? 1;
    const scale =
      (typeof upstream === "number" ? upstream : at(upstream, g)) *
      (at(weight, g) / (reduction === "mean" ? divisor : 1) / massOf(group));
    for (const u of group.units)
      u.offsets.forEach((o, i) => {
        grad[o] = scale * u.mass * at(u.grad, i) + 0; // + 0: no −0 where the convention says 0
      });
  });
  const figures = { loss, weight, validCount, totalCount, validWeight, totalWeight };
  return { value, numerator, weightSum, groups: figures, grad };
}

/** Σ_k coef_k · loss_k, each with its own settings. */
export function combinedReference(
  terms: readonly { readonly weight: number; readonly base: Base; readonly settings?: Settings }[],
  problem: Problem,
): { value: number | number[]; terms: Answer[]; grad: Float64Array } {
  const answers = terms.map(({ base, settings }) => reference(base, problem, settings));
  const coef = terms.map(({ weight }) => weight);
  const grad =
    answers[0]?.grad.map((_, i) => sum(answers.map((a, k) => at(coef, k) * at(a.grad, i)))) ?? new Float64Array();
  const values = answers.map(({ value }) => value);
  const value = values.every((v) => typeof v === "number")
    ? dot(coef, values as number[])
    : (values[0] as number[]).map((_, g) => sum(values.map((v, k) => at(coef, k) * at(v as number[], g))));
  return { value, terms: answers, grad };
}
