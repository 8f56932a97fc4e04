/** Owns the options of a rate limiter: their meaning, defaults and bounds, and what an answer asks for. */

import { retryAfterMs } from './backoff.js';
import { judgeAnswer, judgeError, statusOf } from './classify.js';
import { OptionReader } from './options.js';
import type { PolicyClock } from './policy-clock.js';
import type { BucketRule } from './token-bucket.js';

/** Options of a rate limiter. A wrong one throws PolicyOptionError at construction, an unknown one too. */
export interface RateLimiterOptions {
  /** Label value of its series, 1 to 100 characters. */
  readonly name: string;
  /** Calls a second in the long run, such as 4.5. 0.0001 to 100,000. */
  readonly ratePerSecond: number;
  /** Calls that may come at once after a rest, such as 10. Default `ratePerSecond` rounded up; 1 to 1,000,000. */
  readonly burst?: number | undefined;
  /** Calls that may wait, first come first served. Default 100; 0 (none) to 100,000. */
  readonly maxQueue?: number | undefined;
  /** Longest wait, milliseconds; a call that would wait longer is refused at once. Default 1,000; 0 (never wait) to 2,147,483,647. */
  readonly maxWaitMs?: number | undefined;
  /** Longest pause that the dependency can ask for, milliseconds; a longer one is cut. Default 60,000; 0 (no pauses) to 2,147,483,647. */
  readonly maxPauseMs?: number | undefined;
  /** Share of the rate that is left for a while after an answer 429 or one that asks for a pause. Default 1 (as fast as ever); above 0 to 1. */
  readonly slowRatio?: number | undefined;
  /** How long the rate stays so, milliseconds. Default 60,000; 1 to 2,147,483,647. Only with `slowRatio`. */
  readonly slowMs?: number | undefined;
  /**
   * Milliseconds for which an error or an answer asks everybody to stay away; undefined when it does not. Default: the
   * `Retry-After` of what speaks against the dependency, from the headers or a property `retryAfterMs`.
   */
  readonly askedPauseMs?: ((subject: unknown) => number | undefined) | undefined;
  /** `hold` (default): a waiting call keeps the process alive, for it is not over yet; `release`: it does not. */
  readonly whileWaiting?: 'hold' | 'release' | undefined;
  /** Time. Default the shared monotonic clock, whose deadlines come up to 40 ms late: a `burst` below what comes in in that time costs rate. */
  readonly clock?: PolicyClock | undefined;
}

const KNOWN = [
  'ratePerSecond',
  'burst',
  'maxQueue',
  'maxWaitMs',
  'maxPauseMs',
  'slowRatio',
  'slowMs',
  'askedPauseMs',
  'whileWaiting',
  'clock',
] as const satisfies readonly (keyof RateLimiterOptions)[];

/** The options with every default filled in. */
export interface RateLimiterSettings {
  readonly name: string;
  readonly rule: BucketRule;
  readonly maxQueue: number;
  readonly maxWaitMs: number;
  readonly maxPauseMs: number;
  readonly slowMs: number;
  /** The host's own way to read a pause, if any. */
  readonly askedPauseMs: ((subject: unknown) => number | undefined) | undefined;
  readonly whileWaiting: 'hold' | 'release';
  readonly clock: PolicyClock;
}

/** Checks the options. Throws PolicyOptionError. */
export function rateLimiterSettings(options: RateLimiterOptions): RateLimiterSettings {
  const read = new OptionReader('rate limiter', options, KNOWN);
  if (!read.has('ratePerSecond')) throw read.refusal('ratePerSecond', 'a number from 0.0001 to 100000');
  const ratePerSecond = read.number('ratePerSecond', 1, 0.0001, 100_000);
  const slowRatio = read.share('slowRatio', 1);
  if (read.has('slowMs') && !read.has('slowRatio'))
    throw read.refusal('slowMs', 'left out without slowRatio');
  return {
    name: read.name,
    rule: {
      ratePerSecond,
      slowRatio,
      burst: read.whole('burst', Math.ceil(ratePerSecond), 1, 1_000_000),
    },
    maxQueue: read.whole('maxQueue', 100, 0, 100_000),
    maxWaitMs: read.ms('maxWaitMs', 1_000, 0),
    maxPauseMs: read.ms('maxPauseMs', 60_000, 0),
    slowMs: read.ms('slowMs', 60_000),
    askedPauseMs: read.optionalFunction('askedPauseMs'),
    whileWaiting: read.oneOf('whileWaiting', 'hold', ['hold', 'release']),
    clock: read.clock(),
  };
}

/** What an error asks for unless the host reads it: an open breaker further in knows a time too, but nobody was asked. */
export function pauseOfError(error: unknown, wallMs: number): number | undefined {
  return judgeError(error) === 'failure' ? retryAfterMs(error, wallMs) : undefined;
}

/** What an answer asks for unless the host reads it. */
export function pauseOfAnswer(value: unknown, wallMs: number): number | undefined {
  return judgeAnswer(value) === 'failure' ? retryAfterMs(value, wallMs) : undefined;
}

/** True for an answer or an error with the status 429. */
export function isThrottled(subject: unknown): boolean {
  return statusOf(subject) === 429;
}
