/** Owns the way from the policies around calls to their series: of breakers they are read at each scrape, of the others events are counted. */
import { CircuitBreaker } from '../resilience/breaker.js';
import { breakerStates } from '../resilience/breaker-state.js';
import { PolicyOptionError } from '../resilience/errors.js';
import { breakerOutcomes } from '../resilience/events.js';
import { Fallback } from '../resilience/fallback.js';
import { Limiter } from '../resilience/limiter.js';
import { type Policy, policiesOf } from '../resilience/policy.js';
import { RateLimiter } from '../resilience/rate-limiter.js';
import { Retry } from '../resilience/retry.js';
import { Timeout } from '../resilience/timeout.js';
import { BreakerSeries } from './breaker-series.js';
import { type Unwatch, watchFallback, watchLimiter, watchRetry, watchTimeout } from './policy-series.js';
import { watchRateLimiter } from './rate-limiter-series.js';
import type { Metrics } from './registry.js';
import { claimName, watchedOf } from './watched-names.js';

const BREAKER = 'circuit breaker';

/**
 * Puts policies on the metrics, a wrapped chain with each of its members. Every series is there at once, at zero. The
 * answer ends the watch: counters stay, and the series that say what is now go. A policy that is watched already is
 * counted once, and goes with the last watch that has it. Throws WatchError when another policy of the kind has the same
 * name, PolicyOptionError for what is no policy.
 */
export function watchPolicies(metrics: Metrics, policies: readonly Policy[]): Unwatch {
  if (!Array.isArray(policies)) {
    throw new PolicyOptionError('watchPolicies', 'policies', 'a list of policies', policies);
  }
  const ends: Unwatch[] = [];
  const end = () => {
    for (const one of ends.splice(0)) one();
  };
  try {
    for (const policy of policies.flatMap(policiesOf)) ends.push(watchPolicy(metrics, policy));
  } catch (error) {
    // Half a watch would show some of the policies and hide that the others are missing.
    end();
    throw error;
  }
  return end;
}

/** The circuit breakers whose state is on these metrics. */
export function watchedBreakers(metrics: Metrics): readonly CircuitBreaker[] {
  return watchedOf(metrics, BREAKER).filter((one) => one instanceof CircuitBreaker);
}

function watchPolicy(metrics: Metrics, policy: Policy): Unwatch {
  const [kind, watch] = watcherOf(policy);
  return claimName(metrics, { kind, name: policy.name, owner: policy, watch: () => watch(metrics) });
}

function watcherOf(policy: Policy): readonly [string, (metrics: Metrics) => Unwatch] {
  if (policy instanceof CircuitBreaker) return [BREAKER, (metrics) => watchBreaker(metrics, policy)];
  if (policy instanceof Retry) return ['retry', (metrics) => watchRetry(metrics, policy)];
  if (policy instanceof Timeout) return ['timeout', (metrics) => watchTimeout(metrics, policy)];
  if (policy instanceof Limiter) return ['limiter', (metrics) => watchLimiter(metrics, policy)];
  if (policy instanceof RateLimiter) return ['rate limiter', (metrics) => watchRateLimiter(metrics, policy)];
  if (policy instanceof Fallback) return ['fallback', (metrics) => watchFallback(metrics, policy)];
  throw new PolicyOptionError('watchPolicies', 'policies', 'policies of this package', policy);
}

/** Read at each scrape and not heard call by call: a call through a watched breaker then costs no more than any other. */
function watchBreaker(metrics: Metrics, breaker: CircuitBreaker): Unwatch {
  const series = new BreakerSeries(metrics, breaker.name);
  const totals = totalsOf(breaker, series);
  // What was before the watch does not count: it may have been counted then.
  const told = totals.map(({ read }) => read());
  const refresh = () => {
    // Reading the state is what brings an open breaker to half-open when its time is over.
    series.showState(breaker.state);
    series.showFailures(breaker.consecutiveFailures);
    for (const [index, { read, add }] of totals.entries()) {
      const total = read();
      if (total > told[index]!) add(total - told[index]!);
      told[index] = total;
    }
  };
  const forget = metrics.onScrape(refresh);
  refresh();
  return () => {
    refresh();
    forget();
    series.remove();
  };
}

/** What a breaker counts itself, and the series that the growth of each goes to. */
function totalsOf(breaker: CircuitBreaker, series: BreakerSeries) {
  return [
    ...breakerOutcomes.map((outcome) => ({
      read: () => breaker.callsEnded(outcome),
      add: (more: number) => series.calls[outcome].inc(more),
    })),
    ...breakerStates.map((state) => ({
      read: () => breaker.secondsIn(state),
      add: (more: number) => series.stayed(state, more),
    })),
    ...breakerStates.flatMap((from) =>
      breakerStates.map((to) => ({
        read: () => breaker.transitions(from, to),
        add: (more: number) => series.moved(from, to, more),
      })),
    ),
  ];
}
