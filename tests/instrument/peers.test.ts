/** Checks that released opossum breakers and cockatiel policies tell the truth on the same series as our own. */
import {
  BrokenCircuitError,
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  handleWhen,
  retry,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import Opossum from 'opossum';
import { describe, expect, onTestFinished, test } from 'vitest';
import { watchCockatiel } from '../../src/instrument/cockatiel.js';
import { watchOpossum } from '../../src/instrument/opossum.js';
import { createMetrics, type Metrics } from '../../src/metrics/registry.js';
import { textOf } from '../metrics/fixture.js';

/** Time of the adapters, moved by hand; that of the peers is real. */
let nowMs = 0;
const now = { nowMs: () => nowMs };

async function scraped(metrics: Metrics, name: string, keep: 'all' | 'not zero' = 'not zero') {
  metrics.refreshSelf();
  const text = await textOf(metrics.registry);
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && (keep === 'all' || !line.endsWith(' 0')))
    .map((line) => line.slice(name.length).replaceAll('"', ''));
}

const fresh = () => createMetrics({ processMetrics: 'omit' });
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('opossum 10', () => {
  function make(options: object = {}) {
    let act: () => Promise<unknown> = async () => 'ok';
    const breaker = new Opossum(() => act(), {
      name: 'quotes',
      resetTimeout: 300,
      timeout: false,
      volumeThreshold: 2,
      ...options,
    } as never);
    onTestFinished(() => breaker.shutdown());
    return { breaker, does: (next: () => Promise<unknown>) => (act = next) };
  }

  test('every series at zero from the start; states, calls and seconds as they happen', async () => {
    const metrics = fresh();
    const { breaker, does } = make();
    watchOpossum(metrics, breaker, now);
    expect(await scraped(metrics, 'circuit_breaker_calls_total', 'all')).toEqual([
      '{breaker=quotes,outcome=success} 0',
      '{breaker=quotes,outcome=failure} 0',
      '{breaker=quotes,outcome=timeout} 0',
      '{breaker=quotes,outcome=ignored} 0',
      '{breaker=quotes,outcome=rejected} 0',
    ]);
    await breaker.fire();
    does(async () => {
      throw new Error('down');
    });
    nowMs += 1_000;
    await breaker.fire().catch(() => {});
    await breaker.fire().catch(() => {});
    expect(await scraped(metrics, 'circuit_breaker_state')).toEqual(['{breaker=quotes,state=open} 1']);
    await breaker.fire().catch(() => {});
    nowMs += 250;
    await expect.poll(() => breaker.halfOpen).toBe(true);
    nowMs += 50;
    does(async () => 'ok');
    await breaker.fire();
    expect(await scraped(metrics, 'circuit_breaker_state')).toEqual(['{breaker=quotes,state=closed} 1']);
    expect(await scraped(metrics, 'circuit_breaker_calls_total')).toEqual([
      '{breaker=quotes,outcome=success} 2',
      '{breaker=quotes,outcome=failure} 2',
      '{breaker=quotes,outcome=rejected} 1',
    ]);
    expect(await scraped(metrics, 'circuit_breaker_transitions_total')).toEqual([
      '{breaker=quotes,from=closed,to=open} 1',
      '{breaker=quotes,from=open,to=half_open} 1',
      '{breaker=quotes,from=half_open,to=closed} 1',
    ]);
    const seconds = await scraped(metrics, 'circuit_breaker_state_seconds_total');
    expect(seconds).toEqual([
      '{breaker=quotes,state=closed} 1',
      '{breaker=quotes,state=open} 0.25',
      '{breaker=quotes,state=half_open} 0.05',
    ]);
  });

  test('a timeout and a full semaphore count once, though opossum tells them twice; filtered errors are ignored', async () => {
    const metrics = fresh();
    const { breaker, does } = make({
      timeout: 10,
      capacity: 1,
      volumeThreshold: 100,
      errorFilter: (error: Error) => error.message === 'yours',
    });
    watchOpossum(metrics, breaker);
    does(() => new Promise(() => {}));
    const hung = breaker.fire().catch(() => {});
    await breaker.fire().catch(() => {});
    await hung;
    does(async () => {
      throw new Error('yours');
    });
    await breaker.fire().catch(() => {});
    expect(await scraped(metrics, 'circuit_breaker_calls_total')).toEqual([
      '{breaker=quotes,outcome=timeout} 1',
      '{breaker=quotes,outcome=ignored} 1',
      '{breaker=quotes,outcome=rejected} 1',
    ]);
  });

  test('switched off, shut down, and watched no longer', async () => {
    const metrics = fresh();
    const { breaker } = make();
    const end = watchOpossum(metrics, breaker, { name: 'renamed' });
    breaker.disable();
    expect(await scraped(metrics, 'circuit_breaker_state')).toEqual([
      '{breaker=renamed,state=forced_closed} 1',
    ]);
    breaker.enable();
    breaker.shutdown();
    expect(await scraped(metrics, 'circuit_breaker_state')).toEqual([
      '{breaker=renamed,state=forced_open} 1',
    ]);
    end();
    expect(await scraped(metrics, 'circuit_breaker_state', 'all')).toEqual([]);
    const { breaker: second } = make();
    const before = second.listenerCount('success');
    watchOpossum(metrics, second, { name: 'renamed' })();
    expect(second.listenerCount('success')).toBe(before);
  });

  test('one that was shut down gives its name to the next, whose own end is then the only one', async () => {
    const metrics = fresh();
    const { breaker: first } = make();
    const endFirst = watchOpossum(metrics, first);
    await first.fire();
    const { breaker: second } = make();
    expect(() => watchOpossum(metrics, second)).toThrow(
      'a circuit breaker "quotes" is on these metrics already',
    );
    first.shutdown();
    const endSecond = watchOpossum(metrics, second);
    await second.fire();
    expect(await scraped(metrics, 'circuit_breaker_state')).toEqual(['{breaker=quotes,state=closed} 1']);
    expect(await scraped(metrics, 'circuit_breaker_calls_total')).toEqual([
      '{breaker=quotes,outcome=success} 2',
    ]);
    endFirst();
    expect(await scraped(metrics, 'circuit_breaker_state')).toEqual(['{breaker=quotes,state=closed} 1']);
    endSecond();
    expect(await scraped(metrics, 'circuit_breaker_state', 'all')).toEqual([]);
  });
});

