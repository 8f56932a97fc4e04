/** Owns the calls of a rate limiter: which passes, which waits for a token, and who is turned away. */
import { AsyncResource } from 'node:async_hooks';
import { Call, type CallRules } from './call.js';
import { RateLimitedError, type RateLimitReason } from './errors.js';
import { EventSource, type PolicyEvent, type RateOutcome } from './events.js';
import type { CallOptions, Guarded, Policy } from './policy.js';
import { Alarm } from './policy-clock.js';
import {
  isThrottled,
  pauseOfAnswer,
  pauseOfError,
  type RateLimiterOptions,
  type RateLimiterSettings,
  rateLimiterSettings,
} from './rate-limiter-options.js';
import { type BucketState, fullBucket, paused, refilled, slowed, taken, waitMs } from './token-bucket.js';

/**
 * Keeps the calls to a dependency within its rate: so many a second, a burst after a rest. A few more wait their turn,
 * the rest is refused with RateLimitedError. When an answer asks to come back later (`Retry-After`), all calls wait for
 * it. Put it inside of a retry, so that each attempt counts, and one around all that share the dependency's budget.
 */
export class RateLimiter extends EventSource implements Policy {
  readonly name: string;
  readonly #settings: RateLimiterSettings;
  readonly #rules: CallRules<Guarded<unknown>>;
  readonly #passed: PolicyEvent;
  /** Each with the async context of its caller: the timer that lets it in belongs to nobody. */
  readonly #queue = new Map<RatedCall, AsyncResource>();
  readonly #wake: Alarm;
  #state: BucketState;

  /** Throws PolicyOptionError for a wrong option. */
  constructor(options: RateLimiterOptions) {
    super();
    this.#settings = rateLimiterSettings(options);
    const { name, rule, clock, whileWaiting } = this.#settings;
    this.name = name;
    this.#state = fullBucket(rule, clock.nowMs());
    this.#passed = Object.freeze(this.#event('passed', 0));
    this.#wake = new Alarm(whileWaiting, () => this.#drain());
    this.#rules = {
      returned: (call, value) => {
        // Read before the caller has it, and also when nobody waits for it any more: the next call needs to know.
        this.#heed(value, pauseOfAnswer);
        if (!call.isSettled) call.succeed(value);
      },
      failed: (call, error) => {
        this.#heed(error, pauseOfError);
        if (!call.isSettled) call.reject(error);
      },
      aborted: (call, reason) => {
        // A running call has told already that it passed.
        const isTold = call.mark === LET_IN;
        call.reject(reason);
        if (!isTold) this.#tell('aborted', this.#waitedMs(call));
        this.#leave(call);
      },
      expired: (call) => {
        // A token that comes at the very end of the wait is in time.
        this.#drain();
        if (this.#queue.has(call)) this.#refuse(call, 'wait_too_long');
      },
    };
  }

