/** Owns the retry budget: how many retries all callers of one dependency may make together. */
import { OptionReader } from './options.js';
import type { PolicyClock } from './policy-clock.js';

/** Options of a retry budget. A wrong or unknown one throws PolicyOptionError. */
export interface RetryBudgetOptions {
  /** Name of the dependency, 1 to 100 characters. */
  readonly name: string;
  /** Retries allowed per call: 0.2 means one retry for every five calls. Default 0.2; 0 to 10. */
  readonly ratio?: number | undefined;
  /** Retries allowed per second however few the calls are. Default 1; 0 to 10,000. */
  readonly minPerSecond?: number | undefined;
  /** Retries that can be saved up; the budget starts with them. Default 10; 1 to 1,000,000. */
  readonly maxTokens?: number | undefined;
  /** Time. Default the shared monotonic clock. */
  readonly clock?: PolicyClock | undefined;
}

/**
 * A token bucket shared by the retries of one dependency. Without it, three retries at each of three layers turn one
 * outage into 64 times the load, at the moment when the dependency can bear it least.
 */
export class RetryBudget {
  readonly name: string;
  readonly #ratio: number;
  readonly #minPerMs: number;
  readonly #maxTokens: number;
  readonly #clock: PolicyClock;
  #tokens: number;
  #filledMs: number;

  /** Throws PolicyOptionError for a wrong option. */
  constructor(options: RetryBudgetOptions) {
    const read = new OptionReader('retry budget', options, ['ratio', 'minPerSecond', 'maxTokens', 'clock']);
    this.name = read.name;
    this.#ratio = read.number('ratio', 0.2, 0, 10);
    this.#minPerMs = read.number('minPerSecond', 1, 0, 10_000) / 1000;
    this.#maxTokens = read.number('maxTokens', 10, 1, 1_000_000);
    this.#clock = read.clock();
    this.#tokens = this.#maxTokens;
    this.#filledMs = this.#clock.nowMs();
  }

  /** Retries that could be made now. */
  get tokens(): number {
    this.#fill();
    return this.#tokens;
  }

  /** A call was made: its share of a retry is added. */
  deposit(): void {
    this.#tokens = Math.min(this.#maxTokens, this.#tokens + this.#ratio);
  }

  /** Takes one retry; false when there is none, and the caller must not retry. */
  withdraw(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #fill(): void {
    const nowMs = this.#clock.nowMs();
    const elapsedMs = Math.max(0, nowMs - this.#filledMs);
    this.#tokens = Math.min(this.#maxTokens, this.#tokens + elapsedMs * this.#minPerMs);
    this.#filledMs = nowMs;
  }
}
