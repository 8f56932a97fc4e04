/** Checks the series of rate limiters, of the load mode and of the sizes of work as a scrape reads them: all there at zero, one mode true. */
import { afterEach, describe, expect, test } from 'vitest';
import { watchLoad } from '../../src/metrics/load-series.js';
import { watchPolicies } from '../../src/metrics/policies.js';
import { createMetrics, type Metrics } from '../../src/metrics/registry.js';
import { createScraper } from '../../src/metrics/scrape.js';
import { watchWorkSizer } from '../../src/metrics/work-size-series.js';
import { LoadController } from '../../src/resilience/load-controller.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { RateLimiter } from '../../src/resilience/rate-limiter.js';
import { WorkSizer } from '../../src/resilience/work-sizer.js';

let metrics: Metrics;
const clock = new ManualClock();

function fresh(): Metrics {
  metrics = createMetrics({ processMetrics: 'omit' });
  return metrics;
}

afterEach(() => expect(clock.size).toBe(0));

/** Lines of the metrics that begin so, without quotes. */
async function scraped(start: string): Promise<string[]> {
  const { body } = await createScraper(metrics).scrape({});
  return String(body)
    .split('\n')
    .filter((line) => line.startsWith(start) && !line.includes('_bucket{'))
    .map((line) => line.replaceAll('"', ''));
}

