/** Owns one line per circuit breaker: its state, what it has counted, and when a call of it last failed. */
import { watchedBreakers } from '../metrics/policies.js';
import type { Metrics } from '../metrics/registry.js';
import type { CircuitBreaker } from '../resilience/breaker.js';
import type { BreakerStateName } from '../resilience/breaker-state.js';
import { type BreakerOutcome, breakerOutcomes } from '../resilience/events.js';

const GOOD: ReadonlySet<BreakerOutcome> = new Set(['success', 'slow']);
const BAD: ReadonlySet<BreakerOutcome> = new Set(['failure', 'timeout']);

/** One breaker. */
export interface BreakerLine {
  readonly name: string;
  readonly state: BreakerStateName;
  /** Failures in a row; 0 unless closed. */
  readonly failureCount: number;
  /** Failures since the last success, in whatever state; a call that was turned away is none. */
  readonly failuresInRow: number;
  /** Successful trials; 0 unless half-open. */
  readonly successCount: number;
  /** To the length of the pause between two looks; undefined when none failed since the breaker was first seen. */
  readonly lastFailureAt: Date | undefined;
  /** Undefined unless open. */
  readonly retryAfterSeconds: number | undefined;
  /** Calls of this process by their end. */
  readonly calls: Readonly<Record<BreakerOutcome, number>>;
}

/** What is remembered of one breaker; another one of the same name begins anew. */
interface Memory {
  failures: number;
  lastFailureMs: number | undefined;
  inRow: number;
  /** Takes the listener off. */
  readonly silence: () => void;
}

/** Remembers when the failures of each breaker last rose, told by a job, and how many came since a success. */
export class BreakerWatch {
  readonly #memories = new Map<CircuitBreaker, Memory>();

  /** Breakers that are on the metrics already are followed at once, others from the next look on. */
  constructor(private readonly metrics: Metrics) {
    this.#breakers();
  }

  /** Compares with the look before; `nowMs` is the wall clock in milliseconds. */
  look(nowMs: number): void {
    for (const [breaker, memory] of this.#breakers()) {
      const failures = breaker.callsEnded('failure') + breaker.callsEnded('timeout');
      // A breaker that failed before the first look failed since the process began, which is not long ago.
      if (failures > memory.failures) memory.lastFailureMs = nowMs;
      memory.failures = failures;
    }
  }

  /** The breakers of this process, by name. */
  lines(): readonly BreakerLine[] {
    return [...this.#breakers()]
      .map(([breaker, { inRow, lastFailureMs }]) => {
        const { name, state, consecutiveFailures, trialSuccesses, retryAfterMs } = breaker.status();
        const calls = breakerOutcomes.map((outcome) => [outcome, breaker.callsEnded(outcome)] as const);
        return {
          name,
          state,
          failureCount: consecutiveFailures,
          failuresInRow: inRow,
          successCount: trialSuccesses,
          lastFailureAt: lastFailureMs === undefined ? undefined : new Date(lastFailureMs),
          retryAfterSeconds: retryAfterMs === undefined ? undefined : retryAfterMs / 1000,
          calls: Object.fromEntries(calls) as BreakerLine['calls'],
        };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #breakers(): ReadonlyMap<CircuitBreaker, Memory> {
    const watched = new Set(watchedBreakers(this.metrics));
    for (const [breaker, { silence }] of this.#memories) {
      if (watched.has(breaker)) continue;
      silence();
      this.#memories.delete(breaker);
    }
    for (const breaker of watched) {
      if (!this.#memories.has(breaker)) this.#memories.set(breaker, remember(breaker));
    }
    return this.#memories;
  }
}

/** An open breaker has forgotten its failures: only its events tell how many came since a success. */
function remember(breaker: CircuitBreaker): Memory {
  const silence = breaker.onEvent((event) => {
    if (event.kind !== 'breaker_call') return;
    if (GOOD.has(event.outcome)) memory.inRow = 0;
    else if (BAD.has(event.outcome)) memory.inRow += 1;
  });
  const memory: Memory = {
    failures: 0,
    lastFailureMs: undefined,
    inRow: breaker.consecutiveFailures,
    silence,
  };
  return memory;
}

/** The breakers that turn calls away now. */
export function openBreakers(breakers: readonly BreakerLine[]): readonly BreakerLine[] {
  return breakers.filter(({ state }) => state === 'open' || state === 'forced_open');
}

/** The breakers as the API shows them, by name; the moment is in seconds since the epoch. */
export function breakersJson(breakers: readonly BreakerLine[]): Readonly<Record<string, unknown>> {
  const bodies = breakers.map((breaker) => [
    breaker.name,
    {
      name: breaker.name,
      state: breaker.state,
      failure_count: breaker.failureCount,
      success_count: breaker.successCount,
      last_failure_time: breaker.lastFailureAt === undefined ? null : breaker.lastFailureAt.getTime() / 1000,
      retry_after_seconds:
        breaker.retryAfterSeconds === undefined ? null : Math.ceil(breaker.retryAfterSeconds),
      calls: breaker.calls,
    },
  ]);
  return Object.fromEntries(bodies);
}
