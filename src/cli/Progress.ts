/** A line on standard error that says how far the work is: share, rate and time left. Silent where nobody watches. */
export class Progress {
  readonly #total: number;
  readonly #unit: string;
  readonly #scale: number;
  readonly #start = performance.now();
  readonly #visible: boolean;
  #done = 0;
  #shown = 0;

  /** @param unit what is counted, `scale` of which make one that is shown */
  constructor(total: number, unit: string, scale: number, quiet: boolean | undefined) {
    this.#total = total;
    this.#unit = unit;
    this.#scale = scale;
    this.#visible = !quiet && process.stderr.isTTY === true;
  }

  add(count: number): void {
    this.#done += count;
    const now = performance.now();
    if (!this.#visible || now - this.#shown < 200) return;
    this.#shown = now;
    const seconds = (now - this.#start) / 1000;
    const left = Math.ceil((seconds * (this.#total - this.#done)) / this.#done);
    const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    const rate = (this.#done / this.#scale / seconds).toPrecision(3);
    const share = Math.floor((100 * this.#done) / this.#total);
    process.stderr.write(`\r${share} %  ${rate} ${this.#unit}/s  ${clock} left \x1b[K`);
  }

  /** Begins again: what was done is done anew. */
  restart(): void {
    this.#done = 0;
  }

  /** Takes the line away. */
  end(): void {
    if (this.#visible) process.stderr.write("\r\x1b[K");
  }
}
