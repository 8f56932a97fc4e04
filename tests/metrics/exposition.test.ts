/** Owns the exact text of both formats, and its sameness with prom-client's own classic text. */
import * as promClient from 'prom-client';
import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/metrics/counter.js';
import type { MetricSpec } from '../../src/metrics/define.js';
import { Gauge } from '../../src/metrics/gauge.js';
import { Histogram } from '../../src/metrics/histogram.js';
import { build, dwell, items, moves, restarts, textOf } from './fixture.js';
import { parseClassic, parseOpenMetrics } from './text-parser.js';

const exemplar = { labels: { trace_id: 'abc' }, timestampSeconds: 1_700_000_000.25 };

function filled() {
  const counter = new Counter(moves);
  const gauge = new Gauge({ ...items, help: 'Items "now",\nback\\slash.' });
  const histogram = new Histogram(dwell);
  const info = new Gauge(build);
  counter.inc({ flow: 'tokens', from: 'none', to: 'monitoring' }, 12, exemplar);
  counter.inc({ flow: 'tokens', from: 'monitoring', to: 'active' }, 1e21);
  gauge.set({ flow: 'tokens', status: 'a"b\\c\nd' }, -1.5);
  gauge.set({ flow: 'tokens', status: '🚀' }, 1e15 + 1);
  histogram.observe({ flow: 'tokens' }, 0.75, exemplar);
  histogram.observe({ flow: 'tokens' }, 3e9);
  info.set({ version: '1.2.3' }, 1);
  return { counter, gauge, histogram, info, all: [counter, gauge, histogram, info, new Counter(restarts)] };
}

const CLASSIC = `# HELP flow_transitions_total Status changes.
# TYPE flow_transitions_total counter
flow_transitions_total{flow="tokens",from="none",to="monitoring"} 12
flow_transitions_total{flow="tokens",from="monitoring",to="active"} 1e+21

# HELP flow_items Items "now",\\nback\\\\slash.
# TYPE flow_items gauge
flow_items{flow="tokens",status="a\\"b\\\\c\\nd"} -1.5
flow_items{flow="tokens",status="🚀"} 1000000000000001

# HELP flow_status_duration_seconds Time in a status.
# TYPE flow_status_duration_seconds histogram
flow_status_duration_seconds_bucket{le="0.5",flow="tokens"} 0
flow_status_duration_seconds_bucket{le="1",flow="tokens"} 1
flow_status_duration_seconds_bucket{le="604800",flow="tokens"} 1
flow_status_duration_seconds_bucket{le="2592000",flow="tokens"} 1
flow_status_duration_seconds_bucket{le="+Inf",flow="tokens"} 2
flow_status_duration_seconds_sum{flow="tokens"} 3000000000.75
flow_status_duration_seconds_count{flow="tokens"} 2

# HELP flowgauge_build_info Build.
# TYPE flowgauge_build_info gauge
flowgauge_build_info{version="1.2.3"} 1

# HELP restarts_total Restarts.
# TYPE restarts_total counter
restarts_total 0
`;

const OPENMETRICS = `# TYPE flow_transitions counter
# HELP flow_transitions Status changes.
flow_transitions_total{flow="tokens",from="none",to="monitoring"} 12 # {trace_id="abc"} 12 1700000000.25
flow_transitions_total{flow="tokens",from="monitoring",to="active"} 1e+21
# TYPE flow_items gauge
# HELP flow_items Items \\"now\\",\\nback\\\\slash.
flow_items{flow="tokens",status="a\\"b\\\\c\\nd"} -1.5
flow_items{flow="tokens",status="🚀"} 1000000000000001
# TYPE flow_status_duration_seconds histogram
# UNIT flow_status_duration_seconds seconds
# HELP flow_status_duration_seconds Time in a status.
flow_status_duration_seconds_bucket{le="0.5",flow="tokens"} 0
flow_status_duration_seconds_bucket{le="1.0",flow="tokens"} 1 # {trace_id="abc"} 0.75 1700000000.25
flow_status_duration_seconds_bucket{le="604800.0",flow="tokens"} 1
flow_status_duration_seconds_bucket{le="2.592e+06",flow="tokens"} 1
flow_status_duration_seconds_bucket{le="+Inf",flow="tokens"} 2
flow_status_duration_seconds_sum{flow="tokens"} 3000000000.75
flow_status_duration_seconds_count{flow="tokens"} 2
# TYPE flowgauge_build info
# HELP flowgauge_build Build.
flowgauge_build_info{version="1.2.3"} 1
# TYPE restarts counter
# HELP restarts Restarts.
restarts_total 0
# EOF
`;

