/** Checks the series of the policies as a scrape reads them: all there at zero, every decision counted, one state true. */
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { watchedBreakers, watchPolicies } from '../../src/metrics/policies.js';
import { createMetrics, type Metrics } from '../../src/metrics/registry.js';
import { createScraper } from '../../src/metrics/scrape.js';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import { Fallback } from '../../src/resilience/fallback.js';
import { Limiter } from '../../src/resilience/limiter.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { wrap } from '../../src/resilience/policy.js';
import { Retry } from '../../src/resilience/retry.js';
import { RetryBudget } from '../../src/resilience/retry-budget.js';
import { Timeout } from '../../src/resilience/timeout.js';

let metrics: Metrics;
const clock = new ManualClock();
const fails = () => Promise.reject(new Error('down'));
const works = () => Promise.resolve(1);

function fresh(): Metrics {
  metrics = createMetrics({ processMetrics: 'omit' });
  return metrics;
}

afterEach(() => expect(clock.size).toBe(0));

/** Lines of one metric in a real scrape, without the metric's name. */
async function scraped(name: string, keep: 'all' | 'not zero' = 'not zero'): Promise<string[]> {
  const { body } = await createScraper(metrics).scrape({});
  return String(body)
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && (keep === 'all' || !line.endsWith(' 0')))
    .map((line) => line.slice(name.length).replaceAll('"', ''));
}

describe('a circuit breaker', () => {
  const options = {
    name: 'quotes',
    failureThreshold: 2,
    recoveryTimeoutMs: 1_000,
    successThreshold: 1,
    clock,
  };

  test('has every series at zero from the start, and exactly one state', async () => {
    watchPolicies(fresh(), [new CircuitBreaker(options)]);
    expect(await scraped('circuit_breaker_state', 'all')).toEqual([
      '{breaker=quotes,state=closed} 1',
      '{breaker=quotes,state=open} 0',
      '{breaker=quotes,state=half_open} 0',
      '{breaker=quotes,state=forced_open} 0',
      '{breaker=quotes,state=forced_closed} 0',
    ]);
    const calls = await scraped('circuit_breaker_calls_total', 'all');
    expect(calls.map((line) => line.replace(/^.*outcome=(.*)\} (.*)$/, '$1 $2'))).toEqual([
      'success 0',
      'slow 0',
      'failure 0',
      'timeout 0',
      'ignored 0',
      'aborted 0',
      'rejected 0',
    ]);
    expect(await scraped('circuit_breaker_transitions_total', 'all')).toHaveLength(15);
    expect(await scraped('circuit_breaker_state_seconds_total', 'all')).toHaveLength(5);
    expect(await scraped('circuit_breaker_consecutive_failures', 'all')).toEqual(['{breaker=quotes} 0']);
  });

  test('tells each call, each change of state and the failures in a row', async () => {
    const breaker = new CircuitBreaker(options);
    watchPolicies(fresh(), [breaker]);
    await breaker.execute(works);
    await breaker.execute(fails).catch(() => {});
    expect(await scraped('circuit_breaker_consecutive_failures')).toEqual(['{breaker=quotes} 1']);
    await breaker.execute(fails).catch(() => {});
    await breaker.execute(works).catch(() => {});
    expect(await scraped('circuit_breaker_state')).toEqual(['{breaker=quotes,state=open} 1']);
    clock.advance(1_000);
    // Nobody has called since: the scrape itself finds the circuit half-open.
    expect(await scraped('circuit_breaker_state')).toEqual(['{breaker=quotes,state=half_open} 1']);
    await breaker.execute(works);
    expect(await scraped('circuit_breaker_state')).toEqual(['{breaker=quotes,state=closed} 1']);
    expect(await scraped('circuit_breaker_calls_total')).toEqual([
      '{breaker=quotes,outcome=success} 2',
      '{breaker=quotes,outcome=failure} 2',
      '{breaker=quotes,outcome=rejected} 1',
    ]);
    expect(await scraped('circuit_breaker_transitions_total')).toEqual([
      '{breaker=quotes,from=closed,to=open} 1',
      '{breaker=quotes,from=open,to=half_open} 1',
      '{breaker=quotes,from=half_open,to=closed} 1',
    ]);
  });

  test('an opening that no scrape has seen still shows in the seconds and the transitions', async () => {
    const breaker = new CircuitBreaker({ ...options, recoveryTimeoutMs: 200 });
    watchPolicies(fresh(), [breaker]);
    clock.advance(1_000);
    expect(await scraped('circuit_breaker_state')).toEqual(['{breaker=quotes,state=closed} 1']);
    for (let i = 0; i < 2; i += 1) await breaker.execute(fails).catch(() => {});
    clock.advance(300);
    await breaker.execute(works);
    clock.advance(700);
    expect(await scraped('circuit_breaker_state')).toEqual(['{breaker=quotes,state=closed} 1']);
    expect(await scraped('circuit_breaker_state_seconds_total')).toEqual([
      '{breaker=quotes,state=closed} 1.7',
      '{breaker=quotes,state=open} 0.2',
      '{breaker=quotes,state=half_open} 0.1',
    ]);
    expect(await scraped('circuit_breaker_transitions_total')).toContain(
      '{breaker=quotes,from=closed,to=open} 1',
    );
  });

  test('is as it is now also where a host prints the registry itself', async () => {
    const breaker = new CircuitBreaker(options);
    const metrics = fresh();
    watchPolicies(metrics, [breaker]);
    let refreshed = 0;
    metrics.onScrape(() => {
      refreshed += 1;
    });
    for (let i = 0; i < 2; i += 1) await breaker.execute(fails).catch(() => {});
    const text = await metrics.registry.metrics();
    expect(text).toContain('circuit_breaker_calls_total{breaker="quotes",outcome="failure"} 2');
    expect(text).toContain('circuit_breaker_transitions_total{breaker="quotes",from="closed",to="open"} 1');
    expect(text).toContain('circuit_breaker_state{breaker="quotes",state="open"} 1');
    expect(refreshed).toBe(1);
    await breaker.execute(works).catch(() => {});
    expect(await metrics.registry.getSingleMetricAsString('circuit_breaker_calls_total')).toContain(
      'circuit_breaker_calls_total{breaker="quotes",outcome="rejected"} 1',
    );
  });

  test('one that follows another of its name goes on from its totals', async () => {
    const first = new CircuitBreaker(options);
    const end = watchPolicies(fresh(), [first]);
    clock.advance(2_000);
    await first.execute(works);
    end();
    end();
    expect(await scraped('circuit_breaker_state', 'all')).toEqual([]);
    clock.advance(5_000);
    const second = new CircuitBreaker(options);
    clock.advance(5_000);
    watchPolicies(metrics, [second]);
    clock.advance(1_000);
    await second.execute(works);
    expect(await scraped('circuit_breaker_state_seconds_total')).toEqual(['{breaker=quotes,state=closed} 3']);
    expect(await scraped('circuit_breaker_calls_total')).toEqual(['{breaker=quotes,outcome=success} 2']);
  });

  test('two of one name are refused, the same one twice is counted once, and nothing is half watched', async () => {
    const breaker = new CircuitBreaker(options);
    watchPolicies(fresh(), [breaker, breaker]);
    const other = new CircuitBreaker({ ...options, name: 'other' });
    const twin = new CircuitBreaker(options);
    expect(() => watchPolicies(metrics, [other, twin])).toThrow(
      'a circuit breaker "quotes" is on these metrics already: give each circuit breaker a name of its own',
    );
    expect(() => watchPolicies(metrics, [{} as never])).toThrow(
      'option policies must be policies of this package',
    );
    await breaker.execute(works);
    await other.execute(works);
    expect(await scraped('circuit_breaker_calls_total')).toEqual(['{breaker=quotes,outcome=success} 1']);
    watchPolicies(metrics, [other]);
  });
});

