/** Owns the way of an existing opossum circuit breaker onto the same series as our own. */
import { BreakerSeries, BreakerStopwatch } from '../metrics/breaker-series.js';
import type { Metrics } from '../metrics/registry.js';
import { claimName } from '../metrics/watched-names.js';
import type { BreakerStateName } from '../resilience/breaker-state.js';
import { SetupReader } from '../resilience/setup-options.js';

/** What is used of opossum's CircuitBreaker, versions 6 to 10. */
export interface OpossumBreaker {
  readonly name: string;
  readonly opened: boolean;
  readonly halfOpen: boolean;
  readonly enabled: boolean;
  readonly isShutdown: boolean;
  on(event: never, listener: (...values: never[]) => void): unknown;
  removeListener(event: string, listener: (...values: unknown[]) => void): unknown;
}

/** Options of an adapter. A wrong or unknown one throws InstrumentOptionError. */
export interface AdapterOptions {
  /** Label value of the series, 1 to 100 characters. Default the breaker's own name. */
  readonly name?: string | undefined;
  /** Monotonic clock in milliseconds. Default `performance.now`. */
  readonly nowMs?: (() => number) | undefined;
}

/** opossum tells neither slow nor aborted calls apart. */
const OUTCOMES = ['success', 'failure', 'timeout', 'ignored', 'rejected'] as const;
const STATES = ['closed', 'open', 'half_open', 'forced_open', 'forced_closed'] as const;

/**
 * Puts an opossum breaker on the metrics; the answer ends it. A disabled breaker is `forced_closed`, one that was shut
 * down `forced_open`; a call that its semaphore or its open circuit refused is `rejected`, an error that its
 * `errorFilter` lets pass is `ignored`. Throws WatchError when the name belongs to another breaker that is not shut
 * down, InstrumentOptionError for a wrong option.
 */
export function watchOpossum(
  metrics: Metrics,
  breaker: OpossumBreaker,
  options: AdapterOptions = {},
): () => void {
  const read = new SetupReader('watchOpossum', options, ['name', 'nowMs']);
  const name = read.text('name', breaker.name);
  const nowMs = read.optionalFunction<() => number>('nowMs') ?? (() => performance.now());
  return claimName(metrics, {
    kind: 'circuit breaker',
    name,
    owner: breaker,
    watch: () => watchNamed(metrics, breaker, name, nowMs),
    // It cannot be switched on again: whoever replaces it goes on with its counters.
    isGone: () => breaker.isShutdown,
  });
}

function watchNamed(
  metrics: Metrics,
  breaker: OpossumBreaker,
  name: string,
  nowMs: () => number,
): () => void {
  const series = new BreakerSeries(metrics, name, { states: STATES, outcomes: OUTCOMES });
  const { calls } = series;
  const watch = new BreakerStopwatch(series, stateOf(breaker), nowMs);
  let inARow = 0;
  /** A timeout and a full semaphore are told again as a failure, or as a success when the filter lets them pass. */
  let told: unknown;

  const fail = (error: unknown): void => {
    inARow += 1;
    told = error;
  };
  const follow = (): void => watch.enter(stateOf(breaker));
  const listeners: Readonly<Record<string, (first: unknown) => void>> = {
    success(result) {
      if (result !== undefined && result === told) return;
      inARow = 0;
      if (result instanceof Error) calls.ignored.inc();
      else calls.success.inc();
    },
    failure(error) {
      if (error !== undefined && error === told) return;
      fail(undefined);
      calls.failure.inc();
    },
    timeout(error) {
      fail(error);
      calls.timeout.inc();
    },
    reject: () => calls.rejected.inc(),
    semaphoreLocked(error) {
      told = error;
      calls.rejected.inc();
    },
    open: follow,
    halfOpen: follow,
    close() {
      inARow = 0;
      follow();
    },
    shutdown: () => watch.enter('forced_open'),
  };
  for (const [event, listener] of Object.entries(listeners)) breaker.on(event as never, listener as never);
  const forget = metrics.onScrape(() => {
    // Switching a breaker off or on is told by no event.
    follow();
    watch.refresh();
    series.showFailures(watch.state === 'closed' ? inARow : 0);
  });
  return () => {
    watch.refresh();
    for (const [event, listener] of Object.entries(listeners)) {
      breaker.removeListener(event, listener as never);
    }
    forget();
    series.remove();
  };
}

function stateOf(breaker: OpossumBreaker): BreakerStateName {
  if (breaker.isShutdown) return 'forced_open';
  if (!breaker.enabled) return 'forced_closed';
  if (breaker.opened) return 'open';
  return breaker.halfOpen ? 'half_open' : 'closed';
}
