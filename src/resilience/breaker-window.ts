/** Owns the memory of a breaker's recent calls, by count or by time, from which its rates are taken. */
import type { CallTally } from './breaker-state.js';

const FAILED = 1;
const SLOW = 2;
const BUCKETS = 10;

/** Recent calls of a breaker. Bounded, and constant in time per call. */
export interface CallWindow {
  /** Adds a call. */
  add(result: 'success' | 'slow' | 'failure', slow: boolean, nowMs: number): void;
  /** What the window holds now; the object is reused by the next call. */
  tally(nowMs: number): CallTally;
  /** Forgets everything. */
  clear(): void;
}

interface Counts {
  calls: number;
  failures: number;
  slow: number;
}

/** The last `size` calls. */
export class CountWindow implements CallWindow {
  readonly #marks: Uint8Array;
  readonly #counts: Counts = { calls: 0, failures: 0, slow: 0 };
  #place = 0;

  constructor(size: number) {
    this.#marks = new Uint8Array(size);
  }

  add(result: 'success' | 'slow' | 'failure', slow: boolean): void {
    const counts = this.#counts;
    if (counts.calls === this.#marks.length) {
      const dropped = this.#marks[this.#place]!;
      if (dropped & FAILED) counts.failures--;
      if (dropped & SLOW) counts.slow--;
    } else counts.calls++;
    this.#marks[this.#place] = (result === 'failure' ? FAILED : 0) | (slow ? SLOW : 0);
    if (result === 'failure') counts.failures++;
    if (slow) counts.slow++;
    this.#place = (this.#place + 1) % this.#marks.length;
  }

  tally(): CallTally {
    return this.#counts;
  }

  clear(): void {
    this.#place = 0;
    Object.assign(this.#counts, { calls: 0, failures: 0, slow: 0 });
  }
}

/** The calls of the last `spanMs`, in ten buckets: a call counts for between nine and ten tenths of the span. */
export class TimeWindow implements CallWindow {
  readonly #bucketMs: number;
  readonly #buckets = Array.from({ length: BUCKETS }, (): Counts => ({ calls: 0, failures: 0, slow: 0 }));
  readonly #total: Counts = { calls: 0, failures: 0, slow: 0 };
  #current = 0;

  constructor(spanMs: number) {
    this.#bucketMs = spanMs / BUCKETS;
  }

  add(result: 'success' | 'slow' | 'failure', slow: boolean, nowMs: number): void {
    this.#turn(nowMs);
    const bucket = this.#buckets[this.#current % BUCKETS]!;
    for (const counts of [bucket, this.#total]) {
      counts.calls++;
      if (result === 'failure') counts.failures++;
      if (slow) counts.slow++;
    }
  }

  tally(nowMs: number): CallTally {
    this.#turn(nowMs);
    return this.#total;
  }

  clear(): void {
    for (const counts of [...this.#buckets, this.#total])
      Object.assign(counts, { calls: 0, failures: 0, slow: 0 });
  }

  #turn(nowMs: number): void {
    const target = Math.floor(nowMs / this.#bucketMs);
    // After a long silence every bucket is old: clear each once, not once per bucket length that has passed.
    const first = Math.max(this.#current + 1, target - BUCKETS + 1);
    for (let turn = first; turn <= target; turn++) {
      const old = this.#buckets[turn % BUCKETS]!;
      this.#total.calls -= old.calls;
      this.#total.failures -= old.failures;
      this.#total.slow -= old.slow;
      Object.assign(old, { calls: 0, failures: 0, slow: 0 });
    }
    this.#current = Math.max(this.#current, target);
  }
}