  /** Tokens there are now: calls that would pass at once; 0 while paused. A fraction is on its way to the next. */
  get tokens(): number {
    const { rule, clock } = this.#settings;
    return this.pauseMs > 0 ? 0 : refilled(rule, this.#state, clock.nowMs()).tokens;
  }

  /** Tokens as a share of the burst, 0 to 1. */
  get remainingRatio(): number {
    return this.tokens / this.#settings.rule.burst;
  }

  /** Calls a second that come in now; lower than the option for a while after the dependency complained. */
  get ratePerSecond(): number {
    const { rule, clock } = this.#settings;
    return rule.ratePerSecond * (clock.nowMs() < this.#state.slowUntilMs ? rule.slowRatio : 1);
  }

  /** Milliseconds for which the dependency asked everybody to stay away still; 0 when it did not. */
  get pauseMs(): number {
    return Math.max(0, this.#state.fromMs - this.#settings.clock.nowMs());
  }

  /** Calls that wait for a token. */
  get queued(): number {
    return this.#queue.size;
  }

  execute<T>(fn: Guarded<T>, options?: CallOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { clock, maxQueue, maxWaitMs } = this.#settings;
      const call = new Call<Guarded<unknown>>(clock, this.#rules, fn, resolve, reject, options);
      if (!call.join()) return;
      if (this.#queue.size === 0 && this.#take()) {
        call.mark = LET_IN;
        this.emit(this.#passed);
        call.invoke(fn);
        return;
      }
      if (this.#waitMs(this.#queue.size + 1) > maxWaitMs) this.#refuse(call, 'wait_too_long');
      else if (this.#queue.size >= maxQueue) this.#refuse(call, 'queue_full');
      else this.#enter(call);
    });
  }

  #enter(call: RatedCall): void {
    const { clock, maxWaitMs } = this.#settings;
    call.mark = clock.nowMs();
    this.#queue.set(call, new AsyncResource('RateLimiterQueue'));
    clock.arm(call, maxWaitMs);
    if (this.#queue.size === 1) clock.arm(this.#wake, this.#waitMs(1));
  }

  /** Lets in as many waiting calls as there are tokens, and looks again when the next comes. */
  #drain(): void {
    for (const [call, caller] of this.#queue) {
      if (!this.#take()) break;
      this.#queue.delete(call);
      this.#settings.clock.disarm(call);
      this.#tell('waited', this.#settings.clock.nowMs() - call.mark);
      call.mark = LET_IN;
      caller.runInAsyncScope(() => call.invoke(call.detail));
    }
    this.#rearm();
  }

  #leave(call: RatedCall): void {
    if (this.#queue.delete(call) && this.#queue.size === 0) this.#rearm();
  }

  #rearm(): void {
    const { clock } = this.#settings;
    clock.disarm(this.#wake);
    // A fraction of a millisecond would fall due at once on a clock that counts whole ones.
    if (this.#queue.size > 0) clock.arm(this.#wake, Math.max(1, Math.ceil(this.#waitMs(1))));
  }

  #take(): boolean {
    const { rule, clock } = this.#settings;
    const next = taken(rule, this.#state, clock.nowMs());
    if (next === undefined) return false;
    this.#state = next;
    return true;
  }

  #waitMs(tokens: number): number {
    const { rule, clock } = this.#settings;
    return waitMs(rule, this.#state, clock.nowMs(), tokens);
  }

  #refuse(call: RatedCall, reason: RateLimitReason): void {
    const limitedBy = this.pauseMs > 0 ? 'pause' : 'rate';
    const waitedMs = this.#waitedMs(call);
    this.#leave(call);
    call.reject(new RateLimitedError(this.name, reason, this.#waitMs(this.#queue.size + 1), limitedBy));
    this.#tell(reason, waitedMs);
  }

  /** Takes to heart what an answer or an error says about the rate. */
  #heed(subject: unknown, usual: (subject: unknown, wallMs: number) => number | undefined): void {
    const { rule, clock, askedPauseMs, maxPauseMs, slowMs } = this.#settings;
    const reading = askedPauseMs ?? ((one: unknown) => usual(one, clock.wallMs()));
    const asked: unknown = this.ask(reading, subject, undefined);
    // A reading of the host's own that answers NaN would pause for ever.
    const pauseMs = typeof asked === 'number' && asked > 0 ? Math.min(asked, maxPauseMs) : 0;
    const nowMs = clock.nowMs();
    if (rule.slowRatio < 1 && (pauseMs > 0 || isThrottled(subject))) {
      this.#state = slowed(rule, this.#state, nowMs, nowMs + slowMs);
    }
    if (pauseMs <= 0) return;
    const before = this.#state;
    this.#state = paused(rule, before, nowMs + pauseMs);
    if (this.#state !== before) this.emit({ kind: 'rate_limiter_pause', rateLimiter: this.name, pauseMs });
  }

  #waitedMs(call: RatedCall): number {
    return this.#queue.has(call) ? this.#settings.clock.nowMs() - call.mark : 0;
  }

  #tell(outcome: RateOutcome, waitedMs: number): void {
    this.emit(this.#event(outcome, waitedMs));
  }

  #event(outcome: RateOutcome, waitedMs: number): PolicyEvent {
    return { kind: 'rate_limiter_call', rateLimiter: this.name, outcome, waitedMs };
  }
}

/** The mark of a call that has its turn. */
const LET_IN = -1;

/** A call with its function; `mark` is the moment at which it began to wait, or LET_IN. */
type RatedCall = Call<Guarded<unknown>>;
