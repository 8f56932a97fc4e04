/** Owns the proof that instruments count exactly, refuse what is not a number, and keep totals over the cap. */
import { describe, expect, it } from 'vitest';
import { SeriesBudget } from '../../src/metrics/budget.js';
import { Counter } from '../../src/metrics/counter.js';
import { Gauge } from '../../src/metrics/gauge.js';
import { Histogram } from '../../src/metrics/histogram.js';
import { dwell, items, moves, restarts, textOf } from './fixture.js';
import { parseClassic } from './text-parser.js';

const labels = { flow: 'tokens', from: 'new', to: 'active' };

describe('counter', () => {
  it('adds through labels and through a bound child', () => {
    const counter = new Counter(moves);
    const child = counter.bind({ to: 'active', from: 'new', flow: 'tokens' });
    counter.inc(labels);
    counter.inc(labels, 2.5);
    child.inc();
    child.inc(3);
    expect(counter.value(labels)).toBe(7.5);
  });

  it('shows a bound label set at zero before anything happens', async () => {
    const counter = new Counter(moves);
    counter.bind(labels);
    expect(await samples(counter)).toEqual(['flow_transitions_total flow=tokens,from=new,to=active 0']);
  });

  it('shows a metric without labels at zero', async () => {
    expect(await samples(new Counter(restarts))).toEqual(['restarts_total  0']);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, '5', 5n, null, {}])(
    'refuses %s and counts it',
    (bad) => {
      const counter = new Counter(moves);
      const child = counter.bind(labels);
      counter.inc(labels, 1);
      counter.inc(labels, bad as number);
      child.inc(bad as number);
      counter.advanceTo(labels, bad as number);
      expect([counter.value(labels), counter.rejected]).toEqual([1, 3]);
    },
  );

  it.each([
    undefined,
    null,
    'tokens',
    {},
    { flow: 'a', from: 'b' },
    { flow: 'a', from: 'b', to: 'c', more: 'd' },
    { flow: 'a', from: 'b', to: undefined },
    { flow: 'a', from: 'b', to: Symbol('c') },
    Object.create({ flow: 'a', from: 'b', to: 'c' }),
  ])('refuses the label set %s without throwing', async (bad) => {
    const counter = new Counter(moves);
    counter.inc(labels);
    counter.inc(bad as typeof labels);
    const child = counter.bind(bad as typeof labels);
    child.inc();
    counter.advanceTo(bad as typeof labels, 5);
    expect(counter.rejected).toBe(4);
    expect(await samples(counter)).toEqual(['flow_transitions_total flow=tokens,from=new,to=active 1']);
  });

  it('refuses a label too many also where the other labels have a series', () => {
    const counter = new Counter(moves);
    counter.inc(labels);
    counter.inc({ ...labels, more: 'x' } as typeof labels);
    expect([counter.value(labels), counter.rejected]).toEqual([1, 1]);
  });

  it('takes a number as label value for its decimal text', () => {
    const counter = new Counter(moves);
    counter.inc({ flow: 'a', from: 200, to: 'c' });
    counter.inc({ flow: 'a', from: '200', to: 'c' });
    expect(counter.value({ flow: 'a', from: '200', to: 'c' })).toBe(2);
  });

  it('keeps label sets apart whose texts run together', () => {
    const counter = new Counter(moves);
    counter.inc({ flow: 'a,from:b', from: 'c', to: 'd' });
    counter.inc({ flow: 'a', from: 'b,from:c', to: 'd' });
    expect(counter.seriesCount).toBe(2);
  });

  it('takes totals from storage and never lowers them', () => {
    const counter = new Counter(moves);
    counter.advanceTo(labels, 40);
    counter.advanceTo(labels, 39);
    expect([counter.value(labels), counter.rejected]).toEqual([40, 1]);
    counter.restartAt(labels, 3);
    expect(counter.value(labels)).toBe(3);
  });

  it('works with one, two, four and five labels', () => {
    for (const names of [['a'], ['a', 'b'], ['a', 'b', 'c', 'd'], ['a', 'b', 'c', 'd', 'e']]) {
      const spec = {
        ...moves,
        labels: Object.fromEntries(names.map((n) => [n, 'x'])) as Record<string, string>,
      };
      const counter = new Counter(spec);
      const set = Object.fromEntries(names.map((n) => [n, `${n}1`]));
      const other = { ...set, [names.at(-1)!]: 'z' };
      counter.inc(set);
      counter.inc(set);
      counter.inc(other, 5);
      expect([counter.value(set), counter.value(other), counter.seriesCount]).toEqual([2, 5, 2]);
    }
  });
});

