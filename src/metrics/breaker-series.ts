/** Owns the series of one circuit breaker, whoever wrote the breaker: declared in full, at zero, from the start. */
import { type BreakerStateName, breakerStates } from '../resilience/breaker-state.js';
import { type BreakerOutcome, breakerOutcomes } from '../resilience/events.js';
import type { CounterSeries } from './counter.js';
import type { GaugeSeries } from './gauge.js';
import type { Metrics } from './registry.js';

/** Every move that the rules of a breaker can make; a restored state may add others. */
const MOVES: Readonly<Record<BreakerStateName, readonly BreakerStateName[]>> = {
  closed: ['open', 'forced_open', 'forced_closed'],
  open: ['half_open', 'closed', 'forced_open', 'forced_closed'],
  half_open: ['open', 'closed', 'forced_open', 'forced_closed'],
  forced_open: ['half_open', 'forced_closed'],
  forced_closed: ['closed', 'forced_open'],
};

/** What a kind of breaker can tell; what it cannot tell has no series, for a 0 would be a claim. */
export interface BreakerFaculties {
  readonly states: readonly BreakerStateName[];
  readonly outcomes: readonly BreakerOutcome[];
}

const EVERYTHING: BreakerFaculties = { states: breakerStates, outcomes: breakerOutcomes };

/** The bound series of one breaker. Nothing here throws. */
export class BreakerSeries {
  readonly #metrics: Metrics;
  readonly #breaker: string;
  readonly #faculties: BreakerFaculties;
  /** Counters by outcome; a call costs one addition. */
  readonly calls: Readonly<Record<BreakerOutcome, CounterSeries>>;
  readonly #seconds = new Map<BreakerStateName, CounterSeries>();
  readonly #states = new Map<BreakerStateName, GaugeSeries>();
  readonly #failures: GaugeSeries;

  constructor(metrics: Metrics, breaker: string, faculties: BreakerFaculties = EVERYTHING) {
    this.#metrics = metrics;
    this.#breaker = breaker;
    this.#faculties = faculties;
    const known = new Set(faculties.states);
    this.calls = Object.fromEntries(
      faculties.outcomes.map((outcome) => [outcome, metrics.breakerCalls.bind({ breaker, outcome })]),
    ) as Record<BreakerOutcome, CounterSeries>;
    for (const state of faculties.states) {
      this.#states.set(state, metrics.breakerState.bind({ breaker, state }));
      this.#seconds.set(state, metrics.breakerStateSeconds.bind({ breaker, state }));
      for (const to of MOVES[state]) {
        if (known.has(to)) metrics.breakerTransitions.inc({ breaker, from: state, to }, 0);
      }
    }
    this.#failures = metrics.breakerConsecutiveFailures.bind({ breaker });
  }

  /** Counts changes of the state. */
  moved(from: BreakerStateName, to: BreakerStateName, times = 1): void {
    this.#metrics.breakerTransitions.inc({ breaker: this.#breaker, from, to }, times);
  }

  /** One series per state, exactly one of them 1. */
  showState(now: BreakerStateName): void {
    for (const [state, series] of this.#states) series.set(state === now ? 1 : 0);
  }

  showFailures(inARow: number): void {
    this.#failures.set(inARow);
  }

  /** Adds to the time spent in a state. A second breaker of the name goes on from the total of the first. */
  stayed(state: BreakerStateName, seconds: number): void {
    this.#seconds.get(state)?.inc(seconds);
  }

  /** Takes the series that say what is now out of the output; the counters stay. */
  remove(): void {
    const breaker = this.#breaker;
    for (const state of this.#faculties.states) this.#metrics.breakerState.remove({ breaker, state });
    this.#metrics.breakerConsecutiveFailures.remove({ breaker });
  }
}

/** The state of a breaker that does not measure its own time: hears of each change, adds up the stays. */
export class BreakerStopwatch {
  readonly #series: BreakerSeries;
  readonly #nowMs: () => number;
  #state: BreakerStateName;
  #sinceMs: number;

  /** `nowMs` is a monotonic clock in milliseconds. */
  constructor(series: BreakerSeries, state: BreakerStateName, nowMs: () => number) {
    this.#series = series;
    this.#nowMs = nowMs;
    this.#state = state;
    this.#sinceMs = nowMs();
    series.showState(state);
  }

  get state(): BreakerStateName {
    return this.#state;
  }

  /** The breaker is in this state now; a state that it is in already changes nothing. */
  enter(state: BreakerStateName): void {
    this.refresh();
    if (state === this.#state) return;
    const from = this.#state;
    this.#state = state;
    this.#series.moved(from, state);
    this.#series.showState(state);
  }

  /** Brings the seconds up to now. */
  refresh(): void {
    const nowMs = this.#nowMs();
    this.#series.stayed(this.#state, Math.max(0, nowMs - this.#sinceMs) / 1000);
    this.#sinceMs = nowMs;
  }
}
