/** What the package promises of a value, relative, and of a gradient element, relative to |g| + max |g|. */
const TOLERANCE = 1e-6;

export class WrongResult extends Error {}

/** Errors of `result` against `reference`, both `{ value, grad? }`; throws where one is beyond the promise. */
export function check(result, reference) {
  const error = { value: valueError(result.value, reference.value) };
  if (reference.grad) error.grad = gradError(result.grad, reference.grad);
  for (const [what, size] of Object.entries(error)) {
    if (!(size <= TOLERANCE)) throw new WrongResult(`${what} is off by ${size.toExponential(1)}`);
  }
  return error;
}

export function valueError(value, reference) {
  return Math.abs(value - reference) / Math.abs(reference);
}

/** max |g − reference| / (|reference| + max |reference|), NaN if an element is. */
export function gradError(grad, reference) {
  let largest = 0;
  for (let i = 0; i < reference.length; i++) largest = Math.max(largest, Math.abs(reference[i]));
  let error = 0;
  for (let i = 0; i < reference.length; i++) {
    error = Math.max(error, Math.abs(grad[i] - reference[i]) / (Math.abs(reference[i]) + largest));
  }
  return error;
}