describe('a rate limiter', () => {
  const options = { name: 'quotes', ratePerSecond: 2, burst: 4, maxQueue: 1, clock };

  test('has every series at its start, and loses what says what is now when it is no longer watched', async () => {
    const end = watchPolicies(fresh(), [new RateLimiter(options)]);
    expect(await scraped('rate_limiter_')).toEqual([
      'rate_limiter_calls_total{rate_limiter=quotes,outcome=passed} 0',
      'rate_limiter_calls_total{rate_limiter=quotes,outcome=waited} 0',
      'rate_limiter_calls_total{rate_limiter=quotes,outcome=aborted} 0',
      'rate_limiter_calls_total{rate_limiter=quotes,outcome=queue_full} 0',
      'rate_limiter_calls_total{rate_limiter=quotes,outcome=wait_too_long} 0',
      'rate_limiter_wait_seconds_sum{rate_limiter=quotes} 0',
      'rate_limiter_wait_seconds_count{rate_limiter=quotes} 0',
      'rate_limiter_tokens{rate_limiter=quotes} 4',
      'rate_limiter_budget_remaining_ratio{rate_limiter=quotes} 1',
      'rate_limiter_rate_per_second{rate_limiter=quotes} 2',
      'rate_limiter_queued{rate_limiter=quotes} 0',
      'rate_limiter_pauses_total{rate_limiter=quotes} 0',
      'rate_limiter_pause_left_seconds{rate_limiter=quotes} 0',
    ]);
    end();
    end();
    expect((await scraped('rate_limiter_')).map((line) => line.split('{')[0])).toEqual([
      ...Array(5).fill('rate_limiter_calls_total'),
      'rate_limiter_wait_seconds_sum',
      'rate_limiter_wait_seconds_count',
      'rate_limiter_pauses_total',
    ]);
  });

  test('tells calls, waits, the budget and the pause that the dependency asked for', async () => {
    const limiter = new RateLimiter(options);
    watchPolicies(fresh(), [limiter]);
    const calls = Array.from({ length: 5 }, () => limiter.execute(() => 1));
    await expect(limiter.execute(() => 1)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(await scraped('rate_limiter_queued')).toEqual(['rate_limiter_queued{rate_limiter=quotes} 1']);
    clock.advance(500);
    await Promise.all(calls);
    clock.advance(500);
    expect(await scraped('rate_limiter_budget')).toEqual([
      'rate_limiter_budget_remaining_ratio{rate_limiter=quotes} 0.25',
    ]);
    const busy = () => new Response('', { status: 429, headers: { 'retry-after': '30' } });
    await limiter.execute(busy);
    clock.advance(10_000);
    expect((await scraped('rate_limiter_')).filter((line) => !line.endsWith(' 0'))).toEqual([
      'rate_limiter_calls_total{rate_limiter=quotes,outcome=passed} 5',
      'rate_limiter_calls_total{rate_limiter=quotes,outcome=waited} 1',
      'rate_limiter_calls_total{rate_limiter=quotes,outcome=queue_full} 1',
      'rate_limiter_wait_seconds_sum{rate_limiter=quotes} 0.5',
      'rate_limiter_wait_seconds_count{rate_limiter=quotes} 1',
      'rate_limiter_rate_per_second{rate_limiter=quotes} 2',
      'rate_limiter_pauses_total{rate_limiter=quotes} 1',
      'rate_limiter_pause_left_seconds{rate_limiter=quotes} 20',
    ]);
  });

  test('a second one of its name is refused', () => {
    watchPolicies(fresh(), [new RateLimiter(options)]);
    expect(() => watchPolicies(metrics, [new RateLimiter(options)])).toThrow(
      'a rate limiter "quotes" is on these metrics already',
    );
  });
});

describe('the load mode', () => {
  test('has exactly one mode and every reason at zero, and only the signals that are read', async () => {
    const load = new LoadController({ samples: 1, clock });
    const end = watchLoad(fresh(), load);
    expect(await scraped('load_')).toEqual([
      'load_mode{mode=normal} 1',
      'load_mode{mode=reduced} 0',
      'load_mode{mode=minimal} 0',
      'load_shed_total{reason=reduced} 0',
      'load_shed_total{reason=minimal} 0',
      'load_shed_total{reason=queue_full} 0',
      'load_shed_total{reason=expired} 0',
      'load_shed_total{reason=stopped} 0',
      'load_deferred_items 0',
      'load_drained_total 0',
    ]);
    load.sample({ cpuRatio: 0.8, memoryRatio: Number.NaN });
    await expect(load.execute(3, () => 1)).rejects.toMatchObject({ code: 'LOAD_SHED' });
    const late = load.defer(1, () => 'done');
    expect((await scraped('load_')).filter((line) => !line.endsWith(' 0'))).toEqual([
      'load_mode{mode=reduced} 1',
      'load_signal_ratio{signal=cpu} 0.8',
      'load_shed_total{reason=reduced} 1',
      'load_deferred_items 1',
    ]);
    load.sample({ cpuRatio: 0.1 });
    expect(await late).toBe('done');
    expect((await scraped('load_')).filter((line) => !line.endsWith(' 0'))).toEqual([
      'load_mode{mode=normal} 1',
      'load_signal_ratio{signal=cpu} 0.1',
      'load_shed_total{reason=reduced} 1',
      'load_drained_total 1',
    ]);
    end();
    end();
    expect((await scraped('load_')).map((line) => line.split(/[{ ]/)[0])).toEqual([
      ...Array(5).fill('load_shed_total'),
      'load_drained_total',
    ]);
  });

  test('is one per process: the same controller twice is counted once, another is refused', async () => {
    const load = new LoadController({ samples: 1, clock });
    watchLoad(fresh(), load);
    watchLoad(metrics, load);
    expect(() => watchLoad(metrics, new LoadController({ clock }))).toThrow(
      'a load controller "load" is on these metrics already',
    );
    load.sample({ cpuRatio: 0.95 });
    await expect(load.execute(1, () => 1)).rejects.toThrow();
    expect(await scraped('load_shed_total{reason="minimal"}')).toEqual(['load_shed_total{reason=minimal} 1']);
  });

  test('without a controller there is none of its series', async () => {
    fresh();
    expect(await scraped('load_')).toEqual([]);
  });
});

describe('the sizes of work', () => {
  test('has both sizes, the switch and every change with its reason at zero; two of one name are refused', async () => {
    const sizer = new WorkSizer({ name: 'import', clock });
    const end = watchWorkSizer(fresh(), sizer);
    expect([
      ...(await scraped('batch_size')),
      ...(await scraped('parallelism')),
      ...(await scraped('lane_')),
    ]).toEqual([
      'batch_size{lane=import} 100',
      'parallelism{lane=import} 3',
      'lane_adapts{lane=import} 1',
      'lane_size_changes_total{lane=import,parameter=batch_size,direction=down,reason=slow_queries} 0',
      'lane_size_changes_total{lane=import,parameter=batch_size,direction=down,reason=cpu_high} 0',
      'lane_size_changes_total{lane=import,parameter=batch_size,direction=up,reason=cpu_low} 0',
      'lane_size_changes_total{lane=import,parameter=batch_size,direction=up,reason=queue_long} 0',
      'lane_size_changes_total{lane=import,parameter=parallelism,direction=down,reason=slow_queries} 0',
      'lane_size_changes_total{lane=import,parameter=parallelism,direction=down,reason=cpu_high} 0',
      'lane_size_changes_total{lane=import,parameter=parallelism,direction=down,reason=queue_short} 0',
      'lane_size_changes_total{lane=import,parameter=parallelism,direction=up,reason=cpu_low} 0',
      'lane_size_changes_total{lane=import,parameter=parallelism,direction=up,reason=queue_long} 0',
    ]);
    expect(() => watchWorkSizer(metrics, new WorkSizer({ name: 'import', clock }))).toThrow(
      'a work sizer "import" is on these metrics already',
    );
    sizer.sample({ cpuRatio: 0.9 });
    expect([...(await scraped('batch_size')), ...(await scraped('parallelism'))]).toEqual([
      'batch_size{lane=import} 70',
      'parallelism{lane=import} 2',
    ]);
    expect((await scraped('lane_size_changes')).filter((line) => line.endsWith(' 1'))).toEqual([
      'lane_size_changes_total{lane=import,parameter=batch_size,direction=down,reason=cpu_high} 1',
      'lane_size_changes_total{lane=import,parameter=parallelism,direction=down,reason=cpu_high} 1',
    ]);
    sizer.switchOff();
    expect(await scraped('lane_adapts')).toEqual(['lane_adapts{lane=import} 0']);
    end();
    expect([...(await scraped('batch_size')), ...(await scraped('lane_adapts'))]).toEqual([]);
    expect(await scraped('lane_size_changes')).toHaveLength(9);
  });
});
