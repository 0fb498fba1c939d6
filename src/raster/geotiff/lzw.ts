/**
 * LZW as TIFF 6.0 section 13 has it: codes of 9 to 12 bits, most significant bit first, widened one code early.
 * Decoding ends with the data, the end code, or a full output, so a damaged block costs no more than a good one.
 *
 * @returns the bytes decoded, at most `maxBytes`
 * @throws Error for a code that is not defined, and for a string that ends beyond the output
 */
export function decodeLzw(input: Uint8Array, maxBytes: number): Uint8Array {
  const clear = 256;
  const end = 257;
  const output = new Uint8Array(maxBytes);
  // A code's string is a piece of the output already written: where it starts, and how long it is.
  const starts = new Uint32Array(4097);
  const lengths = new Uint32Array(4097);
  let next = 258;
  let width = 9;
  let previous = -1;
  let at = 0;
  let bits = 0;
  let bitCount = 0;
  for (let i = 0; at < maxBytes; ) {
    while (bitCount < width && i < input.length) {
      bits = ((bits & 0xffff) << 8) | (input[i++] as number);
      bitCount += 8;
    }
    if (bitCount < width) break;
    bitCount -= width;
    const code = (bits >> bitCount) & ((1 << width) - 1);
    if (code === end) break;
    if (code === clear) {
      next = 258;
      width = 9;
      previous = -1;
      continue;
    }
    const start = at;
    if (code < clear) {
      output[at++] = code;
    } else {
      // The code about to be defined: the previous string and its own first byte, which the copy has just written.
      const own = code === next && previous >= 0;
      if (code >= next && !own) throw new Error(`LZW code ${code} before its definition`);
      const from = own ? previous : (starts[code] as number);
      const stop = start + (own ? start - previous + 1 : (lengths[code] as number));
      if (stop > maxBytes) throw new Error(`it holds more than ${maxBytes} bytes`);
      for (let source = from; at < stop; ) output[at++] = output[source++] as number;
    }
    if (previous >= 0 && next < 4096) {
      starts[next] = previous;
      lengths[next] = start - previous + 1;
      next++;
    }
    if (next + 1 >= 1 << width && width < 12) width++;
    previous = start;
  }
  return output.subarray(0, at);
}
