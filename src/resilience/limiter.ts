/** Owns the permits of a concurrency limiter and the bounded queue before them; the limit itself is a rule's. */
import { AsyncResource } from 'node:async_hooks';
import { Call, type CallRules } from './call.js';
import { judgeAnswer, judgeError, read, statusOf } from './classify.js';
import { LimiterRejectedError, type LimiterRejection } from './errors.js';
import { EventSource, type PermitOutcome, type PolicyEvent, permitOutcomes } from './events.js';
import { fixedLimit, type LimitRule, type LimitState } from './limit.js';
import { OptionReader } from './options.js';
import type { CallOptions, Guarded, Policy } from './policy.js';
import type { PolicyClock } from './policy-clock.js';

/** Options of a limiter. A wrong one throws PolicyOptionError at construction, an unknown one too. */
export interface LimiterOptions {
  /** Label value of its series, 1 to 100 characters. */
  readonly name: string;
  /** Calls at the same time: a whole number, 1 to 100,000, or a rule from `fixedLimit`, `aimdLimit`, `gradientLimit`. */
  readonly limit: number | LimitRule;
  /** Calls that may wait, first come first served. Default 100; 0 (none) to 100,000. */
  readonly maxQueue?: number | undefined;
  /** Longest wait for a permit, milliseconds. Default 1,000; 1 to 2,147,483,647. */
  readonly maxWaitMs?: number | undefined;
  /** What an error says about the limit. Default: 429 `throttled`, what speaks against the dependency `overload`. */
  readonly judgeError?: ((error: unknown) => PermitOutcome) | undefined;
  /** What an answer says about the limit. Default the same, for fetch responses. */
  readonly judgeAnswer?: ((value: unknown) => PermitOutcome) | undefined;
  /** Time. Default the shared monotonic clock. */
  readonly clock?: PolicyClock | undefined;
}

const KNOWN = [
  'limit',
  'maxQueue',
  'maxWaitMs',
  'judgeError',
  'judgeAnswer',
  'clock',
] as const satisfies readonly (keyof LimiterOptions)[];

/**
 * Lets so many calls through at a time; a few more may wait, the rest is rejected with LimiterRejectedError. A permit
 * is held until the function itself ends, even if its caller gave up: put a timeout inside the limiter.
 */
export class Limiter extends EventSource implements Policy {
  readonly name: string;
  readonly #clock: PolicyClock;
  readonly #rule: LimitRule;
  readonly #maxQueue: number;
  readonly #maxWaitMs: number;
  readonly #rules: CallRules<Guarded<unknown>>;
  readonly #events: Readonly<Record<PermitOutcome, PolicyEvent>>;
  /** Each with the async context of its caller: the call that gives its permit away would lend it its own. */
  readonly #queue = new Map<LimiterCall, AsyncResource>();
  #state: LimitState;
  #inFlight = 0;
  #isDraining = false;

