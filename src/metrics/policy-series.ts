/** Owns the series of retries, timeouts, limiters and fallbacks, each bound once so that a call only adds. */

import { limiterRejections } from '../resilience/errors.js';
import {
  attemptOutcomes,
  cacheOutcomes,
  type FallbackSource,
  fallbackSources,
  permitOutcomes,
  timeoutOutcomes,
} from '../resilience/events.js';
import type { Fallback } from '../resilience/fallback.js';
import type { Limiter } from '../resilience/limiter.js';
import type { Retry } from '../resilience/retry.js';
import type { Timeout } from '../resilience/timeout.js';
import type { Metrics } from './registry.js';

/** Ends a watch; a second call does nothing. */
export type Unwatch = () => void;

/** Puts one retry on the metrics, and the tokens of its budget when it has one. */
export function watchRetry(metrics: Metrics, retry: Retry): Unwatch {
  const policy = retry.name;
  const attempts = byValue(attemptOutcomes, (outcome) => metrics.retryAttempts.bind({ policy, outcome }));
  const repeated = metrics.retryRepeatedCalls.bind({ policy });
  const silence = retry.onEvent((event) => {
    if (event.kind !== 'retry_attempt') return;
    attempts[event.outcome].inc();
    if (event.attempt === 1 && event.outcome === 'retried') repeated.inc();
  });
  const { budget } = retry;
  if (budget === undefined) return silence;
  const forget = refreshed(metrics, () => metrics.retryBudgetTokens.set({ policy }, budget.tokens));
  return () => {
    silence();
    forget();
    metrics.retryBudgetTokens.remove({ policy });
  };
}

/** Puts one timeout on the metrics. */
export function watchTimeout(metrics: Metrics, timeout: Timeout): Unwatch {
  const policy = timeout.name;
  const calls = byValue(timeoutOutcomes, (outcome) => metrics.timeoutCalls.bind({ policy, outcome }));
  const silence = timeout.onEvent((event) => {
    if (event.kind === 'timeout_call') calls[event.outcome].inc();
  });
  const forget = refreshed(metrics, () => metrics.timeoutLimit.set({ policy }, timeout.limitMs / 1000));
  return () => {
    silence();
    forget();
    metrics.timeoutLimit.remove({ policy });
  };
}

/** Puts one limiter on the metrics. */
export function watchLimiter(metrics: Metrics, source: Limiter): Unwatch {
  const limiter = source.name;
  const calls = byValue(permitOutcomes, (outcome) => metrics.limiterCalls.bind({ limiter, outcome }));
  const rejected = byValue(limiterRejections, (reason) => metrics.limiterRejected.bind({ limiter, reason }));
  const silence = source.onEvent((event) => {
    if (event.kind === 'limiter_call') calls[event.outcome].inc();
    else if (event.kind === 'limiter_rejected') rejected[event.reason].inc();
  });
  const forget = refreshed(metrics, () => {
    metrics.limiterLimit.set({ limiter }, source.limit);
    metrics.limiterInFlight.set({ limiter }, source.inFlight);
    metrics.limiterQueued.set({ limiter }, source.queued);
  });
  return () => {
    silence();
    forget();
    for (const gauge of [metrics.limiterLimit, metrics.limiterInFlight, metrics.limiterQueued]) {
      gauge.remove({ limiter });
    }
  };
}

/** Puts one fallback on the metrics; the cache's series only when it keeps values. */
export function watchFallback(metrics: Metrics, fallback: Fallback<unknown>): Unwatch {
  const policy = fallback.name;
  const cache = fallback.name;
  const served = byValue(fallbackSources, (source) =>
    metrics.fallbackServed.bind({ policy, answer: source.replace('-', '_') }),
  );
  const looks = fallback.keepsValues
    ? byValue(cacheOutcomes, (outcome) => metrics.cacheRequests.bind({ cache, outcome }))
    : undefined;
  let source: FallbackSource = 'primary';
  let ageMs = 0;
  const silence = fallback.onEvent((event) => {
    if (event.kind === 'fallback_served') {
      served[event.source].inc();
      ({ source, ageMs } = event);
    } else if (event.kind === 'fallback_cache') looks?.[event.outcome].inc();
  });
  const forget = refreshed(metrics, () => {
    metrics.fallbackActive.set({ policy }, source === 'primary' ? 0 : 1);
    metrics.fallbackAnswerAge.set({ policy }, ageMs / 1000);
    if (looks !== undefined) metrics.cacheEntries.set({ cache }, fallback.entries);
  });
  return () => {
    silence();
    forget();
    metrics.fallbackActive.remove({ policy });
    metrics.fallbackAnswerAge.remove({ policy });
    metrics.cacheEntries.remove({ cache });
  };
}

/** Refreshes now and before each scrape. */
function refreshed(metrics: Metrics, refresh: () => void): Unwatch {
  refresh();
  return metrics.onScrape(refresh);
}

function byValue<V extends string, S>(values: readonly V[], bind: (value: V) => S): Readonly<Record<V, S>> {
  return Object.fromEntries(values.map((value) => [value, bind(value)])) as Record<V, S>;
}
