/** What the package promises of a value, relative, and of a gradient element, relative to |g| + max |g|. */
export const TOLERANCE = 1e-6;

export function valueError(value, reference) {
  return Math.abs(value - reference) / Math.abs(reference);
}

/** max |g − reference| / (|reference| + max |reference|); NaN, which is within no tolerance, if an element is NaN. */
export function gradError(grad, reference) {
  let largest = 0;
  for (let i = 0; i < reference.length; i++) largest = Math.max(largest, Math.abs(reference[i]));
  let error = grad.length === reference.length ? 0 : Number.NaN;
  for (let i = 0; i < reference.length; i++) {
    error = Math.max(error, Math.abs(grad[i] - reference[i]) / (Math.abs(reference[i]) + largest));
  }
  return error;
}
