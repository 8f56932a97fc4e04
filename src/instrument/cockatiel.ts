/** Owns the way of existing cockatiel policies onto the same series as our own. */
import { BreakerSeries, BreakerStopwatch } from '../metrics/breaker-series.js';
import type { Metrics } from '../metrics/registry.js';
import { claimName } from '../metrics/watched-names.js';
import type { BreakerStateName } from '../resilience/breaker-state.js';
import { InstrumentOptionError } from './option-error.js';

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

/** Options of the adapter. */
export interface CockatielOptions {
  /** Label value of the series: cockatiel's policies have no names. 1 to 100 characters. */
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
 * belongs to another policy of the kind.
 */
export function watchCockatiel(
  metrics: Metrics,
  policy: CockatielPolicy,
  options: CockatielOptions,
): () => void {
  const { name, nowMs = () => performance.now() } = options;
  if (typeof name !== 'string' || name === '' || name.length > 100) {
    throw new InstrumentOptionError('name', 'a text of 1 to 100 characters', name);
  }
  const ends: (() => void)[] = [];
  const end = () => {
    for (const one of ends.splice(0)) one();
  };
  const add = (kind: string, part: CockatielPolicy, watch: () => () => void): void => {
    const release = claimName(metrics, kind, name, part);
    if (release !== undefined) ends.push(release, watch());
  };
  try {
    for (const part of partsOf(policy)) {
      if (part.onStateChange) add('circuit breaker', part, () => watchBreaker(metrics, part, name, nowMs));
      else if (part.onGiveUp) add('retry', part, () => watchRetry(metrics, part, name));
      else if (part.onTimeout) add('timeout', part, () => watchTimeout(metrics, part, name));
      else if (part.onReject) add('limiter', part, () => watchBulkhead(metrics, part, name));
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
