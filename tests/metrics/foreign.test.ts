/** Owns the proof that metrics of a host come out, and that a bad one harms nobody but itself. */
import * as promClient from 'prom-client';
import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/metrics/counter.js';
import type { CollectorReport } from '../../src/metrics/exposition.js';
import { restarts, textOf } from './fixture.js';
import { parseClassic, parseOpenMetrics } from './text-parser.js';

const RESTARTS = '# HELP restarts_total Restarts.\n# TYPE restarts_total counter\nrestarts_total 0\n';

function registryWith(...extra: { name: string; get(): unknown }[]): promClient.Registry {
  const registry = new promClient.Registry();
  for (const metric of extra) registry.registerMetric(metric as unknown as promClient.Metric);
  registry.registerMetric(new Counter(restarts) as unknown as promClient.Metric);
  return registry;
}

describe('metrics of a host', () => {
  it('come out byte for byte as prom-client prints them, summaries included', async () => {
    const registry = new promClient.Registry();
    const registers = [registry];
    const counter = new promClient.Counter({
      name: 'c_total',
      help: 'a\\b\nc',
      labelNames: ['a', 'b'],
      registers,
    });
    counter.inc({ a: 'x"y', b: 1 }, 2.5);
    new promClient.Gauge({
      name: 'g',
      help: 'h',
      registers,
      async collect() {
        this.set(7);
      },
    });
    const histogram = new promClient.Histogram({
      name: 'h',
      help: 'h',
      labelNames: ['a'],
      buckets: [0.1, 1],
      registers,
    });
    histogram.observe({ a: 'q' }, 0.5);
    new promClient.Summary({ name: 's', help: 'h', percentiles: [0.5, 1], registers }).observe(3);
    new promClient.Gauge({ name: 'empty', help: 'h', labelNames: ['a'], registers });
    expect(await textOf(registry)).toBe(await registry.metrics());
  });

  it('come out in OpenMetrics with _total and float bounds, and leave the registry as it was', async () => {
    const registry = new promClient.Registry();
    const registers = [registry];
    new promClient.Counter({ name: 'plain', help: 'h', registers }).inc();
    new promClient.Counter({ name: 'c_total', help: 'h', registers }).inc(2);
    new promClient.Histogram({ name: 'h', help: 'h', buckets: [1, 2.5], registers }).observe(2);
    new promClient.Summary({ name: 's', help: 'h', percentiles: [0.5, 1], registers }).observe(3);
    const before = await textOf(registry);
    const text = await textOf(registry, { format: 'openmetrics' });
    expect(text).toBe(`# TYPE plain counter
# HELP plain h
plain_total 1
# TYPE c counter
# HELP c h
c_total 2
# TYPE h histogram
# HELP h h
h_bucket{le="1.0"} 0
h_bucket{le="2.5"} 1
h_bucket{le="+Inf"} 1
h_sum 2
h_count 1
# TYPE s summary
# HELP s h
s{quantile="0.5"} 3
s{quantile="1.0"} 3
s_sum 3
s_count 1
# EOF
`);
    parseOpenMetrics(text);
    expect(await textOf(registry)).toBe(before);
    expect(before).toContain('c_total 2');
  });

  it('prints not-a-number and infinity in the spelling of the formats', async () => {
    const values = [Number.NaN, Infinity, -Infinity].map((value, i) => ({ value, labels: { i } }));
    const metric = { name: 'g', get: async () => ({ name: 'g', help: 'h', type: 'gauge', values }) };
    expect(await textOf([metric])).toBe(
      '# HELP g h\n# TYPE g gauge\ng{i="0"} NaN\ng{i="1"} +Inf\ng{i="2"} -Inf\n',
    );
  });
});

