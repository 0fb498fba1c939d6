/** What the package promises of a value, relative, and of a gradient element, relative to |g| + max |g|. */
const TOLERANCE = 1e-6;

export class WrongResult extends Error {}

/** Throws where `result` is further from `reference` than promised; otherwise the errors. */
export function check(result, reference) {
  const errors = errorsOf(result, reference);
  for (const [what, error] of Object.entries(errors)) {
    if (!(error <= TOLERANCE)) throw new WrongResult(`${what} is off by ${error.toExponential(1)}`);
  }
  return errors;
}

/** Of value and gradient; both arguments are `{ value, grad? }`. */
export function errorsOf(result, reference) {
  const value = Math.abs(result.value - reference.value) / Math.abs(reference.value);
  return reference.grad ? { value, grad: gradError(result.grad, reference.grad) } : { value };
}

/** max |g − reference| / (|reference| + max |reference|), NaN if an element is. */
function gradError(grad, reference) {
  let largest = 0;
  for (let i = 0; i < reference.length; i++) largest = Math.max(largest, Math.abs(reference[i]));
  let error = 0;
  for (let i = 0; i < reference.length; i++) {
    error = Math.max(error, Math.abs(grad[i] - reference[i]) / (Math.abs(reference[i]) + largest));
  }
  return error;
}
