/** Owns the events of all policies, each state and outcome from one closed list, and their delivery to listeners. */
import type { BreakerCause, BreakerStateName } from './breaker-state.js';
import { type LimiterRejection, type LoadShedReason, rateLimitReasons } from './errors.js';
import { comesLater, isThenable } from './late-answer.js';

/** How a call through a breaker ended. `ignored` says nothing about the dependency; `rejected` was never made. */
export const breakerOutcomes = [
  'success',
  'slow',
  'failure',
  'timeout',
  'ignored',
  'aborted',
  'rejected',
] as const;
/** How a call through a breaker ended. */
export type BreakerOutcome = (typeof breakerOutcomes)[number];

/**
 * How one attempt of a retry ended: `retried` is followed by another, every other is the last of its call. A call that
 * is given up while it waits ends with the attempt that it waited for: `aborted`, or `out_of_time` by a deadline.
 */
export const attemptOutcomes = [
  'success',
  'retried',
  'not_retryable',
  'exhausted',
  'budget_empty',
  'retry_after_too_long',
  'out_of_time',
  'aborted',
] as const;
/** How one attempt of a retry ended. */
export type AttemptOutcome = (typeof attemptOutcomes)[number];

/** How a call through a timeout ended. */
export const timeoutOutcomes = ['success', 'failure', 'timeout', 'aborted'] as const;
/** How a call through a timeout ended. */
export type TimeoutOutcome = (typeof timeoutOutcomes)[number];

/** Where an answer came from; `none` when every source failed. A call that its callers gave up tells neither. */
export const fallbackSources = ['primary', 'last-good', 'alternative', 'reduced', 'static', 'none'] as const;
/** Where an answer came from. */
export type FallbackSource = (typeof fallbackSources)[number];

/** What a look into the last good values found. */
export const cacheOutcomes = ['hit', 'miss', 'expired'] as const;
/** What a look into the last good values found. */
export type CacheOutcome = (typeof cacheOutcomes)[number];

/** How a call that held a permit of a limiter ended. */
export const permitOutcomes = ['success', 'overload', 'throttled', 'ignored'] as const;
/** How a call that held a permit of a limiter ended. */
export type PermitOutcome = (typeof permitOutcomes)[number];

/** What became of a call at a rate limiter: it passed at once or after a wait, its caller gave up, or it was refused. */
export const rateOutcomes = ['passed', 'waited', 'aborted', ...rateLimitReasons] as const;
/** What became of a call at a rate limiter. */
export type RateOutcome = (typeof rateOutcomes)[number];

/** How much a service takes on, from everything to what it cannot do without. */
export const loadModes = ['normal', 'reduced', 'minimal'] as const;
/** How much a service takes on. */
export type LoadMode = (typeof loadModes)[number];

/** What a load mode is judged by. */
export const loadSignals = ['cpu', 'memory', 'work'] as const;
/** What a load mode is judged by. */
export type LoadSignal = (typeof loadSignals)[number];

/** Every change that the sizes of a lane of work can make, with its reason. */
export const workSizeMoves = [
  { parameter: 'batch_size', direction: 'down', reason: 'slow_queries' },
  { parameter: 'batch_size', direction: 'down', reason: 'cpu_high' },
  { parameter: 'batch_size', direction: 'up', reason: 'cpu_low' },
  { parameter: 'batch_size', direction: 'up', reason: 'queue_long' },
  { parameter: 'parallelism', direction: 'down', reason: 'slow_queries' },
  { parameter: 'parallelism', direction: 'down', reason: 'cpu_high' },
  { parameter: 'parallelism', direction: 'down', reason: 'queue_short' },
  { parameter: 'parallelism', direction: 'up', reason: 'cpu_low' },
  { parameter: 'parallelism', direction: 'up', reason: 'queue_long' },
] as const;
/** What a work sizer sets. */
export type WorkSizeParameter = (typeof workSizeMoves)[number]['parameter'];
/** Why a work sizer changed a size. */
export type WorkSizeReason = (typeof workSizeMoves)[number]['reason'];

