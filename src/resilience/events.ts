/** Owns the events of all policies, each state and outcome from one closed list, and their delivery to listeners. */
import type { BreakerCause, BreakerStateName } from './breaker-state.js';
import type { LimiterRejection } from './errors.js';

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

/** How one attempt of a retry ended: `retried` is followed by another, every other is the last of its call. */
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

/** Where an answer came from; `none` when every source failed. */
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
  | { readonly kind: 'limiter_limit'; readonly limiter: string; readonly limit: number };

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
        // An async listener that fails would become an unhandled rejection and end the host.
        if (answer instanceof Promise) answer.catch(() => this.isolated());
      } catch {
        this.isolated();
      }
    }
  }

  /** Counts one accident that was kept from the host. */
  protected isolated(): void {
    this.#isolatedErrors++;
  }

  /** Asks a function that the user gave; its throw is counted and answered with `fallback`. */
  protected ask<S, R>(question: (subject: S) => R, subject: S, fallback: R): R {
    try {
      return question(subject);
    } catch {
      this.isolated();
      return fallback;
    }
  }
}
