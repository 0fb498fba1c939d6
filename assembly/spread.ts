// What is gathered of a set of values x with weights w, so that sets can be joined: Σw, Σw·x, and how far the values spread around
// their mean, Σw·(x − mean)². The spread is not taken from Σw·x², which loses what a large mean has in common with it, but kept
// by itself:
//
//     joined spread = spread a + spread b + (mean a − mean b)² · wa·wb / (wa + wb)
//
// (Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance"). The angle between two vectors is of the same
// kind: t/p spreads around its mean α = Σpt / Σp², with weights p², by Σ(t − α·p)², and tan² θ = Σ(t − α·p)² / (α²·Σp²).

/** Means closer than this share of their size are the same but for rounding; likewise what is left of squares. */
const ROUNDING: f64 = 5.684341886080802e-14;

/** x to 24 bits, as many as float32 has: a constant image's mean is then that constant, and a multiple of a pixel is exact. */
export function round24(x: f64): f64 {
  return reinterpret<f64>((reinterpret<u64>(x) + 0x10000000) & ~0x1fffffff);
}

/** Σw·(x − mean)² from Σw·y and Σw·y² of y = x − x0, x0 being near the mean. */
export function spreadOf(weight: f64, sum: f64, square: f64): f64 {
  const left = weight == 0 ? square : square - (sum / weight) * sum;
  return left <= ROUNDING * square ? 0 : left;
}

/** The spread of two sets together. */
export function joinedSpread(weightA: f64, sumA: f64, spreadA: f64, weightB: f64, sumB: f64, spreadB: f64): f64 {
  const spread = spreadA + spreadB;
  if (weightA == 0 || weightB == 0) return spread;
  const mean = sumA / weightA;
  const apart = mean - sumB / weightB;
  if (Math.abs(apart) <= ROUNDING * Math.abs(mean)) return spread;
  return spread + apart * apart * (weightA / (weightA + weightB)) * weightB;
}
