/** Owns the retry as it acts: runs attempts one after the other and waits between them. */
import { AsyncResource } from 'node:async_hooks';
import { backoffMs, retryAfterMs } from './backoff.js';
import { Call, type CallRules } from './call.js';
import { isTimeout } from './classify.js';
import { discard } from './discard.js';
import { BreakerOpenError, CallTimeoutError } from './errors.js';
import { type AttemptOutcome, EventSource, type PolicyEvent } from './events.js';
import type { CallOptions, Guarded, Policy } from './policy.js';
import { Alarm } from './policy-clock.js';
import type { RetryBudget } from './retry-budget.js';
import { type RetryOptions, type RetrySettings, retrySettings } from './retry-options.js';

/** The middle of what chance may say, for a source that says nothing. */
const USUAL_CHANCE = 0.5;

/**
 * Tries again what failed for a passing reason. When no try is left it ends with the last attempt's own error or
 * answer, untouched. Put it outside a breaker: it never retries into an open one. Only for calls that may be repeated.
 */
export class Retry extends EventSource implements Policy {
  readonly name: string;
  readonly #core: RetryCore;
  readonly #rules: CallRules<Course>;

  /** Throws PolicyOptionError for a wrong option. */
  constructor(options: RetryOptions) {
    super();
    const settings = retrySettings(options);
    this.name = settings.name;
    const first = Object.freeze({ ...attemptEvent(this.name, 1, 'success', 0) });
    this.#core = {
      settings,
      tell: (attempt, outcome, delayMs) =>
        this.emit(
          attempt === 1 && outcome === 'success' ? first : attemptEvent(this.name, attempt, outcome, delayMs),
        ),
      ask: (question, subject) => this.ask(question, subject, false),
      chance: () => asChance(this.ask(settings.random, undefined as never, USUAL_CHANCE)),
    };
    this.#rules = retryCallRules(this.#core);
  }

  /** The budget that it shares with other retries of the dependency, if any. */
  get budget(): RetryBudget | undefined {
    return this.#core.settings.budget;
  }

  execute<T>(fn: Guarded<T>, options?: CallOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { clock, totalTimeoutMs, budget } = this.#core.settings;
      const course: Course = { fn, delayMs: 0, wait: undefined, lastError: undefined };
      const call = new Call(clock, this.#rules, course, resolve, reject, options);
      call.attempt = 1;
      if (!call.join()) return;
      if (totalTimeoutMs !== undefined) clock.arm(call, totalTimeoutMs);
      budget?.deposit();
      call.invoke(fn);
    });
  }
}

interface RetryCore {
  readonly settings: RetrySettings;
  tell(attempt: number, outcome: AttemptOutcome, delayMs: number): void;
  ask(question: (subject: unknown) => boolean, subject: unknown): boolean;
  chance(): number;
}

/** The next wait, or why there is none. */
type Plan = { readonly delayMs: number } | { readonly end: AttemptOutcome };

/** What a retry keeps per call. */
interface Course {
  readonly fn: Guarded<unknown>;
  /** Last back-off, from which the next is drawn. */
  delayMs: number;
  /** The wait for the next attempt, while there is one. */
  wait: Alarm | undefined;
  lastError: unknown;
}

type RetryCall = Call<Course>;

function retryCallRules(core: RetryCore): CallRules<Course> {
  const { settings } = core;

  function plan(call: RetryCall, subject: unknown): Plan {
    if (call.attempt > settings.maxRetries) return { end: 'exhausted' };
    const askedMs = retryAfterMs(subject, call.clock.wallMs());
    if (askedMs !== undefined && askedMs > settings.maxRetryAfterMs) return { end: 'retry_after_too_long' };
    const chance = core.chance();
    const ownMs = backoffMs(settings.backoff, call.attempt, call.detail.delayMs, chance);
    // Never inside the window that the server asked for, and not all of us at the moment when it ends.
    const delayMs = askedMs === undefined ? ownMs : Math.max(ownMs, askedMs * (1 + 0.1 * chance));
    if (delayMs >= call.remainingMs) return { end: 'out_of_time' };
    if (settings.budget !== undefined && !settings.budget.withdraw()) return { end: 'budget_empty' };
    call.detail.delayMs = ownMs;
    return { delayMs };
  }

  function planAfter(call: RetryCall, error: unknown): Plan {
    const isHopeless = error instanceof BreakerOpenError || !core.ask(settings.isRetryable, error);
    return isHopeless ? { end: 'not_retryable' } : plan(call, error);
  }

  function pause(call: RetryCall, delayMs: number): void {
    const next = () => {
      call.detail.wait = undefined;
      call.attempt++;
      call.invoke(call.detail.fn);
    };
    // Bound: the shared timer belongs to whichever call started it, and would lend this attempt its trace and log context.
    const wait = new Alarm(settings.whileWaiting, AsyncResource.bind(next));
    call.detail.wait = wait;
    call.clock.arm(wait, delayMs);
    core.tell(call.attempt, 'retried', delayMs);
  }

  return {
    returned(call, value) {
      if (call.isSettled) return;
      const next: Plan = core.ask(settings.isRetryableAnswer, value) ? plan(call, value) : { end: 'success' };
      if ('end' in next) {
        call.succeed(value);
        core.tell(call.attempt, next.end, 0);
        return;
      }
      discard(value);
      pause(call, next.delayMs);
    },
    failed(call, error) {
      if (call.isSettled) return;
      const next = planAfter(call, error);
      if ('end' in next) {
        call.reject(error);
        core.tell(call.attempt, next.end, 0);
        return;
      }
      call.detail.lastError = error;
      pause(call, next.delayMs);
    },
    aborted(call, reason) {
      const { wait } = call.detail;
      if (wait !== undefined) call.clock.disarm(wait);
      call.reject(reason);
      // The attempt before the wait has told that another would follow: that one is what ends here.
      const attempt = wait === undefined ? call.attempt : call.attempt + 1;
      core.tell(attempt, isTimeout(reason) ? 'out_of_time' : 'aborted', 0);
    },
    /** The limit on the whole call has run out. */
    expired(call) {
      const { lastError } = call.detail;
      const cause = lastError === undefined ? undefined : { cause: lastError };
      call.abort(new CallTimeoutError(settings.name, settings.totalTimeoutMs!, cause));
    },
  };
}

/** A random source of the host that answers nonsense must neither end the wait too early nor make it endless. */
function asChance(random: number): number {
  return random >= 0 && random < 1 ? random : USUAL_CHANCE;
}

function attemptEvent(retry: string, attempt: number, outcome: AttemptOutcome, delayMs: number): PolicyEvent {
  return { kind: 'retry_attempt', retry, attempt, outcome, delayMs };
}