describe('over the cap', () => {
  it('keeps the total of a counter exact in the overflow series', async () => {
    const counter = new Counter(moves, { maxSeries: 2 });
    for (let i = 0; i < 50; i += 1) counter.inc({ ...labels, to: `t${i}` }, i);
    counter.bind({ ...labels, to: 't49' }).inc(1000);
    const shown = await samples(counter);
    expect(shown).toEqual([
      'flow_transitions_total flow=tokens,from=new,to=t0 0',
      'flow_transitions_total flow=tokens,from=new,to=t1 1',
      'flow_transitions_total flow=overflow,from=overflow,to=overflow 2224',
    ]);
    expect(counter.folded).toBe(49);
  });

  it('keeps totals from storage exact too, however often they are told', async () => {
    const counter = new Counter(moves, { maxSeries: 1 });
    for (let pass = 1; pass <= 3; pass += 1) {
      for (let i = 0; i < 5; i += 1) counter.advanceTo({ ...labels, to: `t${i}` }, 10 * i + pass);
    }
    expect(await samples(counter)).toEqual([
      'flow_transitions_total flow=tokens,from=new,to=t0 3',
      'flow_transitions_total flow=overflow,from=overflow,to=overflow 112',
    ]);
    counter.advanceTo({ ...labels, to: 't4' }, 1);
    expect(counter.rejected).toBe(1);
  });

  it('does not count a folded total twice when there is room again', async () => {
    const counter = new Counter(moves, { maxSeries: 1 });
    counter.advanceTo({ ...labels, to: 'a' }, 1);
    counter.advanceTo({ ...labels, to: 'b' }, 7);
    counter.remove({ ...labels, to: 'a' });
    counter.remove({ flow: 'x', from: 'y', to: 'z' });
    counter.advanceTo({ ...labels, to: 'b' }, 9);
    expect(await samples(counter)).toEqual([
      'flow_transitions_total flow=overflow,from=overflow,to=overflow 9',
    ]);
  });

  it('keeps the sum and the count of a histogram exact', async () => {
    const histogram = new Histogram(dwell, { maxSeries: 1 });
    histogram.observe({ flow: 'a' }, 1);
    histogram.load({ flow: 'b' }, { bucketCounts: [1, 2, 0, 0, 4], sum: 100 });
    histogram.load({ flow: 'b' }, { bucketCounts: [2, 2, 0, 0, 4], sum: 100.5 });
    histogram.observe({ flow: 'c' }, 0.25);
    const shown = await samples(histogram);
    expect(shown.filter((line) => line.includes('flow=overflow'))).toEqual([
      'flow_status_duration_seconds_bucket le=0.5,flow=overflow 3',
      'flow_status_duration_seconds_bucket le=1,flow=overflow 5',
      'flow_status_duration_seconds_bucket le=604800,flow=overflow 5',
      'flow_status_duration_seconds_bucket le=2592000,flow=overflow 5',
      'flow_status_duration_seconds_bucket le=+Inf,flow=overflow 9',
      'flow_status_duration_seconds_sum flow=overflow 100.75',
      'flow_status_duration_seconds_count flow=overflow 9',
    ]);
  });

  it('drops and counts a gauge, because ages have no sum', async () => {
    const gauge = new Gauge(items, { maxSeries: 1 });
    gauge.set({ flow: 'a', status: 'x' }, 1);
    const late = gauge.bind({ flow: 'b', status: 'x' });
    late.set(5);
    expect([await samples(gauge), gauge.folded]).toEqual([['flow_items flow=a,status=x 1'], 2]);
    gauge.remove({ flow: 'a', status: 'x' });
    late.set(6);
    expect(await samples(gauge)).toEqual(['flow_items flow=b,status=x 6']);
  });

  it('holds the budget of all metrics together, buckets included', () => {
    const budget = new SeriesBudget(10);
    const histogram = new Histogram(dwell, { budget });
    const counter = new Counter(moves, { budget });
    histogram.bind({ flow: 'a' });
    for (let i = 0; i < 9; i += 1) counter.inc({ ...labels, to: `t${i}` });
    expect([histogram.seriesCount, counter.seriesCount, budget.used]).toEqual([7, 4, 11]);
    histogram.remove({ flow: 'a' });
    expect(budget.used).toBe(4);
  });
});