/** Everything that the policies tell. Durations are milliseconds. */
export type PolicyEvent =
  | { readonly kind: 'breaker_call'; readonly breaker: string; readonly outcome: BreakerOutcome }
  | {
      readonly kind: 'breaker_transition';
      readonly breaker: string;
      readonly from: BreakerStateName;
      readonly to: BreakerStateName;
      readonly cause: BreakerCause;
      readonly generation: number;
    }
  | {
      readonly kind: 'retry_attempt';
      readonly retry: string;
      /** Counts up from 1 within a call. */
      readonly attempt: number;
      readonly outcome: AttemptOutcome;
      /** Wait before the next attempt; 0 when there is none. */
      readonly delayMs: number;
    }
  | { readonly kind: 'timeout_call'; readonly timeout: string; readonly outcome: TimeoutOutcome }
  | { readonly kind: 'timeout_limit'; readonly timeout: string; readonly limitMs: number }
  | {
      readonly kind: 'fallback_served';
      readonly fallback: string;
      readonly source: FallbackSource;
      /** Age of the answer; 0 unless it is a last good value. */
      readonly ageMs: number;
    }
  | { readonly kind: 'fallback_cache'; readonly fallback: string; readonly outcome: CacheOutcome }
  | { readonly kind: 'limiter_call'; readonly limiter: string; readonly outcome: PermitOutcome }
  | { readonly kind: 'limiter_rejected'; readonly limiter: string; readonly reason: LimiterRejection }
  | { readonly kind: 'limiter_limit'; readonly limiter: string; readonly limit: number }
  | {
      readonly kind: 'rate_limiter_call';
      readonly rateLimiter: string;
      readonly outcome: RateOutcome;
      /** How long it waited for its turn; 0 when it did not. */
      readonly waitedMs: number;
    }
  | { readonly kind: 'rate_limiter_pause'; readonly rateLimiter: string; readonly pauseMs: number }
  | {
      readonly kind: 'load_mode';
      readonly from: LoadMode;
      readonly to: LoadMode;
      readonly cause: LoadSignal | 'none';
    }
  | { readonly kind: 'load_shed'; readonly reason: LoadShedReason; readonly priority: number }
  | { readonly kind: 'load_drained'; readonly waitedMs: number }
  | {
      readonly kind: 'work_size';
      readonly workSizer: string;
      readonly parameter: WorkSizeParameter;
      readonly direction: 'up' | 'down';
      readonly reason: WorkSizeReason;
      readonly from: number;
      readonly to: number;
    };

/** Hears events. What it throws, or the promise it rejects, is dropped and counted, never passed to the caller. */
export type PolicyListener = (event: PolicyEvent) => void;

/** Delivers events to listeners and keeps their accidents away from the guarded call. */
export class EventSource {
  #listeners: readonly PolicyListener[] = [];
  #isolatedErrors = 0;

  /** Throws of listeners and of functions given as options that were kept from the host's call. */
  get isolatedErrors(): number {
    return this.#isolatedErrors;
  }

  /** Adds a listener; the answer removes it. Events come during the call: a listener should only count. */
  onEvent(listener: PolicyListener): () => void {
    const own: PolicyListener = (event) => listener(event);
    this.#listeners = [...this.#listeners, own];
    return () => {
      this.#listeners = this.#listeners.filter((one) => one !== own);
    };
  }

  /** Whether anybody listens. */
  protected get isHeard(): boolean {
    return this.#listeners.length > 0;
  }

  /** Tells all listeners. Never throws. */
  protected emit(event: PolicyEvent): void {
    const listeners = this.#listeners;
    for (let i = 0; i < listeners.length; i++) {
      try {
        const answer: unknown = listeners[i]!(event);
        if (answer !== undefined) this.#late(answer);
      } catch {
        this.isolated();
      }
    }
  }

  /** Counts one accident that was kept from the host. */
  protected isolated(): void {
    this.#isolatedErrors++;
  }

  /** Asks a function that the user gave; its throw, or an answer that comes later, is counted and `fallback` holds. */
  protected ask<S, R>(question: (subject: S) => R, subject: S, fallback: R): R {
    try {
      const answer = question(subject);
      if (!comesLater(answer)) return answer;
    } catch {
      // Counted below, as every answer that is none.
    }
    this.isolated();
    return fallback;
  }

  /** As `ask`, for an answer from a closed list. What is not in it must not pass for the good word that nobody said. */
  protected askOneOf<S, R extends string>(
    question: (subject: S) => R,
    subject: S,
    list: readonly R[],
    fallback: R,
  ): R {
    try {
      const answer = question(subject);
      // The usual answer first: a call through a breaker then costs one comparison more and no look into the list.
      if (answer === fallback || list.includes(answer)) return answer;
      comesLater(answer);
    } catch {
      // Counted below, as every answer that is none.
    }
    this.isolated();
    return fallback;
  }

  /** An async listener that fails would become an unhandled rejection and end the host. */
  #late(answer: unknown): void {
    if (isThenable(answer)) Promise.resolve(answer).catch(() => this.isolated());
  }
}
