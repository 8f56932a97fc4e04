/** Owns the proof that the catalogue's laws are kept and that a broken one is named. */
import { describe, expect, it } from 'vitest';
import { catalog } from '../../src/metrics/catalog.js';
import { DWELL_BUCKETS_SECONDS } from '../../src/metrics/catalog-flows.js';
import {
  defineCatalog,
  defineMetric,
  MetricDefinitionError,
  type MetricSpec,
} from '../../src/metrics/define.js';

const legal: MetricSpec = {
  name: 'flow_items',
  help: 'Items.',
  type: 'gauge',
  unit: undefined,
  labels: { flow: 'name of the flow' },
  stability: 'stable',
  feature: 'flow',
};

describe('defineMetric', () => {
  it.each<[Partial<MetricSpec>, string]>([
    [{ name: 'flowItems' }, 'name is not snake_case'],
    [{ name: 'flow:items' }, 'name is not snake_case'],
    [{ type: 'counter' }, 'a counter ends in _total'],
    [{ name: 'flow_items_total' }, 'only a counter ends in _total'],
    [{ type: 'info' }, 'an info ends in _info'],
    [{ name: 'flow_item_count' }, 'the suffix _count belongs to histograms and summaries'],
    [{ name: 'flow_wait_bucket' }, 'the suffix _bucket belongs to histograms and summaries'],
    [{ name: 'flow_wait_sum_total', type: 'counter' }, 'the suffix _sum belongs to histograms and summaries'],
    [{ name: 'flow_wait_ms' }, 'use a base unit: seconds, bytes or ratio'],
    [{ name: 'flow_wait_milliseconds_total', type: 'counter' }, 'use a base unit: seconds, bytes or ratio'],
    [{ name: 'flow_wait_seconds' }, 'unit is undefined but the name says seconds'],
    [{ unit: 'bytes' }, 'unit is bytes but the name says none'],
    [{ name: 'flow_wait_seconds_total', type: 'counter' }, 'unit is undefined but the name says seconds'],
    [{ labels: { job: 'x' } }, 'label job is owned by Prometheus'],
    [{ labels: { instance: 'x' } }, 'label instance is owned by Prometheus'],
    [{ labels: { le: 'x' } }, 'label le is owned by Prometheus'],
    [{ labels: { quantile: 'x' } }, 'label quantile is owned by Prometheus'],
    [{ labels: { __name: 'x' } }, 'label __name is not snake_case'],
    [{ labels: { service: 'x' } }, 'label service clashes with common target labels'],
    [{ labels: { flow: ' ' } }, 'label flow does not say where its values come from'],
    [{ help: '' }, 'help is empty: say what the number means'],
    [{ buckets: [1] }, 'only a histogram has buckets'],
    [{ type: 'histogram' }, 'a histogram declares its buckets'],
    [{ type: 'histogram', buckets: [1, 1] }, 'buckets are finite and strictly ascending, without +Inf'],
    [
      { type: 'histogram', buckets: [1, Infinity] },
      'buckets are finite and strictly ascending, without +Inf',
    ],
    [{ type: 'histogram', buckets: Array.from({ length: 201 }, (_, i) => i) }, 'at most 200 buckets'],
  ])('refuses %j', (change, problem) => {
    const spec = { ...legal, ...change };
    expect(() => defineMetric(spec)).toThrow(MetricDefinitionError);
    expect(problemsOf(() => defineMetric(spec))).toEqual([`${spec.name}: ${problem}`]);
  });

  it('returns a legal definition as it is', () => {
    expect(defineMetric(legal)).toBe(legal);
  });
});

describe('defineCatalog', () => {
  it('reports every problem of every entry at once', () => {
    const found = problemsOf(() =>
      defineCatalog({ a: { ...legal, help: '' }, b: { ...legal, name: 'b_ms', labels: { env: 'x' } } }),
    );
    expect(found).toEqual([
      'flow_items: help is empty: say what the number means',
      'b_ms: use a base unit: seconds, bytes or ratio',
      'b_ms: label env clashes with common target labels',
    ]);
  });

  it('refuses two entries that OpenMetrics would print as one family', () => {
    const counter: MetricSpec = { ...legal, name: 'flow_items_total', type: 'counter' };
    expect(problemsOf(() => defineCatalog({ a: legal, b: counter }))).toEqual([
      'flow_items_total: prints flow_items, which flow_items prints too',
    ]);
  });

  it('keeps the dwell buckets that dashboards and stored totals rely on', () => {
    expect(catalog.flowStatusDuration.buckets).toBe(DWELL_BUCKETS_SECONDS);
    expect(DWELL_BUCKETS_SECONDS.join()).toBe(
      '1,5,15,30,60,180,300,600,900,1800,3600,7200,14400,28800,43200,86400,259200,604800',
    );
  });
});

function problemsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof MetricDefinitionError) return error.problems;
    throw error;
  }
  return [];
}
