// Sets of values x with weights w are kept so that two of them can be joined: Σw, Σw·x, and M2 = Σw·(x − mean)², the sum of squared
// deviations from the mean. M2 is not computed from Σw·x²: where the mean is large, that difference loses its digits.
//
//     M2 = M2a + M2b + (mean a − mean b)² · wa·wb / (wa + wb)
//
// (Welford 1962; Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance".) The angle between two vectors is kept
// in the same way: the values t/p, with weights p², have the mean α = Σpt / Σp² and M2 = Σ(t − α·p)², and tan² θ = M2 / (α²·Σp²).

/** A difference of two means below this share of them is rounding, and so is what is left of a sum of squares below this share of it. */
const ROUNDING: f64 = 5.684341886080802e-14;

/** x to 24 bits, as many as float32 has: a constant image's mean is then that constant, and a multiple of a pixel is exact. */
export function round24(x: f64): f64 {
  return reinterpret<f64>((reinterpret<u64>(x) + 0x10000000) & ~0x1fffffff);
}

/** Σw·(x − mean)² from Σw·y and Σw·y² of y = x − x0, x0 being near the mean. */
export function m2Of(weight: f64, sum: f64, square: f64): f64 {
  const left = weight == 0 ? square : square - (sum / weight) * sum;
  return left <= ROUNDING * square ? 0 : left;
}

/** M2 of two sets together. */
export function joinedM2(weightA: f64, sumA: f64, m2A: f64, weightB: f64, sumB: f64, m2B: f64): f64 {
  const m2 = m2A + m2B;
  if (weightA == 0 || weightB == 0) return m2;
  const mean = sumA / weightA;
  const difference = mean - sumB / weightB;
  if (Math.abs(difference) <= ROUNDING * Math.abs(mean)) return m2;
  return m2 + difference * difference * (weightA / (weightA + weightB)) * weightB;
}
