/** Owns the way of existing cockatiel policies onto the same series as our own. */
import { BreakerSeries, BreakerStopwatch } from '../metrics/breaker-series.js';
import type { Metrics } from '../metrics/registry.js';
import { claimName } from '../metrics/watched-names.js';
import type { BreakerStateName } from '../resilience/breaker-state.js';
import { SetupReader } from '../resilience/setup-options.js';

/** An event of cockatiel: adds a listener, which the answer removes. */
type CockatielEvent = (listener: (value: unknown) => void) => { dispose(): void };

/** What is used of cockatiel's policies, versions 3 and 4. A merged policy has its parts in `wrapped`. */
export interface CockatielPolicy {
  readonly onSuccess: CockatielEvent;
  readonly onFailure: CockatielEvent;
  readonly wrapped?: readonly CockatielPolicy[];
  /** A circuit breaker. */
  readonly onStateChange?: CockatielEvent;
  readonly state?: number;
  /** A retry. */
  readonly onRetry?: CockatielEvent;
  readonly onGiveUp?: CockatielEvent;
  /** A timeout. */
  readonly onTimeout?: CockatielEvent;
  /** A bulkhead. */
  readonly onReject?: CockatielEvent;
  readonly executionSlots?: number;
  readonly queueSlots?: number;
}

/** Options of the adapter. A wrong or unknown one throws InstrumentOptionError. */
export interface CockatielOptions {
  /**
   * Label value of the series: cockatiel's policies have no names. 1 to 100 characters. The second and later parts of a
   * kind in one merged policy are `name_2`, `name_3`, …, from the outside in.
   */
  readonly name: string;
  /** Monotonic clock in milliseconds. Default `performance.now`. */
  readonly nowMs?: (() => number) | undefined;
}

/** The numbers of cockatiel's CircuitState, in their order. Isolated is an operator's doing. */
const STATES = ['closed', 'open', 'half_open', 'forced_open'] as const satisfies readonly BreakerStateName[];
/** cockatiel tells nobody of the calls that an open circuit rejects: they have no series rather than a 0. */
const OUTCOMES = ['success', 'failure', 'timeout', 'ignored'] as const;

interface Failure {
  readonly handled: boolean;
  readonly reason: { readonly error?: unknown };
}

/**
 * Puts a cockatiel policy, or each part of a merged one, on the metrics; the answer ends it. Breakers, retries and
 * timeouts are counted, of a bulkhead its rejections; other policies tell nothing that a series could hold. The state
 * of an open breaker changes to half-open with the next call, as in cockatiel itself. Throws WatchError when the name
 * belongs to another policy of the kind, InstrumentOptionError for a wrong option.
 */
export function watchCockatiel(
  metrics: Metrics,
  policy: CockatielPolicy,
  options: CockatielOptions,
): () => void {
  const read = new SetupReader('watchCockatiel', options, ['name', 'nowMs']);
  const name = read.text('name');
  const nowMs = read.optionalFunction<() => number>('nowMs') ?? (() => performance.now());
  const ends: (() => void)[] = [];
  const end = () => {
    for (const one of ends.splice(0)) one();
  };
  const seen = new Map<string, number>();
  const add = (kind: string, owner: CockatielPolicy, watch: (label: string) => () => void): void => {
    const place = (seen.get(kind) ?? 0) + 1;
    seen.set(kind, place);
    const label = place === 1 ? name : `${name}_${place}`;
    ends.push(claimName(metrics, { kind, name: label, owner, watch: () => watch(label) }));
  };
  try {
    for (const part of new Set(partsOf(policy))) {
      if (part.onStateChange) add('circuit breaker', part, (one) => watchBreaker(metrics, part, one, nowMs));
      else if (part.onGiveUp) add('retry', part, (one) => watchRetry(metrics, part, one));
      else if (part.onTimeout) add('timeout', part, (one) => watchTimeout(metrics, part, one));
      else if (part.onReject) add('limiter', part, (one) => watchBulkhead(metrics, part, one));
    }
  } catch (error) {
    end();
    throw error;
  }
  return end;
}

function partsOf(policy: CockatielPolicy): readonly CockatielPolicy[] {
  return policy.wrapped === undefined ? [policy] : policy.wrapped.flatMap(partsOf);
}

function watchBreaker(
  metrics: Metrics,
  breaker: CockatielPolicy,
  name: string,
  nowMs: () => number,
): () => void {
  const series = new BreakerSeries(metrics, name, { states: STATES, outcomes: OUTCOMES });
  const { calls } = series;
  const stateNow = (): BreakerStateName => STATES[breaker.state ?? 0] ?? 'closed';
  const watch = new BreakerStopwatch(series, stateNow(), nowMs);
  let inARow = 0;
  const silence = listen([
    [breaker.onStateChange, (state: number) => watch.enter(STATES[state] ?? 'closed')],
    [
      breaker.onSuccess,
      () => {
        inARow = 0;
        calls.success.inc();
      },
    ],
    [
      breaker.onFailure,
      ({ handled, reason }: Failure) => {
        // An error that the policy does not handle says nothing to it, neither good nor bad.
        if (handled) inARow += 1;
        if (!handled) calls.ignored.inc();
        else if (isTimeout(reason.error)) calls.timeout.inc();
        else calls.failure.inc();
      },
    ],
  ]);
  const forget = metrics.onScrape(() => {
    watch.enter(stateNow());
    series.showFailures(watch.state === 'closed' ? inARow : 0);
  });
  return () => {
    watch.refresh();
    silence();
    forget();
    series.remove();
  };
}

function watchRetry(metrics: Metrics, retry: CockatielPolicy, policy: string): () => void {
  const of = (outcome: string) => metrics.retryAttempts.bind({ policy, outcome });
  const [success, retried, exhausted, notRetryable] = [
    of('success'),
    of('retried'),
    of('exhausted'),
    of('not_retryable'),
  ];
  return listen([
    [retry.onSuccess, () => success.inc()],
    [retry.onRetry, () => retried.inc()],
    [retry.onGiveUp, () => exhausted.inc()],
    [
      retry.onFailure,
      // A handled failure is told again, as a retry or as giving up.
      ({ handled }: Failure) => {
        if (!handled) notRetryable.inc();
      },
    ],
  ]);
}

function watchTimeout(metrics: Metrics, timeout: CockatielPolicy, policy: string): () => void {
  const of = (outcome: string) => metrics.timeoutCalls.bind({ policy, outcome });
  const [success, failure, expired] = [of('success'), of('failure'), of('timeout')];
  return listen([
    [timeout.onSuccess, () => success.inc()],
    [timeout.onTimeout, () => expired.inc()],
    [
      timeout.onFailure,
      ({ reason }: Failure) => {
        if (!isTimeout(reason.error)) failure.inc();
      },
    ],
  ]);
}

function watchBulkhead(metrics: Metrics, bulkhead: CockatielPolicy, limiter: string): () => void {
  const rejected = metrics.limiterRejected.bind({ limiter, reason: 'queue_full' });
  return listen([[bulkhead.onReject, () => rejected.inc()]]);
}

function isTimeout(error: unknown): boolean {
  return (error as { isTaskCancelledError?: unknown } | null | undefined)?.isTaskCancelledError === true;
}

function listen(
  pairs: readonly (readonly [CockatielEvent | undefined, (value: never) => void])[],
): () => void {
  const disposables = pairs.map(([event, listener]) => event?.(listener as (value: unknown) => void));
  return () => {
    for (const one of disposables) one?.dispose();
  };
}
