/** Owns the circuit breaker as it acts: lets calls through or rejects them, feeds their ends to the rules, tells events. */
import { type BreakerCore, breakerCallRules, startBreakerCall } from './breaker-call.js';
import { type BreakerOptions, type BreakerSettings, breakerSettings } from './breaker-options.js';
import { type BreakerRecord, recordOf, stateFrom } from './breaker-record.js';
import {
  type Abandoned,
  admits,
  type BreakerInput,
  type BreakerState,
  type BreakerStateName,
  breakerStates,
  type CallTally,
  closedState,
  decide,
} from './breaker-state.js';
import { Call, type CallRules, hasGivenUp } from './call.js';
import { type Verdict, verdicts } from './classify.js';
import { BreakerOpenError } from './errors.js';
import { type BreakerOutcome, breakerOutcomes, EventSource, type PolicyEvent } from './events.js';
import type { CallOptions, Guarded, Policy } from './policy.js';

/** What an operator or a series wants to know of a breaker. */
export interface BreakerStatus {
  readonly name: string;
  readonly state: BreakerStateName;
  /** Failures in a row; 0 unless closed. */
  readonly consecutiveFailures: number;
  /** Successful trials; 0 unless half-open. */
  readonly trialSuccesses: number;
  /** Milliseconds until the next trial; undefined unless open. */
  readonly retryAfterMs: number | undefined;
  /** Rises with each entry of a state. */
  readonly generation: number;
}

const TICK: BreakerInput = { kind: 'tick' };

/**
 * Stops calling a dependency that fails, tries it again after a while, and lets the load back when trials succeed.
 * Rejects with BreakerOpenError when it does not call, with CallTimeoutError at its own deadline; everything else is
 * the function's own result. Time-based changes happen on every call and on every reading, without a timer.
 */
export class CircuitBreaker extends EventSource implements Policy {
  readonly name: string;
  readonly #settings: BreakerSettings;
  readonly #msIn = Object.fromEntries(breakerStates.map((name) => [name, 0])) as Record<
    BreakerStateName,
    number
  >;
  /** Counted here and not by a listener, because a call then costs one addition. */
  readonly #calls = Object.fromEntries(breakerOutcomes.map((outcome) => [outcome, 0])) as Record<
    BreakerOutcome,
    number
  >;
  readonly #transitions = new Map<string, number>();
  readonly #events: Readonly<Record<BreakerOutcome, PolicyEvent>>;
  readonly #core: BreakerCore;
  readonly #rules: CallRules<undefined>;
  #state: BreakerState;

