/** Owns the fallback: answers from elsewhere when the function fails, and says from where and how old. */
import { Call, type CallRules } from './call.js';
import { discard } from './discard.js';
import { FallbackRecursionError } from './errors.js';
import { EventSource, type FallbackSource } from './events.js';
import {
  type FallbackOptions,
  type FallbackSettings,
  fallbackSettings,
  type StandIn,
} from './fallback-options.js';
import type { CallOptions, Guarded, Policy } from './policy.js';
import type { PolicyClock } from './policy-clock.js';
import { Timeout } from './timeout.js';

/** An answer and where it came from. */
export interface Answer<V> {
  readonly value: V;
  readonly source: Exclude<FallbackSource, 'none'>;
  /** Age of a last good value, milliseconds; 0 for every other source. */
  readonly ageMs: number;
}

/**
 * Stands in for a function that fails. Calls with the same key at the same time share one run of it, so there are as
 * many runs at once as keys that are asked for: a limiter inside bounds them. Rejects with the function's own error when
 * no source has an answer, and with FallbackRecursionError when a run, by the context it was given, asks for its own key.
 * Kept values are shared objects: do not change them.
 */
export class Fallback<V> extends EventSource implements Policy {
  readonly name: string;
  readonly #settings: FallbackSettings<V>;
  readonly #standInTimeout: Timeout;
  readonly #flights = new Map<string, Flight<V>>();

  /** Throws PolicyOptionError for a wrong option. */
  constructor(options: FallbackOptions<V>) {
    super();
    this.#settings = fallbackSettings(options);
    this.name = this.#settings.name;
    const { standInTimeoutMs: timeoutMs, clock } = this.#settings;
    this.#standInTimeout = new Timeout({ name: this.name, timeoutMs, clock });
  }

  /** True when last good values are kept at all. */
  get keepsValues(): boolean {
    return this.#settings.lastGood !== undefined;
  }

  /** Last good values kept. */
  get entries(): number {
    return this.#settings.lastGood?.size ?? 0;
  }

  /** Forgets the last good values. */
  clear(): void {
    this.#settings.lastGood?.clear();
  }

  /** The bare value, as a policy gives it. The function's values must be of the fallback's own type. */
  execute<T>(fn: Guarded<T>, options?: CallOptions): Promise<T> {
    const answer = this.answer(fn as unknown as Guarded<V>, options);
    return answer.then(({ value }) => value as unknown as T);
  }