test('a policy that two chains share is watched until the last of them ends, each end counted once', async () => {
  const breaker = new CircuitBreaker({ name: 'quotes', clock });
  const limiter = new Limiter({ name: 'gate', limit: 1, clock });
  const chain = (name: string) => wrap(new Timeout({ name, clock }), breaker, limiter);
  fresh();
  const [first, second] = ['a', 'b'].map((name) => watchPolicies(metrics, [chain(name)]));
  first!();
  first!();
  expect(watchedBreakers(metrics)).toEqual([breaker]);
  await breaker.execute(() => limiter.execute(works));
  expect(await scraped('circuit_breaker_state')).toEqual(['{breaker=quotes,state=closed} 1']);
  expect(await scraped('circuit_breaker_calls_total')).toEqual(['{breaker=quotes,outcome=success} 1']);
  expect(await scraped('limiter_calls_total')).toEqual(['{limiter=gate,outcome=success} 1']);
  expect(await scraped('limiter_limit')).toEqual(['{limiter=gate} 1']);
  second!();
  expect(watchedBreakers(metrics)).toEqual([]);
  for (const gone of ['circuit_breaker_state', 'limiter_limit'])
    expect(await scraped(gone, 'all')).toEqual([]);
  watchPolicies(metrics, [new CircuitBreaker({ name: 'quotes', clock })]);
});