describe('the text', () => {
  it('is this in classic format', async () => {
    const text = await textOf(filled().all);
    expect(text).toBe(CLASSIC);
    expect(parseClassic(text)).toHaveLength(5);
  });

  it('is this in OpenMetrics', async () => {
    const text = await textOf(filled().all, { format: 'openmetrics' });
    expect(text).toBe(OPENMETRICS);
    expect(parseOpenMetrics(text)).toHaveLength(5);
  });

  it('is stable however the formats take turns', async () => {
    const { all } = filled();
    const turns: string[] = [];
    for (const format of ['openmetrics', 'classic', 'openmetrics', 'classic'] as const) {
      turns.push(await textOf(all, { format }));
    }
    expect(turns).toEqual([OPENMETRICS, CLASSIC, OPENMETRICS, CLASSIC]);
  });

  it('is the same in two formats at the same time', async () => {
    const { all } = filled();
    const both = await Promise.all([textOf(all), textOf(all, { format: 'openmetrics' }), textOf(all)]);
    expect(both).toEqual([CLASSIC, OPENMETRICS, CLASSIC]);
  });

  it('of an empty registry is a blank line, and just the end in OpenMetrics', async () => {
    expect([await textOf([]), await textOf([], { format: 'openmetrics' })]).toEqual(['\n', '# EOF\n']);
  });

  it('follows numbers that grow, shrink and turn into fractions', async () => {
    const gauge = new Gauge(items);
    const statuses = ['a', 'b', 'c'];
    for (const values of [
      [1, 2, 3],
      [10, 2, 3],
      [1, 20_000_000_000, 0.5],
      [-7, 9_007_199_254_740_991, 5e-324],
      [0, -0, 1.7976931348623157e308],
      [123_456_789, 2_147_483_648, 999_999_999_999_999],
      [99_999, 100_000, 1_000_000],
      [1e15, 1e14, 10_000],
    ]) {
      statuses.forEach((status, i) => {
        gauge.set({ flow: 'f', status }, values[i]!);
      });
      const lines = statuses.map((s, i) => `flow_items{flow="f",status="${s}"} ${values[i]}\n`);
      expect(await textOf([gauge])).toBe(
        `# HELP flow_items Items now.\n# TYPE flow_items gauge\n${lines.join('')}`,
      );
    }
  });

  it('leaves a removed series out, and puts it at the end when it comes back', async () => {
    const gauge = new Gauge(items);
    const statuses = Array.from({ length: 600 }, (_, i) => `s${i}`);
    for (const status of statuses) gauge.set({ flow: 'f', status }, 1);
    await textOf([gauge]);
    for (const status of ['s0', 's255', 's256', 's599', 's300']) gauge.remove({ flow: 'f', status });
    gauge.set({ flow: 'f', status: 's300' }, 7);
    const gone = new Set(['s0', 's255', 's256', 's599', 's300']);
    const expected = [...statuses.filter((s) => !gone.has(s)).map((s) => [s, '1']), ['s300', '7']];
    const [family] = parseClassic(await textOf([gauge]));
    expect(family?.samples.map((s) => [s.labels.status, s.value])).toEqual(expected);
  });

  it('shows the right number when a series takes the line or the slot of a removed one', async () => {
    const gauge = new Gauge(items);
    const set = (status: string, value: number) => gauge.set({ flow: 'f', status }, value);
    set('a', 1);
    set('b', 2);
    set('c', 3);
    await textOf([gauge]);
    gauge.remove({ flow: 'f', status: 'b' });
    set('c', 2);
    set('d', 4);
    const [family] = parseClassic(await textOf([gauge]));
    expect(family?.samples.map((s) => [s.labels.status, s.value])).toEqual([
      ['a', '1'],
      ['c', '2'],
      ['d', '4'],
    ]);
  });

  it('forgets everything at a reset but the zero of a metric without labels', async () => {
    const { counter } = filled();
    const plain = new Counter(restarts);
    plain.inc({}, 5);
    await textOf([counter, plain]);
    counter.reset();
    plain.reset();
    expect(await textOf([counter, plain])).toBe(
      '# HELP flow_transitions_total Status changes.\n# TYPE flow_transitions_total counter\n\n' +
        '# HELP restarts_total Restarts.\n# TYPE restarts_total counter\nrestarts_total 0\n',
    );
  });
});