describe('cockatiel 4', () => {
  const down = () => {
    throw new Error('down');
  };

  test('a breaker: states, calls and seconds; what it tells nobody has no series', async () => {
    const metrics = fresh();
    const breaker = circuitBreaker(
      handleWhen((error) => (error as Error).message !== 'yours'),
      {
        halfOpenAfter: 20,
        breaker: new ConsecutiveBreaker(2),
      },
    );
    watchCockatiel(metrics, breaker, { name: 'quotes', ...now });
    await breaker.execute(() => 1);
    nowMs += 2_000;
    await breaker.execute(() => Promise.reject(new Error('yours'))).catch(() => {});
    await breaker.execute(down).catch(() => {});
    expect(await scraped(metrics, 'circuit_breaker_consecutive_failures')).toEqual(['{breaker=quotes} 1']);
    await breaker.execute(down).catch(() => {});
    expect(await scraped(metrics, 'circuit_breaker_state')).toEqual(['{breaker=quotes,state=open} 1']);
    await expect(breaker.execute(() => 1)).rejects.toBeInstanceOf(BrokenCircuitError);
    nowMs += 500;
    await expect.poll(() => breaker.execute(() => 1).catch(() => 0)).toBe(1);
    expect(await scraped(metrics, 'circuit_breaker_state')).toEqual(['{breaker=quotes,state=closed} 1']);
    expect(await scraped(metrics, 'circuit_breaker_calls_total', 'all')).toEqual([
      '{breaker=quotes,outcome=success} 2',
      '{breaker=quotes,outcome=failure} 2',
      '{breaker=quotes,outcome=timeout} 0',
      '{breaker=quotes,outcome=ignored} 1',
    ]);
    expect(await scraped(metrics, 'circuit_breaker_state_seconds_total')).toEqual([
      '{breaker=quotes,state=closed} 2',
      '{breaker=quotes,state=open} 0.5',
    ]);
    const isolation = breaker.isolate();
    expect(await scraped(metrics, 'circuit_breaker_state')).toEqual(['{breaker=quotes,state=forced_open} 1']);
    isolation.dispose();
    expect(await scraped(metrics, 'circuit_breaker_state')).toEqual(['{breaker=quotes,state=closed} 1']);
  });

  test('a merged policy is watched part by part', async () => {
    const metrics = fresh();
    const policy = wrap(
      retry(handleAll, { maxAttempts: 2 }),
      circuitBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(10) }),
      timeout(20, TimeoutStrategy.Aggressive),
      bulkhead(1, 0),
    );
    const end = watchCockatiel(metrics, policy as never, { name: 'quotes' });
    await policy.execute(() => 1);
    await policy.execute(down).catch(() => {});
    await policy.execute(() => new Promise((resolve) => setTimeout(resolve, 200).unref())).catch(() => {});
    expect(await scraped(metrics, 'retry_attempts_total')).toEqual([
      '{policy=quotes,outcome=success} 1',
      '{policy=quotes,outcome=retried} 4',
      '{policy=quotes,outcome=exhausted} 2',
    ]);
    const calls = await scraped(metrics, 'circuit_breaker_calls_total');
    expect(calls[0]).toBe('{breaker=quotes,outcome=success} 1');
    expect(await scraped(metrics, 'timeout_calls_total')).toContain('{policy=quotes,outcome=timeout} 1');
    expect(await scraped(metrics, 'limiter_rejected_total')).toEqual([
      '{limiter=quotes,reason=queue_full} 2',
    ]);
    end();
    const before = await scraped(metrics, 'retry_attempts_total');
    await policy.execute(() => 1).catch(() => {});
    await turn();
    expect(await scraped(metrics, 'retry_attempts_total')).toEqual(before);
  });

  test('several parts of a kind are told apart by a number, and one part that stands twice is one', async () => {
    const metrics = fresh();
    const limit = () => timeout(1_000, TimeoutStrategy.Aggressive);
    const [outer, inner, attempts] = [limit(), limit(), retry(handleAll, { maxAttempts: 1 })];
    const policy = wrap(outer, attempts, inner, outer);
    const end = watchCockatiel(metrics, policy as never, { name: 'quotes' });
    expect(await policy.execute(() => 1)).toBe(1);
    expect(await scraped(metrics, 'timeout_calls_total')).toEqual([
      '{policy=quotes,outcome=success} 2',
      '{policy=quotes_2,outcome=success} 1',
    ]);
    expect(await scraped(metrics, 'retry_attempts_total')).toEqual(['{policy=quotes,outcome=success} 1']);
    end();
    watchCockatiel(metrics, wrap(limit(), limit()) as never, { name: 'quotes' });
    expect(() => watchCockatiel(metrics, limit() as never, { name: 'quotes_2' })).toThrow(
      'a timeout "quotes_2" is on these metrics already',
    );
  });

  test('a name that is none is refused', () => {
    const policy = timeout(20, TimeoutStrategy.Aggressive);
    expect(() => watchCockatiel(fresh(), policy as never, { name: '' })).toThrow(
      'option name must be a text of 1 to 100 characters; got ""',
    );
  });
});
