/** A plain f64 reference of the figures per band, over the pixels that `valid` lets through. */
export interface BandFigures {
  readonly rmse: number;
  readonly mae: number;
  readonly bias: number;
  readonly psnr: number;
  readonly sam: number;
  readonly validCount: number;
  readonly validRatio: number;
}

export function bandFigures(
  pred: ArrayLike<number>,
  target: ArrayLike<number>,
  valid: (target: number, pixel: number) => boolean,
  dataRange: number,
): BandFigures {
  let [count, squares, absolute, sum, pp, tt] = [0, 0, 0, 0, 0, 0];
  const each = (visit: (p: number, t: number) => void) => {
    for (let i = 0; i < target.length; i++) {
      const t = target[i] as number;
      if (valid(t, i)) visit(pred[i] as number, t);
    }
  };
  each((p, t) => {
    count++;
    squares += (p - t) ** 2;
    absolute += Math.abs(p - t);
    sum += p - t;
    pp += p * p;
    tt += t * t;
  });
  // The angle between two vectors from the unit vectors' difference and sum, which keeps its digits where arccos does not.
  let [apart, together] = [0, 0];
  each((p, t) => {
    const [u, v] = [p / Math.sqrt(pp), t / Math.sqrt(tt)];
    apart += (u - v) ** 2;
    together += (u + v) ** 2;
  });
  const rmse = Math.sqrt(squares / count);
  return {
    rmse,
    mae: absolute / count,
    bias: sum / count,
    psnr: 20 * Math.log10(dataRange / rmse),
    sam: count === 0 ? Number.NaN : 2 * Math.atan2(Math.sqrt(apart), Math.sqrt(together)),
    validCount: count,
    validRatio: count / target.length,
  };
}
