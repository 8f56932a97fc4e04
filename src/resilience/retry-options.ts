/** Owns the options of the retry: their meaning, defaults, bounds and refusal. */
import { type Backoff, type Jitter, jitters } from './backoff.js';
import { isRetryable, isRetryableAnswer } from './classify.js';
import { OptionReader } from './options.js';
import { LONGEST_MS, type PolicyClock } from './policy-clock.js';
import { RetryBudget } from './retry-budget.js';

/** Options of a retry. A wrong one throws PolicyOptionError at construction, an unknown one too. */
export interface RetryOptions {
  /** Label value of its series, 1 to 100 characters. */
  readonly name: string;
  /** Attempts after the first. Default 3, that is four attempts in all; 0 to 100. */
  readonly maxRetries?: number | undefined;
  /** Shortest wait and start of the back-off, milliseconds. Default 1,000; 0 to 2,147,483,647. */
  readonly baseDelayMs?: number | undefined;
  /** Growth of the wait per retry. Default 2; 1 to 10. */
  readonly factor?: number | undefined;
  /** Longest wait, milliseconds; `baseDelayMs` to 2,147,483,647. Default 30,000, or `baseDelayMs` if that is longer. */
  readonly maxDelayMs?: number | undefined;
  /** How chance enters the wait: `decorrelated` (default), `proportional` (± 20 %, about 1, 2, 4 s) or `none`. */
  readonly jitter?: Jitter | undefined;
  /**
   * Longest `Retry-After` that is waited for, milliseconds; a longer one ends the call with its error. Default 60,000; 0 to
   * 2,147,483,647.
   */
  readonly maxRetryAfterMs?: number | undefined;
  /** Limit on the whole call, attempts and waits together, milliseconds. None by default; 1 to 2,147,483,647. */
  readonly totalTimeoutMs?: number | undefined;
  /** Budget shared with other retries of the same dependency. None by default. */
  readonly budget?: RetryBudget | undefined;
  /** Is another try worth it after this error? Default `isRetryable`. If it throws itself: no. Never asked about BreakerOpenError. */
  readonly isRetryable?: ((error: unknown) => boolean) | undefined;
  /** Is another try worth it after this answer? Default `isRetryableAnswer`: fetch responses of a retryable status. If it throws: no. */
  readonly isRetryableAnswer?: ((value: unknown) => boolean) | undefined;
  /**
   * `hold` (default): a wait keeps the process alive, as the call itself would; a script would otherwise end in the
   * middle of its `await`. `release`: it does not.
   */
  readonly whileWaiting?: 'hold' | 'release' | undefined;
  /** Uniform in [0, 1). Default Math.random. */
  readonly random?: (() => number) | undefined;
  /** Time. Default the shared monotonic clock. */
  readonly clock?: PolicyClock | undefined;
}

/** Checked options of a retry. */
export interface RetrySettings {
  readonly name: string;
  readonly maxRetries: number;
  readonly backoff: Backoff;
  readonly maxRetryAfterMs: number;
  readonly totalTimeoutMs: number | undefined;
  readonly budget: RetryBudget | undefined;
  readonly isRetryable: (error: unknown) => boolean;
  readonly isRetryableAnswer: (value: unknown) => boolean;
  readonly whileWaiting: 'hold' | 'release';
  readonly random: () => number;
  readonly clock: PolicyClock;
}

const KNOWN = [
  'maxRetries',
  'baseDelayMs',
  'factor',
  'maxDelayMs',
  'jitter',
  'maxRetryAfterMs',
  'totalTimeoutMs',
  'budget',
  'isRetryable',
  'isRetryableAnswer',
  'whileWaiting',
  'random',
  'clock',
] as const satisfies readonly (keyof RetryOptions)[];

/** Checks the options. Throws PolicyOptionError. */
export function retrySettings(options: RetryOptions): RetrySettings {
  const read = new OptionReader('retry', options, KNOWN);
  const baseDelayMs = read.ms('baseDelayMs', 1_000, 0);
  if (options.budget !== undefined && !(options.budget instanceof RetryBudget)) {
    throw read.refusal('budget', 'a RetryBudget');
  }
  return {
    name: read.name,
    maxRetries: read.whole('maxRetries', 3, 0, 100),
    backoff: {
      baseDelayMs,
      factor: read.number('factor', 2, 1, 10),
      maxDelayMs: read.ms('maxDelayMs', Math.max(30_000, baseDelayMs), baseDelayMs),
      jitter: read.oneOf('jitter', 'decorrelated', jitters),
    },
    maxRetryAfterMs: read.ms('maxRetryAfterMs', 60_000, 0),
    totalTimeoutMs: read.has('totalTimeoutMs') ? read.ms('totalTimeoutMs', LONGEST_MS) : undefined,
    budget: options.budget,
    isRetryable: read.optionalFunction<(error: unknown) => boolean>('isRetryable') ?? isRetryable,
    isRetryableAnswer:
      read.optionalFunction<(value: unknown) => boolean>('isRetryableAnswer') ?? isRetryableAnswer,
    whileWaiting: read.oneOf('whileWaiting', 'hold', ['hold', 'release']),
    random: read.optionalFunction<() => number>('random') ?? Math.random,
    clock: read.clock(),
  };
}
