/** Owns buckets of tokens by key: how often something may happen, in bursts and in the long run; pure, and bounded in size. */

/** How a bucket fills. */
export interface BucketRule {
  /** Tokens that a full bucket holds. */
  readonly burst: number;
  /** Milliseconds until one token more. */
  readonly intervalMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Buckets that are kept; beyond it the one that was used longest ago begins anew, full. */
const MOST_KEYS = 10_000;

/** One bucket per key. */
export class Buckets {
  readonly #buckets = new Map<string, Bucket>();

  constructor(private readonly rule: BucketRule) {}

  /** Takes a token: 0 when there was one, else the milliseconds until there is one. */
  take(key: string, nowMs: number): number {
    const bucket = this.#filled(key, nowMs);
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) * this.rule.intervalMs);
    bucket.tokens -= 1;
    return 0;
  }

  /** Puts one back, as when the attempt was a good one. */
  giveBack(key: string, nowMs: number): void {
    const bucket = this.#filled(key, nowMs);
    bucket.tokens = Math.min(this.rule.burst, bucket.tokens + 1);
  }

  #filled(key: string, nowMs: number): Bucket {
    const { burst, intervalMs } = this.rule;
    const bucket = this.#buckets.get(key) ?? { tokens: burst, atMs: nowMs };
    const gained = Math.max(0, nowMs - bucket.atMs) / intervalMs;
    bucket.tokens = Math.min(burst, bucket.tokens + gained);
    bucket.atMs = nowMs;
    // Taken out and put in again, so that the map's order is that of use.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > MOST_KEYS) this.#buckets.delete(this.#buckets.keys().next().value!);
    return bucket;
  }
}