describe('exemplars', () => {
  it('are the last of each bucket, and illegal ones are refused', async () => {
    const histogram = new Histogram(dwell);
    const child = histogram.bind({ flow: 'a' });
    child.observe(0.1, { ...exemplar, labels: { trace_id: 'first' } });
    child.observe(0.2, { ...exemplar, labels: { trace_id: 'last' } });
    child.observe(0.8, { ...exemplar, labels: { trace_id: 'x'.repeat(200) } });
    child.observe(0.8, { labels: { 'trace-id': 'x' }, timestampSeconds: 1 });
    child.observe(0.8, { labels: { trace_id: 'x' }, timestampSeconds: Number.NaN });
    const [family] = parseOpenMetrics(await textOf([histogram], { format: 'openmetrics' }));
    expect(
      family?.samples.filter((s) => s.exemplar).map((s) => [s.labels.le, s.exemplar?.labels.trace_id]),
    ).toEqual([['0.5', 'last']]);
    expect([histogram.rejected, family?.samples.at(-1)?.value]).toEqual([3, '5']);
  });

  it('do not pass to the next owner of a removed series’ slot', async () => {
    const counter = new Counter(moves);
    counter.inc({ flow: 'a', from: 'b', to: 'c' }, 1, exemplar);
    counter.remove({ flow: 'a', from: 'b', to: 'c' });
    counter.inc({ flow: 'a', from: 'b', to: 'd' }, 1);
    expect(await textOf([counter], { format: 'openmetrics' })).not.toContain('trace_id');
  });
});

describe('beside prom-client', () => {
  it('the same metrics give the same bytes, page after page, round after round', async () => {
    const ours = new promClient.Registry();
    const peer = new promClient.Registry();
    const names = { labelNames: ['flow', 'from', 'to'], registers: [peer] };
    const spec: MetricSpec<'flow' | 'from' | 'to'> = { ...dwell, labels: moves.labels };
    const counters = [
      new Counter(moves),
      new promClient.Counter({ name: moves.name, help: moves.help, ...names }),
    ] as const;
    const gauges = [
      new Gauge({ ...moves, name: 'g', type: 'gauge' }),
      new promClient.Gauge({ name: 'g', help: moves.help, ...names }),
    ] as const;
    const histograms = [
      new Histogram(spec),
      new promClient.Histogram({ name: spec.name, help: spec.help, buckets: [...dwell.buckets], ...names }),
    ] as const;
    const plain = [
      new Counter(restarts),
      new promClient.Counter({ name: restarts.name, help: restarts.help, registers: [peer] }),
    ] as const;
    for (const [own] of [counters, gauges, histograms, plain])
      ours.registerMetric(own as unknown as promClient.Metric);

    for (let round = 0; round < 12; round += 1) {
      for (let i = 0; i < 700; i += 1) {
        const labels = { flow: `f"${i % 7}`, from: `\\${i % 11}\n`, to: `t${i}` };
        for (const counter of counters) counter.inc(labels, (i * 37 * (round + 1)) % 1013);
        for (const gauge of gauges) gauge.set(labels, Math.sin(i * round) * 10 ** (i % 20));
        if (i % 10 === 0) for (const histogram of histograms) histogram.observe(labels, i * 1.1 * round);
      }
      plain[0].inc({}, round);
      plain[1].inc(round);
      expect(await textOf(ours)).toBe(await peer.metrics());
    }
  });

  it('an unmodified registry prints our instruments with the same text', async () => {
    const registry = new promClient.Registry();
    for (const metric of filled().all) registry.registerMetric(metric as unknown as promClient.Metric);
    expect(await registry.metrics()).toBe(CLASSIC);
  });
});