describe('a bad metric', () => {
  const bad: Record<string, () => unknown> = {
    'throws at once': () => {
      throw new Error('no');
    },
    rejects: () => Promise.reject(new Error('no')),
    'gives nothing': () => undefined,
    'gives text as a value': () => ({
      name: 'bad',
      help: 'h',
      type: 'gauge',
      values: [{ value: '1', labels: {} }],
    }),
    'gives no value': () => ({ name: 'bad', help: 'h', type: 'gauge', values: [{ labels: {} }] }),
    'gives an illegal label name': () => ({
      name: 'bad',
      help: 'h',
      type: 'gauge',
      values: [{ value: 1, labels: { 'a-b': 1 } }],
    }),
    'gives an illegal name': () => ({ name: 'b{ad', help: 'h', type: 'gauge', values: [] }),
    'gives an unknown type': () => ({ name: 'bad', help: 'h', type: 'x\n', values: [] }),
    'gives values that are no list': () => ({ name: 'bad', help: 'h', type: 'gauge', values: 5 }),
    'gives an illegal sample name': () => ({
      name: 'bad',
      help: 'h',
      type: 'gauge',
      values: [{ metricName: 'a b', value: 1 }],
    }),
    'gives a null sample': () => ({ name: 'bad', help: 'h', type: 'gauge', values: [null] }),
  };

  it.each(Object.entries(bad))('that %s is left out alone, and reported', async (_, get) => {
    const reports: CollectorReport[] = [];
    const text = await textOf(registryWith({ name: 'bad', get }), {
      onCollected: (all) => reports.push(...all),
    });
    expect(text).toBe(RESTARTS);
    expect(reports.map((r) => [r.metric.name, r.success])).toEqual([['bad', false]]);
  });

  it('that never answers costs one scrape its deadline, later ones nothing, and returns when it answers', async () => {
    let calls = 0;
    let answer = (): void => {};
    const hanging = {
      name: 'hanging',
      get: () => {
        calls += 1;
        return new Promise((resolve) => {
          answer = () =>
            resolve({ name: 'hanging', help: 'h', type: 'gauge', values: [{ value: calls, labels: {} }] });
        });
      },
    };
    const registry = registryWith(hanging);
    expect(await textOf(registry, { deadlineMs: 20 })).toBe(RESTARTS);
    // An hour of deadline: the test would time out if this scrape waited again.
    expect(await textOf(registry, { deadlineMs: 3_600_000 })).toBe(RESTARTS);
    expect(calls).toBe(1);
    answer();
    await new Promise((resolve) => setImmediate(resolve));
    const text = textOf(registry, { deadlineMs: 3_600_000 });
    await new Promise((resolve) => setImmediate(resolve));
    answer();
    expect(await text).toBe(`# HELP hanging h\n# TYPE hanging gauge\nhanging 2\n\n${RESTARTS}`);
  });

  it('does not hold the others up when its caller is in a hurry', async () => {
    const hurry = new AbortController();
    const registry = registryWith(
      { name: 'hanging', get: () => new Promise(() => {}) },
      {
        name: 'quick',
        get: async () => ({ name: 'quick', help: 'h', type: 'gauge', values: [{ value: 1 }] }),
      },
    );
    const text = textOf(registry, { deadlineMs: 3_600_000, signal: hurry.signal });
    hurry.abort();
    expect(await text).toBe(`# HELP quick h\n# TYPE quick gauge\nquick 1\n\n${RESTARTS}`);
  });

  it('is asked once for two scrapes at the same time', async () => {
    let calls = 0;
    const slow = {
      name: 'slow',
      get: async () => {
        calls += 1;
        await new Promise((resolve) => setTimeout(resolve, 10));
        return { name: 'slow', help: 'h', type: 'counter', values: [{ value: calls, labels: {} }] };
      },
    };
    const registry = registryWith(slow);
    const [classic, open] = await Promise.all([
      textOf(registry),
      textOf(registry, { format: 'openmetrics' }),
    ]);
    expect([
      calls,
      parseClassic(classic)[0]?.samples[0]?.value,
      parseOpenMetrics(open)[0]?.samples[0]?.value,
    ]).toEqual([1, '1', '1']);
  });
});
