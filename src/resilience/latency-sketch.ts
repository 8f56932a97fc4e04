/** Owns a bounded sketch of recent latencies from which a high quantile is read. */

const GROWTH = Math.log(1.1);
const FLOOR_MS = 0.1;
const BUCKETS = 220;

/** About the last `size` to twice `size` latencies, in 220 buckets of 10 %: a quantile is right within 10 %, upwards. */
export class LatencySketch {
  readonly #size: number;
  #recent = new Uint32Array(BUCKETS);
  #older = new Uint32Array(BUCKETS);
  #recentCount = 0;
  #olderCount = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Latencies that the sketch holds. */
  get count(): number {
    return this.#recentCount + this.#olderCount;
  }

  /** Adds a latency in milliseconds; what is not a number from 0 is left out. */
  add(ms: number): void {
    if (!(ms >= 0)) return;
    const place = ms <= FLOOR_MS ? 0 : Math.ceil(Math.log(ms / FLOOR_MS) / GROWTH);
    this.#recent[Math.min(BUCKETS - 1, place)]!++;
    this.#recentCount++;
    if (this.#recentCount < this.#size) return;
    const spare = this.#older;
    this.#older = this.#recent;
    this.#olderCount = this.#recentCount;
    this.#recent = spare.fill(0);
    this.#recentCount = 0;
  }

  /** The latency that the given share of calls stays under, milliseconds; undefined when the sketch is empty. */
  quantile(share: number): number | undefined {
    const rank = Math.ceil(this.count * share);
    if (rank === 0) return undefined;
    let seen = 0;
    for (let place = 0; place < BUCKETS; place++) {
      seen += this.#recent[place]! + this.#older[place]!;
      if (seen >= rank) return FLOOR_MS * Math.exp(place * GROWTH);
    }
    return undefined;
  }
}
