/** Owns the total number of series that all metrics of one registry may have together. */

/** Default that nests inside a Prometheus `sample_limit` of 25,000. */
export const DEFAULT_MAX_SERIES = 20_000;
/** Label sets that one metric may have unless told otherwise. */
export const DEFAULT_MAX_SERIES_PER_METRIC = 2_000;

/** Counts exposed series, the buckets of histograms included. Who takes looks at `used` and `max` first. */
export class SeriesBudget {
  private taken = 0;

  constructor(readonly max: number = DEFAULT_MAX_SERIES) {}

  get used(): number {
    return this.taken;
  }

  /** Takes `count` series, over the limit if need be: an overflow series always finds room. */
  take(count: number): void {
    this.taken += count;
  }

  release(count: number): void {
    this.taken -= count;
  }
}