  /** The value with its source and age. */
  answer(fn: Guarded<V>, options?: CallOptions): Promise<Answer<V>> {
    return new Promise((resolve, reject) => {
      const rules = callerRules as CallRules<{ flight: Flight<V> | undefined }>;
      const caller = new Call(this.#settings.clock, rules, { flight: undefined }, resolve, reject, options);
      if (!caller.join()) return;
      const key = options?.key ?? this.#settings.defaultKey;
      const shared = key === undefined ? undefined : this.#flights.get(key);
      if (shared?.holds(caller) === true) {
        caller.reject(new FallbackRecursionError(this.name, key!));
        return;
      }
      const flight = shared ?? this.#flight(key, caller);
      // Before the run begins: it may abort its caller, or ask for its own key, at once.
      flight.board(caller);
      if (shared === undefined) void flight.land(this.#answer(key, fn, flight));
    });
  }

  #flight(key: string | undefined, first: Caller<V>): Flight<V> {
    const end = (flight: Flight<V>) => {
      if (key !== undefined && this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    // A flight of one is inside its caller's deadlines; a shared one must outlive any single caller.
    const flight = new Flight<V>(this.#settings.clock, key === undefined ? first : { key }, end);
    if (key !== undefined) this.#flights.set(key, flight);
    return flight;
  }

  async #answer(key: string | undefined, fn: Guarded<V>, flight: Flight<V>): Promise<Answer<V>> {
    let cause: unknown;
    let failing: { readonly value: V } | undefined;
    try {
      const value = await fn(flight.call);
      if (!this.ask(this.#settings.isFailure, value, false)) {
        if (key !== undefined) this.#settings.lastGood?.put(key, value, this.#settings.clock.nowMs());
        return this.#served(flight, value, 'primary', 0);
      }
      failing = { value };
      cause = value;
    } catch (error) {
      if (flight.call.isAborted || !this.ask(this.#settings.handles, error, true)) throw error;
      cause = error;
    }
    for (const source of this.#settings.order) {
      if (flight.call.isAborted) break;
      const found = await this.#from(source, key, cause, flight);
      if (found === undefined) continue;
      if (failing !== undefined && failing.value !== found.value) discard(failing.value);
      return this.#served(flight, found.value, source, found.ageMs);
    }
    // Nobody waits any more: that no source answered says nothing about the sources.
    if (flight.call.isAborted) {
      discard(failing?.value);
      throw cause;
    }
    this.emit({ kind: 'fallback_served', fallback: this.name, source: 'none', ageMs: 0 });
    if (failing === undefined) throw cause;
    return { value: failing.value, source: 'primary', ageMs: 0 };
  }

  async #from(
    source: StandIn,
    key: string | undefined,
    cause: unknown,
    flight: Flight<V>,
  ): Promise<{ readonly value: V; readonly ageMs: number } | undefined> {
    const { lastGood, staticValue, clock } = this.#settings;
    if (source === 'static') return staticValue && { value: staticValue.value, ageMs: 0 };
    if (source === 'last-good') {
      if (lastGood === undefined || key === undefined) return undefined;
      const found = lastGood.get(key, clock.nowMs());
      this.emit({ kind: 'fallback_cache', fallback: this.name, outcome: found.outcome });
      return found.outcome === 'hit' ? found : undefined;
    }
    const elsewhere = this.#settings[source];
    if (elsewhere === undefined) return undefined;
    try {
      const value = await this.#standInTimeout.execute((context) => elsewhere(context, cause), flight.call);
      if (!this.ask(this.#settings.isFailure, value, false)) return { value, ageMs: 0 };
      if (value !== cause) discard(value);
      return undefined;
    } catch {
      // The next source answers, or the caller gets the primary's own error, which tells more than this one.
      return undefined;
    }
  }

  #served(flight: Flight<V>, value: V, source: Answer<V>['source'], ageMs: number): Answer<V> {
    // Served to nobody is not served: the callers have left, and their ends are told by whoever aborted.
    if (!flight.call.isAborted) this.emit({ kind: 'fallback_served', fallback: this.name, source, ageMs });
    return { value, source, ageMs };
  }
}

/** A caller's call, with the flight that it waits for. */
type Caller<V> = Call<{ flight: Flight<V> | undefined }>;

const callerRules: CallRules<{ flight: Flight<never> | undefined }> = {
  returned(call, answer) {
    if (!call.isSettled) call.succeed(answer);
  },
  failed(call, error) {
    if (!call.isSettled) call.reject(error);
  },
  aborted(call, reason) {
    call.reject(reason);
    call.detail.flight?.leave(call, reason);
  },
  expired() {},
};

/** One run of the function on behalf of all callers of a key; aborted when the last of them has left. */
class Flight<V> {
  readonly call: Call<Flight<V>>;
  readonly #callers = new Set<Caller<V>>();
  readonly #end: (flight: Flight<V>) => void;

  constructor(clock: PolicyClock, options: CallOptions, end: (flight: Flight<V>) => void) {
    this.#end = end;
    const nobody = () => {};
    this.call = new Call(clock, flightRules, this as Flight<unknown>, nobody, nobody, options) as Call<
      Flight<V>
    >;
    this.call.join();
  }

  board(caller: Caller<V>): void {
    caller.detail.flight = this;
    this.#callers.add(caller);
  }

  leave(caller: Caller<V>, reason: unknown): void {
    this.#callers.delete(caller);
    if (this.#callers.size === 0) this.call.abort(reason);
  }

  /** True when the call was made inside this run, directly or by runs that wait for it: the run would wait for itself. */
  holds(call: Call<unknown>): boolean {
    for (let one = call.outer; one !== undefined; one = one.outer) {
      if (one === this.call) return true;
      const { detail } = one;
      if (detail instanceof Flight && [...detail.#callers].some((caller) => this.holds(caller))) return true;
    }
    return false;
  }

  async land(answer: Promise<Answer<V>>): Promise<void> {
    try {
      const value = await answer;
      this.over();
      for (const caller of this.#callers) callerRules.returned(caller as Caller<never>, value);
    } catch (error) {
      this.over();
      for (const caller of this.#callers) callerRules.failed(caller as Caller<never>, error);
    }
  }

  over(): void {
    this.#end(this);
    if (!this.call.isSettled) this.call.succeed(undefined);
  }
}

const flightRules: CallRules<Flight<unknown>> = {
  returned() {},
  failed() {},
  aborted(call) {
    call.detail.over();
  },
  expired() {},
};