describe('gauge', () => {
  it('sets, rises, falls and disappears', async () => {
    const gauge = new Gauge(items);
    const labelsOf = (status: string) => ({ flow: 'a', status });
    gauge.set(labelsOf('x'), -2.5);
    gauge.inc(labelsOf('y'), 3);
    gauge.dec(labelsOf('y'));
    const child = gauge.bind(labelsOf('z'));
    child.set(4);
    child.inc();
    child.dec(2);
    gauge.remove(labelsOf('x'));
    expect(await samples(gauge)).toEqual(['flow_items flow=a,status=y 2', 'flow_items flow=a,status=z 3']);
    gauge.remove(labelsOf('z'));
    child.set(9);
    expect(await samples(gauge)).toEqual(['flow_items flow=a,status=y 2', 'flow_items flow=a,status=z 9']);
  });

  it('never lets a child of a removed series write into another one', async () => {
    const gauge = new Gauge(items);
    const old = gauge.bind({ flow: 'a', status: 'old' });
    gauge.remove({ flow: 'a', status: 'old' });
    gauge.set({ flow: 'a', status: 'new' }, 1);
    old.inc(100);
    expect(await samples(gauge)).toEqual([
      'flow_items flow=a,status=new 1',
      'flow_items flow=a,status=old 100',
    ]);
  });

  it.each([Number.NaN, Number.NEGATIVE_INFINITY, '5', undefined])('refuses %s', (bad) => {
    const gauge = new Gauge(items);
    const child = gauge.bind({ flow: 'a', status: 'x' });
    gauge.set({ flow: 'a', status: 'x' }, bad as number);
    child.set(bad as number);
    expect([gauge.value({ flow: 'a', status: 'x' }), gauge.rejected]).toEqual([0, 2]);
  });
});

describe('histogram', () => {
  it('puts a value on a bound into that bucket, and above all bounds into +Inf', async () => {
    const histogram = new Histogram(dwell);
    const child = histogram.bind({ flow: 'a' });
    for (const value of [0, 0.5, 0.500001, 1, 604_800, 1e9]) child.observe(value);
    expect(await samples(histogram)).toEqual([
      'flow_status_duration_seconds_bucket le=0.5,flow=a 2',
      'flow_status_duration_seconds_bucket le=1,flow=a 4',
      'flow_status_duration_seconds_bucket le=604800,flow=a 5',
      'flow_status_duration_seconds_bucket le=2592000,flow=a 5',
      'flow_status_duration_seconds_bucket le=+Inf,flow=a 6',
      'flow_status_duration_seconds_sum flow=a 1000604802.000001',
      'flow_status_duration_seconds_count flow=a 6',
    ]);
  });

  it('refuses values below zero and totals of another shape', () => {
    const histogram = new Histogram(dwell);
    histogram.observe({ flow: 'a' }, -1);
    histogram.observe({ flow: 'a' }, Number.NaN);
    histogram.load({ flow: 'a' }, { bucketCounts: [1, 2], sum: 3 });
    histogram.load({ flow: 'a' }, { bucketCounts: [1, 2, 3, 4, 5], sum: Number.NaN });
    expect([histogram.rejected, histogram.seriesCount]).toEqual([4, 0]);
  });

  it('does not go back to fewer events unless told to restart', async () => {
    const histogram = new Histogram(dwell);
    histogram.load({ flow: 'a' }, { bucketCounts: [1, 1, 1, 1, 1], sum: 9 });
    histogram.load({ flow: 'a' }, { bucketCounts: [1, 1, 1, 1, 0], sum: 8 });
    expect((await samples(histogram)).at(-1)).toBe('flow_status_duration_seconds_count flow=a 5');
    histogram.restartAt({ flow: 'a' }, { bucketCounts: [1, 0, 0, 0, 0], sum: 0.1 });
    expect((await samples(histogram)).slice(-2)).toEqual([
      'flow_status_duration_seconds_sum flow=a 0.1',
      'flow_status_duration_seconds_count flow=a 1',
    ]);
  });
});

/** What a scraper reads: `name labels value` per sample. */
async function samples(metric: unknown): Promise<string[]> {
  const families = parseClassic(await textOf([metric]));
  return families.flatMap((family) =>
    family.samples.map(({ name, labels: set, value }) => {
      const pairs = Object.entries(set).map(([label, text]) => `${label}=${text}`);
      return `${name} ${pairs.join(',')} ${value}`;
    }),
  );
}