test('a wrapped chain is watched member by member: retry with its budget, timeout, limiter, fallback with its cache', async () => {
  const budget = new RetryBudget({ name: 'quotes', maxTokens: 2, ratio: 0, minPerSecond: 0, clock });
  const chain = wrap(
    new Fallback<number>({ name: 'kept', maxAgeMs: 60_000, defaultKey: 'one', clock }),
    new Limiter({ name: 'gate', limit: 3, maxQueue: 0, clock }),
    new Retry({ name: 'again', maxRetries: 2, baseDelayMs: 0, maxDelayMs: 0, budget, clock }),
    new Timeout({ name: 'limit', timeoutMs: 2_500, clock }),
  );
  const end = watchPolicies(fresh(), [chain]);
  expect(await scraped('retry_attempts_total', 'all')).toHaveLength(8);
  expect(await scraped('timeout_calls_total', 'all')).toHaveLength(4);
  expect(await scraped('fallback_served_total', 'all')).toHaveLength(6);
  expect(await scraped('limiter_calls_total', 'all')).toHaveLength(4);
  expect(await scraped('limiter_rejected_total', 'all')).toHaveLength(2);
  expect(await scraped('cache_requests_total', 'all')).toHaveLength(3);

  await chain.execute(works);
  expect(await scraped('cache_entries')).toEqual(['{cache=kept} 1']);
  const failing = chain.execute(fails);
  let ended = false;
  void failing.finally(() => {
    ended = true;
  });
  while (!ended) {
    clock.advance(1);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await failing).toBe(1);

  expect(await scraped('retry_attempts_total')).toEqual([
    '{policy=again,outcome=success} 1',
    '{policy=again,outcome=retried} 2',
    '{policy=again,outcome=exhausted} 1',
  ]);
  expect(await scraped('retry_budget_tokens', 'all')).toEqual(['{policy=again} 0']);
  expect(await scraped('timeout_limit_seconds')).toEqual(['{policy=limit} 2.5']);
  expect(await scraped('timeout_calls_total')).toEqual([
    '{policy=limit,outcome=success} 1',
    '{policy=limit,outcome=failure} 3',
  ]);
  expect(await scraped('limiter_limit')).toEqual(['{limiter=gate} 3']);
  expect(await scraped('limiter_calls_total')).toEqual([
    '{limiter=gate,outcome=success} 1',
    '{limiter=gate,outcome=overload} 1',
  ]);
  expect(await scraped('fallback_served_total')).toEqual([
    '{policy=kept,answer=primary} 1',
    '{policy=kept,answer=last_good} 1',
  ]);
  expect(await scraped('cache_requests_total')).toEqual(['{cache=kept,outcome=hit} 1']);

  end();
  for (const gone of ['retry_budget_tokens', 'timeout_limit_seconds', 'limiter_limit', 'cache_entries']) {
    expect(await scraped(gone, 'all')).toEqual([]);
  }
  expect(await scraped('fallback_served_total')).toHaveLength(2);
});

test('a full limiter: permits, queue and rejections at the moment of the scrape', async () => {
  const limiter = new Limiter({ name: 'gate', limit: 1, maxQueue: 1, clock });
  watchPolicies(fresh(), [limiter]);
  let release: () => void = () => {};
  const held = limiter.execute(() => new Promise<void>((resolve) => (release = resolve)));
  const queued = limiter.execute(works);
  await expect(limiter.execute(works)).rejects.toMatchObject({ code: 'LIMITER_REJECTED' });
  expect(await scraped('limiter_in_flight')).toEqual(['{limiter=gate} 1']);
  expect(await scraped('limiter_queued')).toEqual(['{limiter=gate} 1']);
  expect(await scraped('limiter_rejected_total')).toEqual(['{limiter=gate,reason=queue_full} 1']);
  release();
  await Promise.all([held, queued]);
  expect(await scraped('limiter_in_flight', 'all')).toEqual(['{limiter=gate} 0']);
});

test('a refresher that throws costs only its own series, and is counted', async () => {
  fresh();
  const stop = metrics.onScrape(() => {
    throw new Error('broken');
  });
  watchPolicies(metrics, [new CircuitBreaker({ name: 'quotes', clock })]);
  expect(await scraped('circuit_breaker_state')).toEqual(['{breaker=quotes,state=closed} 1']);
  expect(metrics.refreshFailures.value({})).toBe(1);
  stop();
  await scraped('circuit_breaker_state');
  expect(metrics.refreshFailures.value({})).toBe(1);
});

test('a refresher that answers later is counted as one that failed, and its error ends nothing', async () => {
  fresh();
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const late = async () => {
    throw new Error('broken');
  };
  metrics.onScrape(late as () => void);
  metrics.onScrape((async () => {}) as () => void);
  watchPolicies(metrics, [new CircuitBreaker({ name: 'quotes', clock })]);
  expect(await scraped('circuit_breaker_state')).toEqual(['{breaker=quotes,state=closed} 1']);
  expect(metrics.refreshFailures.value({})).toBe(2);
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
});
