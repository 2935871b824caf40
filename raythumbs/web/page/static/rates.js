// Photos per second, from the counts that the service tells.

const SPAN_MS = 5000; // long enough to be smooth, short enough to show what happens now
const MOST_COUNTED = 1_000_000; // the service counts no further

/** What was told: how many photos were done, when. */
export class Counts {
  #told = [];

  /** Keep a count. `overall` is the service's own rate of the last minute. */
  add({ at, done, overall }) {
    this.#told.push({ at, done, overall });
    const last = this.#told.length - 1;
    this.#told = this.#told.filter((one, index) => one.at > at - 2 * SPAN_MS || index >= last - 1);
  }

  /** The rate of the last seconds. Where the counts do not tell it, it is the service's own: at the beginning, after
   * pruning has lowered them, and at the highest count. */
  rate(now) {
    const last = this.#told.at(-1);
    if (!last) return 0;
    const before = this.#told.findLast(({ at }) => at <= now - SPAN_MS);
    if (!before || last.done < before.done || last.done >= MOST_COUNTED) return last.overall;
    return (1000 * (last.done - before.done)) / SPAN_MS;
  }
}