  /** Throws PolicyOptionError for a wrong option. */
  constructor(options: LimiterOptions) {
    super();
    const read = new OptionReader('limiter', options, KNOWN);
    this.name = read.name;
    this.#clock = read.clock();
    this.#rule = readRule(read, options.limit);
    this.#maxQueue = read.whole('maxQueue', 100, 0, 100_000);
    this.#maxWaitMs = read.ms('maxWaitMs', 1_000);
    this.#state = this.#rule.initial;
    const event = (outcome: PermitOutcome) =>
      Object.freeze({ kind: 'limiter_call', limiter: this.name, outcome });
    this.#events = Object.fromEntries(permitOutcomes.map((one) => [one, event(one)])) as never;
    const ofError = read.optionalFunction<(error: unknown) => PermitOutcome>('judgeError') ?? permitForError;
    const ofAnswer =
      read.optionalFunction<(value: unknown) => PermitOutcome>('judgeAnswer') ?? permitForAnswer;
    this.#rules = limiterCallRules({
      release: (outcome, startMs) => this.#release(outcome, startMs),
      leave: (call) => void this.#queue.delete(call),
      refusal: (reason) => this.#refusal(reason),
      forError: (error) => this.askOneOf(ofError, error, permitOutcomes, 'overload'),
      forAnswer: (value) => this.askOneOf(ofAnswer, value, permitOutcomes, 'success'),
    });
  }

  /** Calls allowed at the same time now. */
  get limit(): number {
    return Math.max(1, Math.floor(this.#state.limit));
  }

  /** Calls that hold a permit. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Calls that wait for a permit. */
  get queued(): number {
    return this.#queue.size;
  }

  execute<T>(fn: Guarded<T>, options?: CallOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const call = new Call<Guarded<unknown>>(this.#clock, this.#rules, fn, resolve, reject, options);
      if (!call.join()) return;
      if (this.#inFlight < this.limit && this.#queue.size === 0) this.#run(call);
      else if (this.#queue.size < this.#maxQueue) {
        this.#queue.set(call, new AsyncResource('LimiterQueue'));
        this.#clock.arm(call, this.#maxWaitMs);
      } else call.reject(this.#refusal('queue_full'));
    });
  }

  /** The permit is held from here to the function's own end. */
  #run(call: LimiterCall): void {
    this.#inFlight++;
    this.#clock.disarm(call);
    if (this.#rule.needs === 'timed') call.mark = this.#clock.nowMs();
    call.invoke(call.detail);
  }

  #release(outcome: PermitOutcome, startMs: number): void {
    this.#move(outcome, startMs);
    this.#inFlight--;
    this.emit(this.#events[outcome]);
    // A waiting function that ends at once releases again: without this guard a long queue would exhaust the stack.
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (const [call, caller] of this.#queue) {
      if (this.#inFlight >= this.limit) break;
      this.#queue.delete(call);
      caller.runInAsyncScope(() => this.#run(call));
    }
    this.#isDraining = false;
  }

  #move(outcome: PermitOutcome, startMs: number): void {
    const before = this.limit;
    const endMs = this.#rule.needs === 'timed' ? this.#clock.nowMs() : 0;
    const sample = { outcome, startMs, endMs, inFlight: this.#inFlight };
    const next = this.ask((state) => this.#rule.next(state, sample), this.#state, this.#state);
    // A rule of the host's own that answers NaN would stop every call for good, one that answers nothing keep the permit.
    if (Number.isFinite(read(next, 'limit'))) this.#state = next;
    else this.isolated();
    if (this.limit !== before) this.emit({ kind: 'limiter_limit', limiter: this.name, limit: this.limit });
  }

  #refusal(reason: LimiterRejection): LimiterRejectedError {
    this.emit({ kind: 'limiter_rejected', limiter: this.name, reason });
    const detail =
      reason === 'queue_full'
        ? `${this.#inFlight} of ${this.limit} permits are held and all ${this.#maxQueue} places to wait are taken`
        : `no permit within ${this.#maxWaitMs} ms`;
    return new LimiterRejectedError(this.name, reason, detail);
  }
}

/** A call with its function; `mark` is the moment at which it got its permit. */
type LimiterCall = Call<Guarded<unknown>>;

interface LimiterCore {
  release(outcome: PermitOutcome, startMs: number): void;
  leave(call: LimiterCall): void;
  refusal(reason: LimiterRejection): LimiterRejectedError;
  forError(error: unknown): PermitOutcome;
  forAnswer(value: unknown): PermitOutcome;
}

function limiterCallRules(core: LimiterCore): CallRules<Guarded<unknown>> {
  return {
    returned(call, value) {
      const outcome = call.isSettled ? 'ignored' : core.forAnswer(value);
      if (!call.isSettled) call.succeed(value);
      core.release(outcome, call.mark);
    },
    failed(call, error) {
      const outcome = call.isSettled ? 'ignored' : core.forError(error);
      if (!call.isSettled) call.reject(error);
      core.release(outcome, call.mark);
    },
    aborted(call, reason) {
      call.reject(reason);
      core.leave(call);
    },
    /** The wait is over; a running call has no deadline here. */
    expired(call) {
      core.leave(call);
      call.reject(core.refusal('wait_timeout'));
    },
  };
}

function readRule(read: OptionReader, limit: unknown): LimitRule {
  if (typeof limit === 'number') return fixedLimit(read.whole('limit', 1, 1, 100_000));
  const rule = limit as LimitRule | undefined | null;
  if (typeof rule?.next === 'function' && Number.isFinite(rule.initial?.limit)) return rule;
  throw read.refusal('limit', 'a whole number from 1 to 100000, or a rule');
}

function permitForError(error: unknown): PermitOutcome {
  if (statusOf(error) === 429) return 'throttled';
  const verdict = judgeError(error);
  if (verdict === 'neutral') return 'ignored';
  return verdict === 'failure' ? 'overload' : 'success';
}

function permitForAnswer(value: unknown): PermitOutcome {
  if (judgeAnswer(value) !== 'failure') return 'success';
  return statusOf(value) === 429 ? 'throttled' : 'overload';
}