  /** Throws PolicyOptionError for a wrong option. */
  constructor(options: BreakerOptions) {
    super();
    this.#settings = breakerSettings(options);
    this.name = this.#settings.name;
    this.#core = {
      settings: this.#settings,
      begin: () => this.#begin(),
      ended: (generation, verdict, slow, outcome) => this.#ended(generation, verdict, slow, outcome),
      gaveUp: (generation, leftMs) => this.#gaveUp(generation, leftMs),
      left: (place) => void this.#apply({ kind: 'leave', place }),
      judge: (question, subject, fallback) => this.askOneOf(question, subject, verdicts, fallback),
    };
    this.#rules = breakerCallRules(this.#core);
    this.#state = closedState(this.#settings.clock.nowMs());
    const event = (outcome: BreakerOutcome) =>
      Object.freeze({ kind: 'breaker_call', breaker: this.name, outcome });
    this.#events = Object.fromEntries(breakerOutcomes.map((one) => [one, event(one)])) as never;
  }

  execute<T>(fn: Guarded<T>, options?: CallOptions): Promise<T> {
    if (this.#state.kind !== 'closed') {
      this.#apply(TICK);
      // A caller that has given up gets its own reason, as from every other policy.
      if (!admits(this.#state, this.#settings.rules) && !hasGivenUp(options)) return this.#refuse();
    }
    return new Promise<T>((resolve, reject) => {
      const call = new Call(this.#settings.clock, this.#rules, undefined, resolve, reject, options);
      startBreakerCall(call, this.#core, fn);
    });
  }

  /** The state now. */
  get state(): BreakerStateName {
    this.#apply(TICK);
    return this.#state.kind;
  }

  /** Failures in a row; 0 unless closed. */
  get consecutiveFailures(): number {
    return this.#state.kind === 'closed' ? this.#state.consecutiveFailures : 0;
  }

  /** Everything about the breaker now. */
  status(): BreakerStatus {
    const nowMs = this.#apply(TICK);
    const state = this.#state;
    return {
      name: this.name,
      state: state.kind,
      consecutiveFailures: this.consecutiveFailures,
      trialSuccesses: state.kind === 'half_open' ? state.successes : 0,
      retryAfterMs: state.kind === 'open' ? state.untilMs - nowMs : undefined,
      generation: state.generation,
    };
  }

  /** Seconds spent in a state since construction, the running stay included. Only rises. */
  secondsIn(state: BreakerStateName): number {
    const nowMs = this.#apply(TICK);
    const runningMs = this.#state.kind === state ? nowMs - this.#state.sinceMs : 0;
    return (this.#msIn[state] + runningMs) / 1000;
  }

  /** Calls that have ended so since construction. Only rises. */
  callsEnded(outcome: BreakerOutcome): number {
    return this.#calls[outcome];
  }

  /** Changes from one state to another since construction. Only rises. */
  transitions(from: BreakerStateName, to: BreakerStateName): number {
    return this.#transitions.get(`${from} ${to}`) ?? 0;
  }

  /** Opens the circuit for one recovery time; without effect when open or forced. */
  trip(): void {
    this.#apply({ kind: 'trip' });
  }

  /** Closes the circuit and forgets its failures; without effect when forced. */
  reset(): void {
    this.#apply({ kind: 'reset' });
  }

  /** Rejects every call until `clearForce`. */
  forceOpen(): void {
    this.#apply({ kind: 'force_open' });
  }

  /** Lets every call through, whatever happens, until `clearForce`. The deadline of each call stays. */
  forceClose(): void {
    this.#apply({ kind: 'force_close' });
  }

  /** Gives a forced breaker back to its rules: from forced open to half-open, from forced closed to closed. */
  clearForce(): void {
    this.#apply({ kind: 'clear_force' });
  }

  /** The state as plain JSON, in durations and never in moments, for `restoreState` after a restart. */
  exportState(): BreakerRecord {
    const nowMs = this.#apply(TICK);
    return recordOf(this.#state, nowMs);
  }

  /**
   * Takes up an exported state. `downtimeMs`: how long ago it was exported; a negative or unknown one counts as 0.
   * False, and nothing changes, when the record is not one; a recovery longer than the breaker's own is shortened to it.
   */
  restoreState(record: unknown, downtimeMs = 0): boolean {
    const nowMs = this.#apply(TICK);
    const state = stateFrom(record, downtimeMs, nowMs, this.#state.generation + 1, this.#settings.rules);
    if (state === undefined) return false;
    this.#enter(state);
    this.#apply(TICK);
    return true;
  }

  #refuse(): Promise<never> {
    this.#tell('rejected');
    const state = this.#state;
    const afterMs = state.kind === 'open' ? state.untilMs - this.#settings.clock.nowMs() : undefined;
    const kind = state.kind === 'open' || state.kind === 'forced_open' ? state.kind : 'half_open';
    return Promise.reject(new BreakerOpenError(this.name, kind, afterMs));
  }

  #begin(): number {
    if (this.#state.kind === 'half_open') this.#apply({ kind: 'begin' });
    return this.#state.generation;
  }

  #ended(generation: number, verdict: Verdict, slow: boolean, outcome: BreakerOutcome): void {
    const state = this.#state;
    // Nearly every call: nothing to decide, so nothing is allocated and no clock is read.
    const isPlain = state.kind === 'closed' && verdict === 'success' && state.consecutiveFailures === 0;
    if (!isPlain || this.#settings.window !== undefined) this.#feed(generation, verdict, slow);
    this.#tell(outcome);
  }

  #gaveUp(generation: number, leftMs: number): Abandoned | undefined {
    const { kind, generation: now } = this.#state;
    const isTrial = kind === 'half_open' && now === generation;
    const place = isTrial ? { untilMs: this.#settings.clock.nowMs() + leftMs } : undefined;
    if (place !== undefined) this.#apply({ kind: 'abandon', generation, place });
    this.#tell('aborted');
    return place;
  }

  #tell(outcome: BreakerOutcome): void {
    this.#calls[outcome]++;
    if (this.isHeard) this.emit(this.#events[outcome]);
  }

  #feed(generation: number, verdict: Verdict, slow: boolean): void {
    const result = verdict === 'success' && slow ? 'slow' : verdict;
    const { window, clock } = this.#settings;
    let tally: CallTally | undefined;
    if (window !== undefined && result !== 'neutral' && generation === this.#state.generation) {
      const nowMs = clock.nowMs();
      window.add(result, slow, nowMs);
      tally = window.tally(nowMs);
    }
    this.#apply({ kind: 'result', generation, result, tally });
  }

  #apply(input: BreakerInput): number {
    const nowMs = this.#settings.clock.nowMs();
    // What time alone has brought about comes first: a trip must find the half-open state that nobody has read yet.
    if (this.#state.kind === 'open') this.#enter(decide(this.#state, TICK, nowMs, this.#settings.rules));
    this.#enter(decide(this.#state, input, nowMs, this.#settings.rules));
    return nowMs;
  }

  #enter(next: BreakerState): void {
    const previous = this.#state;
    if (next === previous) return;
    this.#state = next;
    if (next.generation === previous.generation) return;
    this.#msIn[previous.kind] += next.sinceMs - previous.sinceMs;
    this.#settings.window?.clear();
    if (next.kind === previous.kind) return;
    const move = `${previous.kind} ${next.kind}`;
    this.#transitions.set(move, (this.#transitions.get(move) ?? 0) + 1);
    this.emit({
      kind: 'breaker_transition',
      breaker: this.name,
      from: previous.kind,
      to: next.kind,
      cause: next.cause,
      generation: next.generation,
    });
  }
}
